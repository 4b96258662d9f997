//! The state of a transfer, and its partial file on the server.

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::broker::terms::Lived;

/// The state of a transfer.
#[derive(Debug, IntoStaticStr, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[strum(serialize_all = "lowercase")]
pub enum State {
    /// Its client is sending it, or has stopped halfway.
    #[strum(serialize = "being received")]
    Receiving,
    /// It waits for its turn.
    Queued,
    /// An attempt is running.
    Running,
    /// It waits for its next attempt.
    Waiting {
        /// When the attempt is due.
        #[serde(deserialize_with = "Lived::or_of_day")]
        until: Lived,
    },
    /// It is complete at its destination.
    Done,
    /// No other attempt follows unless its client retries it.
    Failed,
    /// Its client has cancelled it.
    Cancelled,
}

/// The partial file that an unsuccessful upload may have left on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Remnant {
    /// The server has nothing of this transfer.
    Nothing,
    /// The daemon will delete it.
    Pending {
        /// When it tries.
        #[serde(deserialize_with = "Lived::or_of_day")]
        due: Lived,
        /// Tries so far.
        tries: u32,
    },
    /// The daemon deleted it, or there was nothing.
    Deleted,
    /// It stays, as the client asked.
    Kept,
    /// It stays: the daemon could not delete it, or it may be another writer's.
    Left,
}

impl State {
    /// No attempt will follow by itself.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }

    /// One word for programs.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Receiving => "receiving",
            state => state.name(),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}
