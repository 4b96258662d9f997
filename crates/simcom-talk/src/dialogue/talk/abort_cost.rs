//! What an abort costs, as measured.

use std::time::Duration;

use crate::ftps::Command;

/// An abort logs out and stops the service (SIMCom manual L1218). It costs its own time and that of
/// the next START and LOGIN. Each field is the last measured time.
#[derive(Debug, Clone, Copy)]
pub(super) struct AbortCost {
    abort: Duration,
    start: Duration,
    login: Duration,
}

/// Time for the line to become quiet and in step again after an abort.
const SETTLE: Duration = Duration::from_secs(1);

impl Default for AbortCost {
    /// Assumed until measured: a mobile network that is neither good nor bad.
    fn default() -> Self {
        Self {
            abort: Duration::ZERO,
            start: Duration::from_secs(4),
            login: Duration::from_secs(10),
        }
    }
}

impl AbortCost {
    /// A command took this much time.
    pub(super) fn learn(&mut self, command: &Command, took: Duration) {
        match command {
            Command::Abort => self.abort = took,
            Command::Start => self.start = took,
            Command::Login(_) => self.login = took,
            _ => {}
        }
    }

    /// The cost of an abort.
    pub(super) fn total(&self) -> Duration {
        SETTLE + self.abort + self.start + self.login
    }
}
