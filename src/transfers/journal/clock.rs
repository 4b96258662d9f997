//! The clock for the ages and pauses of transfers.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::broker::terms::{Lived, Now};
use crate::modem::clock;

/// Continues the running time of earlier daemon runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
    before: Lived,
    wall: fn() -> SystemTime,
}

impl Clock {
    /// Continues from `before`; `wall` tells the time of day.
    pub(crate) fn start(before: Lived, wall: fn() -> SystemTime) -> Self {
        Self {
            start: clock::now(),
            before,
            wall,
        }
    }

    pub(crate) fn now(self) -> Now {
        let now = clock::now();
        Now {
            lived: self.before + now.saturating_duration_since(self.start),
            wall: (self.wall)(),
        }
    }

    pub(crate) fn instant(self, then: Lived) -> Instant {
        // A year is longer than any wait that is not checked again meanwhile.
        let later = then
            .since(self.before)
            .min(Duration::from_secs(365 * 86400));
        self.start + later
    }
}
