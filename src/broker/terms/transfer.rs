//! The name of a transfer, why a transfer is given up, and why the daemon keeps none.

use std::sync::Arc;
use std::{fmt, io};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

use super::Principal;

/// A transfer's name, chosen by its principal: 1 to [`TransferId::MAX`] of `A-Z a-z 0-9 . _ -`,
/// not beginning with a dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct TransferId(String);

impl TransferId {
    /// Most bytes: twice what a UUID with a prefix needs, and a file name for any client.
    pub const MAX: usize = 128;

    /// Takes a name. `None` if it breaks the rule.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Option<Self> {
        let name = name.into();
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let usable = (1..=Self::MAX).contains(&name.len())
            && !name.starts_with('.')
            && name.bytes().all(good);
        usable.then_some(Self(name))
    }

    /// A name that no client can give, and that the daemon tells to no client.
    pub(crate) fn hidden() -> Self {
        Self(format!(".{}", Uuid::new_v4()))
    }

    /// Whether the name is hidden.
    pub(crate) fn is_hidden(&self) -> bool {
        self.0.starts_with('.')
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for TransferId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if let Some(rest) = name.strip_prefix('.')
            && Uuid::try_parse(rest).is_ok()
        {
            return Ok(Self(name));
        }
        Self::new(name).ok_or_else(|| de::Error::custom("no transfer's name"))
    }
}

impl fmt::Display for TransferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The principal of a transfer, and its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// The principal.
    #[serde(with = "principal")]
    pub principal: Principal,
    /// The transfer's name among the principal's.
    pub id: TransferId,
}

/// The part of a transfer's budget that was used up.
#[derive(Debug, strum::Display, Clone, Copy, PartialEq, Eq)]
#[strum(serialize_all = "lowercase")]
pub enum Exhausted {
    /// Attempts.
    Attempts,
    /// Time.
    Time,
    /// Bytes over the link.
    #[strum(to_string = "bytes over the link")]
    Bytes,
}

/// Why there are no transfers although the configuration has them, as clients read it: without a
/// path.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Trouble {
    /// The store is damaged, and the daemon could not set it aside.
    #[error("the store of transfers is damaged ({what}) and cannot be set aside")]
    Damaged {
        /// What is wrong with it.
        what: String,
        /// Why the daemon could not set it aside.
        #[source]
        source: Arc<io::Error>,
    },
    /// A later version of this program wrote it.
    #[error("the store of transfers is of version {found}; this daemon knows {known} and lower")]
    Newer {
        /// Its version.
        found: u32,
        /// The latest version that this daemon knows.
        known: u32,
    },
    /// The system refuses to read the store, or a part of it.
    #[error("the store of transfers cannot be read")]
    Unreadable(#[source] Arc<io::Error>),
    /// The store is gone, or another one is in its place.
    #[error("the directory of transfers was moved, deleted or replaced while the daemon runs")]
    Replaced,
}

impl Trouble {
    /// What the operator of the machine can do.
    pub(crate) const fn advice(&self) -> &'static str {
        match self {
            Self::Damaged { .. } => {
                "put right what keeps it from being set aside, and transfers go on within a minute; \
                 nothing was thrown away"
            }
            Self::Newer { .. } => {
                "run the later version again, or move the store away to begin with an empty one"
            }
            Self::Unreadable(_) => {
                "put right what the system says, and transfers go on within a minute"
            }
            Self::Replaced => {
                "put it back where it was, or restart the daemon, which then takes what is there"
            }
        }
    }
}

mod principal {
    use super::{Deserialize, Deserializer, Principal, Serializer};

    pub(super) fn serialize<S: Serializer>(name: &Principal, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(name.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Principal, D::Error> {
        String::deserialize(from).map(Principal::new)
    }
}

/// Tells a transfer from earlier and later ones of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Birth(pub(crate) u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_every_tool_can_carry() {
        for name in ["a", "2026-11-22_report.pdf", &"x".repeat(128)] {
            assert!(TransferId::new(name).is_some(), "{name}");
        }
        for name in ["", ".", ".a", "a/b", "a b", "ä", "a\n", &"x".repeat(129)] {
            assert!(TransferId::new(name).is_none(), "{name}");
        }
    }
}
