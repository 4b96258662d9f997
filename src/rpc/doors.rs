//! Where callers come in, and how they are let in.

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

use super::auth::Peer;
use super::connection::Connection;
use super::guests::Guests;
use super::handshake::Handshakes;
use super::limits::Limits;
use super::listen::{TcpDoor, UnixDoor};

/// Pause after a connection could not be accepted. The cause is mostly that all file descriptors
/// are in use, which passes as callers leave.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Where callers come in.
#[derive(Debug, Default)]
pub struct Doors {
    /// A unix socket.
    pub unix: Option<UnixDoor>,
    /// A TCP port.
    pub tcp: Option<TcpDoor>,
    /// How much those who come in may take.
    pub limits: Limits,
}

impl Doors {
    /// Where they are, as clients write it.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        let unix = self.unix.iter();
        let unix = unix.map(|door| format!("unix:{}", door.path().display()));
        unix.chain(self.tcp.iter().filter_map(TcpDoor::uri))
            .collect()
    }

    /// Those who come in. Once `stop` is cancelled, nobody is taken from a socket that was passed on:
    /// it stays, and the next daemon serves who waits there.
    pub(super) fn connections(
        self,
        stop: CancellationToken,
    ) -> impl Stream<Item = io::Result<Connection>> {
        let guests = Arc::new(Guests::new(&self.limits));
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
        let at_unix = Arc::clone(&guests);
        let unix = unix.filter_map(move |(stream, peer)| at_unix.receive(stream, peer));
        let tcp = tcp.filter_map(move |(stream, peer)| match stream {
            Either::Left(plain) => guests.receive(plain, peer),
            Either::Right(tls) => guests.receive(*tls, peer),
        });
        unix.merge(tcp).map(Ok)
    }
}

/// The TCP port, with those who are about to come in.
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
    // Small messages go out at once.
    stream.set_nodelay(true)?;
    Ok((stream, from))
}

/// The next who comes in; nobody, where the socket is another's after `stop`.
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

/// The next that can be accepted.
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
