//! A serial line to an emulated module, which records what the host sends.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinHandle;

use simcom_emulator::serve::Module;
use simcom_emulator::serve::pty::Pty;
use simcom_emulator::{Family, Knobs, Model};

/// The line, with a module at its end.
pub(crate) struct Wire {
    device: PathBuf,
    heard: Arc<Mutex<Vec<u8>>>,
    serving: JoinHandle<()>,
    /// While it is open, the module sees no hang-up.
    _host: File,
}

impl Wire {
    /// Puts a module at the end of a new line.
    pub(crate) fn new() -> Self {
        Self::with(Knobs::default())
    }

    /// The same with a module whose line moves 46080 bytes a second.
    pub(crate) fn slow() -> Self {
        Self::with(Knobs {
            baud: 460_800,
            ..Knobs::default()
        })
    }

    fn with(knobs: Knobs) -> Self {
        let pty = Pty::open().unwrap();
        let device = pty.path().to_owned();
        let host = File::options().read(true).write(true).open(&device);
        let heard = Arc::default();
        let mut port = Port {
            pty,
            heard: Arc::clone(&heard),
        };
        let serving = tokio::spawn(async move {
            let mut module = Module::new(Model::of(Family::Sim7600), knobs);
            module.serve(&mut port).await.unwrap();
        });
        Self {
            device,
            heard,
            serving,
            _host: host.unwrap(),
        }
    }

    /// The path that the host opens.
    pub(crate) fn device(&self) -> &Path {
        &self.device
    }

    /// What the host has sent since the last call.
    pub(crate) fn heard(&self) -> String {
        let heard = std::mem::take(&mut *self.heard.lock().unwrap());
        String::from_utf8_lossy(&heard).into_owned()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The module's end.
struct Port {
    pty: Pty,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl AsyncRead for Port {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.pty).poll_read(context, buffer))?;
        let said = &buffer.filled()[before..];
        self.heard.lock().unwrap().extend_from_slice(said);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Port {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.pty).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pty).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pty).poll_shutdown(context)
    }
}
