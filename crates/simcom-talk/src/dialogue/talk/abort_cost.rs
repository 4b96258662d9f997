//! What an abort costs, as it was measured.

use std::time::Duration;

use crate::ftps::Command;

/// An abort logs out and stops the service (SIMCom manual L1218): it costs its own time, and that of
/// the next START and LOGIN. Each is as it last was.
#[derive(Debug, Clone, Copy)]
pub(super) struct AbortCost {
    abort: Duration,
    start: Duration,
    login: Duration,
}

/// For the line to be quiet and in step again after an abort.
const SETTLE: Duration = Duration::from_secs(1);

impl Default for AbortCost {
    /// In a mobile network that is neither good nor bad, until it was measured.
    fn default() -> Self {
        Self {
            abort: Duration::ZERO,
            start: Duration::from_secs(4),
            login: Duration::from_secs(10),
        }
    }
}

impl AbortCost {
    /// A command was done in so much time.
    pub(super) fn learn(&mut self, command: &Command, took: Duration) {
        match command {
            Command::Abort => self.abort = took,
            Command::Start => self.start = took,
            Command::Login(_) => self.login = took,
            _ => {}
        }
    }

    /// All of it.
    pub(super) fn total(&self) -> Duration {
        SETTLE + self.abort + self.start + self.login
    }
}
