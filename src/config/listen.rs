//! `[listen]`: where the daemon listens.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::error::{Problem, at_least_one, at_most, positive};
use super::optional;
use super::tls::Tls;
use crate::rpc::limits::Limits;
use crate::rpc::listen::{Loopback, LoopbackError};

/// Longest path of a unix socket, in bytes: 108 with the zero at its end (unix(7)), less the eleven that its
/// temporary name adds.
const MAX_PATH: usize = 107 - 11;

/// Where the daemon listens: on a unix socket, a TCP port, or both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Listen {
    /// Path of a unix socket; empty: none.
    pub unix: PathBuf,
    /// Permission bits of the socket: who may write to it may use the daemon.
    #[cfg_attr(test, schemars(with = "String"))]
    pub unix_mode: Mode,
    /// Address and port, a loopback one unless there is TLS; empty: none.
    #[serde(with = "optional")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub tcp: Option<TcpAddress>,
    /// Connections in all.
    pub connections: usize,
    /// Connections of one client.
    pub connections_per_client: usize,
    /// How long a connection without a call stays.
    #[serde(with = "super::duration")]
    #[cfg_attr(test, schemars(schema_with = "super::schema::time"))]
    pub idle: Duration,
    /// TLS at the TCP port.
    pub tls: Tls,
}

impl Default for Listen {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            unix: "/run/cellftpd/cellftpd.sock".into(),
            // Read and write for the daemon's own user and group.
            unix_mode: Mode(0o660),
            tcp: None,
            connections: usize::try_from(limits.connections.in_all).unwrap_or(usize::MAX),
            connections_per_client: usize::try_from(limits.connections.of_one)
                .unwrap_or(usize::MAX),
            idle: limits.idle,
            tls: Tls::default(),
        }
    }
}

impl Listen {
    /// The path of the unix socket, where one is wanted.
    #[must_use]
    pub fn unix(&self) -> Option<&Path> {
        Some(self.unix.as_path()).filter(|path| !path.as_os_str().is_empty())
    }

    pub(super) fn check(&self, problems: &mut Vec<Problem>) {
        if self.unix().is_none() && self.tcp.is_none() {
            problems.push(Problem::new(
                "listen",
                "needs `unix` or `tcp`: nobody could come in",
            ));
        }
        if let Some(path) = self.unix() {
            if !path.is_absolute() {
                problems.push(Problem::new("listen.unix", "is no absolute path"));
            }
            if path.as_os_str().len() > MAX_PATH {
                let rule = format!("is longer than {MAX_PATH} bytes, the limit of unix sockets");
                problems.push(Problem::new("listen.unix", rule));
            }
        }
        at_least_one(problems, "listen.connections", self.connections);
        at_least_one(
            problems,
            "listen.connections_per_client",
            self.connections_per_client,
        );
        at_most(
            problems,
            ("listen.connections_per_client", self.connections_per_client),
            ("listen.connections", self.connections),
        );
        positive(problems, "listen.idle", self.idle);
        self.tls.check(problems);
        match self.tcp {
            Some(address) if self.tls.is_off() => {
                let refused = Loopback::try_from(address.get()).err();
                let rule = |rule: LoopbackError| format!("{rule}, or TLS (`listen.tls`)");
                let rule = refused.map(rule);
                problems.extend(rule.map(|rule| Problem::new("listen.tcp", rule)));
            }
            None if !self.tls.is_off() => problems.push(Problem::new(
                "listen.tls",
                "is given, but `listen.tcp` is empty: there is no port to use it",
            )),
            _ => {}
        }
    }
}

/// A TCP address with its port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpAddress(SocketAddr);

impl TcpAddress {
    /// The address.
    #[must_use]
    pub fn get(self) -> SocketAddr {
        self.0
    }
}

impl FromStr for TcpAddress {
    type Err = LoopbackError;

    fn from_str(text: &str) -> Result<Self, LoopbackError> {
        let address = text.parse();
        let address = address.map_err(|_| LoopbackError::NotAnAddress(text.into()))?;
        Ok(Self(address))
    }
}

impl fmt::Display for TcpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Permission bits, written as octal digits in quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode(u32);

impl Mode {
    /// The bits.
    #[must_use]
    pub fn bits(self) -> u32 {
        self.0
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        u32::from_str_radix(text, 8)
            .ok()
            .filter(|bits| *bits <= 0o777)
            .map(Self)
            .ok_or_else(|| format!("is `{text}`; allowed: octal digits up to \"0777\""))
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

impl Serialize for Mode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}
