//! Who is calling, and what for.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::labels::Labels;
use crate::broker::terms::Named;
use crate::broker::terms::SessionId;
use crate::broker::terms::{Priority, Yields};
use simcom_talk::ftps::value::{NameCode, Server};

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
    /// What else the caller asks for.
    pub options: Options,
}

/// What a call may ask for beside what it does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// What its operations are called by.
    pub labels: Labels,
    /// It has a name, and is carried out once.
    pub request: Option<Named>,
    /// It is only checked: where it would be admitted, it ends with [`crate::broker::terms::Cause::OnlyValidated`].
    pub validate_only: bool,
}

impl Caller {
    /// The same call for another principal. Whether the caller may do that is for whoever asks.
    #[must_use]
    pub fn acting_for(self, principal: Principal) -> Self {
        Self { principal, ..self }
    }
}

/// Whose things a call is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// The caller's own.
    Own,
    /// A principal's.
    One(Principal),
    /// Everybody's.
    All,
}

impl Whose {
    /// The one principal that is meant; `None`: all are.
    #[must_use]
    pub const fn one<'a>(&'a self, caller: &'a Caller) -> Option<&'a Principal> {
        match self {
            Self::Own => Some(&caller.principal),
            Self::One(principal) => Some(principal),
            Self::All => None,
        }
    }
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

/// How long a caller may stand still: one that sends, or one that reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Before it has failed.
    pub(crate) stall: Duration,
    /// Before its transfer makes way for others.
    pub(crate) trickle: Duration,
}
