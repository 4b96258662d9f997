//! A daemon that is killed again and again: what it has accepted is delivered once and whole, and
//! what it has not accepted is reported as such.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::content::traps;
use crate::support::servers::{Security, Server, ServerKind};
use crate::support::site::{Family, Site};
use crate::support::{tools, wait};
use cellftp::client::watch_transfers_response::Event;
use cellftp::client::{Client, Code, Error, Transfer, TransferFilter, TransferState, UploadHeader};

/// How often the daemon is killed.
const KILLS: u32 = 100;

/// The longest life of a daemon, from its first answer on. A module that was left in the middle of
/// a transfer is brought up within it, more often than not.
const LIFE: Duration = Duration::from_millis(1200);

/// The longest of some short lives, which end while the clients are still sending.
const HASTE: Duration = Duration::from_millis(20);

/// How long everything that is left may take.
const REST: Duration = Duration::from_secs(100);

/// Transfers alive at each kill, at least.
const ALIVE: usize = 3;

/// What the clients have asked for, and what they were told.
#[derive(Default)]
struct Ledger {
    /// Content by id.
    uploads: BTreeMap<String, Vec<u8>>,
    downloads: BTreeMap<String, Vec<u8>>,
    accepted: BTreeSet<String>,
    kills: u32,
    resumed: u32,
}

/// A client's call that may be cut off.
struct Call {
    id: String,
    answer: JoinHandle<Result<Transfer, Error>>,
}

#[test]
fn a_daemon_that_is_killed_loses_nothing_and_sends_nothing_twice() {
    if !tools::wanted("a_daemon_that_is_killed_loses_nothing_and_sends_nothing_twice") {
        return;
    }
    let seed = std::env::var("CELLFTPD_CRASH_SEED").ok();
    let seed = seed.and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
        let today = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        today.map_or(1, |today| today.as_secs() | 1)
    });
    println!("CELLFTPD_CRASH_SEED={seed}");
    let begin = Instant::now();
    let server = Server::start(ServerKind::Pyftpdlib, Security::None);
    let quick = [
        ("CELLFTPD_DURABLE__BACKOFF", "100ms"),
        ("CELLFTPD_DURABLE__MAX_BACKOFF", "500ms"),
        ("CELLFTPD_DURABLE__ATTEMPTS", "1000"),
        ("CELLFTPD_DURABLE__RESEND_LIMIT", "1000"),
    ];
    // Most lives end in the middle of a transfer: a file takes a third of a second on the line.
    let module = ["--baud", "921600"];
    let mut site = Site::start_set(Family::Sim7600, &[("server", &server)], &module, &quick);
    let runtime = Runtime::new().expect("a runtime");
    let mut ledger = Ledger::default();
    let mut chance = fastrand::Rng::with_seed(seed);
    for round in 0..KILLS {
        let calls = runtime.block_on(create(&site, &server, &mut ledger, &mut chance, round));
        let life = if chance.u64(..3) == 0 { HASTE } else { LIFE };
        std::thread::sleep(Duration::from_micros(chance.u64(..life.as_micros() as u64)));
        site.kill_daemon();
        ledger.kills += 1;
        runtime.block_on(hear(calls, &mut ledger));
        site.start_daemon();
    }
    let transfers = runtime.block_on(finish(&site));
    let sent = check(&site, &server, &ledger, &transfers, &runtime);
    assert!(site.stop(), "it ends in an orderly way too");
    let done = transfers.values().filter(|t| is(t, TransferState::Done));
    let attempts: i32 = transfers
        .values()
        .map(|transfer| transfer.attempt_count)
        .sum();
    println!(
        "{} kills in {:.0} s: {} transfers asked for, {} accepted, {} half sent of which {} went \
         on, {} done in {attempts} attempts; {sent} files sent in one piece",
        ledger.kills,
        begin.elapsed().as_secs_f64(),
        ledger.uploads.len() + ledger.downloads.len(),
        ledger.accepted.len(),
        transfers.len() - done.clone().count(),
        ledger.resumed,
        done.count(),
    );
}

async fn connect(site: &Site) -> Client {
    let address = format!("unix:{}", site.socket().display());
    let address = address.parse().expect("a path of ours");
    Client::connect(&address).await.expect("it listens")
}

/// Creates as many transfers as keep some alive, and resumes one that was cut off.
async fn create(
    site: &Site,
    server: &Server,
    ledger: &mut Ledger,
    chance: &mut fastrand::Rng,
    round: u32,
) -> Vec<Call> {
    let client = connect(site).await;
    let there = client.transfers().await.expect("the list is at hand");
    let alive = there.iter().filter(|transfer| {
        !matches!(
            transfer.state(),
            TransferState::Done | TransferState::Receiving
        )
    });
    let alive = alive.count();
    let mut calls = Vec::new();
    let half = there.iter().find(|t| is(t, TransferState::Receiving));
    if let Some(half) = half.filter(|_| chance.u64(..2) == 0) {
        ledger.resumed += 1;
        calls.push(resume(&client, &half.transfer_id, ledger));
    }
    for number in 0..ALIVE.saturating_sub(alive) + 1 {
        let id = format!("r{round:03}-{number}");
        let mut content = traps(2_000 + chance.usize(..60_000));
        content.splice(..id.len(), id.bytes());
        if chance.u64(..4) == 0 {
            server.place(&format!("source-{id}"), &content);
            let path = server.remote(&format!("source-{id}"));
            ledger.downloads.insert(id.clone(), content);
            let (client, name) = (client.clone(), id.clone());
            let answer =
                tokio::spawn(async move { client.create_download(&name, "server", &path).await });
            calls.push(Call { id, answer });
        } else {
            let header = UploadHeader {
                transfer_id: id.clone(),
                profile: "server".into(),
                path: server.remote(&id),
                ..Default::default()
            };
            ledger.uploads.insert(id.clone(), content.clone());
            let client = client.clone();
            let answer = tokio::spawn(async move {
                client
                    .create_upload(header, &mut content.as_slice(), |_| ())
                    .await
            });
            calls.push(Call { id, answer });
        }
    }
    calls
}

