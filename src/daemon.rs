//! The daemon: port, module, broker and server put together, from start to exit.

mod certificates;
mod descriptors;
mod metrics;
pub(crate) mod module;
mod notify;
mod passed;
mod reload;

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::broker::Broker;
use crate::broker::usage::Keeper;
use crate::config::{self, Config};
use crate::modem::health::Health;
use crate::modem::{Modem, ModemOptions};
use crate::outbox::{Outbox, Outboxes};
use crate::rpc::listen::{self, TcpDoor, UnixDoor};
use crate::rpc::role::Roles;
use crate::rpc::server::{GRACE, IN_ORDER, LAST_WORD};
use crate::rpc::{self, Doors, End, Served};
use crate::telemetry::Level;
use crate::transfers::{self, Storage, Transfers};
use certificates::Certificates;
pub use passed::Passed;
use reload::{Notice, Reloader};

/// How long the module has to log out and close the port after the calls have ended: LOGOUT and STOP have 20 s
/// each.
const MODULE_GRACE: Duration = Duration::from_secs(40);

/// The longest time from the signal to the exit: what `TimeoutStopSec=` of the units leaves room for.
const END: Duration = GRACE
    .saturating_add(IN_ORDER)
    .saturating_add(LAST_WORD)
    .saturating_add(MODULE_GRACE);

