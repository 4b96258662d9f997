//! A pseudo-terminal as the module's serial port.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::module::{Ended, Module};

/// How often a closed port is checked. The kernel announces that the other side was closed, and not that it
/// was opened.
const REOPEN_INTERVAL: Duration = Duration::from_millis(20);

/// The module's side of a pseudo-terminal; hosts open [`path`](Self::path) as a serial port.
#[derive(Debug)]
pub struct Pty {
    master: AsyncFd<OwnedFd>,
    path: PathBuf,
    /// What a host typed before its opening was noticed.
    early: Bytes,
}

impl Pty {
    /// Creates a pseudo-terminal that is raw from the start: the kernel echoes and translates nothing, even
    /// before a host sets its side up. Needs a running tokio runtime.
    ///
    /// # Errors
    ///
    /// The [`io::Error`] with which the system refuses.
    pub fn open() -> io::Result<Self> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let path = PathBuf::from(OsString::from_vec(
            ptsname(&master, Vec::new())?.into_bytes(),
        ));
        let mut modes = tcgetattr(&master)?;
        modes.make_raw();
        tcsetattr(&master, OptionalActions::Now, &modes)?;
        rustix::io::ioctl_fionbio(&master, true)?;
        Ok(Self {
            master: register(master)?,
            path,
            early: Bytes::new(),
        })
    }

    /// The path that a host opens.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Serves every opening of the port in turn, until the port vanishes.
    ///
    /// While no host has it open, the module goes on, and what it sends is lost.
    ///
    /// # Errors
    ///
    /// The [`io::Error`] of the terminal. A host that closes its side is none.
    pub async fn serve(&mut self, module: &mut Module) -> io::Result<Ended> {
        loop {
            match module.serve(self).await {
                Err(error) if is_closed(&error) => {}
                other => return other,
            }
            let mut nobody = Nobody;
            tokio::select! {
                ended = module.serve(&mut nobody) => {
                    if ended? == Ended::Hangup {
                        return Ok(Ended::Hangup);
                    }
                }
                early = self.opened() => self.early = early?,
            }
            self.register_anew()?;
        }
    }

    /// Forgets that the other side was closed. A waiting descriptor takes the closing for its end, and would
    /// report itself ready for ever, even after a host has opened the port again.
    fn register_anew(&mut self) -> io::Result<()> {
        self.master = register(self.master.get_ref().try_clone()?)?;
        Ok(())
    }

    /// Waits until a host opens the port, and returns what it has typed already.
    async fn opened(&self) -> io::Result<Bytes> {
        let mut buffer = [0; 256];
        loop {
            match rustix::io::read(self.master.get_ref(), &mut buffer) {
                Err(Errno::IO) => tokio::time::sleep(REOPEN_INTERVAL).await,
                Err(Errno::AGAIN) => return Ok(Bytes::new()),
                Err(error) => return Err(error.into()),
                Ok(len) => {
                    return Ok(Bytes::copy_from_slice(
                        buffer.get(..len).unwrap_or_default(),
                    ));
                }
            }
        }
    }
}

fn register(master: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    #[expect(
        deprecated,
        reason = "its successor is unsafe for the sake of types that close their descriptor \
                  early; an OwnedFd keeps its own open for as long as it is registered"
    )]
    AsyncFd::new(master)
}

/// The error of a master whose other side is closed.
fn is_closed(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::IO.raw_os_error())
}

impl AsyncRead for Pty {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.early.is_empty() {
            let early = this
                .early
                .split_to(this.early.len().min(buffer.remaining()));
            buffer.put_slice(&early);
            return Poll::Ready(Ok(()));
        }
        loop {
            let mut guard = ready!(this.master.poll_read_ready(cx))?;
            let is_closed = guard.ready().is_read_closed();
            let unfilled = buffer.initialize_unfilled();
            match guard.try_io(|fd| Ok(rustix::io::read(fd.get_ref(), unfilled)?)) {
                Ok(read) => {
                    buffer.advance(read?);
                    return Poll::Ready(Ok(()));
                }
                Err(_would_block) if is_closed => {
                    drop(guard);
                    this.register_anew()?;
                }
                Err(_would_block) => {}
            }
        }
    }
}

