//! The state of the shared link.

use std::time::Duration;

use crate::broker::Broker;
use crate::broker::operation::Running;
use crate::broker::usage::Counts;
use crate::modem::health::Repair;
use crate::modem::{Health, clock};
use simcom_talk::dialogue::{Repaired, Rung};

/// The state of the module, of the link and of its users.
#[derive(Debug, Clone)]
pub struct Status {
    /// State of the module.
    pub health: Health,
    /// How long `health.link` has lasted.
    pub lasted: Duration,
    /// How long the daemon has been stopping; `None` while it is not.
    pub stopping: Option<Duration>,
    /// How long the daemon runs.
    pub uptime: Duration,
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
    /// The data moved on this day and in this month.
    pub data: Counts,
    /// The repairs of the link.
    pub repairs: Repairs,
}

/// The repairs of the link.
#[derive(Debug, Clone, Default)]
pub struct Repairs {
    /// The last rung tried, and how long ago.
    pub last: Option<(Repaired, Duration)>,
    /// How often each rung was tried within the last hour, from the lowest on; a rung that was not
    /// tried is left out.
    pub within_an_hour: Vec<(Rung, usize)>,
}

const HOUR: Duration = Duration::from_secs(3600);

impl Repairs {
    /// Summarises the repairs that the module's actor remembers; `now` is the time since the
    /// daemon's start.
    pub(crate) fn of(repairs: &[Repair], now: Duration) -> Self {
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

impl Broker {
    /// The state now; never waits and never asks the module.
    #[must_use]
    pub fn status(&self) -> Status {
        let now = clock::now();
        let health = self.shared.link.modem.health().borrow().clone();
        let servers = self.servers();
        let profile = health.logged_in.as_ref().and_then(|at| servers.name_of(at));
        let since_start = now.duration_since(self.shared.started);
        Status {
            lasted: since_start.saturating_sub(health.since),
            stopping: self.shared.operations.stopping_for(now),
            uptime: since_start,
            waited: health
                .waiting
                .map(|waiting| since_start.saturating_sub(waiting.since)),
            repairs: Repairs::of(&health.repairs, since_start),
            profile: profile.map(str::to_owned),
            running: self.shared.operations.running(now),
            queued: self.shared.link.waiting(),
            sessions: self.sessions().count(now),
            data: self.shared.usage.total(),
            health,
        }
    }
}
