//! Many clients of one broker, over the real owner of the port and the emulated module, in
//! virtual time: everybody gets their own, and who leaves leaves the port clean.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test panics where it finds what should not be"
)]

#[path = "sharing/repair.rs"]
mod repair;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use cellftp::broker::get::Next;
use cellftp::broker::put::{PutHeader, PutResult, PutState, Verify};
use cellftp::broker::{
    Broker, Caller, Error, Limits, Principal, ServerChoice, Servers, SessionRequest, Target,
};
use cellftp::emulator::uplink::memory::{Memory, Server as Uplink};
use cellftp::emulator::{Emulator, Family, Fault, Knobs, Profile};
use cellftp::ftps::tls::TlsPolicy;
use cellftp::ftps::value::{
    Host, Offset, Password, RemotePath, Server, ServerType, TransferType, Username,
};
use cellftp::modem::port::StreamConnector;
use cellftp::modem::{Modem, Options, clock};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{sleep, sleep_until};

const HOSTS: [&str; 2] = ["one.example", "two.example"];

/// The world: a broker, the module behind it, and the servers behind that.
struct World {
    broker: Broker,
    net: Arc<Mutex<Memory>>,
}

impl World {
    fn new(family: Family) -> Self {
        Self::with(family, Knobs::default(), [])
    }

    /// With a module that behaves so, and this going wrong.
    fn with(family: Family, knobs: Knobs, faults: impl IntoIterator<Item = Fault>) -> Self {
        let mut memory = Memory::new();
        for host in HOSTS {
            let mut server = Uplink::with_user("user", "pass");
            server.directories.insert(b"/d".to_vec());
            memory.insert(host, 21, server);
        }
        let net = Arc::new(Mutex::new(memory));
        // At this speed 100 kB take a second, so that there is a time in which to leave.
        let knobs = Knobs {
            baud: 921_600,
            ..knobs
        };
        let mut emulator = Emulator::new(Profile::of(family), knobs);
        for fault in faults {
            emulator.arm(fault);
        }
        let mut emulator = Some(emulator);
        let behind = Arc::clone(&net);
        let connector = StreamConnector(move || {
            let emulator = emulator.take().ok_or(io::ErrorKind::NotFound)?;
            let (host, module) = tokio::io::duplex(4096);
            tokio::spawn(serve(emulator, Arc::clone(&behind), module));
            Ok(host)
        });
        let (modem, _) = Modem::spawn(connector, Options::default());
        let profiles = HOSTS.map(|host| (host.to_owned(), server(host)));
        let servers = Servers::new(profiles, false);
        Self {
            broker: Broker::new(modem, servers, Limits::default()),
            net,
        }
    }

    fn file(&self, host: &str, name: &str) -> Option<Vec<u8>> {
        let mut net = self.net.lock().unwrap();
        net.server_mut(host, 21)
            .unwrap()
            .files
            .get(name.as_bytes())
            .cloned()
    }

    fn store(&self, host: &str, name: &str, content: Vec<u8>) {
        let mut net = self.net.lock().unwrap();
        let files = &mut net.server_mut(host, 21).unwrap().files;
        files.insert(name.as_bytes().to_vec(), content);
    }
}

