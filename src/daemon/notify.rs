//! The notifications to systemd (sd_notify(3)), where systemd is the parent.

use std::time::Duration;
use std::{env, io};

use sd_notify::NotifyState;
use tokio::net::UnixDatagram;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::transfers::{Condition, Conditions};

/// How long systemd may take to read a notification. Its one socket for all services holds few messages, and is
/// full for a while on a machine that boots. systemd gives up a daemon that has not reported its start after 90
/// s (`DefaultTimeoutStartSec=`).
const PATIENCE: Duration = Duration::from_secs(90);

/// The same for the last notification, which must not delay the exit.
const BRIEFLY: Duration = Duration::from_millis(100);

/// Reports to systemd when the daemon is ready, its condition with the `notice` beside it, and, as long as this runtime
/// works, the watchdog's signal.
pub(super) async fn keep_informed(
    mut conditions: Conditions,
    mut notice: watch::Receiver<Option<&'static str>>,
) {
    let mut said = line(&conditions.now(), *notice.borrow_and_update());
    tell(&[NotifyState::Ready, NotifyState::Status(&said)]).await;
    // Twice as often as the watchdog's time, as systemd asks for (sd_watchdog_enabled(3)).
    let period = sd_notify::watchdog_enabled().filter(|period| !period.is_zero());
    let mut watchdog = period.map(|period| {
        let mut watchdog = interval(period / 2);
        watchdog.set_missed_tick_behavior(MissedTickBehavior::Delay);
        watchdog
    });
    let mut follows = true;
    loop {
        let noticed = tokio::select! {
            changed = conditions.changed(), if follows => {
                follows = changed;
                false
            }
            // Its sender may be gone: the next change of the condition is waited for then.
            Ok(()) = notice.changed(), if follows => true,
            () = tick(&mut watchdog) => {
                tell(&[NotifyState::Watchdog]).await;
                continue;
            }
        };
        let now = line(&conditions.now(), *notice.borrow_and_update());
        // Each reload is told, even where it ends as the one before.
        if noticed || now != said {
            said = now;
            tell(&[NotifyState::Status(&said)]).await;
        }
    }
}

/// Spare time besides the daemon's own bounds, for a slow machine and its disk.
pub(super) const SPARE: Duration = Duration::from_secs(5);

/// Reports that the daemon will exit `within` this time, and asks systemd to wait: many systems are set to kill
/// sooner (`DefaultTimeoutStopSec=`).
pub(super) async fn stopping(within: Duration) {
    let within = u32::try_from(within.saturating_add(SPARE).as_micros()).unwrap_or(u32::MAX);
    let states = [
        NotifyState::Stopping,
        NotifyState::Status("stopping"),
        NotifyState::ExtendTimeoutUsec(within),
    ];
    // systemd sees the exit itself.
    let _ = timeout(BRIEFLY, tell(&states)).await;
}

/// Reports that a reload begins.
pub(super) async fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]).await,
        Err(error) => tracing::debug!(%error, "there is no clock to tell systemd by"),
    }
}

/// Reports that a reload has ended.
pub(super) async fn reloaded() {
    tell(&[NotifyState::Ready]).await;
}

async fn tick(watchdog: &mut Option<tokio::time::Interval>) {
    match watchdog {
        Some(watchdog) => {
            watchdog.tick().await;
        }
        None => std::future::pending().await,
    }
}

async fn tell(states: &[NotifyState<'_>]) {
    let told = timeout(PATIENCE, send(states)).await;
    if let Err(error) = told.unwrap_or(Err(io::ErrorKind::TimedOut.into())) {
        tracing::debug!(%error, "systemd could not be informed");
    }
}

/// Waits while systemd does not read, as `sd_notify::notify` does, without blocking the runtime.
async fn send(states: &[NotifyState<'_>]) -> io::Result<()> {
    let Some(path) = env::var_os("NOTIFY_SOCKET") else {
        return Ok(());
    };
    let text: String = states.iter().map(|state| format!("{state}\n")).collect();
    let socket = UnixDatagram::unbound()?;
    socket.connect(path)?;
    socket.send(text.as_bytes()).await.map(drop)
}

fn line(condition: &Condition, beside: Option<&str>) -> String {
    let line = condition.line();
    match beside.filter(|_| !condition.is_stopping) {
        Some(beside) => format!("{line}; {beside}"),
        None => line,
    }
}
