//! What a running daemon takes over of a new configuration, and what needs a restart.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::budget::Budget;
use super::durable::Durable;
use super::error::{Error, Problem, Severity};
use super::key::Key;
use super::listen::Listen;
use super::log::Log;
use super::module::Module;
use super::root::Config;
use super::transfers::Transfers;

/// A configuration that a running daemon can have without a restart.
#[derive(Debug)]
pub struct Takeover {
    /// What is to be in force.
    pub config: Config,
    /// The keys that change, without profiles and who may use them.
    pub taken: Vec<Key>,
    /// The keys that are new and stay as they were until a restart.
    pub restart: Vec<Key>,
}

impl Config {
    /// What of `new` can be in force without a restart; this is what is in force.
    ///
    /// # Errors
    /// [`Error::Problems`] where the two do not go together: a new bound is beyond one that needs a restart, say.
    pub fn take_over(&self, new: Self) -> Result<Takeover, Error> {
        let restart = differences(&self.with_reloadable(&new), &new);
        let config = self.with_reloadable(&new);
        let problems: Vec<Problem> = config
            .problems()
            .into_iter()
            .filter(|problem| problem.severity == Severity::Error)
            .collect();
        if !problems.is_empty() {
            return Err(Error::Problems(problems));
        }
        Ok(Takeover {
            taken: differences(self, &config),
            restart,
            config,
        })
    }

    /// This, with the values of `new` that need no restart.
    fn with_reloadable(&self, new: &Self) -> Self {
        // Whether there is TLS at the port is decided when it opens.
        let tls = if self.listen.tls.is_off() || new.listen.tls.is_off() {
            &self.listen.tls
        } else {
            &new.listen.tls
        };
        Self {
            module: Module {
                idle_logout: new.module.idle_logout,
                keep_alive: new.module.keep_alive,
                allow_at_commands: new.module.allow_at_commands,
                ..self.module.clone()
            },
            repair: self.repair.clone(),
            listen: Listen {
                tls: tls.clone(),
                ..self.listen.clone()
            },
            roles: new.roles.clone(),
            queue: new.queue.clone(),
            sessions: new.sessions.clone(),
            transfers: Transfers {
                // Messages that come in have a part of it, which is fixed.
                memory_in_all: self.transfers.memory_in_all,
                // The module is told at its bring-up.
                download: self.transfers.download,
                upload: self.transfers.upload,
                ..new.transfers.clone()
            },
            durable: Durable {
                directory: self.durable.directory.clone(),
                ..new.durable.clone()
            },
            budget: Budget {
                state: self.budget.state.clone(),
                ..new.budget.clone()
            },
            metrics: self.metrics.clone(),
            log: Log {
                level: new.log.level.clone(),
                paths: new.log.paths,
                format: self.log.format,
            },
            servers: new.servers.clone(),
            access: new.access.clone(),
            outbox: new.outbox.clone(),
        }
    }
}

/// The keys whose values differ, without those of profiles: what a profile is, its files decide as well.
fn differences(old: &Config, new: &Config) -> Vec<Key> {
    let flat = |config: &Config| {
        let mut values = BTreeMap::new();
        let general = Config {
            servers: BTreeMap::new(),
            access: BTreeMap::new(),
            ..config.clone()
        };
        // Every value of a configuration has a form in TOML, as print-config needs it.
        let table = Table::try_from(general).unwrap_or_default();
        flatten(&Key::default(), &Value::Table(table), &mut values);
        values
    };
    let (old, new) = (flat(old), flat(new));
    let mut keys: Vec<Key> = old.keys().chain(new.keys()).cloned().collect();
    keys.sort_unstable();
    keys.dedup();
    keys.retain(|key| old.get(key) != new.get(key));
    keys
}

fn flatten(key: &Key, value: &Value, into: &mut BTreeMap<Key, Value>) {
    match value {
        Value::Table(entries) => {
            for (name, value) in entries {
                flatten(&key.join(name), value, into);
            }
        }
        value => {
            into.insert(key.clone(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    fn read(text: &str) -> Config {
        parse("x.toml", text, []).unwrap().config
    }

    fn names(keys: &[Key]) -> Vec<String> {
        keys.iter().map(Key::to_string).collect()
    }

    #[test]
    fn what_needs_a_restart_is_named_and_stays() {
        let old = read("");
        let new = read(
            "[module]\ndevice = \"/dev/ttyS1\"\nidle_logout = \"1m\"\n[listen]\nunix = \"/run/x\"\n\
             [queue]\ncapacity = 4000\n[log]\nlevel = \"debug\"\nformat = \"json\"\n[durable]\nactive = 2\n\
             [servers.a]\nhost = \"h\"\nsecurity = \"none\"\n",
        );
        let takeover = old.take_over(new.clone()).unwrap();
        assert_eq!(
            names(&takeover.restart),
            ["listen.unix", "log.format", "module.device"]
        );
        assert_eq!(
            names(&takeover.taken),
            [
                "durable.active",
                "log.level",
                "module.idle_logout",
                "queue.capacity"
            ]
        );
        let config = takeover.config;
        assert_eq!(config.module.device, old.module.device);
        assert_eq!((config.queue, config.servers), (new.queue, new.servers));
        let again = read("");
        assert!(again.take_over(again.clone()).unwrap().taken.is_empty());
    }

    #[test]
    fn what_does_not_go_together_with_what_stays_is_refused() {
        let (old, new) = (
            read(""),
            read("[transfers]\nmemory = \"48MiB\"\nmemory_in_all = \"64MiB\"\n"),
        );
        let error = old.take_over(new).unwrap_err().to_string();
        assert!(error.contains("transfers.memory:"), "{error}");
    }
}