/// The module on its end of the port.
async fn serve(mut emulator: Emulator, net: Arc<Mutex<Memory>>, mut port: DuplexStream) {
    let origin = clock::now();
    let mut buffer = [0; 4096];
    loop {
        let settled = net
            .lock()
            .unwrap()
            .settle(&mut emulator, clock::now() - origin);
        if port.write_all(&settled.sent).await.is_err() {
            return;
        }
        let due = async {
            match settled.until {
                Some(until) => sleep_until(origin + until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            read = port.read(&mut buffer), if emulator.wants_bytes() => match read {
                Ok(len) if len > 0 => emulator.handle_bytes(clock::now() - origin, &buffer[..len]),
                _ => return,
            },
            () = due => emulator.handle_deadline(clock::now() - origin),
        }
    }
}

fn server(host: &str) -> Server {
    Server {
        host: Host::new(host).unwrap(),
        port: ServerType::Ftp.default_port(),
        username: Username::new("user").unwrap(),
        password: Password::new("pass").unwrap(),
        server_type: ServerType::Ftp,
        single_ip: true,
        tls: TlsPolicy::unverified(),
    }
}

fn caller(name: &str) -> Caller {
    Caller {
        priority: None,
        principal: Principal::new(name),
        deadline: None,
    }
}

fn at(host: &str) -> Target {
    Target::Profile(host.into())
}

fn path(text: &str) -> RemotePath {
    RemotePath::new(text).unwrap()
}

/// Bytes that look like the module's own words, different for each seed.
fn content(seed: usize, len: usize) -> Vec<u8> {
    let words = format!("\r\nOK\r\n{seed}\r\n+CFTPSGET: 0\r\n> \x03\x1a\x00");
    words.bytes().cycle().take(len).collect()
}

async fn get(broker: &Broker, who: &str, at: &Target, name: &str) -> Result<Vec<u8>, Error> {
    let who = caller(who);
    let mut reading = broker.get(&who, at, &path(name), Offset::ZERO).await?;
    let mut all = Vec::new();
    loop {
        match reading.next().await? {
            Next::Chunk(chunk) => all.extend_from_slice(&chunk),
            Next::End(_) => return Ok(all),
        }
    }
}

fn header(target: Target, name: &str) -> PutHeader {
    PutHeader {
        target,
        path: path(name),
        must_be_new: false,
        verify: Verify::Size,
        delete_on_failure: true,
        size: None,
        sentinel: None,
    }
}

async fn put(
    broker: &Broker,
    who: &str,
    header: PutHeader,
    content: &[u8],
) -> Result<PutResult, Error> {
    let mut writing = broker.put(&caller(who), header)?;
    for part in content.chunks(3000) {
        writing.push(Bytes::copy_from_slice(part)).await?;
    }
    writing.finish(None).await
}

#[tokio::test(start_paused = true)]
async fn clients_of_two_servers_get_their_own() {
    for family in [Family::Sim7600, Family::A7670] {
        let world = Arc::new(World::new(family));
        let clients: Vec<_> = (0..60)
            .map(|client| {
                let world = Arc::clone(&world);
                tokio::spawn(async move {
                    let host = HOSTS[client % 2];
                    let who = format!("principal {}", client % 3);
                    let name = format!("/{client}");
                    let whole = content(client, 300 * client);
                    let header = header(at(host), &name);
                    let result = put(&world.broker, &who, header, &whole).await.unwrap();
                    assert_eq!(result.state, PutState::VerifiedSize, "{}", result.evidence);
                    assert!(world.file(host, &name).unwrap() == whole);
                    let size = world
                        .broker
                        .size(&caller(&who), &at(host), &path(&name))
                        .await;
                    assert_eq!(size.unwrap(), whole.len() as u64);
                    let got = get(&world.broker, &who, &at(host), &name).await.unwrap();
                    assert!(got == whole, "{name} is another's");
                })
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_leaves_in_the_midst_leaves_the_port_clean() {
    for family in [Family::Sim7600, Family::A7670] {
        let world = World::new(family);
        let (broker, [one, _]) = (&world.broker, HOSTS);
        world.store(one, "/big", content(1, 1_000_000));
        world.store(one, "/small", content(2, 1000));
        for chunks in 0..4 {
            let who = caller("leaves");
            let mut reading = broker
                .get(&who, &at(one), &path("/big"), Offset::ZERO)
                .await
                .unwrap();
            for _ in 0..chunks {
                reading.next().await.unwrap();
            }
            drop(reading);
            let got = get(broker, "stays", &at(one), "/small").await.unwrap();
            assert!(got == content(2, 1000), "after {chunks} chunks");

            let mut writing = broker.put(&who, header(at(one), "/half")).unwrap();
            for _ in 0..=chunks {
                writing.push(Bytes::from(content(3, 5000))).await.unwrap();
            }
            sleep(Duration::from_millis(100)).await;
            drop(writing);
            let got = get(broker, "stays", &at(one), "/small").await.unwrap();
            assert!(got == content(2, 1000), "after {chunks} pieces");
            assert_eq!(world.file(one, "/half"), None, "{family:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn cancelling_tells_how_it_ended_and_frees_the_link() {
    let world = World::new(Family::Sim7600);
    let (broker, [one, _]) = (&world.broker, HOSTS);
    world.store(one, "/big", content(1, 1_000_000));
    let me = caller("me");
    let reading = broker
        .get(&me, &at(one), &path("/big"), Offset::ZERO)
        .await
        .unwrap();
    sleep(Duration::from_millis(200)).await;
    let cancelled = broker.cancel(&me, reading.operation()).await.unwrap();
    assert!(cancelled.cost < Duration::from_secs(15), "{cancelled:?}");
    assert!(broker.status().running.is_none());
    let size = broker.size(&me, &at(one), &path("/big")).await.unwrap();
    assert_eq!(size, 1_000_000);
}

#[tokio::test(start_paused = true)]
async fn a_put_is_read_back_and_its_sentinel_written_last() {
    let world = World::new(Family::A7670);
    let [one, _] = HOSTS;
    let header = PutHeader {
        verify: Verify::ReadBack,
        sentinel: Some(path("f.ok")),
        ..header(at(one), "/d/f")
    };
    let whole = content(7, 40_000);
    let result = put(&world.broker, "me", header, &whole).await.unwrap();
    assert_eq!(result.state, PutState::VerifiedHash, "{}", result.evidence);
    let sentinel = String::from_utf8(world.file(one, "/d/f.ok").unwrap()).unwrap();
    assert!(sentinel.starts_with("size=40000\nsha256="), "{sentinel}");
}

#[tokio::test(start_paused = true)]
async fn sessions_move_without_moving_each_other() {
    let world = World::new(Family::Sim7600);
    let (broker, [one, two]) = (&world.broker, HOSTS);
    let me = caller("me");
    let request = |host: &str, directory: Option<&str>| SessionRequest {
        server: ServerChoice::Profile(host.into()),
        directory: directory.map(path),
        transfer_type: TransferType::Binary,
        lease: None,
    };
    let here = broker.open_session(&me, request(one, None)).await.unwrap();
    let there = broker
        .open_session(&me, request(two, Some("/d")))
        .await
        .unwrap();
    assert_eq!(
        (here.directory.as_str(), there.directory.as_str()),
        ("/", "/d")
    );
    for (session, seed) in [(&here, 1), (&there, 2)] {
        let target = Target::Session(session.id.clone());
        put(broker, "me", header(target, "f"), &content(seed, 100))
            .await
            .unwrap();
    }
    assert_eq!(world.file(one, "/f"), Some(content(1, 100)));
    assert_eq!(world.file(two, "/d/f"), Some(content(2, 100)));
    let moved = broker
        .change_directory(&me, &here.id, &path("d"))
        .await
        .unwrap();
    assert_eq!(moved, "/d");
    let missing = broker
        .change_directory(&me, &there.id, &path("missing"))
        .await;
    assert!(missing.is_err());
    assert_eq!(broker.working_directory(&me, &there.id).unwrap(), "/d");
    let mut listing = broker
        .list(&me, &Target::Session(there.id), None)
        .await
        .unwrap();
    let Next::Chunk(text) = listing.next().await.unwrap() else {
        panic!("nothing is listed");
    };
    assert!(String::from_utf8_lossy(&text).ends_with(" f\r\n"));
}

#[tokio::test(start_paused = true)]
async fn an_idle_module_logs_out_and_the_next_operation_logs_in_again() {
    for family in [Family::Sim7600, Family::A7670] {
        let world = World::new(family);
        let (broker, [one, _]) = (&world.broker, HOSTS);
        world.store(one, "/f", content(1, 10));
        let keeper = broker.clone();
        let keeping = tokio::spawn(async move { keeper.upkeep().await });
        for _ in 0..2 {
            let size = broker.size(&caller("me"), &at(one), &path("/f")).await;
            assert_eq!(size.unwrap(), 10);
            sleep(Duration::from_secs(100)).await;
            assert!(broker.health().borrow().logged_in.is_some());
            sleep(Duration::from_secs(50)).await;
            assert!(broker.health().borrow().logged_in.is_none(), "{family:?}");
        }
        keeping.abort();
    }
}
