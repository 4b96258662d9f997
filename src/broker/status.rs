//! What is known of the link that all share.

use std::time::Duration;

use super::caller::Principal;
use super::transfers::Keeping;
use super::usage::Counts;
use crate::modem::health::Repair;
use crate::modem::{Health, JobId};
use simcom_talk::dialogue::{Repaired, Rung};

/// State of the module, of the link and of those who share it.
#[derive(Debug, Clone)]
pub struct Status {
    /// State of the module.
    pub health: Health,
    /// How long `health.link` has lasted.
    pub lasted: Duration,
    /// How long `health.waiting` has lasted.
    pub waited: Option<Duration>,
    /// Name of the profile that the module is logged in to; `None` for a server named inline.
    pub profile: Option<String>,
    /// The operation on the link.
    pub running: Option<Running>,
    /// Operations that wait for the link.
    pub queued: usize,
    /// Open sessions.
    pub sessions: usize,
    /// What has moved on this day and in this month.
    pub data: Counts,
    /// What was done to repair the link.
    pub repairs: Repairs,
    /// Whether transfers are kept.
    pub keeping: Keeping,
    /// Names of what is kept of stores of transfers that were damaged, beside the store.
    pub set_aside: Vec<String>,
}

/// What was done to repair the link.
#[derive(Debug, Clone, Default)]
pub struct Repairs {
    /// The last rung that was tried, and how long ago.
    pub last: Option<(Repaired, Duration)>,
    /// How often each rung was tried within the last hour, from the lowest on; those that were
    /// not are left out.
    pub within_an_hour: Vec<(Rung, usize)>,
}

const HOUR: Duration = Duration::from_secs(3600);

impl Repairs {
    /// Of those that the module's owner remembers, `now` after the daemon's start.
    pub(super) fn of(repairs: &[Repair], now: Duration) -> Self {
        let ago = |repair: &Repair| now.saturating_sub(repair.at);
        let count = |rung| {
            let same = repairs.iter().filter(|repair| repair.what.rung == rung);
            same.filter(|repair| ago(repair) < HOUR).count()
        };
        let counts = Rung::ALL.map(|rung| (rung, count(rung)));
        Self {
            last: repairs
                .last()
                .map(|repair| (repair.what.clone(), ago(repair))),
            within_an_hour: counts.into_iter().filter(|(_, count)| *count > 0).collect(),
        }
    }
}

/// The operation on the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Names the operation.
    pub operation: JobId,
    /// Name of the method, for example `Put`.
    pub method: &'static str,
    /// Whose it is.
    pub principal: Principal,
    /// How long it has had the link.
    pub elapsed: Duration,
}
