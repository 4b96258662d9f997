//! The queue, for those who want to look at it.

use std::time::Duration;

use tokio::time::Instant;

use super::caller::Caller;
use super::estimate::Costs;
use super::events::About;
pub use super::link::Place;
use super::{Broker, clock};

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

impl Broker {
    /// The queue now; of others' operations, without whose and where to.
    #[must_use]
    pub fn queue(&self, caller: &Caller) -> Queue {
        let link = &self.shared.link;
        let operations = &self.shared.operations;
        Queue {
            operations: operations.list(&caller.principal, link, clock::now()),
            costs: link.costs(),
        }
    }
}
