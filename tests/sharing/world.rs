//! A broker, the module behind it, and the servers behind that.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::sleep_until;

use crate::durable::told;
use cellftp::broker::catalogue::Servers;
use cellftp::broker::flow::get::Next;
use cellftp::broker::flow::put::PutHeader;
use cellftp::broker::terms::{Caller, Error, Principal, PutResult, Target, Verify};
use cellftp::broker::{Broker, Limits};
use cellftp::modem::port::StreamConnector;
use cellftp::modem::{Modem, ModemOptions, clock};
use cellftp::transfers::{Settings, Storage, Transfers};
use simcom_emulator::request::Failure;
use simcom_emulator::uplink::memory::{Memory, Server as Uplink};
use simcom_emulator::{Action, Effect, Emulator, Family, Fault, Knobs, Model};
use simcom_talk::ftps::value::{Host, Offset, Password, RemotePath, Server, Username};

pub(crate) const HOSTS: [&str; 2] = ["one.example", "two.example"];

/// Bytes that pass the line at once: 5 ms at 921600 baud.
const BURST: usize = 460;

/// The world: a broker, the module behind it, and the servers behind that.
pub(crate) struct World {
    pub(crate) broker: Broker,
    net: Arc<Mutex<Memory>>,
    faults: Arc<Mutex<Vec<Effect>>>,
}

impl World {
    pub(crate) fn new(family: Family) -> Self {
        // At this speed 100 kB take a second, so there is time to leave in.
        let knobs = Knobs {
            baud: 921_600,
            ..Knobs::default()
        };
        Self::within(family, knobs, Limits::default(), [])
    }

    /// A module with these knobs and these faults.
    pub(crate) fn with(
        family: Family,
        knobs: Knobs,
        faults: impl IntoIterator<Item = Fault>,
    ) -> Self {
        let knobs = Knobs {
            baud: 921_600,
            ..knobs
        };
        Self::within(family, knobs, Limits::default(), faults)
    }

    /// The same within bounds.
    pub(crate) fn within(
        family: Family,
        knobs: Knobs,
        limits: Limits,
        armed: impl IntoIterator<Item = Fault>,
    ) -> Self {
        let mut memory = Memory::new();
        for host in HOSTS {
            let mut server = Uplink::with_user("user", "pass");
            server.directories.insert(b"/d".to_vec());
            memory.insert(host, 21, server);
        }
        let net = Arc::new(Mutex::new(memory));
        let mut emulator = Emulator::new(Model::of(family), knobs);
        for fault in armed {
            emulator.arm(fault);
        }
        let mut emulator = Some(emulator);
        let behind = Arc::clone(&net);
        let faults = Arc::<Mutex<Vec<Effect>>>::default();
        let befall = Arc::clone(&faults);
        let connector = StreamConnector(move || {
            let emulator = emulator.take().ok_or(io::ErrorKind::NotFound)?;
            let (host, module) = tokio::io::duplex(4096);
            tokio::spawn(serve(
                emulator,
                Arc::clone(&behind),
                Arc::clone(&befall),
                module,
            ));
            Ok(host)
        });
        let (modem, _) = Modem::spawn(connector, ModemOptions::default());
        let profiles = HOSTS.map(|host| (host.to_owned(), server(host)));
        let servers = Servers::new(profiles, false);
        Self {
            broker: Broker::new(modem, servers, limits),
            net,
            faults,
        }
    }

    /// The same, with transfers that outlive their callers in this directory.
    pub(crate) fn keeping(self, directory: &Path) -> (Self, Transfers) {
        let settings = Settings {
            directory: directory.to_owned(),
            ..Settings::default()
        };
        let storage = Storage::open(settings, told).unwrap();
        let transfers = Transfers::new(self.broker.clone(), storage);
        (self, transfers)
    }

    /// The server refuses this many logins (530), like one that still counts sessions that were
    /// cut.
    pub(crate) fn refuse_logins(&self, host: &str, count: usize) {
        let refused = std::iter::repeat_n(Failure::Refused, count);
        self.change(host, |server| server.logins.extend(refused));
    }

    /// The profile of a server leads to another one from now on.
    pub(crate) fn lead(&self, profile: &str, to: &str) {
        let profiles = HOSTS.map(|host| {
            let host_now = if host == profile { to } else { host };
            (host.to_owned(), server(host_now))
        });
        self.broker
            .reload(Servers::new(profiles, false), Limits::default());
    }

    /// Changes what a server does.
    pub(crate) fn change(&self, host: &str, change: impl FnOnce(&mut Uplink)) {
        change(self.net.lock().unwrap().server_mut(host, 21).unwrap());
    }

    /// The server closes the connection, as soon as the module does anything.
    pub(crate) fn break_link(&self) {
        self.faults.lock().unwrap().push(Effect::PeerClosed);
    }

    /// The module is unplugged, as soon as it does anything, and does not come back.
    pub(crate) fn unplug(&self) {
        self.faults.lock().unwrap().push(Effect::Hangup);
    }

