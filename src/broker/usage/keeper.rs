//! Stores the counts periodically.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use super::{Usage, store};

/// Time between two writes, if something was booked: a few hundred writes a day do not wear out
/// flash. A crash loses at most the counts of this time, and those of the running job.
const EVERY: Duration = Duration::from_secs(300);

/// Running time that a crash may repeat where nothing was booked: a period that the clock does not
/// end then lasts at most an hour longer.
const HOUR: Duration = Duration::from_secs(3600);

/// Stores the counts of a module in a file.
#[derive(Debug, Clone)]
pub struct Keeper {
    usage: Arc<Usage>,
    path: PathBuf,
}

impl Keeper {
    pub(crate) const fn new(usage: Arc<Usage>, path: PathBuf) -> Self {
        Self { usage, path }
    }

    /// Loads the counts of an earlier run. If it cannot read them, it logs that, and the counts
    /// begin at zero.
    pub async fn restore(&self) {
        let path = self.path.clone();
        let read = spawn_blocking(move || store::read(&path)).await;
        match read.unwrap_or_else(|how| Err(how.into())) {
            Ok(Some(stored)) => {
                let now = self.usage.now();
                let mut ledger = self.usage.ledger(now);
                *ledger = stored;
                ledger.roll(now);
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(
                path = %self.path.display(),
                %error,
                "the counts of the data budget cannot be read: they begin at zero"
            ),
        }
    }

    /// Stores the counts periodically, for as long as it is polled.
    pub async fn run(&self) -> Infallible {
        let mut clock = interval(EVERY);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            clock.tick().await;
            self.save_unless(HOUR).await;
        }
    }

    /// Stores the counts if any changed or grew older. It logs a failure.
    pub async fn save(&self) {
        self.save_unless(Duration::ZERO).await;
    }

    /// Stores the counts if something was booked, or if more running time than `again` is not
    /// stored.
    async fn save_unless(&self, again: Duration) {
        let ledger = {
            let mut ledger = self.usage.ledger(self.usage.now());
            let is_older = ledger.not_stored() > again;
            if !self.usage.changed.swap(false, Ordering::Relaxed) && !is_older {
                return;
            }
            ledger.is_stored();
            ledger.clone()
        };
        let path = self.path.clone();
        let written = spawn_blocking(move || store::write(&path, &ledger)).await;
        if let Err(error) = written.unwrap_or_else(|how| Err(how.into())) {
            self.usage.changed.store(true, Ordering::Relaxed);
            tracing::warn!(
                path = %self.path.display(),
                %error,
                "the counts of the data budget cannot be stored; they are kept in memory"
            );
        }
    }
}
