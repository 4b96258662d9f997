//! The one place where the time of day enters: everywhere else `now` is a parameter.

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

/// The time of day at a moment of the runtime's clock, as the system's clock has it now.
#[must_use]
pub fn wall(at: Instant) -> SystemTime {
    let (now, today) = (now(), SystemTime::now());
    let then = match at.checked_duration_since(now) {
        Some(later) => today.checked_add(later),
        None => today.checked_sub(now.duration_since(at)),
    };
    then.unwrap_or(today)
}