    pub(crate) fn file(&self, host: &str, name: &str) -> Option<Vec<u8>> {
        let mut net = self.net.lock().unwrap();
        net.server_mut(host, 21)
            .unwrap()
            .files
            .get(name.as_bytes())
            .cloned()
    }

    pub(crate) fn store(&self, host: &str, name: &str, content: Vec<u8>) {
        self.change(host, |server| {
            server.files.insert(name.as_bytes().to_vec(), content);
        });
    }
}

/// The module on its end of the port, at the speed of its line.
async fn serve(
    mut emulator: Emulator,
    net: Arc<Mutex<Memory>>,
    faults: Arc<Mutex<Vec<Effect>>>,
    port: DuplexStream,
) {
    let (mut reader, mut writer) = tokio::io::split(port);
    let origin = clock::now();
    let now = || clock::now() - origin;
    let mut buffer = [0; BURST];
    let mut outgoing = Bytes::new();
    let byte = match emulator.knobs().baud {
        0 => Duration::ZERO,
        baud => Duration::from_secs(10) / baud,
    };
    let (mut reads_at, mut writes_at) = (origin, origin);
    loop {
        for effect in faults.lock().unwrap().drain(..) {
            emulator.inject(now(), effect);
        }
        if !advance(&mut emulator, &net, &mut outgoing, &now) {
            return;
        }
        let due = async {
            match emulator.deadline().filter(|_| outgoing.is_empty()) {
                Some(until) => sleep_until(origin + until).await,
                None => std::future::pending().await,
            }
        };
        let piece = &outgoing[..outgoing.len().min(BURST)];
        tokio::select! {
            biased;
            read = async {
                sleep_until(reads_at).await;
                reader.read(&mut buffer).await
            }, if emulator.wants_bytes() => match read {
                Ok(len) if len > 0 => {
                    reads_at = clock::now() + byte * u32::try_from(len).unwrap();
                    emulator.handle_bytes(now(), &buffer[..len]);
                }
                _ => return,
            },
            written = async {
                sleep_until(writes_at).await;
                writer.write(piece).await
            }, if !outgoing.is_empty() => match written {
                Ok(len) if len > 0 => {
                    writes_at = clock::now() + byte * u32::try_from(len).unwrap();
                    outgoing.advance(len);
                }
                _ => return,
            },
            () = due => emulator.handle_deadline(now()),
        }
    }
}

/// Runs the module until it waits or has something to send. `false` when it hangs up.
fn advance(
    emulator: &mut Emulator,
    net: &Mutex<Memory>,
    outgoing: &mut Bytes,
    now: &impl Fn() -> Duration,
) -> bool {
    let mut net = net.lock().unwrap();
    let mut ask = |emulator: &mut Emulator, request| {
        if let Some(event) = net.answer(request) {
            emulator.handle_uplink(now(), event);
        }
    };
    while let Some(request) = emulator.poll_uplink() {
        ask(emulator, request);
    }
    while outgoing.is_empty() {
        match emulator.poll() {
            Action::Send(bytes) => *outgoing = bytes,
            Action::Uplink(request) => ask(emulator, request),
            Action::Wait { .. } => return true,
            Action::Hangup => return false,
        }
    }
    true
}

fn server(host: &str) -> Server {
    let (user, password) = (Username::new("user"), Password::new("pass"));
    Server::without_tls(Host::new(host).unwrap(), user.unwrap(), password.unwrap())
}

pub(crate) fn caller(name: &str) -> Caller {
    Caller {
        priority: None,
        yields: None,
        options: cellftp::broker::terms::Options::default(),
        principal: Principal::new(name),
        deadline: None,
    }
}

pub(crate) fn at(host: &str) -> Target {
    Target::Profile(host.into())
}

pub(crate) fn path(text: &str) -> RemotePath {
    RemotePath::new(text).unwrap()
}

/// Bytes that look like the module's own lines, different for each seed.
pub(crate) fn content(seed: usize, len: usize) -> Vec<u8> {
    let words = format!("\r\nOK\r\n{seed}\r\n+CFTPSGET: 0\r\n> \x03\x1a\x00");
    words.bytes().cycle().take(len).collect()
}

pub(crate) async fn get(
    broker: &Broker,
    who: &str,
    at: &Target,
    name: &str,
) -> Result<Vec<u8>, Error> {
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

pub(crate) fn header(target: Target, name: &str) -> PutHeader {
    PutHeader {
        target,
        path: path(name),
        must_be_new: false,
        verify: Some(Verify::Size),
        delete_on_failure: true,
        size: None,
        sentinel: None,
    }
}

pub(crate) async fn put(
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

/// Bytes that never repeat, as in most files: the end of the server's file shows what it has.
pub(crate) fn lively(seed: usize, len: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed as u64);
    let mut all = content(seed, len);
    for byte in all.iter_mut().skip(100).step_by(3) {
        *byte = random.u8(..);
    }
    all
}
