//! Virtual sessions: a server, a directory and a transfer type of the caller's own.

use std::time::Duration;

/// Names a session. Not a secret: a session can be used by its own principal only.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionId(String);

impl SessionId {
    /// Takes a name as a client gave it; whether the session exists is found out by using it.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Bounds of the sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Sessions in all.
    pub max: usize,
    /// Sessions of one principal.
    pub max_per_principal: usize,
    /// Lease where none is asked for.
    pub lease: Duration,
    /// Longest lease granted.
    pub max_lease: Duration,
}

impl Default for Limits {
    /// 1024 sessions, a quarter of them for one principal: a session is a few hundred bytes. A
    /// lease of ten minutes outlives a person's pause; a day is the most a forgotten one lasts.
    fn default() -> Self {
        Self {
            max: 1024,
            max_per_principal: 256,
            lease: Duration::from_secs(600),
            max_lease: Duration::from_secs(86_400),
        }
    }
}
