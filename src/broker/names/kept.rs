//! Uploads that wait on the disk for delivery, as far as they concern writers of names.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use tokio::time::Instant;

use crate::broker::terms::{Birth, Error, Key, Lived};
use simcom_talk::ftps::value::RemotePath;

/// All kept uploads. The floor of the transfers implements it.
pub(crate) trait Kept: fmt::Debug + Send + Sync {
    /// All of them.
    fn claims(&self) -> Vec<Claim>;

    /// A moment on the running-time clock of the transfers.
    fn lived_at(&self, then: Instant) -> Lived;

    /// Records in memory that uploads have lost something. They begin nothing more until the disk
    /// knows.
    fn lose(&self, lost: Vec<(Taken, Loss)>) -> Vec<Taken>;

    /// Records on the disk what uploads have lost.
    fn record_losses(self: Arc<Self>, lost: Vec<Taken>) -> Recording;

    /// Whether an attempt may write: nobody has written the name since the record of what the
    /// server had.
    fn may_write(&self, key: &Key) -> bool;
}

/// Completes when the disk has the record.
pub(crate) type Recording = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// An upload, as far as it concerns other writers of its name.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) key: Key,
    pub(crate) taken: Taken,
    pub(crate) profile: String,
    pub(crate) path: RemotePath,
    pub(crate) accepted: Lived,
    /// Its file is still to be written.
    pub(crate) is_due: bool,
    /// It has begun to write, and has not ended.
    pub(crate) is_writing: bool,
    /// It has begun to write, or must still delete what it left there.
    pub(crate) has_begun: bool,
}

/// One particular upload, not a later one of the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) key: Key,
    pub(crate) birth: Birth,
}

/// What an upload loses when another writer writes its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Loss {
    /// The proof that the file there is its own. It starts over when its turn comes.
    Proof,
    /// The name: a writer whose caller came later has written the whole file, so nothing is left to
    /// do for this upload.
    Name,
}

impl Claim {
    /// Orders transfers by the time when they were accepted or when their client retried them.
    pub(crate) const fn order(&self) -> (Lived, Option<u64>) {
        (self.accepted, Some(self.taken.birth.0))
    }

    /// Whether its file is still to be written, and it came before another upload.
    pub(crate) fn is_accepted_before(&self, other: (Lived, Option<u64>)) -> bool {
        let before = match other {
            (_, Some(_)) => self.order() < other,
            (admitted, None) => self.accepted <= admitted,
        };
        self.is_due && before
    }
}
