//! The TLS handshakes under way.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::certificate::{self, Nameless};
use super::limits::ARRIVAL;
use super::pace::{Pace, Paces};
use super::peer::Peer;
use super::tls::Tls;
use crate::broker::terms::Principal;
use crate::modem::clock;

/// How long a handshake may take. It is two round trips and a signature, which the slowest client makes in a
/// second or two. A lost packet is sent again three times within this time.
const DEADLINE: Duration = Duration::from_secs(10);

/// Handshakes at once. Each is a task and some kilobytes. More than a few that are not stalled mean that all
/// clients of a site come back at once after a power cut.
const AT_ONCE: usize = 64;

/// Handshakes under way, each in a task of its own: a handshake that stalls delays nobody, and ends at its
/// deadline. Beyond the bound, the oldest handshake of the address that has the most is aborted; it is most
/// likely a stalled one. So an address that begins many takes the places of no other.
///
/// A drop of this value ends them all.
#[derive(Debug)]
pub(super) struct Handshakes<S> {
    tls: watch::Receiver<Tls>,
    running: JoinSet<Option<(TlsStream<S>, Peer)>>,
    /// The running handshakes, the oldest first, and some that have ended.
    by_age: VecDeque<(IpAddr, AbortHandle)>,
    /// How fast each address may begin handshakes.
    paces: Paces,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Handshakes<S> {
    /// Each handshake uses the certificates that `tls` has when it begins.
    pub(super) fn new(tls: watch::Receiver<Tls>) -> Self {
        Self {
            tls,
            running: JoinSet::new(),
            by_age: VecDeque::new(),
            paces: Paces::default(),
        }
    }

    /// Begins a handshake with a client at the address `from`.
    pub(super) fn begin(&mut self, stream: S, from: SocketAddr) {
        self.by_age
            .retain(|(_, handshake)| !handshake.is_finished());
        if self.by_age.len() >= AT_ONCE
            && let Some((whose, oldest)) = self.makes_room().and_then(|at| self.by_age.remove(at))
        {
            tracing::warn!(from = %whose, "{AT_ONCE} TLS handshakes are under way; one makes room");
            oldest.abort();
        }
        let pace = self.paces.of(&Principal::new(from.ip().to_string()));
        let handshake = handshake(self.tls.borrow().acceptor(), stream, from, pace);
        let running = self.running.spawn(handshake);
        self.by_age.push_back((from.ip(), running));
    }

    /// Which handshake is aborted for another.
    fn makes_room(&self) -> Option<usize> {
        let of = |from: &IpAddr| {
            self.by_age
                .iter()
                .filter(|(other, _)| other == from)
                .count()
        };
        let most = self.by_age.iter().map(|(from, _)| of(from)).max()?;
        self.by_age.iter().position(|(from, _)| of(from) == most)
    }

    /// The next handshake that succeeds. Waits for ever where there is none. Cancel-safe.
    pub(super) async fn next(&mut self) -> (TlsStream<S>, Peer) {
        loop {
            match self.running.join_next().await {
                Some(Ok(Some(done))) => return done,
                // It failed, or was aborted for another.
                Some(Ok(None) | Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }
}

async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    acceptor: TlsAcceptor,
    stream: S,
    from: SocketAddr,
    pace: Arc<Pace>,
) -> Option<(TlsStream<S>, Peer)> {
    let shaking = async {
        while let Some(held) = pace.hold(clock::now()) {
            held.await;
        }
        pace.pay(ARRIVAL, clock::now());
        acceptor.accept(stream).await
    };
    match timeout(DEADLINE, shaking).await {
        Ok(Ok(stream)) => {
            let peer = match peer(&stream) {
                Ok(name) => Peer::Certificate(name.into()),
                Err(why) => Peer::Nameless(why),
            };
            tracing::debug!(%from, ?peer, "a client came in");
            Some((stream, peer))
        }
        Ok(Err(error)) => {
            tracing::info!(%from, %error, "a client did not come in: the TLS handshake failed");
            None
        }
        Err(_) => {
            tracing::info!(%from, "a client did not come in: no TLS handshake in {DEADLINE:?}");
            None
        }
    }
}

/// The name in the client's certificate, whose key the client has proved to have.
fn peer<S>(stream: &TlsStream<S>) -> Result<String, Nameless> {
    let (_, session) = stream.get_ref();
    let own = session.peer_certificates().and_then(|chain| chain.first());
    certificate::name(own.ok_or(Nameless::NoName)?)
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    use tokio::io::{AsyncReadExt, DuplexStream, duplex};

    use super::*;

    const FROM: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

    fn handshakes() -> Handshakes<DuplexStream> {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let made = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let (pem, key) = (made.pem(), made.key().serialize_pem());
        let tls = Tls::from_pem(pem.as_bytes(), key.as_bytes(), pem.as_bytes(), None).unwrap();
        Handshakes::new(watch::Sender::new(tls).subscribe())
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_says_nothing_is_gone_after_the_deadline() {
        let mut handshakes = handshakes();
        let (mut client, server) = duplex(1024);
        let began = clock::now();
        handshakes.begin(server, FROM);
        let mut said = Vec::new();
        tokio::select! {
            (_, peer) = handshakes.next() => panic!("{peer:?} came in"),
            ended = client.read_to_end(&mut said) => assert_eq!(ended.unwrap(), 0),
        }
        assert_eq!(began.elapsed(), DEADLINE);
    }

    /// A client that opened connections without end took the place of a client with a slow line.
    #[tokio::test(start_paused = true)]
    async fn who_opens_many_makes_room_and_not_another_address() {
        let mut handshakes = handshakes();
        let (mut slow, server) = duplex(1024);
        handshakes.begin(server, SocketAddr::new([10, 0, 0, 7].into(), 1));
        let mut many: Vec<DuplexStream> = Vec::new();
        for _ in 0..3 * AT_ONCE {
            let (client, server) = duplex(1024);
            handshakes.begin(server, FROM);
            many.push(client);
        }
        let began = clock::now();
        assert_eq!(many[0].read(&mut [0]).await.unwrap(), 0);
        assert!(began.elapsed().is_zero(), "the oldest of many makes room");
        assert_eq!(slow.read(&mut [0]).await.unwrap(), 0);
        assert_eq!(began.elapsed(), DEADLINE, "the slow one has its time");
    }

    /// Each handshake costs a signature: a client without a certificate used a whole processor.
    #[tokio::test(start_paused = true)]
    async fn who_begins_many_waits() {
        let mut handshakes = handshakes();
        let began = clock::now();
        for at in 0..700 {
            let (client, server) = duplex(1024);
            drop(client);
            handshakes.begin(server, FROM);
            // It ends at once where it begins.
            while at < 600 && handshakes.running.join_next().await.is_some() {}
        }
        assert!(began.elapsed().is_zero(), "six hundred come at once");
        while handshakes.running.join_next().await.is_some() {}
        assert!(!began.elapsed().is_zero(), "and others later");
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_makes_room() {
        let (seconds, row) = (DEADLINE.as_secs(), "to do a TLS handshake |");
        let row = format!("{row} {seconds} s | {AT_ONCE} handshakes |");
        assert!(
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).contains(&row),
            "{row}"
        );
        let mut handshakes = handshakes();
        let mut clients: Vec<DuplexStream> = Vec::new();
        let began = clock::now();
        for _ in 0..=AT_ONCE {
            let (client, server) = duplex(1024);
            handshakes.begin(server, FROM);
            clients.push(client);
        }
        let ended = async |client: &mut DuplexStream| client.read(&mut [0]).await.unwrap();
        assert_eq!(ended(&mut clients[0]).await, 0);
        assert!(began.elapsed().is_zero(), "{:?}", began.elapsed());
        assert_eq!(ended(&mut clients[1]).await, 0);
        assert_eq!(began.elapsed(), DEADLINE);
    }
}
