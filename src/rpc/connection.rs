//! A connection through any of the doors.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};
use tonic::transport::server::Connected;

use super::limits::PREFACE;
use super::visit::Visit;
use crate::broker::modem::clock;
use crate::broker::share::Place;

/// What HTTP/2 begins with has so many bytes (RFC 9113 §3.4).
const PREFACE_LEN: usize = 24;

/// A connection, with the identity of who is at its other end. It ends by itself when it does not
/// begin, and when it has had no call for too long.
pub(super) struct Connection {
    stream: Box<dyn Duplex>,
    visit: Visit,
    /// Bytes of the preface that are to come.
    to_begin: usize,
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
        idle: Duration,
        place: Place,
    ) -> Self {
        Self {
            stream: Box::new(stream),
            visit,
            to_begin: PREFACE_LEN,
            idle,
            timer: Box::pin(sleep(PREFACE)),
            _place: place,
        }
    }

    /// Whether its time is over.
    fn over(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while self.timer.as_mut().poll(cx).is_ready() {
            if self.to_begin > 0 {
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

    fn came(&mut self, bytes: usize) {
        let before = self.to_begin;
        self.to_begin = before.saturating_sub(bytes);
        if before > 0 && self.to_begin == 0 {
            self.timer.as_mut().reset(clock::now() + self.idle);
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
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        match read {
            Poll::Ready(_) => self.came(buffer.filled().len() - before),
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
    use std::sync::Arc;

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
            Connection::new(ours, visit.clone(), IDLE, place),
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
        client.write_all(&[b'x'; PREFACE_LEN]).await.unwrap();
        let call = visit.call();
        tokio::spawn(async move {
            sleep(IDLE * 10).await;
            drop(call);
        });
        let (took, kind) = end(connection).await;
        assert_eq!((took, kind), (IDLE * 11, io::ErrorKind::TimedOut));
    }
}
