//! The servers that callers may use.

use std::collections::HashMap;
use std::sync::Arc;

use super::location::{Location, ServerProfile};
use crate::broker::terms::{Access, Cause, Principal, Priority, Rights, ServerChoice, Yields};
use crate::broker::usage;
use crate::modem::health::LoggedIn;
use simcom_talk::ftps::value::{NameCode, Server, ServerType};

/// Server profiles by name, and whether callers may name servers of their own.
#[derive(Debug, Clone, Default)]
pub struct Servers {
    profiles: HashMap<String, Known>,
    inline_allowed: bool,
}

/// The profiles that differ between two tables, each list of names in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// There are new ones.
    pub added: Vec<String>,
    /// There are others under their names.
    pub changed: Vec<String>,
    /// There are none any more.
    pub gone: Vec<String>,
    /// The logins of those that changed, as they were.
    pub logins: Vec<LoggedIn>,
}

/// Whether two servers are the same place for the same user. A new password or certificate changes neither.
fn is_same_account(one: &Server, other: &Server) -> bool {
    one.host == other.host && one.port == other.port && one.username == other.username
}

#[derive(Debug, Clone, PartialEq)]
struct Known {
    server: Arc<Server>,
    profile: ServerProfile,
}

/// A profile, for a principal that may use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileInfo {
    /// Its name.
    pub name: String,
    /// How the connections to its server are protected.
    pub server_type: ServerType,
    /// With TLS: whether the server must prove its identity.
    pub is_verified: bool,
    /// What the principal may do.
    pub access: Rights,
    /// The priority of transfers whose callers do not set one.
    pub priority: Priority,
    /// When transfers yield whose callers do not say.
    pub yields: Yields,
    /// The character code of the server's names.
    pub code: NameCode,
    /// Host name or address of the server.
    pub host: String,
    /// Its port.
    pub port: u16,
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
            host: self.server.host.as_str().to_owned(),
            port: self.server.port.get(),
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
            let profile = ServerProfile {
                name: Some(name.as_str().into()),
                ..ServerProfile::default()
            };
            let server = Arc::new(server);
            (name, Known { server, profile })
        });
        Self {
            profiles: profiles.collect(),
            inline_allowed,
        }
    }

    /// Sets the priority of a profile's transfers whose callers do not set one.
    #[must_use]
    pub fn with_priority(mut self, profile: &str, priority: Priority) -> Self {
        if let Some(known) = self.profiles.get_mut(profile) {
            known.profile.priority = priority;
        }
        self
    }

    /// Sets the limit of the bytes on the air to a profile's server.
    #[must_use]
    pub fn with_data_limit(mut self, profile: &str, limit: usage::Limit) -> Self {
        if let Some(known) = self.profiles.get_mut(profile) {
            known.profile.data = limit;
        }
        self
    }

    /// Sets when a profile's transfers yield whose callers do not say.
    #[must_use]
    pub fn with_yields(mut self, profile: &str, yields: Yields) -> Self {
        if let Some(known) = self.profiles.get_mut(profile) {
            known.profile.yields = yields;
        }
        self
    }

    /// Sets who may use a profile; without it, everybody may.
    #[must_use]
    pub fn with_access(mut self, profile: &str, access: Access) -> Self {
        if let Some(known) = self.profiles.get_mut(profile) {
            known.profile.access = Arc::new(access);
        }
        self
    }

    /// Sets the character code of names on a profile's server; without it, UTF-8.
    #[must_use]
    pub fn with_names_in(mut self, profile: &str, code: NameCode) -> Self {
        if let Some(known) = self.profiles.get_mut(profile) {
            known.profile.code = code;
        }
        self
    }

    /// What of this differs in `new`: the names of profiles, in their order.
    #[must_use]
    pub fn changes(&self, new: &Self) -> Changes {
        let mut changes = Changes::default();
        for (name, known) in &self.profiles {
            match new.profiles.get(name) {
                None => changes.gone.push(name.clone()),
                Some(now) if now != known => {
                    changes.changed.push(name.clone());
                    changes.logins.push(LoggedIn::from(known.server.as_ref()));
                }
                Some(_) => {}
            }
        }
        let names = new.profiles.keys();
        changes.added = names
            .filter(|name| !self.profiles.contains_key(*name))
            .cloned()
            .collect();
        for names in [&mut changes.added, &mut changes.changed, &mut changes.gone] {
            names.sort_unstable();
        }
        changes
    }

    /// Brings the location of a session up to date with its profile: password, TLS and settings. `None` where the
    /// profile leads to another account by now, whose directories are others.
    ///
    /// # Errors
    /// [`Cause::ProfileNotFound`]; [`Cause::InlineNotAllowed`].
    pub(crate) fn renew(&self, location: &mut Location) -> Result<Option<()>, Cause> {
        let Some(name) = location.profile.name.as_deref() else {
            return if self.inline_allowed {
                Ok(Some(()))
            } else {
                Err(Cause::InlineNotAllowed)
            };
        };
        let known = self
            .profiles
            .get(name)
            .ok_or_else(|| Cause::ProfileNotFound(name.to_owned()))?;
        if !is_same_account(&known.server, &location.server) {
            return Ok(None);
        }
        location.server = Arc::clone(&known.server);
        location.profile = known.profile.clone();
        Ok(Some(()))
    }

    /// The profiles that a principal may use and that have a limit, each with its limit.
    pub(crate) fn data_limits(
        &self,
        principal: &Principal,
    ) -> impl Iterator<Item = (Arc<str>, usage::Limit)> {
        let profiles = self.profiles.values().map(|known| &known.profile);
        let own = profiles.filter(|profile| profile.access.of(principal).is_some());
        let limited = own.filter(|profile| profile.data != usage::Limit::default());
        limited.filter_map(|profile| Some((profile.name.clone()?, profile.data)))
    }

    /// The login directory of a chosen server.
    pub(crate) fn resolve(&self, choice: &ServerChoice) -> Result<Location, Cause> {
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
                let profile = ServerProfile {
                    code: *code,
                    ..ServerProfile::default()
                };
                Ok(Location::of(Arc::clone(server), profile))
            }
            ServerChoice::Inline(..) => Err(Cause::InlineNotAllowed),
        }
    }

    /// The profiles that a principal may use, in the order of their names.
    pub(crate) fn used_by(&self, principal: &Principal) -> Vec<ProfileInfo> {
        let mut profiles: Vec<_> = self
            .profiles
            .iter()
            .filter_map(|(name, known)| known.seen_by(name, principal))
            .collect();
        profiles.sort_by(|a, b| a.name.cmp(&b.name));
        profiles
    }

    /// Whether a principal may use a profile with this host and port.
    pub(crate) fn is_known_to(&self, principal: &Principal, server: &LoggedIn) -> bool {
        self.profiles
            .values()
            .filter(|known| LoggedIn::from(known.server.as_ref()) == *server)
            .any(|known| known.profile.access.of(principal).is_some())
    }

    /// The name of the profile with this host and port; the first by name if there are several.
    pub(crate) fn name_of(&self, logged_in: &LoggedIn) -> Option<&str> {
        self.profiles
            .iter()
            .filter(|(_, known)| LoggedIn::from(known.server.as_ref()) == *logged_in)
            .map(|(name, _)| name.as_str())
            .min()
    }
}
