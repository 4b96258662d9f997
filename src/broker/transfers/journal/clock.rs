//! The time of day for what is written down.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::modem::clock;

/// The time of day since a start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    start: Instant,
    wall: SystemTime,
}

impl Clock {
    /// `wall` tells the time of day.
    pub(super) fn start(wall: fn() -> SystemTime) -> Self {
        Self {
            start: clock::now(),
            wall: wall(),
        }
    }

    pub(super) fn wall(self, now: Instant) -> SystemTime {
        let passed = now.saturating_duration_since(self.start);
        self.wall.checked_add(passed).unwrap_or(self.wall)
    }

    pub(super) fn instant(self, time: SystemTime) -> Instant {
        let later = time.duration_since(self.wall).unwrap_or_default();
        // A year is longer than any wait that is looked at again.
        let later = later.min(Duration::from_secs(365 * 86400));
        self.start + later
    }
}
