//! Who writes which name on which server, so that no two callers spoil each other's file.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use super::caller::ServerChoice;
use super::error::Error;
use super::location::Location;
use super::servers::Servers;
use super::transfers::{Journal, Key, Transfers};
use crate::ftps::value::{RemotePath, Server};
use crate::modem::operation::{Directory, Place, Standing};

/// The writers of names, of which the latest has each name: one that begins takes it over, and
/// what an earlier one had begun is no longer there to be gone on with, or to be deleted.
#[derive(Debug)]
pub(super) struct Names {
    writers: Mutex<Vec<Weak<Writer>>>,
    servers: Arc<Servers>,
    transfers: OnceLock<Transfers>,
}

/// A name on a server. Two of them are one wherever they may be: the case of letters does not
/// count, and a path that is relative to a directory of which nothing is known is any path that
/// ends so. To take two names for one ends an upload that could have gone on; to take one for two
/// costs a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    server: (String, u16, String),
    /// From the root on.
    absolute: bool,
    /// Where it is not: the directory that it is relative to, as far as that has a name.
    base: Option<String>,
    parts: Vec<String>,
    /// As it was asked for.
    path: RemotePath,
}

/// One who has begun to write a name, as long as that may matter.
#[derive(Debug)]
pub(super) struct Writer {
    name: Name,
    taken_over: AtomicBool,
}

impl Names {
    /// For servers that transfers name by their profiles.
    pub(super) fn new(servers: Arc<Servers>) -> Self {
        Self {
            writers: Mutex::default(),
            servers,
            transfers: OnceLock::new(),
        }
    }

    /// What waits on the disk counts as well.
    pub(super) fn with_transfers(&self, transfers: Transfers) {
        // There is one place for transfers, named once, at the start.
        let _ = self.transfers.set(transfers);
    }

    /// Takes a name over from whoever began to write it before, transfers that wait included: that
    /// is on the disk when this answers. `own`: the transfer that takes it. To be called with the
    /// link, before a byte is written.
    ///
    /// # Errors
    /// What is kept of a transfer cannot be changed.
    pub(super) async fn take_over(
        &self,
        name: Name,
        own: Option<&Key>,
    ) -> Result<Arc<Writer>, Error> {
        let writer = Arc::new(Writer {
            name,
            taken_over: AtomicBool::new(false),
        });
        let begun = self.begun_transfers(&writer.name, own);
        if let (false, Some(journal)) = (begun.is_empty(), self.journal()) {
            journal.take_names(begun, writer.name.to_string()).await?;
        }
        let mut writers = self.writers();
        // Those that are gone are forgotten, so that there are no more than operations.
        writers.retain(|earlier| earlier.strong_count() > 0);
        for earlier in writers.iter().filter_map(Weak::upgrade) {
            if earlier.name.may_be(&writer.name) {
                earlier.taken_over.store(true, Ordering::Relaxed);
            }
        }
        writers.push(Arc::downgrade(&writer));
        Ok(writer)
    }

    /// Whether somebody has begun to write a name, and has not ended: it is not free.
    pub(super) fn is_begun(&self, name: &Name, own: Option<&Key>) -> bool {
        let writing = self
            .writers()
            .iter()
            .filter_map(Weak::upgrade)
            .any(|earlier| earlier.name.may_be(name) && !earlier.is_taken_over());
        writing || !self.begun_transfers(name, own).is_empty()
    }

    /// Transfers that have begun to write a name.
    fn begun_transfers(&self, name: &Name, own: Option<&Key>) -> Vec<Key> {
        let Some(journal) = self.journal() else {
            return Vec::new();
        };
        let mut begun = journal.begun_uploads();
        begun.retain(|(key, wish)| {
            let choice = ServerChoice::Profile(wish.profile.clone());
            let location = self.servers.resolve(&choice).ok();
            let there = location.and_then(|location| Name::within(&location, &wish.path));
            own != Some(key) && there.is_some_and(|there| there.may_be(name))
        });
        begun.into_iter().map(|(key, _)| key).collect()
    }

    fn journal(&self) -> Option<&Arc<Journal>> {
        self.transfers.get()?.journal().ok()
    }

    fn writers(&self) -> MutexGuard<'_, Vec<Weak<Writer>>> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    /// Another has begun to write the name since.
    pub(super) fn is_taken_over(&self) -> bool {
        self.taken_over.load(Ordering::Relaxed)
    }
}

