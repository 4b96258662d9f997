//! What may go over the air, and how that stands.

use std::fmt;
use std::time::Duration;

/// What may go over the air in bytes; 0: as much as there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limit {
    /// In a day.
    pub per_day: u64,
    /// In a month.
    pub per_month: u64,
}

/// Whom a limit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// All operations.
    Module,
    /// Those on one server profile.
    Profile,
    /// Those of one client.
    Client,
}

/// The time that a limit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Period {
    /// From midnight to midnight, in UTC.
    Day,
    /// From the first of the month, in UTC.
    Month,
}

/// How a limit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whom it is for.
    pub scope: Scope,
    /// What time it is for.
    pub period: Period,
    /// What may go over the air.
    pub limit: u64,
    /// What has gone.
    pub used: u64,
}

impl Standing {
    /// What is left.
    #[must_use]
    pub const fn left(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.scope {
            Scope::Module => "the module's data",
            Scope::Profile => "the profile's data",
            Scope::Client => "the client's data",
        })?;
        f.write_str(match self.period {
            Period::Day => " of this day (UTC)",
            Period::Month => " of this month (UTC)",
        })
    }
}

/// A limit that an operation would exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{standing}: {} of {} bytes are left, and this takes about {needed}", standing.left(), standing.limit)]
pub struct Exceeded {
    /// The limit.
    pub standing: Standing,
    /// What the operation takes on the air, in bytes.
    pub needed: u64,
    /// When the limit counts from 0 again; `None` where the operation is beyond all of it.
    pub retry_after: Option<Duration>,
}
