//! A disk that is full, or accepts nothing: accepted work is delivered, other work is refused, and
//! work that needs no disk goes on.

use std::path::Path;
use std::time::Duration;

use cellftp::client::{Client, Code, Error, Refusal, Transfer, TransferState, UploadHeader};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::content::{assert_holds, traps};
use crate::support::servers::{Options, Security, Server, ServerKind};
use crate::support::site::Site;
use crate::support::{tools, wait};

/// A little more than the store of the records and the daemon's reserve.
const DISK: u64 = 6 << 20;

const PATIENCE: Duration = Duration::from_secs(60);

struct House {
    server: Server,
    site: Site,
    runtime: Runtime,
}

impl House {
    fn open() -> Self {
        let options = Options {
            bytes_per_second: Some(500_000),
            ..Options::default()
        };
        let server = Server::start_with(ServerKind::Pyftpdlib, Security::None, &options);
        let quick = [("CELLFTPD_DURABLE__BACKOFF", "100ms")];
        let site = Site::start_on_disk(&[("server", &server)], DISK, &quick);
        let runtime = Runtime::new().expect("a runtime");
        Self {
            server,
            site,
            runtime,
        }
    }

    fn client(&self) -> Client {
        let address = format!("unix:{}", self.site.socket().display());
        let address = address.parse().expect("a path of ours");
        let connected = self.runtime.block_on(Client::connect(&address));
        connected.expect("it listens")
    }

    fn upload(&self, id: &str, content: &[u8], size: Option<i64>) -> Result<Transfer, Error> {
        let header = UploadHeader {
            transfer_id: id.into(),
            profile: "server".into(),
            path: self.server.remote(id),
            size,
            ..UploadHeader::default()
        };
        let client = self.client();
        self.runtime
            .block_on(client.create_upload(header, &mut &*content, |_| ()))
    }

    fn transfers(&self) -> Vec<Transfer> {
        let client = self.client();
        let listed = self.runtime.block_on(client.transfers());
        listed.expect("the list is at hand")
    }

    fn done(&self, id: &str, content: &[u8]) {
        wait::until("delivery", PATIENCE, || {
            let all = self.transfers();
            let transfer = all.iter().find(|transfer| transfer.transfer_id == id)?;
            assert_ne!(transfer.state(), TransferState::Failed, "{transfer:#?}");
            (transfer.state() == TransferState::Done).then_some(())
        });
        assert_holds(&self.server.local(id), content);
    }

    fn delete(&self, id: &str) {
        let client = self.client();
        let deleted = self.runtime.block_on(client.delete_transfer(id));
        deleted.expect("it can be deleted");
    }

    /// Work that needs no disk.
    fn interactive_work_goes_on(&self) {
        self.server.place("small", b"abc");
        let request = json!({
            "target": {"profile": "server"}, "path": self.server.remote("small"),
        });
        let size = self.site.ftps("GetSize", &request);
        assert_eq!(size.expect("it needs no disk")["size"], "3");
        let local = self.site.scratch("local");
        std::fs::write(&local, traps(100_000)).expect("a scratch directory is writable");
        self.put(&local);
        assert_holds(&self.server.local("put"), &traps(100_000));
    }

    fn put(&self, local: &Path) {
        let (remote, local) = (self.server.remote("put"), local.to_string_lossy());
        let put = ["put", "--profile", "server", &remote, &local];
        let put = self.site.python().call(&put);
        put.unwrap_or_else(|failure| panic!("{failure:#?}"));
    }
}

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T, Error>, code: Code, reason: &str) -> Refusal {
    match answer {
        Err(Error::Refused(refusal)) => {
            assert_eq!(
                (refusal.code, refusal.reason.as_str()),
                (code, reason),
                "{refusal:#?}"
            );
            *refusal
        }
        other => panic!("{other:#?}"),
    }
}

#[track_caller]
fn is_full<T: std::fmt::Debug>(answer: Result<T, Error>) {
    refused(answer, Code::ResourceExhausted, "SPOOL_FULL");
}