impl AsyncWrite for Pty {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        loop {
            let mut guard = ready!(this.master.poll_write_ready(cx))?;
            let is_closed = guard.ready().is_write_closed();
            match guard.try_io(|fd| Ok(rustix::io::write(fd.get_ref(), bytes)?)) {
                Ok(written) => return Poll::Ready(written),
                Err(_would_block) if is_closed => {
                    drop(guard);
                    this.register_anew()?;
                }
                Err(_would_block) => {}
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A port that no host has open: no bytes come, and written bytes are lost.
struct Nobody;

impl AsyncRead for Nobody {
    fn poll_read(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        _buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Nobody {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Where pseudo-terminals are (pts(4)).
const PORTS: &str = "/dev/pts";

/// A symbolic link to a port, removed when dropped.
#[derive(Debug)]
pub struct PortLink {
    path: PathBuf,
    target: PathBuf,
}

impl PortLink {
    /// Points `path` at `target`. An existing link to a pseudo-terminal, which another emulator may have
    /// left, is replaced in one step. Nothing else is.
    ///
    /// # Errors
    ///
    /// The [`io::Error`] with which the file system refuses; [`io::ErrorKind::AlreadyExists`] where
    /// `path` is something else.
    pub fn new(path: &Path, target: &Path) -> io::Result<Self> {
        // Root would otherwise replace `/dev/stdout` for the whole machine.
        let is_ours = std::fs::read_link(path).is_ok_and(|leads| leads.starts_with(PORTS));
        if !is_ours && std::fs::symlink_metadata(path).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let mut beside = path.as_os_str().to_owned();
        beside.push(format!(".{}", std::process::id()));
        let beside = PathBuf::from(beside);
        std::os::unix::fs::symlink(target, &beside)?;
        std::fs::rename(&beside, path).inspect_err(|_| {
            // Only the failure of the rename is worth reporting.
            let _ = std::fs::remove_file(&beside);
        })?;
        Ok(Self {
            path: path.to_owned(),
            target: target.to_owned(),
        })
    }
}

impl Drop for PortLink {
    fn drop(&mut self) {
        // Another emulator may have taken the name over.
        if std::fs::read_link(&self.path).is_ok_and(|target| target == self.target) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{File, OpenOptions};
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    use super::*;

    /// How often it was called.
    #[derive(Default)]
    struct Calls(AtomicUsize);

    impl Wake for Calls {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn host(pty: &Pty) -> File {
        let mut options = OpenOptions::new();
        options.read(true).write(true).open(pty.path()).unwrap()
    }

    /// A host closed the port and opened it again at once. The module then read without end, and did nothing
    /// else.
    #[tokio::test]
    async fn a_port_that_is_opened_again_at_once_is_waited_for() {
        let mut pty = Pty::open().unwrap();
        drop(host(&pty));
        // The closing is noticed, but what the kernel says about it is not read yet.
        let mut guard = pty.master.readable().await.unwrap();
        assert!(guard.ready().is_read_closed());
        guard.clear_ready();
        drop(guard);
        let _host = host(&pty);
        let mut bytes = [0; 16];
        let mut buffer = ReadBuf::new(&mut bytes);
        let calls = Arc::new(Calls::default());
        let waker = Waker::from(Arc::clone(&calls));
        let mut cx = Context::from_waker(&waker);
        let polled = Pin::new(&mut pty).poll_read(&mut cx, &mut buffer);
        assert!(polled.is_pending());
        // The runtime stops a task that reads without end, and calls it again after others had their turn.
        tokio::task::yield_now().await;
        assert_eq!(calls.0.load(Ordering::SeqCst), 0);
        // Nothing waits in either direction: the port can be written to.
        let written = poll_fn(|cx| Pin::new(&mut pty).poll_write(cx, b"RDY\r\n")).await;
        assert_eq!(written.unwrap(), 5);
    }
}
