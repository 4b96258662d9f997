//! Where a transfer is, and what it has left on its server.

use serde::{Deserialize, Serialize};

use crate::broker::terms::Lived;

/// Where a transfer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Its client is sending it, or has stopped halfway.
    Receiving,
    /// It waits for its turn.
    Queued,
    /// An attempt is under way.
    Running,
    /// It is tried again then.
    Waiting {
        /// When.
        #[serde(deserialize_with = "Lived::or_of_day")]
        until: Lived,
    },
    /// It is where it was to go.
    Done,
    /// There will be no other attempt unless its client wishes one.
    Failed,
    /// Its client has ended it.
    Cancelled,
}

/// What may be left on the server of an upload that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Remnant {
    /// Nothing of this transfer.
    Nothing,
    /// It is to be deleted.
    Pending {
        /// When that is tried.
        #[serde(deserialize_with = "Lived::or_of_day")]
        due: Lived,
        /// How often it was.
        tries: u32,
    },
    /// It was deleted, or there was nothing.
    Deleted,
    /// It stays, as was wished.
    Kept,
    /// It stays: it could not be deleted, or may be another's.
    Left,
}

impl State {
    /// No attempt will follow by itself.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Receiving => "being received",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting { .. } => "waiting",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}
