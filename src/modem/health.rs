//! What the owner of the port knows of the module, for anyone to look at.

use std::sync::Arc;
use std::time::Duration;

use super::error::Error;
use super::job::JobId;
use simcom_talk::dialogue::Repaired;
use simcom_talk::dialogue::facts::{Capabilities, Identity, Registration};
use simcom_talk::ftps::value::{Host, Server, Username};

/// State of the module and its port. Read at any time; never asks the module.
#[derive(Debug, Clone)]
pub struct Health {
    /// Whether jobs are served.
    pub link: Link,
    /// When `link` last changed, since the daemon's start.
    pub since: Duration,
    /// Who made the module; empty until it was asked.
    pub identity: Identity,
    /// What the module can do.
    pub capabilities: Arc<Capabilities>,
    /// SIM and network, as last seen.
    pub registration: Registration,
    /// The server that the module is logged in to.
    pub logged_in: Option<LoggedIn>,
    /// The job at the port, and when it came there, since the daemon's start.
    pub running: Option<(JobId, Duration)>,
    /// What the module is waited for, where that takes a while.
    pub waiting: Option<Waiting>,
    /// What was tried to repair the link: the last [`REPAIRS_KEPT`], the oldest first.
    pub repairs: Arc<Vec<Repair>>,
}

/// What the module is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// In words.
    pub why: &'static str,
    /// Since when, since the daemon's start.
    pub since: Duration,
}

/// Repairs kept to be looked at: more than the budgets of the higher rungs allow in an hour.
pub const REPAIRS_KEPT: usize = 256;

/// A rung of the repair ladder that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// Counts from 1 on.
    pub number: u64,
    /// When it was over, since the daemon's start.
    pub at: Duration,
    /// What was tried, why, and whether it helped.
    pub what: Repaired,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            link: Link::BringingUp,
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

/// Whether jobs are served.
#[derive(Debug, Clone)]
pub enum Link {
    /// The serial device cannot be opened.
    Absent(Error),
    /// The device is open; the module is being brought up.
    BringingUp,
    /// Jobs are served.
    Ready,
    /// The device is open and the module cannot serve.
    Fault(Error),
}

/// The server that the module is logged in to, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedIn {
    /// Host.
    pub host: Host,
    /// Port.
    pub port: u16,
    /// Who.
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
