//! The state of the module, for anyone to read.

use std::sync::Arc;
use std::time::Duration;

use super::error::{Error, chain};
use super::job::JobId;
use simcom_talk::dialogue::facts::{Capabilities, Identity, Registration};
use simcom_talk::dialogue::{Repaired, Rung};
use simcom_talk::ftps::value::{Host, Server, Username};

/// State of the module and its port. Reading it is always possible and never asks the module.
#[derive(Debug, Clone)]
pub struct Health {
    /// Whether the module serves jobs.
    pub link: LinkState,
    /// When `link` last changed, since the daemon's start.
    pub since: Duration,
    /// The manufacturer, model and firmware; empty before the module was asked.
    pub identity: Identity,
    /// What the module can do.
    pub capabilities: Arc<Capabilities>,
    /// SIM and network, as last read.
    pub registration: Registration,
    /// The server that the module is logged in to.
    pub logged_in: Option<LoggedIn>,
    /// The job at the port, and when it began, since the daemon's start.
    pub running: Option<(JobId, Duration)>,
    /// What the daemon waits for from the module, if that takes a while.
    pub waiting: Option<Waiting>,
    /// The last [`REPAIRS_KEPT`] repairs, the oldest first.
    pub repairs: Arc<Vec<Repair>>,
}

/// A long wait for the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// What it waits for, in words.
    pub why: &'static str,
    /// When the wait began, since the daemon's start.
    pub since: Duration,
}

/// Repairs kept: more than the budgets of the higher rungs allow in an hour.
pub const REPAIRS_KEPT: usize = 256;

/// A rung of the repair ladder that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// Counted from 1.
    pub number: u64,
    /// When it ended, since the daemon's start.
    pub at: Duration,
    /// The rung, the reason, and whether it helped.
    pub what: Repaired,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            link: LinkState::BringingUp,
            since: Duration::ZERO,
            identity: Identity::default(),
            capabilities: Arc::default(),
            registration: Registration::default(),
            logged_in: None,
            running: None,
            waiting: None,
            repairs: Arc::default(),
        }
    }
}

/// Whether the module serves jobs.
///
/// It is decided once, where the actor publishes it. The log, systemd, gRPC's health, the status, the events and the
/// metrics all read it here.
#[derive(Debug, Clone)]
pub enum LinkState {
    /// The serial device cannot be opened.
    Absent(Error),
    /// The device is open; the module is being brought up.
    BringingUp,
    /// The module is up, and says that it is not registered with a network. It takes jobs.
    Searching,
    /// The module serves jobs.
    Ready,
    /// This rung of the repair ladder is under way. Jobs wait for its end.
    Repairing(Rung),
    /// The device is open and the module cannot serve.
    Fault(Error),
}

impl LinkState {
    /// The module was brought up and takes jobs. Without a network, those that need one may fail.
    #[must_use]
    pub const fn takes_jobs(&self) -> bool {
        matches!(self, Self::Ready | Self::Searching)
    }

    /// One word for programs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Absent(_) => "absent",
            Self::BringingUp => "bringing_up",
            Self::Searching => "searching",
            Self::Ready => "ready",
            Self::Repairing(_) => "repairing",
            Self::Fault(_) => "fault",
        }
    }

    /// What is wrong, in words that name no path of this machine. `None` where there is nothing more to tell than the
    /// state.
    #[must_use]
    pub fn why(&self) -> Option<String> {
        match self {
            Self::Absent(error) | Self::Fault(error) => Some(chain(error)),
            Self::Searching => Some("the module is not registered with a network".into()),
            Self::Repairing(rung) => Some(rung.words().into()),
            Self::BringingUp | Self::Ready => None,
        }
    }

    /// Path of the serial device, where it is what is wrong.
    #[must_use]
    pub fn device(&self) -> Option<&str> {
        match self {
            Self::Absent(error) | Self::Fault(error) => error.device(),
            Self::BringingUp | Self::Searching | Self::Ready | Self::Repairing(_) => None,
        }
    }

    /// Whether both say the same.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.name() == other.name() && self.why() == other.why()
    }
}

/// The server that the module is logged in to, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedIn {
    /// Host.
    pub host: Host,
    /// Port.
    pub port: u16,
    /// User name.
    pub user: Username,
}

impl From<&Server> for LoggedIn {
    fn from(server: &Server) -> Self {
        Self {
            host: server.host.clone(),
            port: server.port.get(),
            user: server.username.clone(),
        }
    }
}
