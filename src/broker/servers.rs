//! The servers that callers may go to.

use std::collections::HashMap;
use std::sync::Arc;

use super::access::Access;
use super::caller::ServerChoice;
use super::error::Cause;
use super::location::{Location, Profile};
use super::scheduler::{Priority, Yields};
use super::usage;
use crate::ftps::value::Server;
use crate::modem::health::LoggedIn;

/// Server profiles by name, and whether callers may name servers of their own.
#[derive(Debug, Clone, Default)]
pub struct Servers {
    profiles: HashMap<String, Known>,
    inline_allowed: bool,
}

#[derive(Debug, Clone)]
struct Known {
    server: Arc<Server>,
    profile: Profile,
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
            let profile = Profile {
                name: Some(name.as_str().into()),
                ..Profile::default()
            };
            let server = Arc::new(server);
            (name, Known { server, profile })
        });
        Self {
            profiles: profiles.collect(),
            inline_allowed,
        }
    }

    /// Says how urgent the transfers of a profile are where their callers do not say.
    #[must_use]
    pub fn with_priority(mut self, profile: &str, priority: Priority) -> Self {
        if let Some(known) = self.profiles.get_mut(profile) {
            known.profile.priority = priority;
        }
        self
    }

    /// Says what may go over the air to the server of a profile.
    #[must_use]
    pub fn with_data_limit(mut self, profile: &str, limit: usage::Limit) -> Self {
        if let Some(known) = self.profiles.get_mut(profile) {
            known.profile.data = limit;
        }
        self
    }

    /// Says when the transfers of a profile give up the link where their callers do not say.
    #[must_use]
    pub fn with_yields(mut self, profile: &str, yields: Yields) -> Self {
        if let Some(known) = self.profiles.get_mut(profile) {
            known.profile.yields = yields;
        }
        self
    }

    /// Says who may use a profile; everybody where nothing is said.
    #[must_use]
    pub fn with_access(mut self, profile: &str, access: Access) -> Self {
        if let Some(known) = self.profiles.get_mut(profile) {
            known.profile.access = Arc::new(access);
        }
        self
    }

    /// The profiles that have a limit, with it.
    pub(super) fn data_limits(&self) -> impl Iterator<Item = (Arc<str>, usage::Limit)> {
        let profiles = self.profiles.values().map(|known| &known.profile);
        let limited = profiles.filter(|profile| profile.data != usage::Limit::default());
        limited.filter_map(|profile| Some((profile.name.clone()?, profile.data)))
    }

    /// The login directory of a chosen server.
    pub(super) fn resolve(&self, choice: &ServerChoice) -> Result<Location, Cause> {
        match choice {
            ServerChoice::Profile(name) => self
                .profiles
                .get(name)
                .map(|known| Location::of(Arc::clone(&known.server), known.profile.clone()))
                .ok_or_else(|| Cause::ProfileNotFound(name.clone())),
            ServerChoice::Inline(server) if self.inline_allowed => {
                if server.is_unverified() {
                    tracing::warn!(
                        host = server.host.as_str(),
                        "a request names a server that is not verified: whoever sits on the way \
                         can read and change everything"
                    );
                }
                Ok(Location::login(Arc::clone(server)))
            }
            ServerChoice::Inline(_) => Err(Cause::InlineNotAllowed),
        }
    }

    /// The name of the profile with this host and port, the first by name where there are more.
    pub(super) fn name_of(&self, logged_in: &LoggedIn) -> Option<&str> {
        self.profiles
            .iter()
            .filter(|(_, known)| LoggedIn::from(known.server.as_ref()) == *logged_in)
            .map(|(name, _)| name.as_str())
            .min()
    }
}
