//! The root table of the configuration: all its sections.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::access::Access;
use super::budget::Budget;
use super::durable::Durable;
use super::error::{Error, Problem};
use super::limits::{self, Queue, Sessions};
use super::listen::Listen;
use super::log::Log;
use super::metrics::Metrics;
use super::module::Module;
use super::nearest::nearest;
use super::outbox::Outbox;
use super::repair::Repair;
use super::roles::Roles;
use super::server::ServerProfile;
use super::transfers::Transfers;
use crate::broker::Limits;
use crate::broker::catalogue::Servers;
use crate::broker::terms::share::Share;
use crate::broker::terms::{Limit, Principal};
use crate::outbox;
use crate::rpc;

/// Longest name of a server profile, in bytes: as long as an id of a transfer, and as a request may name.
const MAX_NAME: usize = 128;

/// The whole configuration. Every key has a default, so that an empty file is a valid one. An unknown key is an
/// error, so that a misspelt one does not go unnoticed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The cellular module and its port.
    pub module: Module,
    /// The bounds of repairs.
    pub repair: Repair,
    /// Where the daemon listens.
    pub listen: Listen,
    /// What clients may do.
    pub roles: Roles,
    /// Operations that wait for the link.
    pub queue: Queue,
    /// Virtual sessions.
    pub sessions: Sessions,
    /// Bytes between clients and the link.
    pub transfers: Transfers,
    /// Transfers that outlive their caller.
    pub durable: Durable,
    /// Data over the air.
    pub budget: Budget,
    /// Counts for a monitoring system.
    pub metrics: Metrics,
    /// The log.
    pub log: Log,
    /// Server profiles by name.
    pub servers: BTreeMap<String, ServerProfile>,
    /// Who may use a profile, by its name. Without an entry, everybody may.
    pub access: BTreeMap<String, Access>,
    /// Directories whose files are sent, by name.
    pub outbox: BTreeMap<String, Outbox>,
}

