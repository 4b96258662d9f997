//! What an operation has moved, and when those who decide and watch hear of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Bytes after which the scheduler and the ledger hear again. The module sends a chunk of about 1.4 KiB: to tell them of
/// each would cost more than moving it. Of the first so many bytes of a turn the scheduler hears each: by them it learns
/// the pace of the link, and whether the turn has moved anything.
pub(crate) const EVERY: u64 = 64 * 1024;

/// Time after which watchers hear again: often enough for a person's eye. The scheduler hears then as well, since a
/// slow link takes seconds for [`EVERY`].
const TELL: Duration = Duration::from_secs(1);

/// The time of a report that was never made.
const NEVER: u64 = u64::MAX;

/// Counts the bytes of one operation. One task counts, any may read.
#[derive(Debug)]
pub(crate) struct Pace {
    bytes: AtomicU64,
    /// Bytes that were last reported.
    reported: AtomicU64,
    /// When watchers last heard, in milliseconds since the operation was admitted.
    told: AtomicU64,
    /// Bytes that were moved before this turn.
    before: AtomicU64,
    /// Turns that the operation has had.
    turns: AtomicU64,
}

/// Who is to hear now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Nobody,
    Scheduler,
    All,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            bytes: AtomicU64::new(0),
            reported: AtomicU64::new(0),
            told: AtomicU64::new(NEVER),
            before: AtomicU64::new(0),
            turns: AtomicU64::new(0),
        }
    }
}

impl Pace {
    /// The operation has the link.
    pub(super) fn begins_a_turn(&self) {
        self.before.store(self.bytes(), Ordering::Relaxed);
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    /// Bytes that it has moved in this turn.
    pub(super) fn in_this_turn(&self) -> u64 {
        self.bytes()
            .saturating_sub(self.before.load(Ordering::Relaxed))
    }

    /// Turns that the operation has had.
    pub(crate) fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    /// The operation has moved `bytes` bytes so far, `now` after it was admitted.
    pub(super) fn moved(&self, bytes: u64, now: Duration) -> Due {
        self.bytes.store(bytes, Ordering::Relaxed);
        let now = u64::try_from(now.as_millis()).unwrap_or(NEVER - 1);
        let reported = self.reported.load(Ordering::Relaxed);
        let told = self.told.load(Ordering::Relaxed);
        let is_first = told == NEVER;
        let due = if is_first || u128::from(now.saturating_sub(told)) >= TELL.as_millis() {
            self.told.store(now, Ordering::Relaxed);
            Due::All
        } else if bytes < reported || bytes - reported >= EVERY || self.in_this_turn() < EVERY {
            Due::Scheduler
        } else {
            Due::Nobody
        };
        if due != Due::Nobody {
            self.reported.store(bytes, Ordering::Relaxed);
        }
        due
    }

    /// Bytes that it has moved.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheduler_hears_for_each_64_kib_and_all_once_a_second() {
        let pace = Pace::default();
        let at = Duration::from_millis;
        pace.begins_a_turn();
        assert_eq!(pace.moved(0, at(0)), Due::All);
        let due: Vec<u64> = (1..=200)
            .map(|chunk| chunk * 1480)
            .filter(|bytes| pace.moved(*bytes, at(900)) == Due::Scheduler)
            .collect();
        assert_eq!(due[..3], [1480, 2960, 4440], "each of the first 64 KiB");
        assert_eq!(due[43..], [65_120, 131_720, 198_320, 264_920]);
        assert_eq!(pace.bytes(), 296_000);
        assert_eq!(pace.moved(296_001, at(1000)), Due::All);
        assert_eq!(pace.moved(296_002, at(1999)), Due::Nobody);
        pace.begins_a_turn();
        assert_eq!((pace.in_this_turn(), pace.turns()), (0, 2));
        assert_eq!(
            pace.moved(296_003, at(1999)),
            Due::Scheduler,
            "a new turn has moved"
        );
        assert_eq!(pace.moved(10, at(1999)), Due::Scheduler, "it began anew");
    }
}
