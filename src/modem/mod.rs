//! Floor 3, the owner: one task has the serial port and runs one job after the other.

mod actor;
pub mod clock;
pub mod error;
pub mod health;
mod holder;
pub mod job;
pub mod port;
pub mod source;

pub use error::{Error, chain};
pub use health::Health;
pub use job::{Job, JobId};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use port::Connector;
use simcom_talk::dialogue::{Patience, Setup, ladder};

/// What the owner of the port is told at its start.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What is set on the module when it is brought up.
    pub setup: Setup,
    /// How long the dialogue waits for what no command has a time for.
    pub patience: Patience,
    /// How often the higher rungs of the repair ladder may be tried.
    pub repair: ladder::Limits,
}

/// Handle of the task that owns the port. Cheap to clone; when the last clone is dropped the
/// task logs out, closes the port and ends.
#[derive(Debug, Clone)]
pub struct Modem {
    jobs: mpsc::Sender<Job>,
    health: watch::Receiver<Health>,
}

impl Modem {
    /// Starts the task that owns the port. It opens the port, brings the module up, and does
    /// both again by itself whenever they are lost.
    ///
    /// The task ends when every [`Modem`] is dropped and it has logged out.
    pub fn spawn(connector: impl Connector, options: Options) -> (Self, JoinHandle<()>) {
        // One job waits at the door while another is at the port, so that the port is never
        // idle for want of one; the queue proper is the caller's.
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

    /// A handle of whoever takes the jobs.
    #[cfg(test)]
    pub(crate) const fn from_parts(
        jobs: mpsc::Sender<Job>,
        health: watch::Receiver<Health>,
    ) -> Self {
        Self { jobs, health }
    }

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
