//! The servers that callers may go to.

use std::collections::HashMap;
use std::sync::Arc;

use super::caller::ServerChoice;
use super::error::Cause;
use crate::ftps::value::Server;
use crate::modem::health::LoggedIn;

/// Server profiles by name, and whether callers may name servers of their own.
#[derive(Debug, Clone, Default)]
pub struct Servers {
    profiles: HashMap<String, Arc<Server>>,
    inline_allowed: bool,
}

impl Servers {
    /// Takes the profiles of the configuration.
    #[must_use]
    pub fn new(profiles: impl IntoIterator<Item = (String, Server)>, inline_allowed: bool) -> Self {
        let profiles = profiles.into_iter().map(|(name, server)| {
            if server.is_unverified() {
                tracing::warn!(
                    profile = name,
                    "the server of this profile is not verified: whoever sits on the way can read \
                     and change everything"
                );
            }
            (name, Arc::new(server))
        });
        Self {
            profiles: profiles.collect(),
            inline_allowed,
        }
    }

    /// The server of a choice.
    pub(super) fn resolve(&self, choice: &ServerChoice) -> Result<Arc<Server>, Cause> {
        match choice {
            ServerChoice::Profile(name) => self
                .profiles
                .get(name)
                .cloned()
                .ok_or_else(|| Cause::ProfileNotFound(name.clone())),
            ServerChoice::Inline(server) if self.inline_allowed => {
                if server.is_unverified() {
                    tracing::warn!(
                        host = server.host.as_str(),
                        "a request names a server that is not verified: whoever sits on the way \
                         can read and change everything"
                    );
                }
                Ok(Arc::clone(server))
            }
            ServerChoice::Inline(_) => Err(Cause::InlineNotAllowed),
        }
    }

    /// The name of the profile with this host and port, the first by name where there are more.
    pub(super) fn name_of(&self, logged_in: &LoggedIn) -> Option<&str> {
        self.profiles
            .iter()
            .filter(|(_, server)| LoggedIn::from(server.as_ref()) == *logged_in)
            .map(|(name, _)| name.as_str())
            .min()
    }
}
