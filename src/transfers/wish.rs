//! What a client asks of a transfer.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::broker::terms::{Labels, Priority, Verify};
use simcom_talk::ftps::value::{RemotePath, ValueError};

/// What a client asks for. Two calls with the same wish under the same name mean the same transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// Server profile of the configuration.
    pub profile: String,
    /// Path on the server: absolute, or relative to the login directory.
    #[serde(with = "path")]
    pub path: RemotePath,
    /// Its priority among the transfers.
    pub priority: Priority,
    /// Its direction.
    pub direction: Direction,
    /// When it may be tried, and its labels. Records of earlier versions have none.
    #[serde(default, skip_serializing_if = "Terms::is_usual")]
    pub terms: Terms,
}

/// When a transfer may be tried, and its labels.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Delay of the first attempt after the daemon has all bytes.
    #[serde(default)]
    pub start_delay: Duration,
    /// Time after that in which the transfer is worth trying; `None`: it never expires.
    #[serde(default)]
    pub lifetime: Option<Duration>,
    /// Its labels.
    #[serde(default)]
    pub labels: Labels,
}

impl Terms {
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// The direction of a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// To the server.
    Upload(UploadWish),
    /// From the server to the spool.
    Download,
}

/// How to write a file to the server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadWish {
    /// Fail, without touching the file, if the name exists.
    pub must_be_new: bool,
    /// How the daemon verifies the result.
    pub verify: Verify,
    /// Delete the partial file if the transfer fails for good or is cancelled.
    pub delete_on_failure: bool,
    /// A file written last, as with a Put.
    #[serde(with = "optional_path")]
    pub sentinel: Option<RemotePath>,
    /// Number of bytes, if the client knows it.
    pub size: Option<u64>,
    /// SHA-256 of the bytes, if the client knows it.
    pub sha256: Option<[u8; 32]>,
}

impl Wish {
    /// How to write the file, for an upload.
    #[must_use]
    pub const fn upload(&self) -> Option<&UploadWish> {
        match &self.direction {
            Direction::Upload(upload) => Some(upload),
            Direction::Download => None,
        }
    }

    /// Whether both ask for the same, except for size and SHA-256.
    pub(crate) fn is_but_for_content(&self, other: &Self) -> bool {
        let mut named = self.clone();
        if let (Direction::Upload(ours), Some(theirs)) = (&mut named.direction, other.upload()) {
            (ours.size, ours.sha256) = (theirs.size, theirs.sha256);
        }
        named == *other
    }

    /// Takes over the size and SHA-256 that another wish declares.
    pub(crate) fn name_content(&mut self, other: &Self) {
        if let (Direction::Upload(ours), Some(theirs)) = (&mut self.direction, other.upload()) {
            ours.size = ours.size.or(theirs.size);
            ours.sha256 = ours.sha256.or(theirs.sha256);
        }
    }
}

/// A path as it was stored. Earlier versions accepted U+FFFD in a path like any other character,
/// and sent its own bytes to the server: it still stands for these bytes.
fn stored(path: String) -> Result<RemotePath, ValueError> {
    if path.contains(char::REPLACEMENT_CHARACTER) {
        return RemotePath::from_bytes(path.as_bytes());
    }
    RemotePath::new(path)
}

mod path {
    use super::{Deserialize, Deserializer, RemotePath, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(path: &RemotePath, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(path.as_str())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<RemotePath, D::Error> {
        super::stored(String::deserialize(from)?).map_err(de::Error::custom)
    }
}

mod optional_path {
    use super::{Deserialize, Deserializer, RemotePath, Serialize, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(
        path: &Option<RemotePath>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        path.as_ref().map(RemotePath::as_str).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
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
}
