//! Floor 3, the owner: one task has the serial port and runs one job after the other.

pub mod clock;
pub mod error;
pub mod health;
pub mod job;

pub use crate::dialogue::failure;
pub use crate::dialogue::operation;
pub use error::Error;
pub use health::Health;
pub use job::{Job, JobId};

use tokio::sync::{mpsc, watch};

/// Handle of the task that owns the port. Cheap to clone; when the last clone is dropped the
/// task logs out, closes the port and ends.
#[derive(Debug, Clone)]
pub struct Modem {
    jobs: mpsc::Sender<Job>,
    health: watch::Receiver<Health>,
}

impl Modem {
    /// Hands over a job. Waits while another job is at the port; the queue in front of the port
    /// is the caller's.
    ///
    /// # Errors
    /// Gives the job back when the task has ended.
    pub async fn submit(&self, job: Job) -> Result<(), Job> {
        self.jobs.send(job).await.map_err(|returned| returned.0)
    }

    /// What is known of the module, now and at every change.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }
}
