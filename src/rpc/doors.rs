//! The sockets that the daemon listens on, and the connections that they accept.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::Either;
use futures_util::stream::unfold;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;
use tokio_stream::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;

use super::admission::Admission;
use super::connection::Connection;
use super::handshake::Handshakes;
use super::limits::Limits;
use super::listen::{TcpDoor, UnixDoor};
use super::peer::Peer;

/// Pause after a connection could not be accepted. Mostly all file descriptors are in use then, which passes as
/// callers leave.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// The sockets that the daemon listens on.
#[derive(Debug, Default)]
pub struct Doors {
    /// A unix socket.
    pub unix: Option<UnixDoor>,
    /// A TCP port.
    pub tcp: Option<TcpDoor>,
    /// The bounds of connections and calls.
    pub limits: Limits,
}

impl Doors {
    /// Their addresses, as clients write them.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        let unix = self.unix.iter();
        let unix = unix.map(|door| format!("unix:{}", door.path().display()));
        unix.chain(self.tcp.iter().filter_map(TcpDoor::uri))
            .collect()
    }

    /// The connections that are accepted. Once `stop` is cancelled, none is accepted from a socket that was
    /// passed on: the socket stays, and the next daemon serves whoever waits there.
    pub(super) fn connections(
        self,
        stop: CancellationToken,
    ) -> impl Stream<Item = io::Result<Connection>> {
        let admission = Arc::new(Admission::new(&self.limits));
        let unix = self.unix.map(|door| (door, stop.clone()));
        let unix = unfold(unix, async |door| {
            let (door, stop) = door?;
            let next = accept(|| async {
                let (stream, _) = door.listener().accept().await?;
                let peer = Peer::User(stream.peer_cred()?.uid());
                Ok((stream, peer))
            });
            let arrival = unless_passed_on(next, door.is_passed(), &stop).await;
            Some((arrival, Some((door, stop))))
        });
        let tcp = self.tcp.map(|door| (door.is_passed(), door, stop));
        let tcp = tcp.map(|(passed, door, stop)| (passed, Tcp::new(door), stop));
        let tcp = unfold(tcp, async |door| {
            let (passed, mut door, stop) = door?;
            let arrival = unless_passed_on(door.next(), passed, &stop).await;
            Some((arrival, Some((passed, door, stop))))
        });
        let at_unix = Arc::clone(&admission);
        let unix = unix.filter_map(move |(stream, peer)| at_unix.receive(stream, peer));
        let tcp = tcp.filter_map(move |(stream, peer)| match stream {
            Either::Left(plain) => admission.receive(plain, peer),
            Either::Right(tls) => admission.receive(*tls, peer),
        });
        unix.merge(tcp).map(Ok)
    }
}

/// The TCP port, with the TLS handshakes under way.
#[derive(Debug)]
struct Tcp {
    listener: TcpListener,
    handshakes: Option<Handshakes<TcpStream>>,
}

impl Tcp {
    fn new(door: TcpDoor) -> Self {
        let (listener, tls) = door.into_parts();
        Self {
            listener,
            handshakes: tls.map(Handshakes::new),
        }
    }

    async fn next(&mut self) -> (Either<TcpStream, Box<TlsStream<TcpStream>>>, Peer) {
        let Self {
            listener,
            handshakes,
        } = self;
        let Some(handshakes) = handshakes else {
            let (stream, _) = accept(|| arrival(listener)).await;
            return (Either::Left(stream), Peer::Tcp);
        };
        loop {
            tokio::select! {
                (stream, peer) = handshakes.next() => {
                    return (Either::Right(Box::new(stream)), peer);
                }
                (stream, from) = accept(|| arrival(listener)) => handshakes.begin(stream, from),
            }
        }
    }
}

async fn arrival(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, from) = listener.accept().await?;
    // Small messages are sent at once.
    stream.set_nodelay(true)?;
    Ok((stream, from))
}

/// The next connection. Never completes after `stop` where the socket was passed on.
async fn unless_passed_on<T>(
    next: impl Future<Output = T>,
    passed: bool,
    stop: &CancellationToken,
) -> T {
    if !passed {
        return next.await;
    }
    tokio::select! {
        biased;
        () = stop.cancelled() => pending().await,
        next = next => next,
    }
}

/// The next connection that can be accepted.
async fn accept<T, F: Future<Output = io::Result<T>>>(mut next: impl FnMut() -> F) -> T {
    loop {
        match next().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}
