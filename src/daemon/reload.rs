//! SIGHUP: the configuration is read anew, and taken over as far as that needs no restart.

use std::fmt::Display;
use std::path::PathBuf;

use tokio::signal::unix::Signal;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::certificates::Certificates;
use super::notify;
use crate::broker::Broker;
use crate::broker::catalogue::{Changes, Servers};
use crate::config::{Config, Error, Problem, Takeover, load_again};
use crate::outbox::Outbox;
use crate::rpc::role::{Assigned, Roles};
use crate::telemetry::Level;
use crate::transfers::Transfers;

/// The most names of a list in the log.
const NAMES: usize = 20;

/// What systemd shows beside the state of the module.
pub(super) type Notice = Option<&'static str>;

const UNUSABLE: &str = "the configuration files are not usable and change nothing: see the log";
const RESTART: &str = "changes in the configuration wait for a restart: see the log";

/// What a reload changes.
#[derive(Debug)]
pub(super) struct Reloader {
    /// The configuration file; `None`: the default one.
    pub(super) path: Option<PathBuf>,
    /// The configuration that is in force.
    pub(super) in_force: Config,
    pub(super) broker: Broker,
    pub(super) transfers: Transfers,
    pub(super) roles: Roles,
    pub(super) certificates: Certificates,
    pub(super) outboxes: watch::Sender<Vec<Outbox>>,
    pub(super) level: Level,
    /// Whether the counts of a data budget are kept on the disk.
    pub(super) keeps_counts: bool,
    pub(super) notice: watch::Sender<Notice>,
}

/// A new configuration, with all that could go wrong behind it.
struct Prepared {
    takeover: Takeover,
    servers: Servers,
    roles: Assigned,
    warnings: Vec<Problem>,
}

impl Reloader {
    /// Reloads at every SIGHUP until `stop` is cancelled. Signals that come while a reload runs are one.
    pub(super) async fn run(mut self, mut hangup: Signal, stop: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                signal = hangup.recv() => if signal.is_none() {
                    break;
                },
            }
            // A reload that is dropped has changed all or nothing; systemd, which may not read, keeps no end waiting.
            let reload = async {
                notify::reloading().await;
                self.reload().await;
                notify::reloaded().await;
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = reload => {}
            }
        }
        // The last handle of the broker lets the module go.
        drop(self);
        while hangup.recv().await.is_some() {
            tracing::info!("SIGHUP: the daemon is stopping; nothing is read");
        }
    }

    async fn reload(&mut self) {
        let (path, in_force) = (self.path.clone(), self.in_force.clone());
        let old = self.certificates.files().clone();
        let read = spawn_blocking(move || {
            let prepared = prepare(path, &in_force);
            // A renewed certificate has nothing to do with a mistake elsewhere.
            let files = match &prepared {
                Ok(prepared) => prepared.takeover.config.listen.tls.clone(),
                Err(_) => old,
            };
            let certificates = files.resolve();
            (prepared, files, certificates)
        });
        let (prepared, files, certificates) = match read.await {
            Ok(read) => read,
            Err(error) => {
                tracing::error!(%error, "SIGHUP: nothing is changed: the files could not be read");
                self.notice.send_replace(Some(UNUSABLE));
                return;
            }
        };
        match prepared {
            Ok(prepared) => self.take_over(prepared),
            Err(error) => {
                tracing::error!(
                    "SIGHUP: nothing is changed: {}",
                    error.to_string().replace("\n  ", " | ")
                );
                self.notice.send_replace(Some(UNUSABLE));
            }
        }
        self.certificates.take_over(files, certificates);
    }

    fn take_over(&mut self, prepared: Prepared) {
        let Prepared {
            takeover,
            servers,
            roles,
            warnings,
        } = prepared;
        let config = takeover.config;
        // First of all, so that the rest is logged as is wished.
        if let Err(error) = self.level.set(&config.log.level) {
            tracing::error!(%error, "log.level stays as it was");
        }
        for warning in warnings {
            tracing::warn!("configuration: {warning}");
        }
        let profiles = self.broker.servers().changes(&servers);
        self.broker.reload(servers, config.limits());
        self.transfers
            .reload(&config.durable.settings(), &profiles.logins);
        self.roles.reload(roles);
        self.outboxes.send_replace(config.outboxes());
        if config.limits_data() && !self.keeps_counts {
            tracing::warn!(
                "data is limited from now on; the counts are kept over a restart from the next start on"
            );
        }
        let has_access = config.access != self.in_force.access;
        tell(&takeover.taken, has_access, &profiles);
        let notice = (!takeover.restart.is_empty()).then(|| {
            let keys = listed(&takeover.restart);
            tracing::warn!("SIGHUP: waits for a restart and stays as it was: {keys}");
            RESTART
        });
        self.notice.send_replace(notice);
        self.in_force = config;
    }
}

fn prepare(path: Option<PathBuf>, in_force: &Config) -> Result<Prepared, Error> {
    let (config, warnings) = load_again(path.as_deref())?.into_config();
    let takeover = in_force.take_over(config)?;
    Ok(Prepared {
        servers: takeover.config.servers()?,
        roles: takeover.config.roles.resolve().map_err(Error::Problems)?,
        takeover,
        warnings,
    })
}

/// Logs what has changed.
fn tell(keys: &[impl Display], has_access: bool, profiles: &Changes) {
    let mut parts = Vec::new();
    if !keys.is_empty() {
        parts.push(listed(keys));
    }
    if has_access {
        parts.push("access".to_owned());
    }
    for (what, names) in [("new", &profiles.added), ("changed", &profiles.changed)] {
        if !names.is_empty() {
            parts.push(format!("{what} profiles: {}", quoted(names)));
        }
    }
    if !parts.is_empty() {
        tracing::info!("SIGHUP: taken over: {}", parts.join("; "));
    }
    if !profiles.gone.is_empty() {
        let names = quoted(&profiles.gone);
        tracing::warn!("SIGHUP: profiles that are gone and refuse new work: {names}");
    }
    if parts.is_empty() && profiles.gone.is_empty() {
        tracing::info!("SIGHUP: the configuration is as it was");
    }
}

/// Names of profiles, which may have any character.
fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    listed(&names)
}

fn listed(names: &[impl Display]) -> String {
    let some: Vec<String> = names.iter().take(NAMES).map(ToString::to_string).collect();
    let more = names.len() - some.len();
    let some = some.join(", ");
    match more {
        0 => some,
        more => format!("{some} and {more} more"),
    }
}
