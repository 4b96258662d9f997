//! A serial line under a test's control: it records what passes, goes silent, is cut at a byte, and
//! can be pulled out and plugged in again.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::pipe;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// A pty of its own before the module's.
pub(crate) struct Tap {
    runtime: Runtime,
    link: PathBuf,
    module: PathBuf,
    heard: Arc<Heard>,
    plugged: Option<Plugged>,
}

/// What has passed, and whether anything passes.
#[derive(Default)]
struct Heard {
    from_host: Mutex<Vec<u8>>,
    silent: AtomicBool,
    cut: Mutex<Option<Cut>>,
}

/// Where the line is to be cut.
struct Cut {
    /// Counting begins after this command.
    command: &'static [u8],
    /// What the host had sent before the command can come.
    sent: usize,
    /// Whether the command has passed.
    counts: bool,
    /// Bytes that may still pass, in both directions.
    left: usize,
}

/// The line while it is there.
struct Plugged {
    /// Also held by the tasks; the host sees a hang-up when the last holder is gone.
    master: File,
    /// Kept open, so that the master sees no hang-up while the host reopens.
    _slave: File,
    up: JoinHandle<()>,
    down: JoinHandle<()>,
}

impl Tap {
    /// Puts a tap before the serial device `module`; the host is to open `link`.
    pub(crate) fn new(module: &Path, link: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let mut tap = Self {
            runtime,
            link: link.to_owned(),
            module: module.to_owned(),
            heard: Arc::default(),
            plugged: None,
        };
        tap.plug();
        tap
    }

    /// Connects a new pty at the link, and the module as it is now.
    pub(crate) fn plug(&mut self) {
        self.unplug();
        let (master, slave, path) = pty().expect("a pty");
        self.wire(master, slave);
        symlink(path, &self.link).expect("the link is gone while unplugged");
    }

    /// Takes the device away, as when a USB plug is pulled.
    pub(crate) fn unplug(&mut self) {
        if let Some(plugged) = self.plugged.take() {
            std::fs::remove_file(&self.link).expect("the link is ours");
            self.unwire(plugged);
        }
    }

    /// Changes to a module that was started again. The host's end stays as it is.
    pub(crate) fn follow(&mut self) {
        if let Some(Plugged {
            master,
            _slave: slave,
            up,
            down,
        }) = self.plugged.take()
        {
            self.end([up, down]);
            self.wire(master, slave);
        }
    }

    /// Swallows everything, in both directions, or lets it pass again.
    pub(crate) fn silence(&self, silent: bool) {
        self.heard.silent.store(silent, Ordering::SeqCst);
    }

    /// From this many bytes after the next `command` of the host on, nothing passes in either
    /// direction, until this is called again. `None`: everything passes.
    pub(crate) fn cut_after(&self, command: &'static str, bytes: Option<usize>) {
        let sent = self.heard.bytes().len();
        *self.heard.cut() = bytes.map(|left| Cut {
            command: command.as_bytes(),
            sent,
            counts: false,
            left,
        });
    }

    /// Whether nothing passes any more.
    pub(crate) fn is_cut(&self) -> bool {
        self.heard.cut().as_ref().is_some_and(Cut::is_made)
    }

    /// Sends something to the host in the module's place. Returns how much of it the line took at
    /// once.
    pub(crate) fn say(&self, bytes: &[u8]) -> usize {
        let master = self.plugged.as_ref().map(|plugged| &plugged.master);
        let said = master.map(|mut master| master.write(bytes));
        said.and_then(Result::ok).unwrap_or_default()
    }

    /// Every byte that the host has sent so far.
    pub(crate) fn heard(&self) -> Vec<u8> {
        self.heard.bytes().clone()
    }

    fn wire(&mut self, master: File, slave: File) {
        let module = open(&self.module).expect("the module's device is there");
        let _context = self.runtime.enter();
        let from_host = receiver(&master).expect("the pty is open");
        let to_host = sender(&master).expect("the pty is open");
        let from_module = receiver(&module).expect("the pty is open");
        let to_module = sender(&module).expect("the pty is open");
        let up = tokio::spawn(pass(from_host, to_module, self.heard.clone(), true));
        let down = tokio::spawn(pass(from_module, to_host, self.heard.clone(), false));
        self.plugged = Some(Plugged {
            master,
            _slave: slave,
            up,
            down,
        });
    }

    fn unwire(&self, plugged: Plugged) {
        self.end([plugged.up, plugged.down]);
    }

    fn end(&self, tasks: [JoinHandle<()>; 2]) {
        for task in tasks {
            task.abort();
            // Cancelled, which is what was asked for.
            let _ = self.runtime.block_on(task);
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        if let Some(plugged) = self.plugged.take() {
            let _ = std::fs::remove_file(&self.link);
            self.unwire(plugged);
        }
    }
}

impl Heard {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.from_host
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn cut(&self) -> MutexGuard<'_, Option<Cut>> {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many of these bytes may pass.
    fn passing(&self, bytes: usize) -> usize {
        let sent = self.bytes();
        let mut cut = self.cut();
        cut.as_mut().map_or(bytes, |cut| cut.take(bytes, &sent))
    }
}

impl Cut {
    fn take(&mut self, bytes: usize, sent: &[u8]) -> usize {
        if !self.counts {
            let since = sent.get(self.sent..).unwrap_or_default();
            self.counts = since
                .windows(self.command.len())
                .any(|window| window == self.command);
            return bytes;
        }
        let taken = bytes.min(self.left);
        self.left -= taken;
        taken
    }

    fn is_made(&self) -> bool {
        self.counts && self.left == 0
    }
}

/// Passes bytes on until an end has gone or the line is cut. Bytes that nobody takes are lost, as on a
/// wire.
async fn pass(mut from: pipe::Receiver, mut to: pipe::Sender, heard: Arc<Heard>, host: bool) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let bytes = buffer.get(..count).unwrap_or_default();
        if host {
            heard.bytes().extend_from_slice(bytes);
        }
        let passing = bytes.get(..heard.passing(count)).unwrap_or_default();
        if !heard.silent.load(Ordering::SeqCst) && to.write_all(passing).await.is_err() {
            break;
        }
    }
}

/// A raw pty: its master, its slave, and the slave's path.
fn pty() -> io::Result<(File, File, PathBuf)> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    rustix::fs::fcntl_setfl(&master, OFlags::NONBLOCK)?;
    let path = ptsname(&master, Vec::new())?;
    let path = PathBuf::from(path.to_string_lossy().into_owned());
    let slave = open(&path)?;
    Ok((master.into(), slave, path))
}

/// Opens a terminal, raw and without waiting.
fn open(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOCTTY | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(flags)
        .open(path)?;
    let mut modes = tcgetattr(&file)?;
    modes.make_raw();
    tcsetattr(&file, OptionalActions::Now, &modes)?;
    Ok(file)
}

/// tokio's pipes work for any descriptor that can be polled, without unsafe code.
fn receiver(file: &File) -> io::Result<pipe::Receiver> {
    pipe::Receiver::from_file_unchecked(file.try_clone()?)
}

fn sender(file: &File) -> io::Result<pipe::Sender> {
    pipe::Sender::from_file_unchecked(file.try_clone()?)
}
