//! A name in a directory that is to go.

use super::branch_of;
use crate::broker::error::Cause;
use simcom_talk::ftps::listing::{Entry, Kind};
use simcom_talk::ftps::value::RemotePath;

/// Characters of a line that could not be read, as they are told.
const SHOWN: usize = 100;

/// What an entry of a directory is for whoever removes it.
pub(super) enum Listed {
    /// This, which is to be deleted or gone into.
    Name(Kind, String, RemotePath),
    /// One that cannot be said.
    Unsayable(Kind, String, Cause),
}

impl Listed {
    /// An entry of this directory.
    pub(super) fn of(directory: &RemotePath, entry: Entry) -> Self {
        let Some(facts) = entry.facts else {
            let line = String::from_utf8_lossy(&entry.raw);
            let line: String = line.chars().take(SHOWN).collect();
            return Self::Unsayable(Kind::Other, "?".into(), Cause::NotAddressable(line));
        };
        match branch_of(Some(directory), &facts) {
            Ok((name, path)) => Self::Name(facts.kind, name, path),
            Err(cause) => Self::Unsayable(facts.kind, facts.name, cause),
        }
    }

    /// What it takes while it waits, in bytes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Name(_, name, path) => name.len() + path.as_str().len(),
            Self::Unsayable(_, name, _) => 2 * name.len(),
        }
    }
}
