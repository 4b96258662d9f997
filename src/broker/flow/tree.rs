//! The kind of a name on a server, and trees of directories: their listing and removal.

mod listed;
mod remove;
mod walk;

use crate::broker::Broker;
use crate::broker::terms::{Caller, Cause, Error, Target};
use crate::modem::clock;
pub use remove::{Removed, RemovedCount, Removing};
use simcom_talk::dialogue::failure::{self, Stage};
use simcom_talk::dialogue::operation::{
    Directory, FoundName, Output, SessionTarget, Standing, Task,
};
use simcom_talk::ftps::errcode::ErrCode;
use simcom_talk::ftps::listing::{Entry, Facts, Kind, Lines};
use simcom_talk::ftps::lossless;
use simcom_talk::ftps::value::RemotePath;
pub use walk::{Walk, WalkCount, Walked};

/// Depth of directories that the walk follows. A deeper path needs names of one letter to fit the
/// 4096 bytes of a path; a server that shows a directory within itself has no end.
const MAX_DEPTH: usize = 64;

impl Broker {
    /// The kind of a name: by the listing of its directory, and by its size if the listing hides
    /// it. Does not follow symlinks.
    ///
    /// # Errors
    /// The target, admission and link causes of [`Broker`]; [`Cause::InvalidPath`]. The failure's
    /// finding says if the name does not exist ([`simcom_talk::dialogue::failure::Finding`]).
    pub async fn stat(
        &self,
        caller: &Caller,
        target: &Target,
        path: &RemotePath,
    ) -> Result<Entry, Error> {
        let (location, session) = self.locate(caller, target)?;
        let (standing, path) = location.locate(&without_slashes(path)?)?;
        let operation = self.admit(caller, "Stat", location.about(&path), session)?;
        if !has_name(&path) {
            // A path that the server accepts in CWD is a directory.
            self.run(operation, entered(standing, path), Task::Stand)
                .await?;
            return Ok(entry(".".into(), Kind::Directory, None));
        }
        let name = path.file_name().unwrap_or_default().to_owned();
        match self.run(operation, standing, Task::Stat(path)).await? {
            Output::Found(FoundName::Listed(facts, raw)) => Ok(Entry {
                facts: Some(Facts {
                    modified: facts.modified.or_else(|| modified(&raw)),
                    name,
                    ..*facts
                }),
                raw,
            }),
            // With most servers a name that is not listed and has a size is a file; some also give
            // a size for a directory.
            Output::Found(FoundName::Hidden(size)) => Ok(entry(name, Kind::Other, Some(size))),
            _ => Err(Cause::WrongAnswer.into()),
        }
    }
}

/// An entry that no listing shows.
fn entry(name: String, kind: Kind, size: Option<u64>) -> Entry {
    Entry {
        facts: Some(Facts {
            name,
            kind,
            size,
            modified: None,
            permissions: String::new(),
            link_target: None,
        }),
        raw: bytes::Bytes::new(),
    }
}

/// The time in a line of a listing, read today: today decides the year of a line that names none.
fn modified(line: &[u8]) -> Option<std::time::SystemTime> {
    let mut lines = Lines::at(clock::wall(clock::now()));
    let mut entries = lines.push(line);
    entries.extend(lines.finish());
    entries.pop()?.facts?.modified
}

/// Removes trailing slashes, which the path of a directory may have.
fn without_slashes(path: &RemotePath) -> Result<RemotePath, Cause> {
    match path.as_str().trim_end_matches('/') {
        "" => Ok(path.clone()),
        shorter => RemotePath::new(shorter).map_err(Cause::InvalidPath),
    }
}

/// Whether a path ends in a name that a directory can list.
fn has_name(path: &RemotePath) -> bool {
    path.file_name()
        .is_some_and(|name| !matches!(name, "." | ".."))
}

/// The standing of a session inside a directory.
fn entered(standing: Standing, path: RemotePath) -> Standing {
    let Standing::LoggedIn(place) = standing else {
        return standing;
    };
    let directory = if path.is_absolute() {
        Directory::At(path)
    } else {
        Directory::Below(path)
    };
    Standing::LoggedIn(SessionTarget { directory, ..place })
}

/// The name and the path of an entry in the listed directory. Servers print `x`, `./x`, `/pub/x`
/// and `x/`.
///
/// # Errors
/// [`Cause::NotAddressable`]: the entry's name belongs to another directory, or no command can
/// carry it.
fn branch_of(directory: Option<&RemotePath>, facts: &Facts) -> Result<(String, RemotePath), Cause> {
    let printed = facts.name.trim_end_matches('/');
    let printed = printed.strip_prefix("./").unwrap_or(printed);
    let name = match printed.rsplit_once('/') {
        None => Some(printed),
        Some((above, name)) => {
            let here = directory.map(|path| path.as_str().trim_end_matches('/'));
            (here == Some(above)).then_some(name)
        }
    };
    let branch = || {
        let name = name.filter(|name| !matches!(*name, "" | "." | ".."))?;
        let path = RemotePath::new(name).ok()?;
        let path = match directory {
            None => path,
            Some(directory) => directory.join(&path).ok()?,
        };
        Some((name.to_owned(), path))
    };
    branch().ok_or_else(|| Cause::NotAddressable(lossless::shown(&facts.name).into_owned()))
}

/// A name relative to the top of the tree, as it is reported.
fn below(directory: &str, name: &str) -> String {
    match directory {
        "" => name.to_owned(),
        directory => format!("{directory}/{name}"),
    }
}

/// Whether an error concerns one name only, so that the rest of the tree can go on.
fn is_of_one_name(error: &Error) -> bool {
    match &error.cause {
        Cause::InvalidPath(_) | Cause::NotAddressable(_) => true,
        _ => error.failure().is_some_and(|failure| {
            let is_refusal = matches!(
                failure.cause,
                failure::Cause::Reported(ErrCode::REJECTED)
                    | failure::Cause::Refused(_)
                    | failure::Cause::ListingUnread(_)
            );
            // A refused login concerns all names.
            is_refusal
                && matches!(
                    failure.stage,
                    Stage::Directory | Stage::Data | Stage::Commit
                )
        }),
    }
}
