//! The events that watchers receive.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::broker::terms::{Cause, Error, Labels, Principal, Priority, SessionId, YieldReason};
use crate::modem::JobId;
use crate::modem::health::{LinkState, LoggedIn};
use simcom_talk::dialogue::Repaired;

/// Something that happened.
#[derive(Debug, Clone)]
pub struct Event {
    /// Numbers the events of this daemon run from 1 on; a gap is what a watcher lost.
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
        /// Whether the module serves jobs.
        link: LinkState,
        /// The server that the module is logged in to.
        logged_in: Option<LoggedIn>,
    },
    /// A rung of the repair ladder was tried.
    Repair(Box<Repaired>),
    /// A virtual session began or ended.
    Session {
        /// The session and its principal; `None` where it is another principal's.
        own: Option<(Principal, SessionId)>,
        /// What happened to it.
        change: SessionChange,
    },
    /// An operation went on.
    Operation {
        /// The operation.
        about: About,
        /// What happened to it.
        change: OperationChange,
    },
}

/// What happened to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionChange {
    /// It was opened.
    Opened,
    /// Its client closed it, or a reload did: its profile leads to another account by now.
    Closed,
    /// Its lease ran out.
    Expired,
}

/// An operation, as watchers may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Identifies the operation.
    pub operation: JobId,
    /// Name of the method, for example `Put`.
    pub method: &'static str,
    /// Its principal; `None` where it is another one than the watcher.
    pub principal: Option<Principal>,
    /// Its server profile; `None` for a server named inline, or where it is another principal's.
    pub profile: Option<Arc<str>>,
    /// The path that it is about, on its server or on the module; `None` where there is none or are many, or where it
    /// is another principal's.
    pub path: Option<Arc<str>>,
    /// How urgent it is.
    pub priority: Priority,
    /// Its labels; none where it is another principal's.
    pub labels: Labels,
}

/// What happened to an operation.
#[derive(Debug, Clone)]
pub enum OperationChange {
    /// It has a place in the queue.
    Admitted {
        /// Operations that have a place and have not ended, including this one.
        admitted: usize,
    },
    /// It has the link for the first time.
    Started {
        /// How long it waited for the link.
        waited: Duration,
    },
    /// It has moved bytes. Watchers get this at intervals.
    Progress {
        /// Bytes so far.
        bytes: u64,
    },
    /// It gave up the link to others, and will resume later.
    Yielded {
        /// Bytes so far.
        bytes: u64,
        /// The reason.
        why: YieldReason,
    },
    /// It has the link again after it yielded.
    Resumed {
        /// How long it waited for the link.
        waited: Duration,
    },
    /// It has ended.
    Ended {
        /// Time on the link.
        on_link: Duration,
        /// Bytes that it has moved.
        bytes: u64,
        /// Its result.
        outcome: Outcome,
    },
}

/// How an operation ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It succeeded.
    Done,
    /// It did not succeed.
    Failed {
        /// The kind of failure that others may know.
        how: Failing,
        /// The error; only its own principal sees it.
        why: Option<Box<Error>>,
    },
}

/// How an operation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failing {
    /// A call cancelled it.
    Cancelled,
    /// Nobody can know what it did.
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
    /// Whether it is about this principal, or about the link, which is everybody's.
    pub(crate) fn concerns(&self, principal: &Principal) -> bool {
        match &self.what {
            What::Link { .. } | What::Repair(_) => true,
            What::Session { own, .. } => own.as_ref().is_some_and(|(owner, _)| owner == principal),
            What::Operation { about, .. } => about.principal.as_ref() == Some(principal),
        }
    }

    /// The event without the facts that belong to another principal.
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
    /// Removes the facts that belong to another principal.
    pub(crate) fn hide(&mut self) {
        self.principal = None;
        self.profile = None;
        self.path = None;
        self.labels = Labels::default();
    }
}
