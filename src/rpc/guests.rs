//! Who is let in, and who is turned away.

use std::sync::Arc;
use std::time::Duration;

use super::auth::Peer;
use super::connection::{Connection, Duplex};
use super::limits::{ARRIVAL, Limits, TELLING};
use super::pace::Paces;
use super::visit::Visit;
use crate::broker::terms::share::{Full, Place};
use crate::broker::terms::share::{Places, Share};
use crate::modem::clock;

/// Connections beyond the bound that are told so; others are closed. A client that comes when all is
/// full learns why, and that it may come again.
const TURNED_AWAY: Share = Share {
    in_all: 32,
    of_one: 8,
};

/// How long such a connection stays without a call: a client asks at once.
const TOLD: Duration = Duration::from_secs(2);

/// Those who are in.
#[derive(Debug)]
pub(super) struct Guests {
    idle: Duration,
    places: Arc<Places>,
    turned_away: Arc<Places>,
    /// How fast each sends frames, how fast it opens connections, and how fast it is told of those that are too
    /// many.
    paces: Paces,
    arrivals: Paces,
    told: Paces,
}

impl Guests {
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

    /// Lets a client in where there is room, or lets it be told that there is none. `None`: there is
    /// not even room for that.
    pub(super) fn receive(&self, stream: impl Duplex + 'static, peer: Peer) -> Option<Connection> {
        let (visit, idle, place) = self.place(peer)?;
        let pace = self.paces.of(visit.principal());
        Some(Connection::new(stream, visit, pace, idle, place))
    }

    fn enter(&self, visit: &Visit) -> Result<Place, Full> {
        let (pace, now) = (self.arrivals.of(visit.principal()), clock::now());
        if pace.wait(now).is_some() {
            return Err(Full { own: true });
        }
        pace.pay(ARRIVAL, now);
        self.places.take(visit.principal())
    }

    fn place(&self, peer: Peer) -> Option<(Visit, Duration, Place)> {
        let visit = Visit::new(peer, None);
        let full = match self.enter(&visit) {
            Ok(place) => return Some((visit, self.idle, place)),
            Err(full) => full,
        };
        tracing::warn!(principal = %visit.principal(), own = full.own, "too many connections");
        let (pace, now) = (self.told.of(visit.principal()), clock::now());
        if pace.wait(now).is_some() {
            return None;
        }
        let place = self.turned_away.take(visit.principal()).ok()?;
        pace.pay(TELLING, now);
        let visit = Visit::new(visit.peer().clone(), Some(full));
        Some((visit, TOLD, place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client that opened connections without end had most of a processor.
    #[tokio::test(start_paused = true)]
    async fn who_opens_connections_too_fast_is_turned_away_and_others_are_not() {
        let guests = Guests::new(&Limits::default());
        let comes = |peer: Peer| {
            guests
                .place(peer)
                .is_some_and(|(visit, ..)| visit.turned_away().is_none())
        };
        let at_once = (0..2000).filter(|_| comes(Peer::Tcp)).count();
        assert_eq!(at_once, 626);
        assert!(comes(Peer::User(7)));
        tokio::time::sleep(Duration::from_secs(1)).await;
        let later = (0..2000).filter(|_| comes(Peer::Tcp)).count();
        assert!((310..=314).contains(&later), "{later}");
    }

    /// Each that was told so was let in for it, and made room for the next as soon as it left.
    #[tokio::test(start_paused = true)]
    async fn who_comes_too_fast_is_told_so_now_and_then() {
        let guests = Guests::new(&Limits::default());
        let told = || {
            let came = (0..5000).filter_map(|_| guests.place(Peer::Tcp));
            came.filter(|(visit, ..)| visit.turned_away().is_some())
                .count()
        };
        assert_eq!(told(), 63);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let later = told();
        assert!((30..=32).contains(&later), "{later}");
    }

    #[test]
    fn who_finds_no_room_is_told_so_and_beyond_that_nobody_is_kept() {
        let guests = Guests::new(&Limits {
            connections: Share {
                in_all: 8,
                of_one: 4,
            },
            ..Limits::default()
        });
        let mut inside = Vec::new();
        while let Some((visit, idle, place)) = guests.place(Peer::Tcp) {
            inside.push((visit.turned_away().is_some(), idle, place));
        }
        let row = format!("where {} are being told so", TURNED_AWAY.in_all);
        assert!(
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).contains(&row),
            "{row}"
        );
        let told = inside.iter().filter(|(told, ..)| *told).count();
        assert_eq!((inside.len(), told), (4 + 8, 8));
        let (other, ..) = guests.place(Peer::User(7)).unwrap();
        assert!(other.turned_away().is_none(), "another has a place");
    }
}
