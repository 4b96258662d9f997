//! The port of the module, with a note of what goes over it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::{Mutex, MutexGuard};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinHandle;

use super::heard::Heard;
use crate::modem::port::{Connector, Opening, Port};

/// Opens the port of another connector and notes what goes over it.
pub(super) struct Tapped {
    connector: Box<dyn Connector>,
    tap: Tap,
}

/// What has gone over the port so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Tap(Arc<Mutex<Heard>>);

impl Tap {
    /// A copy of it.
    pub(super) fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.lock()
    }
}

impl Tapped {
    pub(super) fn new(connector: Box<dyn Connector>) -> (Self, Tap) {
        let tap = Tap::default();
        let tapped = Self {
            connector,
            tap: tap.clone(),
        };
        (tapped, tap)
    }
}

impl Connector for Tapped {
    fn open(&mut self) -> Opening<'_> {
        Box::pin(async {
            let port = self.connector.open().await?;
            let tap = self.tap.clone();
            Ok(Box::new(Wire { port, tap }) as Box<dyn Port>)
        })
    }
}

/// An open port.
struct Wire {
    port: Box<dyn Port>,
    tap: Tap,
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut *self.port).poll_read(context, buffer);
        let came = buffer.filled().get(before..).unwrap_or_default();
        if !came.is_empty() {
            self.tap.heard().read(came);
        }
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut *self.port).poll_write(context, bytes);
        if let Poll::Ready(Ok(len)) = &written {
            // A port accepts a command line as a whole, or not at all.
            let written = bytes.get(..*len).unwrap_or_default();
            self.tap.heard().write(written);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.port).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.port).poll_shutdown(context)
    }
}

impl Port for Wire {
    fn discard_output(&mut self) {
        self.port.discard_output();
    }

    fn close(self: Box<Self>) -> Option<JoinHandle<()>> {
        self.port.close()
    }
}