/// Why the daemon does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is not usable.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// The daemon cannot listen.
    #[error(transparent)]
    Listen(#[from] listen::Error),
    /// Transfers that were accepted before cannot be read.
    #[error(transparent)]
    Transfers(#[from] transfers::store::Error),
    /// Metrics are not served.
    #[error(transparent)]
    Metrics(#[from] metrics::Error),
    /// The server failed.
    #[error(transparent)]
    Serve(#[from] rpc::server::Error),
    /// The system refuses what every daemon needs.
    #[error("signals cannot be received")]
    Signals(#[source] io::Error),
}

/// A daemon that listens.
#[derive(Debug)]
pub struct Daemon {
    broker: Broker,
    transfers: Transfers,
    module: JoinHandle<()>,
    doors: Doors,
    roles: Roles,
    /// Stores the counts of the data budget, where data is limited.
    keeper: Option<Keeper>,
    certificates: Certificates,
    outboxes: watch::Sender<Vec<Outbox>>,
}

impl Daemon {
    /// Opens the sockets and begins to bring the module up. Calls before the module is ready get a status which
    /// says so. Sockets that were `passed` on replace the configured ones.
    ///
    /// # Errors
    /// [`Error::Config`] where a password, a certificate or the quirks cannot be read, [`Error::Listen`] where
    /// a door does not open, [`Error::Transfers`] where transfers that were accepted before cannot be read.
    pub async fn open(config: &Config, passed: Passed) -> Result<Self, Error> {
        let servers = config.servers()?;
        let quirks = config.module.quirks()?;
        let certificates = Certificates::of(&config.listen.tls)?;
        let roles: Roles = config
            .roles
            .resolve()
            .map_err(config::Error::Problems)?
            .into();
        // The sockets first: a daemon that nobody can reach must not touch the module, which may be another
        // daemon's.
        let doors = doors(config, passed, &certificates).await?;
        for door in doors.addresses() {
            tracing::info!("listening on {door}");
        }
        let storage = Storage::open(config.durable.settings(), rpc::status::told)?;
        let options = ModemOptions {
            setup: module::setup(config, quirks),
            patience: module::patience(),
            repair: config.repair.limits(),
        };
        let (modem, module) = Modem::spawn(module::connector(&config.module), options);
        let broker = Broker::new(modem, servers, config.limits());
        let transfers = Transfers::new(broker.clone(), storage);
        let keeper = config.usage_path().map(|path| broker.usage_keeper(path));
        match &keeper {
            Some(keeper) => keeper.restore().await,
            None if config.limits_data() => tracing::warn!(
                "data is limited, and there is no file to keep the counts in (budget.state): they \
                 begin at zero with the daemon"
            ),
            None => {}
        }
        Ok(Self {
            broker,
            transfers,
            module,
            doors,
            roles,
            keeper,
            certificates,
            outboxes: watch::Sender::new(config.outboxes()),
        })
    }

    /// The TCP address, with the port that the system chose where none was configured.
    #[must_use]
    pub fn tcp(&self) -> Option<SocketAddr> {
        self.doors.tcp.as_ref().and_then(TcpDoor::address)
    }

    /// The state of the module, now and at every change.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.broker.health()
    }

    /// Serves until `stop` is cancelled; then ends the calls, logs out and closes the port, as [`rpc::serve`]
    /// says. Once `hurry` is cancelled too, the daemon waits neither for calls nor for the module.
    ///
    /// # Errors
    /// [`Error::Serve`] where the server failed.
    pub async fn serve(
        self,
        stop: CancellationToken,
        hurry: CancellationToken,
    ) -> Result<(), Error> {
        let Self {
            broker,
            transfers,
            module,
            doors,
            roles,
            keeper,
            certificates: _,
            outboxes,
        } = self;
        let folders = Outboxes::new(outboxes.subscribe(), transfers.clone());
        let end = End {
            stop,
            hurry: hurry.clone(),
            suspended: CancellationToken::new(),
        };
        let served = {
            let upkeep = broker.upkeep();
            let deliver = deliver(transfers.clone(), end.clone());
            let served = Served {
                broker: broker.clone(),
                transfers,
                doors,
                roles,
            };
            tokio::select! {
                served = rpc::serve(served, end) => served,
                never = upkeep => match never {},
                never = deliver => match never {},
                never = keep(keeper.as_ref()) => match never {},
                never = folders.run() => match never {},
            }
        };
        drop(broker);
        // The server had the last handle of the module: the module's task is ending.
        tokio::select! {
            ended = timeout(MODULE_GRACE, module) => if ended.is_err() {
                tracing::warn!("the module did not let go of its port within {MODULE_GRACE:?}");
            },
            () = hurry.cancelled() => tracing::warn!("the module is left as it is"),
        }
        // All that has moved is counted by now.
        if let Some(keeper) = &keeper {
            keeper.save().await;
        }
        Ok(served?)
    }
}

/// Runs the daemon until SIGINT or SIGTERM; a second signal shortens the shutdown. SIGHUP has it read the
/// configuration at `path` again, and set the `level` of the log. Reports to systemd where it is the parent.
///
/// # Errors
/// Those of [`Daemon::open`] and [`Daemon::serve`]; [`Error::Signals`] where signals cannot be received;
/// [`Error::Metrics`] where metrics cannot be served.
pub async fn run(
    config: Config,
    path: Option<PathBuf>,
    passed: Passed,
    level: Level,
) -> Result<(), Error> {
    let (stop, hurry) = (CancellationToken::new(), CancellationToken::new());
    stop_on_signal(stop.clone(), hurry.clone())?;
    let hangup = signal(SignalKind::hangup()).map_err(Error::Signals)?;
    // Before the module says anything: all of it is counted.
    let metrics = config.metrics.address().map(metrics::serve).transpose()?;
    let daemon = Daemon::open(&config, passed).await?;
    tokio::spawn(metrics::follow(daemon.transfers.conditions()));
    let notice = watch::Sender::<Notice>::new(None);
    let informed = notify::keep_informed(daemon.transfers.conditions(), notice.subscribe());
    let supervisor = tokio::spawn(informed);
    let reloader = Reloader {
        path,
        in_force: config,
        broker: daemon.broker.clone(),
        transfers: daemon.transfers.clone(),
        roles: daemon.roles.clone(),
        certificates: daemon.certificates.clone(),
        outboxes: daemon.outboxes.clone(),
        level,
        keeps_counts: daemon.keeper.is_some(),
        notice,
    };
    let reloader = tokio::spawn(reloader.run(hangup, stop.clone()));
    let served = daemon.serve(stop, hurry).await;
    supervisor.abort();
    reloader.abort();
    if let Some(metrics) = metrics {
        metrics.abort();
    }
    served
}

/// Delivers transfers until the daemon is to stop, and says when they are suspended.
async fn deliver(transfers: Transfers, end: End) -> Infallible {
    transfers.deliver(end.stop).await;
    drop(transfers);
    end.suspended.cancel();
    pending().await
}

async fn doors(
    config: &Config,
    passed: Passed,
    certificates: &Certificates,
) -> Result<Doors, Error> {
    let listen = &config.listen;
    let tls = certificates.subscribe();
    let unix = match (passed.unix, listen.unix()) {
        (Some(listener), _) => Some(UnixDoor::passed(listener)?),
        (None, Some(path)) => Some(UnixDoor::open(path, listen.unix_mode.bits()).await?),
        (None, None) => None,
    };
    let tcp = match (passed.tcp, listen.tcp, tls) {
        (Some(listener), _, tls) => Some(TcpDoor::passed(listener, tls)?),
        (None, Some(address), Some(tls)) => Some(TcpDoor::tls(address.get(), tls).await?),
        (None, Some(address), None) => {
            let address = address.get().try_into().map_err(listen::Error::from)?;
            Some(TcpDoor::plain(address).await?)
        }
        (None, None, _) => None,
    };
    let mut limits = config.doors();
    limits.connections = descriptors::connections(limits.connections);
    Ok(Doors { unix, tcp, limits })
}

async fn keep(keeper: Option<&Keeper>) -> Infallible {
    match keeper {
        Some(keeper) => keeper.run().await,
        None => pending().await,
    }
}

fn stop_on_signal(stop: CancellationToken, hurry: CancellationToken) -> Result<(), Error> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signals)?;
    let mut wish = async move || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    tokio::spawn(async move {
        wish().await;
        tracing::info!("stopping: running calls have {GRACE:?}; a second signal ends them now");
        // Reported here, since the daemon may exit at once where nothing is left to end.
        notify::stopping(END).await;
        stop.cancel();
        wish().await;
        tracing::warn!("a second signal: nothing is waited for any more");
        hurry.cancel();
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// systemd kills what has not ended by then.
    #[test]
    fn the_units_leave_room_for_the_longest_way_to_the_end() {
        for unit in [
            include_str!("../systemd/cellftpd.service"),
            include_str!("../systemd/cellftpd@.service"),
        ] {
            let mut lines = unit.lines();
            let limit = lines.find_map(|line| line.strip_prefix("TimeoutStopSec="));
            let limit = Duration::from_secs(limit.unwrap().parse().unwrap());
            assert!(limit >= END + notify::SPARE, "{limit:?} {END:?}");
        }
    }
}
