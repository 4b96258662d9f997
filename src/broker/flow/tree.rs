//! What a name of a server is, and trees of directories: all that is below one, and its removal.

mod listed;
mod remove;
mod walk;

use crate::broker::Broker;
use crate::broker::terms::{Caller, Target};
use crate::broker::terms::{Cause, Error};
use crate::modem::clock;
use simcom_talk::dialogue::failure::{self, Stage};
use simcom_talk::dialogue::operation::{Directory, Found, Output, SessionTarget, Standing, Task};
use simcom_talk::ftps::errcode::ErrCode;
use simcom_talk::ftps::listing::{Entry, Facts, Kind, Lines};
use simcom_talk::ftps::lossless;
use simcom_talk::ftps::value::RemotePath;

pub use remove::{Removed, RemovedCount, Removing};
pub use walk::{Walk, WalkCount, Walked};

/// Directories in directories that are followed. Longer paths than these need names of one letter to be within
/// the 4096 bytes of a path; a server that shows a directory in itself has no end.
const MAX_DEPTH: usize = 64;

impl Broker {
    /// What a name is: by the listing of its directory, and by its size where that hides it. Links are not
    /// followed.
    ///
    /// # Errors
    /// Why it is not known. A name that is not there is found so ([`simcom_talk::dialogue::failure::Finding`]).
    pub async fn stat(
        &self,
        caller: &Caller,
        target: &Target,
        path: &RemotePath,
    ) -> Result<Entry, Error> {
        let (location, session) = self.locate(caller, target)?;
        let (standing, path) = location.locate(&without_slashes(path)?)?;
        let operation = self.admit(caller, "Stat", location, session)?;
        if !has_name(&path) {
            // Whoever can go there stands in a directory.
            self.run(operation, entered(standing, path), Task::Stand)
                .await?;
            return Ok(entry(".".into(), Kind::Directory, None));
        }
        let name = path.file_name().unwrap_or_default().to_owned();
        match self.run(operation, standing, Task::Stat(path)).await? {
            Output::Found(Found::Listed(facts, raw)) => Ok(Entry {
                facts: Some(Facts {
                    modified: facts.modified.or_else(|| modified(&raw)),
                    name,
                    ..*facts
                }),
                raw,
            }),
            // What is not listed and has a size is a file with most servers, and some tell one of directories.
            Output::Found(Found::Hidden(size)) => Ok(entry(name, Kind::Other, Some(size))),
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

/// The time that a line of a listing tells, read today: that decides the year of one that names none.
fn modified(line: &[u8]) -> Option<std::time::SystemTime> {
    let mut lines = Lines::at(clock::wall(clock::now()));
    let mut entries = lines.push(line);
    entries.extend(lines.finish());
    entries.pop()?.facts?.modified
}

/// A directory may be named with a slash behind it.
fn without_slashes(path: &RemotePath) -> Result<RemotePath, Cause> {
    match path.as_str().trim_end_matches('/') {
        "" => Ok(path.clone()),
        shorter => RemotePath::new(shorter).map_err(Cause::InvalidPath),
    }
}

/// Whether a path ends in a name that a directory lists.
fn has_name(path: &RemotePath) -> bool {
    path.file_name()
        .is_some_and(|name| !matches!(name, "." | ".."))
}

/// Where a session must stand to be in a directory.
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

/// The name and the path of an entry of the directory that is listed. Servers print `x`, `./x`, `/pub/x` and `x/`.
///
/// # Errors
/// [`Cause::NotAddressable`]: it is printed as a name of another directory, or no command can say it.
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

/// The same name as it is told: seen from where the tree begins.
fn below(directory: &str, name: &str) -> String {
    match directory {
        "" => name.to_owned(),
        directory => format!("{directory}/{name}"),
    }
}

/// Whether an error is about the one name, so that the rest of the tree can go on.
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
            // A login is refused for all.
            is_refusal
                && matches!(
                    failure.stage,
                    Stage::Directory | Stage::Data | Stage::Commit
                )
        }),
    }
}
