//! The queue, as a client may see it.

use crate::broker::Broker;
use crate::broker::operation::{Ended, Queued};
use crate::broker::scheduler::estimate::Costs;
use crate::broker::terms::{Caller, Cause, Error, Whose};
use crate::modem::{JobId, clock};

/// The queue at one moment.
#[derive(Debug, Clone)]
pub struct Queue {
    /// The operation on the link, then the waiting ones in their expected order, then those that
    /// need no link now.
    pub operations: Vec<Queued>,
    /// The measured costs behind the estimates.
    pub costs: Costs,
}

/// An operation of the caller.
#[derive(Debug, Clone)]
pub enum Found {
    /// It waits or runs.
    Live(Queued),
    /// It ended recently.
    Ended(Ended),
}

impl Broker {
    /// An operation of the caller; also one that ended within the last ten minutes, while there is
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
        // It may end between the two looks; the second look then finds it.
        let all = operations.list(principal, &Whose::Own, link, now);
        let mut live = all.into_iter();
        let found = live.find(own).map(Found::Live);
        let found = found.or_else(|| operations.ended(principal, id, now).map(Found::Ended));
        Ok(found.ok_or(Cause::OperationNotFound)?)
    }

    /// The queue now. [`Whose::Own`]: all operations, those of others without principal and target;
    /// [`Whose::All`]: all, with both; [`Whose::One`]: those of that principal alone.
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
