//! The one place where the time of day enters: everywhere else `now` is a parameter.

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
