//! Who is calling, and what for.

use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;

use super::scheduler::{Priority, Yields};
use super::session::SessionId;
use crate::ftps::value::{NameCode, Server};

/// Who is calling, as the daemon's door found out. Fairness and ownership go by it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Principal(Arc<str>);

impl Principal {
    /// Takes a name, for example `uid:1000`.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One call: who makes it, and how long the caller will wait.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who is calling.
    pub principal: Principal,
    /// When the caller gives up. What has not begun by then is never sent to the module; what
    /// runs is cancelled.
    pub deadline: Option<Instant>,
    /// How urgent a Get or Put is; `None`: as the server profile says. What moves a file of the
    /// module is always [`Priority::Normal`], what moves no file [`Priority::Interactive`].
    pub priority: Option<Priority>,
    /// When a Get or Put gives up the link before its end; `None`: as the server profile says.
    pub yields: Option<Yields>,
}

/// Where an operation goes.
#[derive(Debug, Clone)]
pub enum Target {
    /// A server profile of the configuration.
    Profile(String),
    /// An open session of the same principal.
    Session(SessionId),
    /// A server named by the caller, where the configuration allows it, and the code of its names.
    Inline(Arc<Server>, NameCode),
}

/// The server of a new session.
#[derive(Debug, Clone)]
pub enum ServerChoice {
    /// A server profile of the configuration.
    Profile(String),
    /// A server named by the caller, where the configuration allows it, and the code of its names.
    Inline(Arc<Server>, NameCode),
}
