//! `[queue]`, `[sessions]`: the bounds within which clients share one link.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::{Problem, at_least_one, at_most, positive};
use super::module::Module;
use super::transfers::Transfers;
use crate::broker::limits::{Limits, Stall, Trickle, Upkeep};
use crate::broker::{catalogue, scheduler, spool, usage};

/// Operations that wait for the link or have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Queue {
    /// Operations in all.
    pub capacity: usize,
    /// Operations of one client.
    pub per_client: usize,
    /// How long an operation may wait before it has its turn by fairness alone.
    #[serde(with = "super::duration")]
    #[cfg_attr(test, schemars(schema_with = "super::schema::time"))]
    pub patience: Duration,
}

impl Default for Queue {
    fn default() -> Self {
        let limits = scheduler::Limits::default();
        Self {
            capacity: limits.max,
            per_client: limits.max_per_principal,
            patience: limits.patience,
        }
    }
}

impl Queue {
    pub(super) fn check(&self, problems: &mut Vec<Problem>) {
        at_least_one(problems, "queue.capacity", self.capacity);
        at_least_one(problems, "queue.per_client", self.per_client);
        at_most(
            problems,
            ("queue.per_client", self.per_client),
            ("queue.capacity", self.capacity),
        );
    }
}

/// Virtual sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Sessions {
    /// Sessions in all.
    pub max: usize,
    /// Sessions of one client.
    pub max_per_client: usize,
    /// How long a session lives unused, where its client does not say.
    #[serde(with = "super::duration")]
    #[cfg_attr(test, schemars(schema_with = "super::schema::time"))]
    pub lease: Duration,
    /// The longest lease that a client can have.
    #[serde(with = "super::duration")]
    #[cfg_attr(test, schemars(schema_with = "super::schema::time"))]
    pub max_lease: Duration,
}

impl Default for Sessions {
    fn default() -> Self {
        let limits = catalogue::Limits::default();
        Self {
            max: limits.max,
            max_per_client: limits.max_per_principal,
            lease: limits.lease,
            max_lease: limits.max_lease,
        }
    }
}

impl Sessions {
    pub(super) fn check(&self, problems: &mut Vec<Problem>) {
        at_least_one(problems, "sessions.max", self.max);
        at_least_one(problems, "sessions.max_per_client", self.max_per_client);
        at_most(
            problems,
            ("sessions.max_per_client", self.max_per_client),
            ("sessions.max", self.max),
        );
        positive(problems, "sessions.lease", self.lease);
        if self.lease > self.max_lease {
            problems.push(Problem::new(
                "sessions.lease",
                "is longer than sessions.max_lease",
            ));
        }
    }
}

/// The bounds for the broker.
pub(super) fn to_broker(
    module: &Module,
    queue: &Queue,
    sessions: &Sessions,
    transfers: &Transfers,
) -> Limits {
    Limits {
        usage: usage::Limits::default(),
        at_commands: module.allow_at_commands,
        hides_paths: false,
        upkeep: Upkeep {
            idle_logout: module.idle_logout,
            keep_alive: module.keep_alive,
        },
        queue: scheduler::Limits {
            max: queue.capacity,
            max_per_principal: queue.per_client,
            patience: queue.patience,
        },
        sessions: catalogue::Limits {
            max: sessions.max,
            max_per_principal: sessions.max_per_client,
            lease: sessions.lease,
            max_lease: sessions.max_lease,
        },
        spool: spool::Limits {
            memory: transfers.memory,
            keep: transfers.keep,
            memory_in_all: transfers.spools(),
            // Half, as with the connections and the queue.
            memory_of_one: transfers.spools() / 2,
            disk: transfers.disk,
            disk_in_all: transfers.disk_in_all,
            disk_of_one: transfers.disk_in_all / 2,
            directory: transfers.directory().map(Into::into),
        },
        stall: Stall(transfers.stall),
        trickle: Trickle(transfers.trickle),
    }
}
