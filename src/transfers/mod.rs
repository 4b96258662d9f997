//! Transfers that outlive their caller: accepted when they are on disk, delivered across crashes.

mod calls;
mod compare;
mod condition;
mod deliver;
mod files;
mod journal;
mod keeping;
mod mend;
pub mod metrics;
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

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::broker::disk::Disk;
use crate::broker::terms::Birth;
use crate::modem::clock;
pub use calls::{Transfers, Watch};
pub use compare::Comparing;
pub use condition::{Condition, Conditions};
pub use journal::{Live, Tell};
pub use keeping::Keeping;
pub use read::{ReadNext, TransferReading};
pub use receive::Receiving;
pub use record::{Record, Remnant, State, ToldError};
pub use retry::Budget;
pub use storage::Storage;
pub use watch::{WatchItem, Watching};
pub use wish::{Direction, Terms, UploadWish, Wish};

/// The place of the transfers, and their bounds.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Directory, which must exist; empty: the daemon keeps no transfers.
    pub directory: PathBuf,
    /// Bytes of all files.
    pub disk_in_all: u64,
    /// Bytes of the files of one principal.
    pub disk_per_principal: u64,
    /// Transfers in all, including ended ones.
    pub max_transfers: usize,
    /// Transfers of one principal, including ended ones.
    pub max_per_principal: usize,
    /// Transfers that are on the link or wait for it at the same time.
    pub active: usize,
    /// How long an ended transfer is kept, in running time of daemons.
    pub max_age: Duration,
    /// How long an upload received in part is kept after its last byte, in running time of daemons.
    pub unfinished_age: Duration,
    /// The budget for the attempts of one transfer.
    pub budget: Budget,
    /// The disk that the directory is on.
    pub disk: Arc<dyn Disk>,
    /// Tells the time of day.
    pub wall: fn() -> SystemTime,
}

impl Default for Settings {
    /// 512 MiB are an hour and a half of the link at 921600 baud. A thousand records are a
    /// megabyte. Half of either for one principal leaves room for the others. One active transfer,
    /// because there is one link. A week is enough to look at a failure, and a day to resume an
    /// upload sent in part.
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

/// A transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// The record on disk.
    pub record: Record,
    /// The progress.
    pub live: Live,
    /// What the wall clock will show at the next attempt, while it waits for one.
    pub next_attempt: Option<SystemTime>,
    /// Time until it expires, while it has not ended; `None`: it never expires.
    pub expires_in: Option<Duration>,
    /// Distinguishes it from other transfers of the same name.
    birth: Birth,
}

/// The result of creating an upload.
#[derive(Debug)]
pub enum Upload {
    /// It was accepted before.
    Accepted(Box<Transfer>),
    /// Its client sends its bytes.
    Receive(Receiving),
    /// It was accepted before. Its client sends its bytes again, for comparison.
    Compare(Comparing),
}
