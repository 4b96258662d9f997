//! A connection through any of the doors.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};
use tonic::transport::server::Connected;

use super::limits::PREFACE;
use super::pace::{Frames, Pace};
use super::visit::Visit;
use crate::broker::modem::clock;
use crate::broker::share::Place;

/// A connection, with the identity of who is at its other end. It ends by itself when it does not
/// begin, and when it has had no call for too long.
pub(super) struct Connection {
    stream: Box<dyn Duplex>,
    visit: Visit,
    frames: Frames,
    pace: Arc<Pace>,
    /// Nothing is read before this is over: its client has sent too much.
    held: Option<Pin<Box<Sleep>>>,
    idle: Duration,
    timer: Pin<Box<Sleep>>,
    _place: Place,
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

impl Connection {
    /// Ends after `idle` without a call. It has a place as long as it lives.
    pub(super) fn new(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        visit: Visit,
        pace: Arc<Pace>,
        idle: Duration,
        place: Place,
    ) -> Self {
        Self {
            stream: Box::new(stream),
            visit,
            frames: Frames::new(),
            pace,
            held: None,
            idle,
            timer: Box::pin(sleep(PREFACE)),
            _place: place,
        }
    }

    /// Whether its time is over.
    fn over(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while self.timer.as_mut().poll(cx).is_ready() {
            if !self.frames.begun() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let now = clock::now();
            let ends = self.visit.idle_since().unwrap_or(now) + self.idle;
            if ends <= now {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.timer.as_mut().reset(ends);
        }
        Ok(())
    }

    /// Whether it is to be read later.
    fn is_held(&mut self, cx: &mut Context<'_>) -> bool {
        loop {
            if let Some(held) = &mut self.held
                && held.as_mut().poll(cx).is_pending()
            {
                return true;
            }
            // Others of the same client may have sent meanwhile.
            match self.pace.wait(clock::now()) {
                Some(wait) => self.held = Some(Box::pin(sleep(wait))),
                None => {
                    self.held = None;
                    return false;
                }
            }
        }
    }

    fn came(&mut self, bytes: &[u8]) {
        let began = self.frames.begun();
        let work = self.frames.take(bytes);
        let now = clock::now();
        if work > 0 {
            self.pace.pay(work, now);
        }
        if !began && self.frames.begun() {
            self.timer.as_mut().reset(now + self.idle);
        }
    }
}

impl Connected for Connection {
    type ConnectInfo = Visit;

    fn connect_info(&self) -> Visit {
        self.visit.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_held(cx) {
            self.over(cx)?;
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        match read {
            Poll::Ready(_) => self.came(buffer.filled().get(before..).unwrap_or_default()),
            Poll::Pending => self.over(cx)?,
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buffer);
        if written.is_pending() {
            self.over(cx)?;
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, buffers);
        if written.is_pending() {
            self.over(cx)?;
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::Instant;

    use super::*;
    use crate::broker::share::{Places, Share};
    use crate::rpc::auth::Peer;

    const IDLE: Duration = Duration::from_secs(60);

    fn connection() -> (Connection, DuplexStream, Visit) {
        let (ours, theirs) = duplex(1024);
        let visit = Visit::new(Peer::Tcp, None);
        let places = Arc::new(Places::new(Share {
            in_all: 1,
            of_one: 1,
        }));
        let place = places.take(visit.principal()).unwrap();
        (
            Connection::new(ours, visit.clone(), Arc::default(), IDLE, place),
            theirs,
            visit,
        )
    }

    async fn end(mut connection: Connection) -> (Duration, io::ErrorKind) {
        let began: Instant = clock::now();
        loop {
            let mut byte = [0];
            match connection.read(&mut byte).await {
                Ok(_) => {}
                Err(error) => return (began.elapsed(), error.kind()),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_says_nothing_ends_after_the_deadline() {
        let (connection, mut client, _) = connection();
        client.write_all(&b"PRI * HTTP/2.0\r\n"[..]).await.unwrap();
        assert_eq!(end(connection).await, (PREFACE, io::ErrorKind::TimedOut));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_call_ends_and_one_with_a_call_stays() {
        let (connection, mut client, visit) = connection();
        client.write_all(&[b'x'; 24]).await.unwrap();
        let call = visit.call();
        tokio::spawn(async move {
            sleep(IDLE * 10).await;
            drop(call);
        });
        let (took, kind) = end(connection).await;
        assert_eq!((took, kind), (IDLE * 11, io::ErrorKind::TimedOut));
    }
}
