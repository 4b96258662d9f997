//! What can happen, as those who watch are told it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::broker::terms::{Cause, Error, Labels, Principal, Priority, SessionId, Why};
use crate::modem::JobId;
use crate::modem::health::{Link, LoggedIn};
use simcom_talk::dialogue::Repaired;

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

impl Event {
    /// The event without what is another principal's business.
    pub(crate) fn seen_by(&self, principal: &Principal) -> Self {
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
    pub(crate) fn hide(&mut self) {
        self.principal = None;
        self.profile = None;
        self.labels = Labels::default();
    }
}