#[test]
fn what_a_full_disk_has_no_room_for_is_refused_and_what_was_accepted_is_delivered() {
    if !tools::wanted("what_a_full_disk_has_no_room_for_is_refused") {
        return;
    }
    let mut house = House::open();
    let content = traps(1_500_000);
    house
        .upload("first", &content, None)
        .expect("there is room");
    // More bytes than there is room for: once announced, once not.
    let large = traps(7_000_000);
    is_full(house.upload("named", &large, Some(7_000_000)));
    is_full(house.upload("large", &large, None));
    let states: Vec<_> = house.transfers().iter().map(Transfer::state).collect();
    let large: Vec<_> = house.transfers().into_iter().skip(1).collect();
    assert_eq!(
        states.len(),
        2,
        "nothing is left of what was named: {states:?}"
    );
    assert_eq!(large[0].state(), TransferState::Receiving, "{large:#?}");
    house.interactive_work_goes_on();
    house.done("first", &content);
    house.delete("large");
    let second = traps(1_400_000);
    house
        .upload("second", &second, Some(1_400_000))
        .expect("there is room again");
    house.done("second", &second);

    // Another program takes the rest while one is on its way. The transfer is reported as done when
    // that can be recorded, and is not sent again.
    let third = traps(1_300_000);
    house.upload("third", &third, None).expect("there is room");
    wait::until("third on its way", PATIENCE, || {
        house.server.local("third").exists().then_some(())
    });
    house.site.disk().fill();
    is_full(house.upload("fourth", b"abc", None));
    house.interactive_work_goes_on();
    wait::until("third on the server", PATIENCE, || {
        let size = std::fs::metadata(house.server.local("third")).ok()?.len();
        (size == 1_300_000).then_some(())
    });
    // A start on it, too.
    house.site.kill_daemon();
    house.site.start_daemon();
    house.interactive_work_goes_on();
    house.site.disk().free();
    house.site.kill_daemon();
    house.site.start_daemon();
    house.done("third", &third);
    let stored = format!("STOR {} completed=1", house.server.local("third").display());
    let log = house.server.log();
    let times = log.lines().filter(|line| line.contains(&stored)).count();
    println!("third was stored in {times} transfers");
    house
        .upload("fourth", b"abc", None)
        .expect("there is room again");
    house.done("fourth", b"abc");
    assert!(house.site.stop());
}

#[test]
fn a_read_only_disk_refuses_transfers_and_nothing_else() {
    if !tools::wanted("a_read_only_disk_refuses_transfers_and_nothing_else") {
        return;
    }
    let mut house = House::open();
    let read_only = |answer| {
        refused::<Transfer>(answer, Code::FailedPrecondition, "SPOOL_READ_ONLY");
    };
    house.site.disk().read_only(true);
    read_only(house.upload("x", b"abc", None));
    house.interactive_work_goes_on();
    house.site.disk().read_only(false);
    let content = traps(1_500_000);
    house
        .upload("x", &content, None)
        .expect("it can be written again");
    // The store is open from now on: nobody can take the disk away while the daemon runs.
    house.site.kill_daemon();
    house.site.disk().read_only(true);
    house.site.start_daemon();
    read_only(house.upload("y", b"abc", None));
    house.interactive_work_goes_on();
    assert!(house.site.stop());
    house.site.disk().read_only(false);
    house.site.start_daemon();
    house.done("x", &content);
    assert!(house.site.stop());
}

/// Its spool goes to the disk when its memory is full.
#[test]
fn a_get_on_a_full_disk_is_refused_or_whole() {
    if !tools::wanted("a_get_on_a_full_disk_is_refused_or_whole") {
        return;
    }
    let server = Server::start(ServerKind::Pyftpdlib, Security::None);
    let content = traps(20_000_000);
    server.place("file", &content);
    let small = [
        ("CELLFTPD_TRANSFERS__MEMORY", "65536"),
        ("CELLFTPD_TRANSFERS__MEMORY_IN_ALL", "1000000"),
    ];
    let site = Site::start_on_disk(&[("server", &server)], DISK, &small);
    let runtime = Runtime::new().expect("a runtime");
    let address = format!("unix:{}", site.socket().display());
    let address = address.parse().expect("a path of ours");
    let client = runtime
        .block_on(Client::connect(&address))
        .expect("it listens");
    let target = cellftp::client::Target::Profile("server".into());
    let outcome = runtime.block_on(async {
        let download = client.get(&target, &server.remote("file"), 0).await?;
        // Nothing is read until the link is free again.
        tokio::task::block_in_place(|| {
            wait::until("free link", PATIENCE, || {
                let status = site.status();
                (status["running"].is_null()).then_some(())
            });
        });
        let mut read = Vec::new();
        download.copy_to(&mut read, |_| ()).await.map(|_| read)
    });
    match outcome {
        Ok(read) => assert!(read == content, "a wrong file"),
        outcome => is_full(outcome.map(|read| read.len())),
    }
    // The disk has room again.
    let request = json!({"target": {"profile": "server"}, "path": server.remote("file")});
    assert!(site.ftps("GetSize", &request).is_ok());
}
