//! An operation as those see it who look at the queue.

use std::time::Duration;

use tokio::time::Instant;

use crate::broker::link::Place;
use crate::broker::terms::Principal;
use crate::broker::watch::About;
use crate::modem::JobId;

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

/// The operation on the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Names the operation.
    pub operation: JobId,
    /// Name of the method, for example `Put`.
    pub method: &'static str,
    /// Whose it is.
    pub principal: Principal,
    /// How long it has had the link.
    pub elapsed: Duration,
}
