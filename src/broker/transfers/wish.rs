//! What a client asks of a transfer, and under which name.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

use crate::broker::caller::Principal;
use crate::broker::labels::Labels;
use crate::broker::put::Verify;
use crate::broker::scheduler::Priority;
use simcom_talk::ftps::value::{RemotePath, ValueError};

/// A transfer's name, chosen by its principal: 1 to [`TransferId::MAX`] of `A-Z a-z 0-9 . _ -`,
/// not beginning with a dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct TransferId(String);

impl TransferId {
    /// Most bytes: twice what a UUID with a prefix needs, and a file name for any client.
    pub const MAX: usize = 128;

    /// Takes a name. `None` where it breaks the rule.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Option<Self> {
        let name = name.into();
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let usable = (1..=Self::MAX).contains(&name.len())
            && !name.starts_with('.')
            && name.bytes().all(good);
        usable.then_some(Self(name))
    }

    /// A name that no client can give and that is told to none.
    pub(super) fn hidden() -> Self {
        Self(format!(".{}", Uuid::new_v4()))
    }

    /// Whether it is such a name.
    pub(super) fn is_hidden(&self) -> bool {
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

/// Whose transfer, and which.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// Whose.
    #[serde(with = "principal")]
    pub principal: Principal,
    /// Which of them.
    pub id: TransferId,
}

/// What a client asks for. A transfer with the same wish under the same name is the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// Server profile of the configuration.
    pub profile: String,
    /// On the server: absolute, or relative to the login directory.
    #[serde(with = "path")]
    pub path: RemotePath,
    /// How urgent it is beside others.
    pub priority: Priority,
    /// Which way.
    pub direction: Direction,
    /// When it may be tried, and what it is called by. Records of earlier versions have none.
    #[serde(default, skip_serializing_if = "Terms::is_usual")]
    pub terms: Terms,
}

/// When a transfer may be tried, and what it is called by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The first attempt waits so long after all of it is with the daemon.
    #[serde(default)]
    pub start_delay: Duration,
    /// It is worth nothing when so much time has passed since then; `None`: it never expires.
    #[serde(default)]
    pub lifetime: Option<Duration>,
    /// What it is called by.
    #[serde(default)]
    pub labels: Labels,
}

impl Terms {
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// Which way a transfer goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// To the server.
    Upload(UploadWish),
    /// From the server to the spool.
    Download,
}

/// How a file is to be written to the server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadWish {
    /// Refuse, without touching it, where the name exists.
    pub must_be_new: bool,
    /// How the result is made sure of.
    pub verify: Verify,
    /// Delete what was begun where the transfer fails for good or is cancelled.
    pub delete_on_failure: bool,
    /// A file written last, as with a Put.
    #[serde(with = "optional_path")]
    pub sentinel: Option<RemotePath>,
    /// Bytes to come, where the client knows.
    pub size: Option<u64>,
    /// SHA-256 of them, where the client knows.
    pub sha256: Option<[u8; 32]>,
}

impl Wish {
    /// How the file is to be written, of an upload.
    #[must_use]
    pub const fn upload(&self) -> Option<&UploadWish> {
        match &self.direction {
            Direction::Upload(upload) => Some(upload),
            Direction::Download => None,
        }
    }

    /// Whether both ask for the same, whatever they name of the content.
    pub(super) fn is_but_for_content(&self, other: &Self) -> bool {
        let mut named = self.clone();
        if let (Direction::Upload(ours), Some(theirs)) = (&mut named.direction, other.upload()) {
            (ours.size, ours.sha256) = (theirs.size, theirs.sha256);
        }
        named == *other
    }

    /// Takes over what another one names of the content.
    pub(super) fn name_content(&mut self, other: &Self) {
        if let (Direction::Upload(ours), Some(theirs)) = (&mut self.direction, other.upload()) {
            ours.size = ours.size.or(theirs.size);
            ours.sha256 = ours.sha256.or(theirs.sha256);
        }
    }
}

/// A path as it was stored. Earlier versions accepted U+FFFD in a path, as any other character, and sent its
/// own bytes to the server: it goes on standing for these.
fn stored(path: String) -> Result<RemotePath, ValueError> {
    if path.contains(char::REPLACEMENT_CHARACTER) {
        return RemotePath::from_bytes(path.as_bytes());
    }
    RemotePath::new(path)
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

mod path {
    use super::{Deserialize, Deserializer, RemotePath, Serializer, de};

    pub(super) fn serialize<S: Serializer>(path: &RemotePath, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(path.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<RemotePath, D::Error> {
        super::stored(String::deserialize(from)?).map_err(de::Error::custom)
    }
}

mod optional_path {
    use super::{Deserialize, Deserializer, RemotePath, Serialize, Serializer, de};

    pub(super) fn serialize<S: Serializer>(
        path: &Option<RemotePath>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        path.as_ref().map(RemotePath::as_str).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<RemotePath>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(super::stored)
            .transpose()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_in_another_code_comes_back_from_the_disk_and_so_does_one_that_was_accepted_before() {
        let path = RemotePath::from_bytes(b"/caf\xE9").unwrap();
        assert_eq!(stored(path.as_str().to_owned()), Ok(path));
        let earlier = stored("/caf\u{FFFD}".into()).unwrap();
        assert_eq!(
            earlier,
            RemotePath::from_bytes("/caf\u{FFFD}".as_bytes()).unwrap()
        );
        assert_eq!(stored(earlier.as_str().to_owned()), Ok(earlier));
    }

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
