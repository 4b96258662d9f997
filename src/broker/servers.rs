//! The servers that callers may go to.

use std::collections::HashMap;
use std::sync::Arc;

use super::access::{Access, Rights};
use super::caller::{Principal, ServerChoice};
use super::error::Cause;
use super::location::{Location, Profile};
use super::scheduler::{Priority, Yields};
use super::usage;
use crate::modem::health::LoggedIn;
use simcom_talk::ftps::value::{NameCode, Server, ServerType};

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

/// A profile, for those who may use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileInfo {
    /// Its name.
    pub name: String,
    /// How the connections to its server are protected.
    pub server_type: ServerType,
    /// With TLS, whether the server must prove who it is.
    pub is_verified: bool,
    /// What the principal may do.
    pub access: Rights,
    /// How urgent transfers are where their callers do not say.
    pub priority: Priority,
    /// When they give up the link where their callers do not say.
    pub yields: Yields,
    /// The code in which the server has its names.
    pub code: NameCode,
}

impl Known {
    fn seen_by(&self, name: &str, principal: &Principal) -> Option<ProfileInfo> {
        Some(ProfileInfo {
            name: name.to_owned(),
            server_type: self.server.server_type,
            is_verified: self.server.server_type.is_tls() && !self.server.is_unverified(),
            access: self.profile.access.of(principal)?,
            priority: self.profile.priority,
            yields: self.profile.yields,
            code: self.profile.code,
        })
    }
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

    /// Says in which code the server of a profile has its names; UTF-8 where nothing is said.
    #[must_use]
    pub fn with_names_in(mut self, profile: &str, code: NameCode) -> Self {
        if let Some(known) = self.profiles.get_mut(profile) {
            known.profile.code = code;
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
            ServerChoice::Inline(server, code) if self.inline_allowed => {
                if server.is_unverified() {
                    tracing::warn!(
                        host = server.host.as_str(),
                        "a request names a server that is not verified: whoever sits on the way \
                         can read and change everything"
                    );
                }
                let profile = Profile {
                    code: *code,
                    ..Profile::default()
                };
                Ok(Location::of(Arc::clone(server), profile))
            }
            ServerChoice::Inline(..) => Err(Cause::InlineNotAllowed),
        }
    }

    /// What a principal may use, in the order of the names.
    pub(super) fn used_by(&self, principal: &Principal) -> Vec<ProfileInfo> {
        let mut profiles: Vec<_> = self
            .profiles
            .iter()
            .filter_map(|(name, known)| known.seen_by(name, principal))
            .collect();
        profiles.sort_by(|a, b| a.name.cmp(&b.name));
        profiles
    }

    /// Whether a principal may use a profile of the server with this host and port.
    pub(super) fn is_known_to(&self, principal: &Principal, server: &LoggedIn) -> bool {
        self.profiles
            .values()
            .filter(|known| LoggedIn::from(known.server.as_ref()) == *server)
            .any(|known| known.profile.access.of(principal).is_some())
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
