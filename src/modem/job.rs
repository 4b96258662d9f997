//! One operation's stay at the port.

use std::fmt;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::error::Error;
use super::source::Source;
use simcom_talk::dialogue::operation::{Delivery, Operation, Output, Progress};

/// Names an operation in logs, events and errors.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JobId(String);

impl JobId {
    /// Takes a name.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One operation with all it needs while it has the port to itself. Runs whole: no other job's
/// AT line comes between its own.
pub struct Job {
    /// Names the job.
    pub id: JobId,
    /// What is to be done.
    pub operation: Operation,
    /// Content of an upload.
    pub source: Option<Box<dyn Source>>,
    /// Where a download or listing goes. A full channel holds the link for at most
    /// [`Job::stall`]; a closed one cancels the job.
    pub delivery: Option<mpsc::Sender<Delivery>>,
    /// Kept up to date while the job runs.
    pub progress: watch::Sender<Progress>,
    /// The caller's wish to end it.
    pub cancel: CancellationToken,
    /// Others wait for the link: a transfer that can go on later gives it up as soon as it can,
    /// and answers how far it came.
    pub make_way: CancellationToken,
    /// The caller's own deadline; the job is cancelled when it passes.
    pub deadline: Option<Instant>,
    /// How long a source or a receiver may stand still before the link is taken from it.
    pub stall: Duration,
    /// The outcome goes here. A receiver that is gone is no error.
    pub reply: oneshot::Sender<Result<Output, Error>>,
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
