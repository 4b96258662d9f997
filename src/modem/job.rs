//! One operation's turn at the port.

use std::fmt;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::error::Error;
use super::source::Source;
use simcom_talk::dialogue::operation::{Delivery, Operation, Output, Progress};

/// Identifies an operation in logs, events and errors.
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

/// One operation with everything that it needs during its turn at the port. It runs as a whole: no
/// AT command of another job comes between its own.
pub struct Job {
    /// Identifies the job.
    pub id: JobId,
    /// The operation to run.
    pub operation: Operation,
    /// Content of an upload.
    pub source: Option<Box<dyn Source>>,
    /// Receives a download or listing. A full channel holds the link for at most [`Job::stall`]; a
    /// closed one cancels the job.
    pub delivery: Option<mpsc::Sender<Delivery>>,
    /// The progress; the actor updates it while the job runs.
    pub progress: watch::Sender<Progress>,
    /// Cancels the job.
    pub cancel: CancellationToken,
    /// Others wait for the link: a transfer that can resume later yields as soon as it can, and
    /// answers how far it came.
    pub yield_request: CancellationToken,
    /// The caller's own deadline; the job is cancelled when it passes.
    pub deadline: Option<Instant>,
    /// How long a source or a receiver may make no progress before it loses the link.
    pub stall: Duration,
    /// Receives the outcome. A receiver that is gone is no error.
    pub reply: oneshot::Sender<Result<Output, Error>>,
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
