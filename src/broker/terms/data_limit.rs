//! Limits of the data on the air, and how much of them is used.

use std::fmt;
use std::time::Duration;

/// Limits of the bytes on the air; 0: no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limit {
    /// In one day.
    pub per_day: u64,
    /// In one month.
    pub per_month: u64,
}

/// The operations that a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// All operations of the module.
    Module,
    /// Operations on one server profile.
    Profile,
    /// Operations of one client.
    Client,
}

/// The period that a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Period {
    /// From midnight to midnight, in UTC.
    Day,
    /// From the first of the month, in UTC.
    Month,
}

/// How much of a limit is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitUse {
    /// The operations that it counts.
    pub scope: Scope,
    /// The period that it counts.
    pub period: Period,
    /// Bytes allowed on the air.
    pub limit: u64,
    /// Bytes that went over the air in this period.
    pub used: u64,
}

impl LimitUse {
    /// Bytes left.
    #[must_use]
    pub const fn left(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }
}

impl fmt::Display for LimitUse {
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
#[error("{limit_use}: {} of {} bytes are left, and this takes about {needed}", limit_use.left(), limit_use.limit)]
pub struct Exceeded {
    /// The limit.
    pub limit_use: LimitUse,
    /// Estimated bytes of the operation on the air.
    pub needed: u64,
    /// When the limit counts from 0 again; `None` where the operation needs more than the whole
    /// limit.
    pub retry_after: Option<Duration>,
}
