//! The module on its line, between the daemon and the servers.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::net::Net;
use crate::world::World;
use simcom_emulator::request::Event;
use simcom_emulator::{Action, Effect, Emulator, Fault, Knobs, Model, Phase, Trigger};

/// Bytes that pass the line at once: 5 ms at 921600 baud.
const BURST: usize = 460;

/// The module and its servers. They outlive the daemon.
pub(crate) struct Module {
    emulator: Emulator,
    pub(crate) net: Net,
    answers: VecDeque<(Duration, Event)>,
    /// Uploads that the host has asked for.
    puts: u32,
    /// The last bytes of the host.
    heard: Vec<u8>,
    /// This many bytes at the end of the next upload are lost on the line, with its end mark.
    pub(crate) loses_end: Option<usize>,
}

/// `END` ends an upload. `ETX` before a byte says that the byte is content (SIMCom manual L1215).
const END: u8 = 0x1A;
const ETX: u8 = 0x03;

/// How the host asks for an upload.
const PUT: &[u8] = b"AT+CFTPSPUT=";

impl Module {
    pub(crate) fn new(profile: Model, knobs: Knobs, net: Net) -> Self {
        Self {
            emulator: Emulator::new(profile, knobs),
            net,
            answers: VecDeque::new(),
            puts: 0,
            heard: Vec::new(),
            loses_end: None,
        }
    }

    pub(crate) fn inject(&mut self, now: Duration, effect: Effect) {
        self.emulator.inject(now, effect);
    }

    pub(crate) fn power_cycle(&mut self, now: Duration) {
        self.emulator.power_cycle(now);
        self.answers.clear();
    }

    /// Whether it is silent until somebody cuts its power.
    pub(crate) fn is_hung(&self) -> bool {
        self.emulator.is_hung()
    }

    /// A fault strikes one of the next uploads.
    pub(crate) fn spoil_put(&mut self, ahead: u32, phase: Phase, effect: Effect) {
        let trigger = Trigger::Command {
            command: "+CFTPSPUT".into(),
            nth: self.puts + ahead,
            phase,
        };
        self.emulator.arm(Fault { trigger, effect });
    }

    /// Bytes come from the host.
    fn hear(&mut self, now: Duration, bytes: &[u8]) {
        self.heard.extend_from_slice(bytes);
        let asks = self.heard.windows(PUT.len()).filter(|part| *part == PUT);
        self.puts += asks.count() as u32;
        let done = self.heard.len().saturating_sub(PUT.len() - 1);
        self.heard.drain(..done);
        let lost = self.loses_end.filter(|lost| ends_content(bytes, *lost));
        self.loses_end = self.loses_end.filter(|_| lost.is_none());
        let arrives = bytes.len() - lost.unwrap_or_default();
        self.emulator.handle_bytes(now, &bytes[..arrives]);
    }

    /// From now on the servers have no trouble.
    pub(crate) fn heal(&mut self) {
        self.net.heal();
    }

    /// When something happens by itself.
    fn due(&self) -> Option<Duration> {
        let answer = self.answers.front().map(|(due, _)| *due);
        [self.emulator.deadline(), answer]
            .into_iter()
            .flatten()
            .min()
    }

    /// Goes on until it waits or has something to send. `false` when it hangs up.
    fn advance(&mut self, world: &World, now: Duration, outgoing: &mut Bytes) -> bool {
        self.emulator.handle_deadline(now);
        while self.answers.front().is_some_and(|(due, _)| *due <= now) {
            if let Some((_, event)) = self.answers.pop_front() {
                self.emulator.handle_uplink(now, event);
            }
        }
        while let Some(request) = self.emulator.poll_uplink() {
            self.ask(world, now, request);
        }
        while outgoing.is_empty() {
            match self.emulator.poll() {
                Action::Send(bytes) => *outgoing = bytes,
                Action::Uplink(request) => self.ask(world, now, request),
                Action::Wait { .. } => return true,
                Action::Hangup => return false,
            }
        }
        true
    }

    fn ask(&mut self, world: &World, now: Duration, request: simcom_emulator::request::Request) {
        let answer = self.net.answer(request, now, &mut world.oracle());
        match answer {
            Some((due, event)) if due <= now && self.answers.is_empty() => {
                self.emulator.handle_uplink(now, event);
            }
            // In the order of the requests.
            Some((due, event)) => {
                let last = self.answers.back().map_or(due, |(last, _)| *last);
                self.answers.push_back((due.max(last), event));
            }
            None => {}
        }
    }
}

/// Whether there is content of more than this many bytes, with its end mark. A mark that is content
/// has an escape before it.
fn ends_content(bytes: &[u8], lost: usize) -> bool {
    bytes.len() > lost && matches!(bytes, [.., before, END] if *before != ETX && *before != END)
}

/// Plugs the module in, as often as the daemon opens its port.
pub(crate) fn plug(world: &Arc<World>) -> io::Result<DuplexStream> {
    let (host, module) = tokio::io::duplex(4096);
    tokio::spawn(pump(Arc::clone(world), module));
    Ok(host)
}

async fn pump(world: Arc<World>, port: DuplexStream) {
    let (mut reader, mut writer) = tokio::io::split(port);
    let byte = Duration::from_secs(10) / world.plan.baud;
    let mut buffer = [0; BURST];
    let mut outgoing = Bytes::new();
    let (mut reads_at, mut writes_at) = (Duration::ZERO, Duration::ZERO);
    loop {
        let now = world.now();
        let (due, wants) = {
            let mut module = world.module();
            if !module.advance(&world, now, &mut outgoing) {
                return;
            }
            (module.due(), module.emulator.wants_bytes())
        };
        let piece = outgoing.slice(..outgoing.len().min(BURST));
        let due = due.filter(|due| outgoing.is_empty() || *due > now);
        tokio::select! {
            biased;
            () = world.poke.notified() => {}
            read = async {
                sleep(reads_at.saturating_sub(now)).await;
                reader.read(&mut buffer).await
            }, if wants => match read {
                Ok(len) if len > 0 => {
                    let now = world.now();
                    reads_at = now + byte * len as u32;
                    world.module().hear(now, &buffer[..len]);
                }
                _ => return,
            },
            written = async {
                sleep(writes_at.saturating_sub(now)).await;
                writer.write(&piece).await
            }, if !piece.is_empty() => match written {
                Ok(len) if len > 0 => {
                    writes_at = world.now() + byte * len as u32;
                    outgoing.advance(len);
                }
                _ => return,
            },
            () = async {
                match due {
                    Some(due) => sleep(due.saturating_sub(now)).await,
                    None => std::future::pending().await,
                }
            } => {}
        }
    }
}

/// The module, shared between tasks.
pub(crate) type Shared = Mutex<Module>;

/// Notified when something was done to the module.
pub(crate) type Poke = Notify;
