//! Who is calling, and what for.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::labels::Labels;
use crate::broker::terms::{Named, Priority, SessionId, Yields};
use simcom_talk::ftps::value::{NameCode, Server};

/// The client of a call, as the daemon's listener identified it. Fairness and ownership go by it.
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
    /// When the caller gives up. The daemon never sends an operation to the module that has not
    /// begun by then, and cancels one that runs.
    pub deadline: Option<Instant>,
    /// How urgent a Get or Put is; `None`: the server profile decides. An operation that moves a
    /// file of the module always has [`Priority::Normal`], one that moves no file
    /// [`Priority::Interactive`].
    pub priority: Option<Priority>,
    /// When a Get or Put gives up the link before its end; `None`: the server profile decides.
    pub yields: Option<Yields>,
    /// What else the caller asks for.
    pub options: Options,
}

/// What a call may ask for beside its operation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The labels of its operations.
    pub labels: Labels,
    /// The request's name; the daemon carries out a named request once.
    pub request: Option<Named>,
    /// The daemon only checks the request: if it would admit it, the call ends with
    /// [`crate::broker::terms::Cause::OnlyValidated`].
    pub validate_only: bool,
}

impl Caller {
    /// The same call for another principal. The function's user checks whether the caller may do
    /// that.
    #[must_use]
    pub fn acting_for(self, principal: Principal) -> Self {
        Self { principal, ..self }
    }
}

/// Whose operations, sessions or transfers a call is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// The caller's own.
    Own,
    /// One principal's.
    One(Principal),
    /// Everybody's.
    All,
}

impl Whose {
    /// The principal whose entries the call is about; `None`: the entries of all.
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
    /// A server named by the caller, where the configuration allows that, and the character code of
    /// its names.
    Inline(Arc<Server>, NameCode),
}

/// The server of a new session.
#[derive(Debug, Clone)]
pub enum ServerChoice {
    /// A server profile of the configuration.
    Profile(String),
    /// A server named by the caller, where the configuration allows that, and the character code of
    /// its names.
    Inline(Arc<Server>, NameCode),
}

/// How long a caller may send nothing or read nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Time until its operation fails.
    pub(crate) stall: Duration,
    /// Time until its transfer yields the link to others.
    pub(crate) trickle: Duration,
}
