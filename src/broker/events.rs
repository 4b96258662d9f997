//! What happens, told to whoever watches; nobody who watches can slow it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::caller::{Caller, Principal};
use super::error::{Cause, Error};
use super::labels::Labels;
use super::scheduler::{Priority, Why};
use super::session::SessionId;
use super::session::SessionUse;
use super::share::{Full, Place, Places, Share};
use super::{Broker, clock};
use crate::modem::JobId;
use crate::modem::health::{Link, LoggedIn};
use simcom_talk::dialogue::Repaired;

/// Events kept for watchers that are behind. All share them, so a slow watcher costs nothing: 4096
/// are a thousand operations, and about a megabyte.
const KEPT: usize = 4096;

/// Watchers in all, and of one principal. Each costs a stream; a screen needs one.
const WATCHERS: Share = Share {
    in_all: 64,
    of_one: 16,
};

/// Something that happened.
#[derive(Debug, Clone)]
pub struct Event {
    /// Counts the events of this daemon's life from 1 on; a gap is what a watcher lost.
    pub sequence: u64,
    /// When it happened.
    pub time: SystemTime,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum What {
    /// The link changed, or the server that the module is logged in to.
    Link {
        /// Whether jobs are served.
        link: Link,
        /// The server that the module is logged in to.
        logged_in: Option<LoggedIn>,
    },
    /// A rung of the repair ladder was tried.
    Repair(Box<Repaired>),
    /// A virtual session began or ended.
    Session {
        /// Whose and which; `None` where it is another principal's.
        own: Option<(Principal, SessionId)>,
        /// What became of it.
        change: SessionChange,
    },
    /// An operation went on.
    Operation {
        /// Which one.
        about: About,
        /// How it went on.
        change: OperationChange,
    },
}

/// What became of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionChange {
    /// It was opened.
    Opened,
    /// Its client closed it.
    Closed,
    /// Its lease ran out.
    Expired,
}

/// An operation, as others may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Names the operation.
    pub operation: JobId,
    /// Name of the method, for example `Put`.
    pub method: &'static str,
    /// Whose it is; `None` where it is another principal's.
    pub principal: Option<Principal>,
    /// Its server profile; `None` for a server named inline, or where it is another principal's.
    pub profile: Option<Arc<str>>,
    /// How urgent it is.
    pub priority: Priority,
    /// What it is called by; none where it is another principal's.
    pub labels: Labels,
}

/// How an operation went on.
#[derive(Debug, Clone)]
pub enum OperationChange {
    /// It has a place in the queue.
    Admitted {
        /// Operations that have one and have not ended, this one among them.
        admitted: usize,
    },
    /// It has the link for the first time.
    Started {
        /// How long it waited for it.
        waited: Duration,
    },
    /// Bytes of it have moved. Told at intervals.
    Progress {
        /// Bytes so far.
        bytes: u64,
    },
    /// It gave up the link to others, and will go on later.
    Yielded {
        /// Bytes so far.
        bytes: u64,
        /// What for.
        why: Why,
    },
    /// It has the link again after it gave it up.
    Resumed {
        /// How long it waited for it.
        waited: Duration,
    },
    /// It has ended.
    Ended {
        /// Time on the link.
        on_link: Duration,
        /// How it ended.
        outcome: Outcome,
    },
}

/// How an operation ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// As it was meant to.
    Done,
    /// In another way.
    Failed {
        /// In which, as far as others may know.
        how: Failing,
        /// Told to its own principal only.
        why: Option<Box<Error>>,
    },
}

/// How an operation ended that did not end as it was meant to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failing {
    /// Somebody ended it.
    Cancelled,
    /// What was done cannot be known.
    Indeterminate,
    /// It failed.
    Failed,
}

impl From<&Error> for Outcome {
    fn from(error: &Error) -> Self {
        Self::Failed {
            how: match error.cause {
                Cause::Cancelled(_) => Failing::Cancelled,
                Cause::Indeterminate | Cause::SentinelUnknown => Failing::Indeterminate,
                _ => Failing::Failed,
            },
            why: Some(Box::new(error.clone())),
        }
    }
}

/// Tells what happens to all who watch.
#[derive(Debug)]
pub(super) struct Events {
    log: Mutex<Log>,
    watchers: Arc<Places>,
}

#[derive(Debug)]
struct Log {
    sequence: u64,
    tell: broadcast::Sender<Arc<Event>>,
}

impl Default for Events {
    fn default() -> Self {
        let log = Log {
            sequence: 0,
            tell: broadcast::Sender::new(KEPT),
        };
        Self {
            log: Mutex::new(log),
            watchers: Arc::new(Places::new(WATCHERS)),
        }
    }
}

impl Events {
    /// Tells an event. Never waits for a watcher.
    pub(super) fn tell(&self, what: What) {
        super::metrics::event(&what);
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.sequence += 1;
        let event = Event {
            sequence: log.sequence,
            time: clock::wall(clock::now()),
            what,
        };
        // With nobody there, it is told to nobody.
        let _ = log.tell.send(Arc::new(event));
    }

    fn listen(&self) -> broadcast::Receiver<Arc<Event>> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.tell.subscribe()
    }

    fn seat(&self, principal: &Principal) -> Result<Place, Cause> {
        let seat = self.watchers.take(principal);
        seat.map_err(|Full { own }| Cause::TooManyWatchers { own })
    }
}

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

impl Event {
    /// The event without what is another principal's business.
    fn seen_by(&self, principal: &Principal) -> Self {
        let mut event = self.clone();
        match &mut event.what {
            What::Link { .. } | What::Repair(_) => {}
            What::Session { own, .. } => {
                *own = own.take().filter(|(owner, _)| owner == principal);
            }
            What::Operation { about, change } => {
                if about.principal.as_ref() == Some(principal) {
                    return event;
                }
                about.hide();
                if let OperationChange::Ended { outcome, .. } = change
                    && let Outcome::Failed { why, .. } = outcome
                {
                    *why = None;
                }
            }
        }
        event
    }
}

impl About {
    /// Takes away what is another principal's business.
    pub(super) fn hide(&mut self) {
        self.principal = None;
        self.profile = None;
        self.labels = Labels::default();
    }
}
