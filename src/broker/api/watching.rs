//! The events of the daemon, for whoever watches.

use std::sync::Arc;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::broker::Broker;
use crate::broker::catalogue::SessionUse;
use crate::broker::terms::share::Place;
use crate::broker::terms::{Caller, Cause, Error, SessionId};
use crate::broker::watch::Event;

/// One who watches. Dropping it ends the watch, and lets go of the sessions that it kept.
#[derive(Debug)]
pub struct Watcher {
    events: broadcast::Receiver<Arc<Event>>,
    seat: Place,
    _sessions: Vec<SessionUse>,
}

/// What a watcher hears.
#[derive(Debug, Clone)]
pub enum Heard {
    /// The next event.
    Event(Event),
    /// It was too slow: so many events are gone.
    Lost(u64),
}

impl Watcher {
    /// Waits for the next event. Cancel-safe. `None`: there will be no more.
    pub async fn next(&mut self) -> Option<Heard> {
        match self.events.recv().await {
            Ok(event) => Some(Heard::Event(event.seen_by(self.seat.principal()))),
            Err(RecvError::Lagged(lost)) => Some(Heard::Lost(lost)),
            Err(RecvError::Closed) => None,
        }
    }
}

impl Broker {
    /// Watches what happens from now on. The sessions named do not expire meanwhile.
    ///
    /// # Errors
    /// [`Cause::TooManyWatchers`], or [`Cause::SessionNotFound`] for any of the sessions.
    pub fn watch(&self, caller: &Caller, sessions: &[SessionId]) -> Result<Watcher, Error> {
        let seat = self.shared.events.seat(&caller.principal)?;
        let kept: Result<Vec<_>, Cause> = sessions
            .iter()
            .map(|id| self.use_session(caller, id).map(|(_, held)| held))
            .collect();
        Ok(Watcher {
            events: self.shared.events.listen(),
            seat,
            _sessions: kept?,
        })
    }
}
