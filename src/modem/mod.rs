//! Floor 3, the owner: one task owns the serial port and runs one job after the other.

mod actor;
pub mod clock;
pub mod error;
pub mod health;
mod holder;
pub mod job;
pub mod metrics;
pub mod port;
pub mod source;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

pub use error::{Error, chain};
pub use health::Health;
pub use job::{Job, JobId};
use port::Connector;
use simcom_talk::dialogue::{Patience, Setup, ladder};

/// Settings of the actor at its start.
#[derive(Debug, Clone, Default)]
pub struct ModemOptions {
    /// Settings of the module, sent at each bring-up.
    pub setup: Setup,
    /// How long the dialogue waits where no command defines a time.
    pub patience: Patience,
    /// How often the ladder may try its higher rungs.
    pub repair: ladder::Limits,
}

/// Handle of the task that owns the port. Cheap to clone; when the last clone is dropped, the task
/// logs out, closes the port and ends.
#[derive(Debug, Clone)]
pub struct Modem {
    jobs: mpsc::Sender<Job>,
    health: watch::Receiver<Health>,
}

impl Modem {
    /// Starts the task that owns the port. The task opens the port and brings the module up, and
    /// does both again whenever they are lost.
    ///
    /// The task ends when every [`Modem`] is dropped and it has logged out.
    pub fn spawn(connector: impl Connector, options: ModemOptions) -> (Self, JoinHandle<()>) {
        // One job waits in the channel while another is at the port, so that the port is never idle
        // for want of one. The caller keeps the queue.
        let (jobs_in, jobs) = mpsc::channel(1);
        let (health_in, health) = watch::channel(Health::default());
        let actor = actor::ModemActor::new(connector, options, jobs, health_in);
        (
            Self {
                jobs: jobs_in,
                health,
            },
            tokio::spawn(actor.run()),
        )
    }

    /// A handle for a test that takes the jobs itself.
    #[cfg(test)]
    pub(crate) const fn from_parts(
        jobs: mpsc::Sender<Job>,
        health: watch::Receiver<Health>,
    ) -> Self {
        Self { jobs, health }
    }

    /// Hands over a job. Waits while another job is at the port; the caller keeps the queue in
    /// front of it.
    ///
    /// # Errors
    /// The job itself, if the task has ended.
    pub async fn submit(&self, job: Job) -> Result<(), Job> {
        self.jobs.send(job).await.map_err(|returned| returned.0)
    }

    /// The state of the module, now and at every change.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }
}
