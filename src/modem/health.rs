//! What the owner of the port knows of the module, for anyone to look at.

use std::time::Duration;

use super::error::Error;
use super::job::JobId;
use crate::ftps::value::{Host, Server};

/// State of the module and its port. Read at any time; never asks the module.
#[derive(Debug, Clone)]
pub struct Health {
    /// Whether jobs are served.
    pub link: Link,
    /// When `link` last changed, since the daemon's start.
    pub since: Duration,
    /// Who made the module; empty until it was asked.
    pub identity: Identity,
    /// SIM and network, as last seen.
    pub registration: Registration,
    /// The server that the module is logged in to.
    pub logged_in: Option<LoggedIn>,
    /// The job at the port, and when it came there, since the daemon's start.
    pub running: Option<(JobId, Duration)>,
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

/// Who made the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// `AT+CGMI`.
    pub manufacturer: String,
    /// `AT+CGMM`.
    pub model: String,
    /// `AT+CGMR`.
    pub firmware: String,
}

/// SIM and network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registration {
    /// `AT+CPIN?`.
    pub sim: Sim,
    /// Registered at home or roaming (`AT+CEREG?`, `AT+CGREG?`, `AT+CREG?`).
    pub registered: bool,
    /// Registered in a foreign network.
    pub roaming: bool,
    /// Received signal strength in dBm (`AT+CSQ`); `None` where unknown.
    pub rssi_dbm: Option<i32>,
    /// Name of the network (`AT+COPS?`).
    pub operator: String,
}

/// State of the SIM.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sim {
    /// Not asked yet, or no answer.
    #[default]
    Unknown,
    /// Usable.
    Ready,
    /// Asks for a PIN or PUK.
    Locked,
    /// Not there.
    Missing,
}

/// The server that the module is logged in to, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedIn {
    /// Host.
    pub host: Host,
    /// Port.
    pub port: u16,
}

impl From<&Server> for LoggedIn {
    fn from(server: &Server) -> Self {
        Self {
            host: server.host.clone(),
            port: server.port.get(),
        }
    }
}