impl Name {
    /// What a path is, read where the module stands for it; `None` where that is no server.
    pub(super) fn at(standing: &Standing, path: &RemotePath) -> Option<Self> {
        let Standing::LoggedIn(Place {
            server, directory, ..
        }) = standing
        else {
            return None;
        };
        let absolute = path.is_absolute();
        let base = match directory {
            Directory::At(base) if !absolute => Some(base.as_str().to_lowercase()),
            Directory::Any | Directory::Login | Directory::At(_) | Directory::Below(_) => None,
        };
        Some(Self {
            server: key(server),
            absolute,
            base,
            parts: parts(path.as_str(), absolute),
            path: path.clone(),
        })
    }

    /// What a path is, read at a location.
    pub(super) fn within(location: &Location, path: &RemotePath) -> Option<Self> {
        let (standing, path) = location.locate(path).ok()?;
        Self::at(&standing, &path)
    }

    fn may_be(&self, other: &Self) -> bool {
        if self.server != other.server {
            return false;
        }
        if self.absolute == other.absolute && self.base == other.base {
            return self.parts == other.parts;
        }
        let (one, other) = (self.end(), other.end());
        one.ends_with(other) || other.ends_with(one)
    }

    /// What is behind the steps upwards at its beginning.
    fn end(&self) -> &[String] {
        let steps = self.parts.iter().take_while(|part| *part == "..").count();
        self.parts.get(steps..).unwrap_or_default()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.fmt(f)
    }
}

fn key(server: &Server) -> (String, u16, String) {
    (
        server.host.as_str().to_lowercase(),
        server.port.get(),
        server.username.as_str().to_owned(),
    )
}

fn parts(path: &str, absolute: bool) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| last != "..") => {
                parts.pop();
            }
            ".." if absolute => {}
            part => parts.push(part.to_lowercase()),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::testing::{path, server};
    use crate::ftps::value::TransferType;

    fn name(host: &str, directory: Directory, text: &str) -> Name {
        let standing = Standing::LoggedIn(Place {
            server: server(host),
            transfer_type: TransferType::Binary,
            directory,
        });
        Name::at(&standing, &path(text)).unwrap()
    }

    fn any(text: &str) -> Name {
        name("a", Directory::Any, text)
    }

    fn login(text: &str) -> Name {
        name("a", Directory::Login, text)
    }

    #[test]
    fn names_that_may_be_one_are_one() {
        let there = Directory::At(path("DISK:[U]"));
        for (one, other) in [
            (any("/d/f"), any("//d/./x/../F")),
            (login("f"), any("/home/u/f")),
            (login("../f"), any("/home/f")),
            (login("f"), name("a", there.clone(), "f")),
            (login("d/f"), login("./d//f")),
            (any("/d/f"), name("A", Directory::Any, "/d/f")),
        ] {
            assert!(
                one.may_be(&other) && other.may_be(&one),
                "{one:?} {other:?}"
            );
        }
        for (one, other) in [
            (any("/d/f"), any("/f")),
            (any("/d/f"), any("/d/g")),
            (login("f"), login("d/f")),
            (login("f"), any("/d/g")),
            (any("/f"), name("b", Directory::Any, "/f")),
            (name("a", there.clone(), "f"), name("a", there, "d/f")),
        ] {
            assert!(
                !one.may_be(&other) && !other.may_be(&one),
                "{one:?} {other:?}"
            );
        }
    }

    #[tokio::test]
    async fn the_latest_writer_has_the_name_and_those_that_are_gone_are_forgotten() {
        let names = Names::new(Arc::new(Servers::new([], true)));
        let first = names.take_over(any("/f"), None).await.unwrap();
        let other = names.take_over(any("/g"), None).await.unwrap();
        assert!(!first.is_taken_over() && names.is_begun(&any("/f"), None));
        let second = names.take_over(any("/F"), None).await.unwrap();
        assert!(first.is_taken_over() && !second.is_taken_over() && !other.is_taken_over());
        drop((first, other, second));
        assert!(!names.is_begun(&any("/f"), None));
        for _ in 0..100 {
            names.take_over(any("/h"), None).await.unwrap();
        }
        assert_eq!(names.writers().len(), 1);
    }
}
