//! The events of the daemon, for watchers.

use std::sync::Arc;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::broker::Broker;
use crate::broker::catalogue::SessionUse;
use crate::broker::terms::share::Place;
use crate::broker::terms::{Caller, Cause, Error, SessionId};
use crate::broker::watch::Event;

/// A watcher. Dropping it ends the watch, and lets the sessions that it kept expire.
#[derive(Debug)]
pub struct Watcher {
    events: broadcast::Receiver<Arc<Event>>,
    seat: Place,
    _sessions: Vec<SessionUse>,
}

/// What a watcher receives.
#[derive(Debug, Clone)]
pub enum Heard {
    /// The next event.
    Event(Event),
    /// The watcher was too slow: this many events are lost.
    Lost(u64),
}

impl Watcher {
    /// Waits for the next event. Cancel-safe. `None`: no more events will come.
    pub async fn next(&mut self) -> Option<Heard> {
        match self.events.recv().await {
            Ok(event) => Some(Heard::Event(event.seen_by(self.seat.principal()))),
            Err(RecvError::Lagged(lost)) => Some(Heard::Lost(lost)),
            Err(RecvError::Closed) => None,
        }
    }
}

impl Broker {
    /// Watches the events from now on. The given sessions do not expire meanwhile.
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