fn resume(client: &Client, id: &str, ledger: &Ledger) -> Call {
    let content = ledger.uploads[id].clone();
    let (client, name) = (client.clone(), id.to_owned());
    let answer = tokio::spawn(async move {
        client
            .resume_upload(&name, &mut content.as_slice(), |_| ())
            .await
    });
    Call {
        id: id.to_owned(),
        answer,
    }
}

/// What the calls were told before the daemon was gone.
async fn hear(calls: Vec<Call>, ledger: &mut Ledger) {
    for call in calls {
        match call.answer.await.expect("the task ends") {
            Ok(_) => {
                ledger.accepted.insert(call.id);
            }
            Err(Error::Refused(refusal)) => assert!(
                refusal.code == Code::Unavailable || refusal.reason == "TRANSFER_BUSY",
                "{}: {refusal:?}",
                call.id
            ),
            Err(Error::Incomplete | Error::Closed | Error::Lost { .. }) => {}
            Err(error) => panic!("{}: {error:?}", call.id),
        }
    }
}

/// Waits until there is nothing left to do.
async fn finish(site: &Site) -> BTreeMap<String, Transfer> {
    let client = connect(site).await;
    let watch = client.watch_transfers(&TransferFilter::default()).await;
    let mut watch = watch.expect("a watch");
    let (mut transfers, mut are_all) = (BTreeMap::new(), false);
    let end = Instant::now() + REST;
    let is_open = |transfer: &&Transfer| {
        matches!(
            transfer.state(),
            TransferState::Queued | TransferState::Running | TransferState::Waiting
        )
    };
    loop {
        let left: Vec<_> = transfers.values().filter(is_open).collect();
        if are_all && left.is_empty() {
            return transfers;
        }
        let event =
            tokio::time::timeout(end.saturating_duration_since(Instant::now()), watch.next());
        let event = event
            .await
            .unwrap_or_else(|_| panic!("still at work: {left:#?}"));
        match event.expect("the daemon serves").expect("an event") {
            Event::Transfer(transfer) => {
                transfers.insert(transfer.transfer_id.clone(), transfer);
            }
            Event::Present(_) => are_all = true,
            Event::Removed(removed) => {
                transfers.remove(&removed.transfer_id);
            }
        }
    }
}

/// Checks that both sides are as the clients were told. Returns how many files were sent in one
/// piece.
fn check(
    site: &Site,
    server: &Server,
    ledger: &Ledger,
    transfers: &BTreeMap<String, Transfer>,
    runtime: &Runtime,
) -> usize {
    for id in &ledger.accepted {
        let transfer = transfers.get(id);
        let transfer = transfer.unwrap_or_else(|| panic!("{id} was accepted and is gone"));
        assert!(is(transfer, TransferState::Done), "{transfer:#?}");
    }
    let mut expected = BTreeSet::new();
    let (mut half, mut sent) = (0, 0);
    let log = server.log();
    for (id, transfer) in transfers {
        match transfer.state() {
            TransferState::Done => {}
            TransferState::Receiving => {
                half += 1;
                continue;
            }
            _ => panic!("{transfer:#?}"),
        }
        if let Some(content) = ledger.uploads.get(id) {
            crate::content::assert_holds(&server.local(id), content);
            expected.insert(id.clone());
            let whole = whole_stores(&log, &server.local(id), content.len());
            // None where it went on in blocks after a kill.
            assert!(whole <= 1, "{id} was sent whole {whole} times");
            sent += whole;
        } else {
            let mut read = Vec::new();
            let reading = async {
                let client = connect(site).await;
                client.read_transfer(id, &mut read, |_| ()).await
            };
            runtime.block_on(reading).expect("it is done");
            assert!(read == ledger.downloads[id], "{id} holds other bytes");
        }
    }
    let sources = ledger.downloads.keys().map(|id| format!("source-{id}"));
    expected.extend(sources);
    assert_eq!(names(&server.root), expected, "on the server");
    // No file without a transfer, and none for an upload that is done.
    let downloads = transfers
        .keys()
        .filter(|id| ledger.downloads.contains_key(*id));
    let kept = names(&site.durable().join("files"));
    assert_eq!(kept.len(), half + downloads.count(), "in the spool");
    wait::until("idle daemon", wait::START, || {
        (site.status()["queued"].as_u64().unwrap_or(0) == 0).then_some(())
    });
    sent
}

/// How often the server took all of a file.
fn whole_stores(log: &str, file: &Path, size: usize) -> usize {
    let stored = format!("STOR {} completed=1 bytes={size} ", file.display());
    log.lines().filter(|line| line.contains(&stored)).count()
}

fn is(transfer: &Transfer, state: TransferState) -> bool {
    transfer.state() == state
}

fn names(directory: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(directory).expect("a directory");
    entries
        .map(|entry| {
            let name = entry.expect("an entry").file_name();
            name.into_string().expect("a name of ours")
        })
        .collect()
}
