//! The daemon: port, module, broker and face put together, from the first signal to the last.

mod metrics;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::broker::Broker;
use crate::broker::health::{Health, Link};
use crate::broker::transfers::{self, Transfers};
use crate::broker::usage::Keeper;
use crate::config::{self, Config, Device, FlowControl};
use crate::emulator::{Profile, serve::in_process};
use crate::modem::port::{SerialConnector, StreamConnector};
use crate::modem::{Modem, Options, Quirks, Setup};
use crate::rpc::listen::{self, LoopbackError, TcpDoor, UnixDoor};
use crate::rpc::role::Roles;
use crate::rpc::{self, Doors};

/// How long running calls have to end after a wish to stop. systemd waits 90 s before it kills
/// (`DefaultTimeoutStopSec=`), and the module needs the rest.
const CALLS_GRACE: Duration = Duration::from_secs(30);

/// How long the module has to log out and let go of the port after that: two commands of 20 s
/// each.
const MODULE_GRACE: Duration = Duration::from_secs(45);

/// Why the daemon does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is not usable.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// Clients cannot come in.
    #[error(transparent)]
    Listen(#[from] listen::Error),
    /// Without TLS, only this machine is served.
    #[error(transparent)]
    Reachable(#[from] LoopbackError),
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

/// A daemon with its doors open.
#[derive(Debug)]
pub struct Daemon {
    broker: Broker,
    module: JoinHandle<()>,
    doors: Doors,
    roles: Roles,
    /// Stores what data has moved, where that is limited.
    keeper: Option<Keeper>,
}

impl Daemon {
    /// Opens the doors and begins to bring the module up. Callers that come before the module is
    /// ready are told so.
    ///
    /// # Errors
    /// A password cannot be read, a door does not open, or transfers that were accepted before cannot
    /// be read.
    pub async fn open(config: &Config) -> Result<Self, Error> {
        let servers = config.servers()?;
        let quirks = config.module.quirks()?;
        let tls = config.listen.tls.resolve()?;
        let roles = config.roles.resolve().map_err(config::Error::Problems)?;
        // The doors first: a daemon that nobody can reach must not touch the module, which may
        // be another daemon's.
        let unix = match config.listen.unix() {
            Some(path) => Some(UnixDoor::open(path, config.listen.unix_mode.bits()).await?),
            None => None,
        };
        let tcp = match (config.listen.tcp, tls) {
            (Some(address), Some(tls)) => Some(TcpDoor::tls(address.get(), tls).await?),
            (Some(address), None) => Some(TcpDoor::plain(address.get().try_into()?).await?),
            (None, _) => None,
        };
        let doors = Doors { unix, tcp };
        for door in doors.addresses() {
            tracing::info!("listening on {door}");
        }
        let transfers = Transfers::open(config.durable.settings(), rpc::status::told)?;
        let (modem, module) = spawn(config, quirks);
        let broker = Broker::new(modem, servers, config.limits()).with_transfers(transfers);
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
            module,
            doors,
            roles,
            keeper,
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

    /// Serves until `stop` is cancelled; then ends the calls, logs out and closes the port.
    ///
    /// # Errors
    /// The server failed.
    pub async fn serve(self, stop: CancellationToken) -> Result<(), Error> {
        let Self {
            broker,
            module,
            doors,
            roles,
            keeper,
        } = self;
        let serve = rpc::serve(broker, doors, roles, stop, CALLS_GRACE);
        let served = tokio::select! {
            served = serve => served,
            never = keep(keeper.as_ref()) => match never {},
        };
        // The last handle of the module went with the server: the module's task is ending.
        if timeout(MODULE_GRACE, module).await.is_err() {
            tracing::warn!("the module did not let go of its port within {MODULE_GRACE:?}");
        }
        // Whatever still moved has been booked by now.
        if let Some(keeper) = &keeper {
            keeper.save().await;
        }
        Ok(served?)
    }
}

/// Runs the daemon until SIGINT or SIGTERM, and keeps systemd informed where it is the parent.
///
/// # Errors
/// The daemon could not start, or its server failed.
pub async fn run(config: &Config) -> Result<(), Error> {
    let stop = CancellationToken::new();
    stop_on_signal(stop.clone())?;
    let daemon = Daemon::open(config).await?;
    let metrics = config.metrics.address().map(metrics::serve).transpose()?;
    let supervisor = tokio::spawn(keep_informed(daemon.health(), stop.clone()));
    let served = daemon.serve(stop).await;
    supervisor.abort();
    if let Some(metrics) = metrics {
        metrics.abort();
    }
    served
}

fn spawn(config: &Config, quirks: Quirks) -> (Modem, JoinHandle<()>) {
    let repair = config.repair.limits();
    let (config, transfers) = (&config.module, &config.transfers);
    let hardware_flow_control = config.flow_control == FlowControl::Hardware;
    let setup = Setup {
        hardware_flow_control,
        apn: config.network.apn(),
        download: transfers.download.into(),
        upload: transfers.upload.into(),
        quirks,
    };
    let options = Options {
        setup,
        repair,
        ..Options::default()
    };
    match &config.device {
        Device::Serial(device) => {
            let connector = SerialConnector {
                device: device.clone(),
                baud: config.baud,
                hardware_flow_control,
            };
            Modem::spawn(connector, options)
        }
        Device::Emulator => {
            let profile = Profile::of(config.emulator.family);
            let module = in_process(profile, config.emulator.knobs.clone());
            Modem::spawn(StreamConnector(move || Ok(module.open())), options)
        }
    }
}

async fn keep(keeper: Option<&Keeper>) -> Infallible {
    match keeper {
        Some(keeper) => keeper.run().await,
        None => std::future::pending().await,
    }
}

fn stop_on_signal(stop: CancellationToken) -> Result<(), Error> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signals)?;
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping");
        // Here and not where the rest is told: with nothing to end, the daemon is gone at once.
        notify(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
        stop.cancel();
    });
    Ok(())
}

/// Tells systemd when the daemon is ready, what the module does, and that all is well, as long as
/// this runtime turns (sd_notify(3)). Without systemd, each of these does nothing.
async fn keep_informed(mut health: watch::Receiver<Health>, stop: CancellationToken) {
    notify(&[
        NotifyState::Ready,
        NotifyState::Status(&status(&health.borrow_and_update().link)),
    ]);
    // Twice as often as systemd looks, as it asks for (sd_watchdog_enabled(3)).
    let period = sd_notify::watchdog_enabled().filter(|period| !period.is_zero());
    let mut watchdog = period.map(|period| {
        let mut watchdog = interval(period / 2);
        watchdog.set_missed_tick_behavior(MissedTickBehavior::Delay);
        watchdog
    });
    loop {
        tokio::select! {
            changed = health.changed(), if !stop.is_cancelled() => {
                if changed.is_err() {
                    return;
                }
                notify(&[NotifyState::Status(&status(&health.borrow_and_update().link))]);
            }
            () = tick(&mut watchdog) => notify(&[NotifyState::Watchdog]),
        }
    }
}

async fn tick(watchdog: &mut Option<tokio::time::Interval>) {
    match watchdog {
        Some(watchdog) => {
            watchdog.tick().await;
        }
        None => std::future::pending().await,
    }
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd could not be informed");
    }
}

fn status(link: &Link) -> String {
    match link {
        Link::Absent(error) => error.to_string(),
        Link::BringingUp => "bringing the module up".into(),
        Link::Ready => "ready".into(),
        Link::Fault(error) => format!("the module cannot serve: {error}"),
    }
}
