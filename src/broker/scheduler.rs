//! Who goes next.

use std::time::Duration;

/// Bounds of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Operations admitted and not yet ended, in all.
    pub max: usize,
    /// Operations of one principal admitted and not yet ended.
    pub max_per_principal: usize,
    /// How long the order may favour others (by priority, or because the module is logged in
    /// to their server) before it goes by fairness alone.
    pub patience: Duration,
}

impl Default for Limits {
    /// 2048 operations, half of them for one principal: a waiting one costs a few kilobytes.
    /// 20 s of patience is a few changes of server, at 2 to 10 s a login.
    fn default() -> Self {
        Self {
            max: 2048,
            max_per_principal: 1024,
            patience: Duration::from_secs(20),
        }
    }
}
