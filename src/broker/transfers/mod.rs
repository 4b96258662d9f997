//! Transfers that outlive their caller: accepted when they are on disk, delivered across crashes.

mod calls;
mod deliver;
mod files;
mod journal;
mod read;
mod receive;
pub mod record;
pub mod retry;
mod settle;
pub mod store;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod wish;

pub use calls::Watch;
pub use journal::{Live, Tell};
pub use read::{ReadNext, TransferReading};
pub use receive::Receiving;
pub use record::{Record, Remnant, State, Told};
pub use retry::{Budget, Exhausted};
pub use wish::{Direction, Key, TransferId, UploadWish, Wish};

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::error::Cause;
use journal::Journal;

/// Where transfers are kept, and within which bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Directory, which must exist; empty: there are none.
    pub directory: PathBuf,
    /// Bytes of all files.
    pub disk_in_all: u64,
    /// Bytes of the files of one principal.
    pub disk_per_principal: u64,
    /// Transfers in all, ended ones included.
    pub max_transfers: usize,
    /// Transfers of one principal, ended ones included.
    pub max_per_principal: usize,
    /// Transfers that are at work on the link or wait for it at once.
    pub active: usize,
    /// How long one that has ended is kept.
    pub max_age: Duration,
    /// How long one that is half received is kept since its last byte.
    pub unfinished_age: Duration,
    /// What the attempts of one may cost.
    pub budget: Budget,
}

impl Default for Settings {
    /// 512 MiB are an hour and a half of the link at 921600 baud. A thousand records are a
    /// megabyte. Half of either for one principal leaves the others room. One at a time: there is
    /// one link. A week is time to look at what failed, a day to come back to what was half sent.
    fn default() -> Self {
        Self {
            directory: PathBuf::from("/var/lib/cellftpd"),
            disk_in_all: 512 << 20,
            disk_per_principal: 256 << 20,
            max_transfers: 1000,
            max_per_principal: 500,
            active: 1,
            max_age: Duration::from_secs(7 * 86400),
            unfinished_age: Duration::from_secs(86400),
            budget: Budget::default(),
        }
    }
}

/// The transfers of a daemon, or why it has none. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Transfers {
    place: Result<Arc<Journal>, Off>,
}

/// Why there are no transfers.
#[derive(Debug, Clone)]
enum Off {
    /// They are not configured.
    Unwanted(Arc<str>),
    /// The disk takes nothing. What is on it stays there for the next start.
    Disk(Arc<io::Error>),
}

/// A transfer as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// As the disk knows it.
    pub record: Record,
    /// What moves.
    pub live: Live,
}

/// What became of the wish for an upload.
#[derive(Debug)]
pub enum Upload {
    /// It was accepted before.
    Accepted(Box<Transfer>),
    /// Its bytes are to come.
    Receive(Receiving),
}

impl Transfers {
    /// Without transfers, and why.
    pub fn off(why: impl Into<Arc<str>>) -> Self {
        Self {
            place: Err(Off::Unwanted(why.into())),
        }
    }

    /// Opens what there is. Nothing is written until a transfer is created. `tell` turns errors
    /// into what is kept of them. Blocks. A disk that takes nothing is no error: all else works
    /// without it.
    ///
    /// # Errors
    /// What was accepted before cannot be read.
    pub fn open(settings: Settings, tell: Tell) -> Result<Self, store::Error> {
        if settings.directory.as_os_str().is_empty() {
            return Ok(Self::off("durable.directory is empty"));
        }
        // Made by whoever installs the daemon, so that nothing is kept in a place nobody knows of.
        if !settings.directory.is_dir() {
            return Ok(Self::off(format!(
                "there is no directory {}",
                settings.directory.display()
            )));
        }
        let place = match Journal::open(settings, tell) {
            Ok(journal) => Ok(Arc::new(journal)),
            Err(store::Error::Io { source, path }) if takes_nothing(&source) => {
                let path = path.display();
                tracing::error!(%path, error = %source, "no transfer goes on until the next start");
                Err(Off::Disk(Arc::new(source)))
            }
            Err(error) => return Err(error),
        };
        Ok(Self { place })
    }

    fn journal(&self) -> Result<&Arc<Journal>, Cause> {
        match &self.place {
            Ok(journal) => Ok(journal),
            Err(Off::Unwanted(why)) => Err(Cause::TransfersOff(why.to_string())),
            Err(Off::Disk(error)) => Err(Cause::Spool(Arc::clone(error))),
        }
    }
}

fn takes_nothing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
    )
}
