//! `[durable]`: transfers that outlive their caller.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::{Problem, at_least_one, positive};
use super::size;
use crate::transfers::{Budget, Settings};

/// Transfers that outlive their caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Durable {
    /// Directory of their files; empty: the daemon keeps no transfers.
    pub directory: PathBuf,
    /// Bytes of all their files.
    #[serde(with = "size")]
    #[cfg_attr(test, schemars(schema_with = "super::schema::size"))]
    pub disk_in_all: u64,
    /// Bytes of the files of one client.
    #[serde(with = "size")]
    #[cfg_attr(test, schemars(schema_with = "super::schema::size"))]
    pub disk_per_client: u64,
    /// Transfers, ended ones included.
    pub max_transfers: usize,
    /// Transfers of one client, ended ones included.
    pub max_per_client: usize,
    /// Transfers that are tried at once.
    pub active: usize,
    /// How long an ended transfer is kept.
    #[serde(with = "super::duration")]
    #[cfg_attr(test, schemars(schema_with = "super::schema::time"))]
    pub max_age: Duration,
    /// How long a half received upload is kept.
    #[serde(with = "super::duration")]
    #[cfg_attr(test, schemars(schema_with = "super::schema::time"))]
    pub unfinished_age: Duration,
    /// Attempts of one transfer.
    pub attempts: u32,
    /// Time of all attempts of one transfer.
    #[serde(with = "super::duration")]
    #[cfg_attr(test, schemars(schema_with = "super::schema::time"))]
    pub give_up_after: Duration,
    /// Bytes over the link for one transfer, as a multiple of its size.
    pub resend_limit: u32,
    /// Time before the second attempt.
    #[serde(with = "super::duration")]
    #[cfg_attr(test, schemars(schema_with = "super::schema::time"))]
    pub backoff: Duration,
    /// The longest time between two attempts.
    #[serde(with = "super::duration")]
    #[cfg_attr(test, schemars(schema_with = "super::schema::time"))]
    pub max_backoff: Duration,
}

impl Default for Durable {
    fn default() -> Self {
        let settings = Settings::default();
        let budget = settings.budget;
        Self {
            directory: settings.directory,
            disk_in_all: settings.disk_in_all,
            disk_per_client: settings.disk_per_principal,
            max_transfers: settings.max_transfers,
            max_per_client: settings.max_per_principal,
            active: settings.active,
            max_age: settings.max_age,
            unfinished_age: settings.unfinished_age,
            attempts: budget.attempts,
            give_up_after: budget.give_up_after,
            resend_limit: budget.resend_limit,
            backoff: budget.backoff,
            max_backoff: budget.max_backoff,
        }
    }
}

impl Durable {
    /// The settings for the broker.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings {
            directory: self.directory.clone(),
            disk_in_all: self.disk_in_all,
            disk_per_principal: self.disk_per_client,
            max_transfers: self.max_transfers,
            max_per_principal: self.max_per_client,
            active: self.active,
            max_age: self.max_age,
            unfinished_age: self.unfinished_age,
            budget: Budget {
                attempts: self.attempts,
                give_up_after: self.give_up_after,
                resend_limit: self.resend_limit,
                backoff: self.backoff,
                max_backoff: self.max_backoff,
            },
            ..Settings::default()
        }
    }

    pub(super) fn check(&self, problems: &mut Vec<Problem>) {
        if !self.directory.as_os_str().is_empty() && self.directory.is_relative() {
            problems.push(Problem::new("durable.directory", "is no absolute path"));
        }
        for (key, value) in [
            ("durable.max_transfers", self.max_transfers),
            ("durable.max_per_client", self.max_per_client),
            ("durable.active", self.active),
            ("durable.attempts", self.attempts as usize),
            ("durable.resend_limit", self.resend_limit as usize),
        ] {
            at_least_one(problems, key, value);
        }
        for (key, value) in [
            ("durable.max_age", self.max_age),
            ("durable.unfinished_age", self.unfinished_age),
            ("durable.give_up_after", self.give_up_after),
            ("durable.backoff", self.backoff),
        ] {
            positive(problems, key, value);
        }
        if self.backoff > self.max_backoff {
            problems.push(Problem::new(
                "durable.backoff",
                "is longer than durable.max_backoff",
            ));
        }
    }
}
