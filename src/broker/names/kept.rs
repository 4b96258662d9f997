//! Uploads that are kept on the disk until they are delivered, as far as they concern those who write names now.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use simcom_talk::ftps::value::RemotePath;
use tokio::time::Instant;

use crate::broker::terms::{Birth, Error, Key, Lived};

/// All kept uploads. The floor of the transfers has them.
pub(crate) trait Kept: fmt::Debug + Send + Sync {
    /// All of them.
    fn claims(&self) -> Vec<Claim>;

    /// When that was, as transfers count.
    fn lived_at(&self, then: Instant) -> Lived;

    /// Uploads have lost something. Nothing more is begun for them until the disk knows.
    fn lose(&self, lost: Vec<(Taken, Loss)>) -> Vec<Taken>;

    /// Puts on the disk what uploads have lost.
    fn record_losses(self: Arc<Self>, lost: Vec<Taken>) -> Recording;

    /// Whether an attempt may write: nobody has written the name since it was written down what the
    /// server had.
    fn may_write(&self, key: &Key) -> bool;
}

/// Completes when the disk knows.
pub(crate) type Recording = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// An upload, as far as it concerns others that write its name.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) key: Key,
    pub(crate) taken: Taken,
    pub(crate) profile: String,
    pub(crate) path: RemotePath,
    pub(crate) accepted: Lived,
    /// It is still to be written.
    pub(crate) is_due: bool,
    /// It has begun to write, and is not over.
    pub(crate) is_writing: bool,
    /// It has begun to write, or has still to delete what it left there.
    pub(crate) has_begun: bool,
}

/// A very upload, and no later one of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) key: Key,
    pub(crate) birth: Birth,
}

/// What an upload loses when another writes its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Loss {
    /// Nothing there is shown to be its own any more. It begins anew when its turn comes.
    Proof,
    /// Another, whose caller came later, has written the whole file: there is nothing to be done for
    /// this one.
    Name,
}

impl Claim {
    /// Orders transfers by when they were accepted, or tried anew by their client.
    pub(crate) const fn order(&self) -> (Lived, Option<u64>) {
        (self.accepted, Some(self.taken.birth.0))
    }

    /// Whether it is still to be written, and came before another.
    pub(crate) fn is_accepted_before(&self, other: (Lived, Option<u64>)) -> bool {
        let before = match other {
            (_, Some(_)) => self.order() < other,
            (admitted, None) => self.accepted <= admitted,
        };
        self.is_due && before
    }
}
