//! Transfers that outlive their caller: accepted when they are on disk, delivered across crashes.

mod calls;
mod cancel;
mod compare;
mod deliver;
mod files;
mod journal;
mod keeping;
mod mend;
mod read;
mod receive;
pub mod record;
pub mod retry;
mod settle;
mod storage;
pub mod store;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod watch;
pub mod wish;

pub use calls::{Transfers, Watch};
pub use compare::Comparing;
pub use journal::{Live, Tell};
pub use keeping::Keeping;
pub use read::{ReadNext, TransferReading};
pub use receive::Receiving;
pub use record::{Record, Remnant, State, Told};
pub use retry::Budget;
pub use storage::Storage;
pub use watch::{Told as WatchTold, Watching};
pub use wish::{Direction, Terms, UploadWish, Wish};

use crate::broker::terms::Birth;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::broker::disk::Disk;
use crate::modem::clock;

/// Where transfers are kept, and within which bounds.
#[derive(Debug, Clone)]
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
    /// How long one that has ended is kept, in time that a daemon runs.
    pub max_age: Duration,
    /// How long one that is half received is kept since its last byte, in time that a daemon runs.
    pub unfinished_age: Duration,
    /// What the attempts of one may cost.
    pub budget: Budget,
    /// The disk that the directory is on.
    pub disk: Arc<dyn Disk>,
    /// What tells the time of day.
    pub wall: fn() -> SystemTime,
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
            disk: <dyn Disk>::of_system(),
            wall: || clock::wall(clock::now()),
        }
    }
}

/// A transfer as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// As the disk knows it.
    pub record: Record,
    /// What moves.
    pub live: Live,
    /// What the clock of the day will show at the next attempt, while it waits for one.
    pub next_attempt: Option<SystemTime>,
    /// Time until it expires, while it has not ended; `None`: it does not.
    pub expires_in: Option<Duration>,
    /// Which of those that had its name.
    birth: Birth,
}

/// What became of the wish for an upload.
#[derive(Debug)]
pub enum Upload {
    /// It was accepted before.
    Accepted(Box<Transfer>),
    /// Its bytes are to come.
    Receive(Receiving),
    /// It was accepted before. Its bytes are to come again, to be compared.
    Compare(Comparing),
}
