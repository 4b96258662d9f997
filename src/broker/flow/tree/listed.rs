//! An entry of a directory to remove.

use super::branch_of;
use crate::broker::terms::Cause;
use simcom_talk::ftps::listing::{Entry, Kind};
use simcom_talk::ftps::value::RemotePath;

/// Characters shown of a line that could not be read.
const SHOWN: usize = 100;

/// What an entry of a directory means for its removal.
pub(crate) enum Listed {
    /// A name to delete or to enter.
    Name(Kind, String, RemotePath),
    /// A name that no command can carry.
    Unsayable(Kind, String, Cause),
}

impl Listed {
    /// An entry of the given directory.
    pub(crate) fn of(directory: &RemotePath, entry: Entry) -> Self {
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

    /// Its bytes in memory while it waits.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Name(_, name, path) => name.len() + path.as_str().len(),
            Self::Unsayable(_, name, _) => 2 * name.len(),
        }
    }
}
