//! The only place that reads the time of day: everywhere else `now` is a parameter.

use std::time::SystemTime;

use tokio::time::Instant;

/// The present moment on the runtime's clock, which tests can pause.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the clock enters"
)]
pub fn now() -> Instant {
    Instant::now()
}

/// The wall-clock time of a moment on the runtime's clock, by the system's clock as it is now.
#[must_use]
pub fn wall(at: Instant) -> SystemTime {
    let (now, today) = (now(), today());
    let then = match at.checked_duration_since(now) {
        Some(later) => today.checked_add(later),
        None => today.checked_sub(now.duration_since(at)),
    };
    then.unwrap_or(today)
}

/// The time of day, by the system's clock.
fn today() -> SystemTime {
    let today = SystemTime::now();
    #[cfg(test)]
    let today = jump::applied(today);
    today
}

/// A wall clock that jumps, for tests.
#[cfg(test)]
pub(crate) mod jump {
    use std::cell::Cell;
    use std::time::{Duration, SystemTime};

    thread_local! {
        static BY: Cell<i64> = const { Cell::new(0) };
    }

    /// Makes the clock of this thread wrong by `seconds` from now on.
    pub(crate) fn to(seconds: i64) {
        BY.set(seconds);
    }

    pub(super) fn applied(today: SystemTime) -> SystemTime {
        let by = Duration::from_secs(BY.get().unsigned_abs());
        if BY.get() < 0 {
            today.checked_sub(by).unwrap_or(SystemTime::UNIX_EPOCH)
        } else {
            today + by
        }
    }
}
