//! An operation as it appears in the queue.

use std::time::Duration;

use tokio::time::Instant;

use crate::broker::link::QueuePlace;
use crate::broker::terms::Principal;
use crate::broker::watch::About;
use crate::modem::JobId;

/// An operation that was admitted and has not ended.
#[derive(Debug, Clone)]
pub struct Queued {
    /// The operation.
    pub about: About,
    /// Its state.
    pub state: State,
    /// Bytes of it that have moved.
    pub bytes: u64,
    /// When it was admitted.
    pub admitted: Instant,
}

/// The state of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It has the link.
    Running {
        /// How long it has had the link.
        elapsed: Duration,
    },
    /// It waits for the link.
    Waiting(QueuePlace),
    /// It waits for its caller: for the first bytes of a Put, or for the reading of the last bytes
    /// of a Get.
    Aside,
}

/// The operation on the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Identifies the operation.
    pub operation: JobId,
    /// Name of the method, for example `Put`.
    pub method: &'static str,
    /// Its principal.
    pub principal: Principal,
    /// How long it has had the link.
    pub elapsed: Duration,
}
