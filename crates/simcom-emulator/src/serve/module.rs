//! A module with its network and its clock.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::sync::{Mutex, mpsc};
use tokio::time::Instant;

use crate::emulator::{Action, Emulator};
use crate::knobs::Knobs;
use crate::model::Model;
use crate::uplink::ftp::Ftp;

/// Bytes that are read from the host at a time. They are fewer than the core keeps while it cannot
/// act on them.
const READ: usize = 4096;
/// Bytes an in-process port holds in each direction: a UART driver's buffer.
const PORT_BUFFER: usize = 4096;
/// How often a stream is checked that is neither read nor written.
const LIVENESS: Duration = Duration::from_millis(100);
/// Most changes that may wait for a port to be opened.
const INTERVENTIONS: usize = 16;

/// A change made to a running module from outside.
type Intervention = Box<dyn FnOnce(&mut Emulator, Duration) + Send>;

/// An emulated module with the real network behind it.
pub struct Module {
    emulator: Emulator,
    network: Ftp,
    origin: Instant,
    interventions: mpsc::Receiver<Intervention>,
    remote: Remote,
}

/// Changes a module while it is being served.
#[derive(Clone, Debug)]
pub struct Remote(mpsc::Sender<Intervention>);

impl Remote {
    /// Runs `change` on the module as soon as a port of it is open, with the time by its clock:
    /// `remote.change(|module, now| module.inject(now, Effect::Reboot))`.
    pub async fn change(&self, change: impl FnOnce(&mut Emulator, Duration) + Send + 'static) {
        // A module that has gone needs no change.
        let _ = self.0.send(Box::new(change)).await;
    }
}

/// Why serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The host closed its end.
    HostClosed,
    /// The module's port vanished.
    Hangup,
}

impl Module {
    /// A module on the network of this machine. Needs a running tokio runtime.
    #[must_use]
    pub fn new(model: Model, knobs: Knobs) -> Self {
        let (interventions_in, interventions) = mpsc::channel(INTERVENTIONS);
        Self {
            emulator: Emulator::new(model, knobs),
            network: Ftp::spawn(),
            origin: clock(),
            interventions,
            remote: Remote(interventions_in),
        }
    }

    /// A handle that changes the module while it is being served.
    #[must_use]
    pub fn remote(&self) -> Remote {
        self.remote.clone()
    }

    /// The core, while it is not being served.
    pub const fn emulator_mut(&mut self) -> &mut Emulator {
        &mut self.emulator
    }

    /// Serves one opening of the port. The module's state outlives it: a file that is half typed or
    /// half printed goes on with the next opening, as on hardware.
    ///
    /// # Errors
    ///
    /// The [`io::Error`] of reading or writing the stream.
    pub async fn serve<S>(&mut self, stream: &mut S) -> io::Result<Ended>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let baud = self.emulator.knobs().baud;
        let (mut inward, mut outward) = (Pacer::new(baud), Pacer::new(baud));
        let mut outgoing = Bytes::new();
        let mut buffer = [0; READ];
        self.emulator.handle_deadline(self.now());
        loop {
            if self.ask_core(&mut outgoing) == Some(Ended::Hangup) {
                return Ok(Ended::Hangup);
            }
            let instant = clock();
            let reads = self.emulator.wants_bytes() && inward.ready(instant);
            let writes = !outgoing.is_empty() && outward.ready(instant);
            let piece = outgoing
                .get(..outgoing.len().min(outward.burst))
                .unwrap_or_default();
            let room = buffer.get_mut(..READ.min(inward.burst)).unwrap_or_default();
            let wake = [
                self.emulator
                    .deadline()
                    .filter(|_| outgoing.is_empty())
                    .map(|t| self.origin + t),
                inward.waking(instant),
                outward.waking(instant),
            ];
            let wake = wake.into_iter().flatten().min();
            tokio::select! {
                written = writer.write(piece), if writes => {
                    let len = written?;
                    if len == 0 {
                        return Ok(Ended::HostClosed);
                    }
                    outward.passed(clock(), len);
                    outgoing.advance(len);
                }
                read = reader.read(room), if reads => {
                    let len = read?;
                    if len == 0 {
                        return Ok(Ended::HostClosed);
                    }
                    inward.passed(clock(), len);
                    let now = self.now();
                    self.emulator.handle_bytes(now, buffer.get(..len).unwrap_or_default());
                }
                Some(event) = self.network.event() => {
                    let now = self.now();
                    self.emulator.handle_uplink(now, event);
                }
                Some(intervention) = self.interventions.recv() => {
                    let now = self.now();
                    intervention(&mut self.emulator, now);
                }
                // Only a read or a write shows whether the host is still there. A module that waits
                // for a slow server does neither.
                () = tokio::time::sleep(LIVENESS), if !reads && !writes => {
                    let _none: usize = writer.write(&[]).await?;
                }
                () = sleep_until(wake) => {
                    let now = self.now();
                    self.emulator.handle_deadline(now);
                }
            }
        }
    }

    /// Does what the core wants done, until it waits or has something to send.
    fn ask_core(&mut self, outgoing: &mut Bytes) -> Option<Ended> {
        while let Some(request) = self.emulator.poll_uplink() {
            self.network.request(request);
        }
        while outgoing.is_empty() {
            match self.emulator.poll() {
                Action::Send(bytes) => *outgoing = bytes,
                Action::Uplink(request) => self.network.request(request),
                Action::Wait { .. } => return None,
                Action::Hangup => return Some(Ended::Hangup),
            }
        }
        None
    }

    fn now(&self) -> Duration {
        clock().saturating_duration_since(self.origin)
    }
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Module")
            .field("emulator", &self.emulator)
            .finish_non_exhaustive()
    }
}

