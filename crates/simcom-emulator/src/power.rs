//! Whether the module is up, and when it will be.

use std::time::Duration;

use crate::knobs::Knobs;

/// Whether the module hears its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Power {
    /// Up.
    On,
    /// Up. The lines that follow the reading of the SIM are still to come.
    Settling { until: Duration },
    /// Deaf until then.
    Booting { until: Duration, settled: Duration },
    /// Deaf until power is cut.
    Hung,
}

impl Power {
    /// The SIM lines come half a boot time after the first lines: in field logs they come seconds
    /// later.
    pub(crate) fn booting(now: Duration, knobs: &Knobs) -> Self {
        let until = now + knobs.boot_time;
        Self::Booting {
            until,
            settled: until + knobs.boot_time / 2,
        }
    }

    pub(crate) const fn due(self) -> Option<Duration> {
        match self {
            Self::On | Self::Hung => None,
            Self::Settling { until } | Self::Booting { until, .. } => Some(until),
        }
    }

    pub(crate) const fn listens(self) -> bool {
        matches!(self, Self::On | Self::Settling { .. })
    }
}
