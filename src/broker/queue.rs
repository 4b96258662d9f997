//! The queue, for those who want to look at it.

use std::time::Duration;

use tokio::time::Instant;

use super::Broker;
use super::caller::{Caller, Whose};
use super::error::{Cause, Error};
use super::estimate::Costs;
use super::events::About;
pub use super::link::Place;
pub use super::operation::Ended;
use crate::modem::{JobId, clock};

/// The queue at one moment.
#[derive(Debug, Clone)]
pub struct Queue {
    /// The operation on the link, those that wait in the order that is to be expected, and those
    /// that need no link just now.
    pub operations: Vec<Queued>,
    /// What the estimates rest on.
    pub costs: Costs,
}

/// An operation that was admitted and has not ended.
#[derive(Debug, Clone)]
pub struct Queued {
    /// Which one.
    pub about: About,
    /// Where it is.
    pub state: State,
    /// Bytes of it that have moved.
    pub bytes: u64,
    /// When it was admitted.
    pub admitted: Instant,
}

/// Where an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It has the link.
    Running {
        /// For so long.
        elapsed: Duration,
    },
    /// It waits for the link.
    Waiting(Place),
    /// It waits for its caller: for the first bytes of a Put, or until the last of a Get were
    /// read.
    Aside,
}

/// An operation of one's own.
#[derive(Debug, Clone)]
pub enum Found {
    /// It waits or runs.
    Live(Queued),
    /// It has ended, not long ago.
    Ended(Ended),
}

impl Broker {
    /// An operation of the caller's, also one that has ended within the last ten minutes, as far as there is
    /// room for it.
    ///
    /// # Errors
    /// [`Cause::OperationNotFound`].
    pub fn operation(&self, caller: &Caller, id: &JobId) -> Result<Found, Error> {
        let (link, operations) = (&self.shared.link, &self.shared.operations);
        let (principal, now) = (&caller.principal, clock::now());
        let own = |queued: &Queued| {
            queued.about.operation == *id && queued.about.principal.as_ref() == Some(principal)
        };
        // It may end between the two looks, and is then found by the second.
        let all = operations.list(principal, &Whose::Own, link, now);
        let mut live = all.into_iter();
        let found = live.find(own).map(Found::Live);
        let found = found.or_else(|| operations.ended(principal, id, now).map(Found::Ended));
        Ok(found.ok_or(Cause::OperationNotFound)?)
    }

    /// The queue now. [`Whose::Own`]: all of it, of others' operations without whose and where to;
    /// [`Whose::All`]: all, with that; [`Whose::One`]: that principal's alone.
    #[must_use]
    pub fn queue(&self, caller: &Caller, whose: &Whose) -> Queue {
        let link = &self.shared.link;
        let operations = &self.shared.operations;
        Queue {
            operations: operations.list(&caller.principal, whose, link, clock::now()),
            costs: link.costs(),
        }
    }
}