/// A module inside this program, to be opened any number of times, one opening at a time.
#[derive(Clone, Debug)]
pub struct InProcess {
    module: Arc<Mutex<Module>>,
    remote: Remote,
}

/// Puts a module into this program. Needs a running tokio runtime.
#[must_use]
pub fn in_process(model: Model, knobs: Knobs) -> InProcess {
    let module = Module::new(model, knobs);
    let remote = module.remote();
    InProcess {
        module: Arc::new(Mutex::new(module)),
        remote,
    }
}

impl InProcess {
    /// Opens the port and returns the host's end. Dropping it closes the port; the module keeps its
    /// state. While an earlier opening exists, this one is served once that is dropped.
    #[must_use]
    pub fn open(&self) -> DuplexStream {
        let (host, mut port) = tokio::io::duplex(PORT_BUFFER);
        let module = Arc::clone(&self.module);
        tokio::spawn(async move {
            match module.lock().await.serve(&mut port).await {
                Ok(ended) => tracing::debug!(?ended, "the emulated port was closed"),
                Err(error) => tracing::debug!(%error, "the emulated port failed"),
            }
        });
        host
    }

    /// A handle that changes the module.
    #[must_use]
    pub fn remote(&self) -> Remote {
        self.remote.clone()
    }
}

/// Holds one direction of the line to its baud rate, in bursts small enough to look steady.
#[derive(Debug)]
struct Pacer {
    per_byte: Option<Duration>,
    burst: usize,
    free_at: Option<Instant>,
}

impl Pacer {
    /// 10 bits a byte: 8N1.
    fn new(baud: u32) -> Self {
        let bytes_per_second = baud / 10;
        if bytes_per_second == 0 {
            return Self {
                per_byte: None,
                burst: READ,
                free_at: None,
            };
        }
        // A timer ticks every millisecond. The bytes of five milliseconds are one burst.
        let burst = usize::try_from(bytes_per_second / 200).map_or(READ, |n| n.clamp(1, READ));
        let per_byte = Duration::from_secs(1) / bytes_per_second;
        Self {
            per_byte: Some(per_byte),
            burst,
            free_at: None,
        }
    }

    fn ready(&self, now: Instant) -> bool {
        self.free_at.is_none_or(|free_at| free_at <= now)
    }

    fn waking(&self, now: Instant) -> Option<Instant> {
        self.free_at.filter(|free_at| *free_at > now)
    }

    fn passed(&mut self, now: Instant, bytes: usize) {
        if let Some(per_byte) = self.per_byte {
            let count = u32::try_from(bytes).unwrap_or(u32::MAX);
            let start = self.free_at.map_or(now, |free_at| free_at.max(now));
            self.free_at = Some(start + per_byte * count);
        }
    }
}

async fn sleep_until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// The clock of emulated modules.
#[expect(
    clippy::disallowed_methods,
    reason = "an emulated module is a device of its own: its clock enters here, and the core \
              takes times as parameters"
)]
fn clock() -> Instant {
    Instant::now()
}
