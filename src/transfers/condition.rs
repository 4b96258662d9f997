//! What the daemon can do now, and why not the rest: what systemd, gRPC's health, the status and the metrics tell.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Keeping, Transfers};
use crate::modem::Health;
use crate::modem::health::LinkState;
use simcom_talk::dialogue::facts::Registration;

/// What the daemon can do now. It reads what was decided elsewhere: by the owner of the module ([`LinkState`]), by the
/// owner of the transfers ([`Keeping`]), and by whoever stops the daemon.
#[derive(Debug, Clone)]
pub struct Condition {
    /// The module, whether or not the daemon is stopping.
    pub link: LinkState,
    /// The daemon is stopping, and begins no more work.
    pub is_stopping: bool,
    /// Whether transfers are kept.
    pub keeping: Keeping,
}

impl Condition {
    /// All names of states, in the order of their severity.
    pub const STATES: [&'static str; 7] = [
        "ready",
        "searching",
        "bringing_up",
        "repairing",
        "fault",
        "absent",
        STOPPING,
    ];

    /// One word of [`Condition::STATES`].
    #[must_use]
    pub const fn state(&self) -> &'static str {
        if self.is_stopping {
            STOPPING
        } else {
            self.link.name()
        }
    }

    /// What is wrong, in words that name no path of this machine; empty where there is nothing to tell.
    #[must_use]
    pub fn why(&self) -> String {
        if self.is_stopping {
            return "the daemon is stopping".into();
        }
        self.link.why().unwrap_or_default()
    }

    /// Whether files can be moved between server and client.
    #[must_use]
    pub const fn moves_files(&self) -> bool {
        !self.is_stopping && matches!(self.link, LinkState::Ready)
    }

    /// Whether the module's own files can be reached, which needs no network.
    #[must_use]
    pub const fn reaches_module_files(&self) -> bool {
        !self.is_stopping && self.link.takes_jobs()
    }

    /// Whether transfers are accepted, for now or for later.
    #[must_use]
    pub const fn keeps_transfers(&self) -> bool {
        !self.is_stopping && matches!(self.keeping, Keeping::On)
    }

    /// The whole condition in one line, for whoever looks after this machine. It may name paths.
    #[must_use]
    pub fn line(&self) -> String {
        if self.is_stopping {
            return STOPPING.into();
        }
        let mut line = match (&self.link, self.link.why()) {
            (LinkState::Absent(_), Some(why)) => why,
            (LinkState::Fault(_), Some(why)) => format!("the module cannot serve: {why}"),
            (LinkState::Repairing(_), Some(why)) => format!("the link is being repaired: {why}"),
            (_, Some(why)) => why,
            (LinkState::BringingUp, None) => "bringing the module up".into(),
            (link, None) => link.name().into(),
        };
        if let Some(device) = self.link.device() {
            line = format!("{line} ({device})");
        }
        if let Some(why) = self.keeping.why() {
            line += &format!("; transfers are not kept: {why}");
        }
        line
    }
}

const STOPPING: &str = "stopping";

/// Follows the condition of the daemon.
#[derive(Debug, Clone)]
pub struct Conditions {
    health: watch::Receiver<Health>,
    keeping: watch::Receiver<Keeping>,
    stopping: CancellationToken,
    /// The last change is told once.
    told_of_stopping: bool,
}

impl Conditions {
    /// The condition now.
    pub fn now(&mut self) -> Condition {
        Condition {
            link: self.health.borrow_and_update().link.clone(),
            is_stopping: self.stopping.is_cancelled(),
            keeping: self.keeping.borrow_and_update().clone(),
        }
    }

    /// SIM and network, as the module told them last.
    #[must_use]
    pub fn registration(&self) -> Registration {
        self.health.borrow().registration.clone()
    }

    /// Waits until the condition may have changed. Cancel-safe. `false`: it will not change any more.
    pub async fn changed(&mut self) -> bool {
        if self.told_of_stopping {
            return false;
        }
        tokio::select! {
            biased;
            () = self.stopping.cancelled() => {
                self.told_of_stopping = true;
                true
            }
            changed = self.health.changed() => changed.is_ok(),
            Ok(()) = self.keeping.changed() => true,
        }
    }
}

impl Transfers {
    /// What the daemon can do, now and at every change.
    #[must_use]
    pub fn conditions(&self) -> Conditions {
        Conditions {
            health: self.broker.health(),
            keeping: self.keeping(),
            stopping: self.broker.stopping(),
            told_of_stopping: false,
        }
    }
}
