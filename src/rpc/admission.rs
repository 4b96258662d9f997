//! Admission of connections: how many there may be at once, in all and of one client.

use std::sync::Arc;
use std::time::Duration;

use super::connection::{Connection, Duplex};
use super::connection_info::ConnectionInfo;
use super::limits::{ARRIVAL, Limits, TELLING};
use super::pace::Paces;
use super::peer::Peer;
use crate::broker::terms::share::{Full, Place, Places, Share};
use crate::modem::clock;

/// Connections beyond the bound that get a status which says so; further ones are closed. So a client that
/// comes when all places are taken learns why, and that it may come again.
const TURNED_AWAY: Share = Share {
    in_all: 32,
    of_one: 8,
};

/// How long such a connection stays without a call. A client calls at once.
const TOLD: Duration = Duration::from_secs(2);

/// The connections that are open, and the places that are left.
#[derive(Debug)]
pub(super) struct Admission {
    idle: Duration,
    places: Arc<Places>,
    turned_away: Arc<Places>,
    /// How fast each client sends frames, how fast it opens connections, and how fast it gets a status about
    /// connections beyond the bound.
    paces: Paces,
    arrivals: Paces,
    told: Paces,
}

impl Admission {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            idle: limits.idle,
            places: Arc::new(Places::new(limits.connections)),
            turned_away: Arc::new(Places::new(TURNED_AWAY)),
            paces: Paces::default(),
            arrivals: Paces::default(),
            told: Paces::default(),
        }
    }

    /// Admits a client where there is a place, or admits it only to get a status which says that there is none.
    /// `None`: the connection is closed, since there is no place even for that.
    pub(super) fn receive(&self, stream: impl Duplex + 'static, peer: Peer) -> Option<Connection> {
        let (info, idle, place) = self.place(peer)?;
        let pace = self.paces.of(info.principal());
        Some(Connection::new(stream, info, pace, idle, place))
    }

    fn enter(&self, info: &ConnectionInfo) -> Result<Place, Full> {
        let (pace, now) = (self.arrivals.of(info.principal()), clock::now());
        if pace.wait(now).is_some() {
            return Err(Full { own: true });
        }
        pace.pay(ARRIVAL, now);
        self.places.take(info.principal())
    }

    fn place(&self, peer: Peer) -> Option<(ConnectionInfo, Duration, Place)> {
        let info = ConnectionInfo::new(peer, None);
        let full = match self.enter(&info) {
            Ok(place) => return Some((info, self.idle, place)),
            Err(full) => full,
        };
        tracing::warn!(principal = %info.principal(), own = full.own, "too many connections");
        let (pace, now) = (self.told.of(info.principal()), clock::now());
        if pace.wait(now).is_some() {
            return None;
        }
        let place = self.turned_away.take(info.principal()).ok()?;
        pace.pay(TELLING, now);
        let info = ConnectionInfo::new(info.peer().clone(), Some(full));
        Some((info, TOLD, place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client that opened connections without end used most of a processor.
    #[tokio::test(start_paused = true)]
    async fn who_opens_connections_too_fast_is_turned_away_and_others_are_not() {
        let admission = Admission::new(&Limits::default());
        let comes = |peer: Peer| {
            admission
                .place(peer)
                .is_some_and(|(info, ..)| info.turned_away().is_none())
        };
        let at_once = (0..2000).filter(|_| comes(Peer::Tcp)).count();
        assert_eq!(at_once, 626);
        assert!(comes(Peer::User(7)));
        tokio::time::sleep(Duration::from_secs(1)).await;
        let later = (0..2000).filter(|_| comes(Peer::Tcp)).count();
        assert!((310..=314).contains(&later), "{later}");
    }

    /// Each connection that got such a status took a place, and its end made room for the next at once.
    #[tokio::test(start_paused = true)]
    async fn who_comes_too_fast_is_told_so_now_and_then() {
        let admission = Admission::new(&Limits::default());
        let told = || {
            let came = (0..5000).filter_map(|_| admission.place(Peer::Tcp));
            came.filter(|(info, ..)| info.turned_away().is_some())
                .count()
        };
        assert_eq!(told(), 63);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let later = told();
        assert!((30..=32).contains(&later), "{later}");
    }

    #[test]
    fn who_finds_no_room_is_told_so_and_beyond_that_nobody_is_kept() {
        let admission = Admission::new(&Limits {
            connections: Share {
                in_all: 8,
                of_one: 4,
            },
            ..Limits::default()
        });
        let mut inside = Vec::new();
        while let Some((info, idle, place)) = admission.place(Peer::Tcp) {
            inside.push((info.turned_away().is_some(), idle, place));
        }
        let row = format!("where {} are being told so", TURNED_AWAY.in_all);
        assert!(include_str!("../../README.md").contains(&row), "{row}");
        let told = inside.iter().filter(|(told, ..)| *told).count();
        assert_eq!((inside.len(), told), (4 + 8, 8));
        let (other, ..) = admission.place(Peer::User(7)).unwrap();
        assert!(other.turned_away().is_none(), "another has a place");
    }
}
