//! What an operation has moved, and when those who decide and watch hear of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Bytes between two reports. The module sends a chunk of about 1.4 KiB: a scheduler, a ledger and watchers that heard
/// of each would cost more than moving it.
pub(crate) const EVERY: u64 = 64 * 1024;

/// Time between two reports of a link that is too slow for [`EVERY`]: often enough for a person's eye.
const LATEST: Duration = Duration::from_millis(500);

/// Counts the bytes of one operation. One task counts, any may read.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    bytes: AtomicU64,
    reported: AtomicU64,
    /// Milliseconds since the operation was admitted.
    reported_at: AtomicU64,
}

impl Pace {
    /// The operation has moved `bytes` bytes so far, `now` after it was admitted. Answers whether that is to be
    /// reported.
    pub(super) fn moved(&self, bytes: u64, now: Duration) -> bool {
        self.bytes.store(bytes, Ordering::Relaxed);
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let reported = self.reported.load(Ordering::Relaxed);
        let since = now.saturating_sub(self.reported_at.load(Ordering::Relaxed));
        // Fewer than before: it began anew.
        let is_due = bytes < reported
            || bytes - reported >= EVERY
            || u128::from(since) >= LATEST.as_millis();
        if is_due {
            self.reported.store(bytes, Ordering::Relaxed);
            self.reported_at.store(now, Ordering::Relaxed);
        }
        is_due
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
    fn a_report_is_due_for_each_64_kib_and_twice_a_second() {
        let pace = Pace::default();
        let second = Duration::from_secs;
        let due: Vec<u64> = (1..=200)
            .map(|chunk| chunk * 1480)
            .filter(|bytes| pace.moved(*bytes, second(0)))
            .collect();
        assert_eq!(due, [66_600, 133_200, 199_800, 266_400]);
        assert_eq!(pace.bytes(), 296_000);
        assert!(pace.moved(296_001, second(1)));
        assert!(!pace.moved(296_002, second(1)));
        assert!(pace.moved(10, second(1)), "it began anew");
    }
}
