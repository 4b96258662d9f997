//! Outboxes: directories whose files are sent. A file that appears in one becomes a transfer that the daemon keeps; it
//! is deleted, or moved to `sent/`, when the server is known to have its bytes, and moved to `failed/` otherwise.
//!
//! The files themselves are the memory: what is in the directory is still to be sent. The name of a transfer follows
//! from its file, so that a crash at any moment neither loses a file nor sends it as two transfers.

mod courier;
mod dispatch;
mod error;
mod folder;
mod found;
mod name;
mod outboxes;
mod steady;
mod walk;

use std::path::PathBuf;
use std::time::Duration;

use crate::broker::terms::{Priority, Verify};
pub use outboxes::Outboxes;
use simcom_talk::ftps::value::RemotePath;

/// An outbox, as the configuration describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbox {
    /// Its name.
    pub name: String,
    /// The directory that is watched.
    pub directory: PathBuf,
    /// The profile of the server.
    pub profile: String,
    /// The directory on the server that stands for the watched one.
    pub target: RemotePath,
    /// How urgent its transfers are.
    pub priority: Priority,
    /// How the result is made sure of.
    pub verify: Verify,
    /// A file is taken when it has not changed for this long.
    pub quiet: Duration,
    /// What happens to a file that the server has.
    pub sent: Sent,
}

/// What happens to a file that the server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It is deleted.
    Delete,
    /// It is moved to the directory [`Outbox::SENT`] of the outbox.
    Keep,
}

impl Outbox {
    /// The directory of an outbox that has what was sent.
    pub const SENT: &str = "sent";

    /// The directory of an outbox that has what cannot be sent, each file with a text that says why.
    pub const FAILED: &str = "failed";

    /// The principal of its transfers.
    #[must_use]
    pub fn principal(name: &str) -> String {
        format!("outbox:{name}")
    }
}
