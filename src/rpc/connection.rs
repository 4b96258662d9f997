//! A connection, over the unix socket or TCP.

use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Sleep, sleep};
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use super::connection_info::ConnectionInfo;
use super::limits::PREFACE;
use super::pace::{Frames, Pace, Wait};
use crate::broker::terms::share::Place;
use crate::modem::clock;

/// A connection, and who is at its other end. It ends by itself when HTTP/2 does not begin in time, and when it
/// has had no call for too long.
pub(super) struct Connection {
    stream: Box<dyn Duplex>,
    info: ConnectionInfo,
    frames: Frames,
    pace: Arc<Pace>,
    /// Nothing is read until this wait is over, since its client has sent too much.
    held: Option<Wait>,
    idle: Duration,
    timer: Pin<Box<Sleep>>,
    _place: Place,
}

/// A stream of bytes with its readiness.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {
    /// What the system says of it now, without a read.
    fn readiness(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>>;
}

impl Connection {
    /// `idle`: the connection ends after this time without a call. It holds `place` as long as it lives.
    pub(super) fn new(
        stream: impl Duplex + 'static,
        info: ConnectionInfo,
        pace: Arc<Pace>,
        idle: Duration,
        place: Place,
    ) -> Self {
        Self {
            stream: Box::new(stream),
            info,
            frames: Frames::new(),
            pace,
            held: None,
            idle,
            timer: Box::pin(sleep(PREFACE)),
            _place: place,
        }
    }

    /// An error where the connection has to end because of time.
    fn over(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while self.timer.as_mut().poll(cx).is_ready() {
            if !self.frames.begun() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let now = clock::now();
            let ends = self.info.idle_since().unwrap_or(now) + self.idle;
            if ends <= now {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.timer.as_mut().reset(ends);
        }
        Ok(())
    }

    /// Whether it is not read yet.
    fn is_held(&mut self, cx: &mut Context<'_>) -> bool {
        loop {
            if let Some(held) = &mut self.held
                && Pin::new(held).poll(cx).is_pending()
            {
                return true;
            }
            // This wait is over. Other connections of the client may have sent meanwhile.
            self.held = None;
            self.held = self.pace.hold(clock::now());
            if self.held.is_none() {
                return false;
            }
        }
    }

    /// Whether its client has closed it. HTTP/2 has no connection that is closed on one side only.
    fn is_left(&self, cx: &mut Context<'_>) -> bool {
        match self.stream.readiness(cx) {
            Poll::Ready(Ok(ready)) => ready.is_read_closed(),
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
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

impl Duplex for TcpStream {
    fn readiness(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        pin!(self.ready(Interest::READABLE)).poll(cx)
    }
}

impl Duplex for UnixStream {
    fn readiness(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        pin!(self.ready(Interest::READABLE)).poll(cx)
    }
}

impl Duplex for TlsStream<TcpStream> {
    fn readiness(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        self.get_ref().0.readiness(cx)
    }
}

impl Connected for Connection {
    type ConnectInfo = ConnectionInfo;

    fn connect_info(&self) -> ConnectionInfo {
        self.info.clone()
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
            // The client has left: nothing that it sent is worth doing.
            return if self.is_left(cx) {
                Poll::Ready(Ok(()))
            } else {
                Poll::Pending
            };
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
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::Instant;

    use super::*;
    use crate::broker::terms::share::{Places, Share};
    use crate::rpc::limits::WORK_AT_ONCE;
    use crate::rpc::peer::Peer;

    const IDLE: Duration = Duration::from_secs(60);

    fn connection() -> (Connection, UnixStream, ConnectionInfo) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let info = ConnectionInfo::new(Peer::Tcp, None);
        let places = Arc::new(Places::new(Share {
            in_all: 1,
            of_one: 1,
        }));
        let place = places.take(info.principal()).unwrap();
        (
            Connection::new(ours, info.clone(), Arc::default(), IDLE, place),
            theirs,
            info,
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
        let (connection, mut client, info) = connection();
        client.write_all(&[b'x'; 24]).await.unwrap();
        let call = info.call();
        tokio::spawn(async move {
            sleep(IDLE * 10).await;
            drop(call);
        });
        let (took, kind) = end(connection).await;
        assert_eq!((took, kind), (IDLE * 11, io::ErrorKind::TimedOut));
    }

    /// 850 connections were open whose clients had left, and each of their calls was begun and given up.
    #[tokio::test(start_paused = true)]
    async fn who_leaves_while_it_has_to_wait_is_not_read_any_more() {
        let (mut connection, mut client, _) = connection();
        let now = clock::now();
        connection.pace.pay(100 * WORK_AT_ONCE, now);
        client.write_all(&[b'x'; 1000]).await.unwrap();
        let mut bytes = [0; 1000];
        let waits = tokio::time::timeout(PREFACE / 2, connection.read(&mut bytes)).await;
        assert!(waits.is_err(), "it is held");
        drop(client);
        let read = tokio::time::timeout(PREFACE / 4, connection.read(&mut bytes)).await;
        assert_eq!(read.unwrap().unwrap(), 0, "that is its end");
    }
}
