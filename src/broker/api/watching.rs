//! The events of the daemon, for watchers.

use std::sync::Arc;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::broker::Broker;
use crate::broker::catalogue::SessionUse;
use crate::broker::terms::share::Place;
use crate::broker::terms::{Caller, Cause, Error, SessionId, Whose};
use crate::broker::watch::Event;

/// A watcher. Dropping it ends the watch, and lets the sessions that it kept expire.
#[derive(Debug)]
pub struct Watcher {
    whose: Whose,
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
        loop {
            let event = match self.events.recv().await {
                Ok(event) => event,
                Err(RecvError::Lagged(lost)) => return Some(Heard::Lost(lost)),
                Err(RecvError::Closed) => return None,
            };
            let seen = match &self.whose {
                Whose::Own => event.seen_by(self.seat.principal()),
                Whose::All => (*event).clone(),
                Whose::One(principal) if event.concerns(principal) => (*event).clone(),
                Whose::One(_) => continue,
            };
            return Some(Heard::Event(seen));
        }
    }
}

impl Broker {
    /// Watches the events from now on: with [`Whose::Own`] all of them, without the facts that belong to others;
    /// with [`Whose::All`] all of them; else those of one principal and of the link. The given sessions do not expire
    /// meanwhile.
    ///
    /// # Errors
    /// [`Cause::TooManyWatchers`], or [`Cause::SessionNotFound`] for any of the sessions.
    pub fn watch(
        &self,
        caller: &Caller,
        whose: Whose,
        sessions: &[SessionId],
    ) -> Result<Watcher, Error> {
        let seat = self.shared.events.seat(&caller.principal)?;
        let kept: Result<Vec<_>, Cause> = sessions
            .iter()
            .map(|id| self.use_session(caller, id).map(|(_, held)| held))
            .collect();
        Ok(Watcher {
            whose,
            events: self.shared.events.listen(),
            seat,
            _sessions: kept?,
        })
    }
}