impl Config {
    /// The bounds for the broker.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            usage: self.budget.limits(self.transfers.upload),
            hides_paths: !self.log.paths,
            ..limits::to_broker(&self.module, &self.queue, &self.sessions, &self.transfers)
        }
    }

    /// The bounds of connections and calls.
    #[must_use]
    pub fn doors(&self) -> rpc::limits::Limits {
        rpc::limits::Limits {
            connections: Share {
                in_all: self.listen.connections as u64,
                of_one: self.listen.connections_per_client as u64,
            },
            idle: self.listen.idle,
            messages: self.transfers.messages(),
            ..rpc::limits::Limits::default()
        }
    }

    /// The server profiles with their passwords.
    ///
    /// # Errors
    /// [`Error::Problems`] where a profile is not usable: a password file vanished since the configuration was
    /// read.
    pub fn servers(&self) -> Result<Servers, Error> {
        let mut servers = Vec::new();
        let mut problems = Vec::new();
        for (name, profile) in &self.servers {
            match profile.resolve(name) {
                Ok(server) => servers.push((name.clone(), server)),
                Err(found) => problems.extend(found),
            }
        }
        if !problems.is_empty() {
            return Err(Error::Problems(problems));
        }
        let mut known = Servers::new(servers, self.transfers.allow_inline_servers);
        for (name, access) in &self.access {
            known = known.with_access(name, access.resolve(name).map_err(Error::Problems)?);
        }
        let profiles = self.servers.iter();
        Ok(profiles.fold(known, |known, (name, profile)| {
            known
                .with_priority(name, profile.priority.into())
                .with_data_limit(name, profile.data_limit())
                .with_yields(name, profile.yields.into())
                .with_names_in(name, profile.names().unwrap_or_default())
        }))
    }

    /// The outboxes.
    #[must_use]
    pub fn outboxes(&self) -> Vec<outbox::Outbox> {
        let all = self.outbox.iter();
        // Those with a problem are told by `problems`, and such a configuration is not in force.
        all.filter_map(|(name, outbox)| outbox.resolve(name).ok())
            .collect()
    }

    /// The file of the counts of the data budget; `None` where nothing is limited, or where no file is
    /// configured.
    #[must_use]
    pub fn usage_path(&self) -> Option<PathBuf> {
        self.limits_data().then(|| self.budget.path())?
    }

    /// Whether any data is limited.
    #[must_use]
    pub fn limits_data(&self) -> bool {
        let Limits { usage, .. } = self.limits();
        let profiles = self.servers.values().map(ServerProfile::data_limit);
        let mut limits = [usage.module, usage.client].into_iter().chain(profiles);
        limits.any(|limit| limit != Limit::default())
    }

    /// Every rule that is broken and that no single key can check.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        self.module.check(&mut problems);
        self.repair.check(&mut problems);
        self.listen.check(&mut problems);
        self.roles.check(&mut problems);
        self.queue.check(&mut problems);
        self.sessions.check(&mut problems);
        self.transfers.check(&mut problems);
        self.durable.check(&mut problems);
        self.budget.check(&mut problems);
        self.log.check(&mut problems);
        for (name, server) in &self.servers {
            server.check(name, &mut problems);
            if name.is_empty() || name.len() > MAX_NAME {
                let rule = format!(
                    "the name has {} bytes; at most {MAX_NAME} are allowed, and at least one",
                    name.len()
                );
                problems.push(Problem::new(["servers", name.as_str()], rule));
            }
        }
        self.check_outboxes(&mut problems);
        for (name, access) in &self.access {
            problems.extend(access.resolve(name).err().into_iter().flatten());
            if !self.servers.contains_key(name) {
                let profiles = self.servers.keys().map(String::as_str);
                let meant =
                    nearest(name, profiles).map(|meant| format!("; did you mean `{meant}`?"));
                let rule = format!(
                    "there is no server profile of this name{}",
                    meant.unwrap_or_default()
                );
                problems.push(Problem::new(["access", name.as_str()], rule));
            }
        }
        problems
    }

    fn check_outboxes(&self, problems: &mut Vec<Problem>) {
        for (name, outbox) in &self.outbox {
            let mut wrong = |key: &str, rule: String| {
                problems.push(Problem::new(["outbox", name.as_str(), key], rule));
            };
            if self.durable.directory.as_os_str().is_empty() {
                wrong(
                    "directory",
                    "the daemon keeps no transfers, which an outbox needs: set durable.directory"
                        .into(),
                );
            }
            if !self.servers.contains_key(&outbox.profile) {
                let profiles = self.servers.keys().map(String::as_str);
                let meant = nearest(&outbox.profile, profiles)
                    .map(|meant| format!("; did you mean `{meant}`?"));
                wrong(
                    "profile",
                    format!(
                        "there is no server profile `{}`{}",
                        outbox.profile,
                        meant.unwrap_or_default()
                    ),
                );
            }
            let principal = outbox::Outbox::principal(name);
            if let Some(Ok(access)) = self
                .access
                .get(&outbox.profile)
                .map(|access| access.resolve(&outbox.profile))
                && !access.allows(&Principal::new(principal.as_str()), "CreateUpload")
            {
                wrong(
                    "profile",
                    format!(
                        "it may not be written to by this outbox: add \"{principal}\" to access.{}.write",
                        outbox.profile
                    ),
                );
            }
            let durable = &self.durable.directory;
            if outbox.directory.starts_with(durable) || durable.starts_with(&outbox.directory) {
                wrong(
                    "directory",
                    "holds durable.directory, or is in it: the daemon would send its own files"
                        .into(),
                );
            }
            let within = self.outbox.iter().find(|(other, there)| {
                *other != name && outbox.directory.starts_with(&there.directory)
            });
            if let Some((other, _)) = within {
                wrong(
                    "directory",
                    format!(
                        "is in the directory of outbox.{other}, which would send the same files"
                    ),
                );
            }
            problems.extend(outbox.resolve(name).err().into_iter().flatten());
        }
    }
}
