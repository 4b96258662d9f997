//! Bytes on their way from a caller to the server.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use super::caller::Target;
use super::error::Error;
use crate::ftps::value::RemotePath;
use crate::modem::JobId;

/// What a file that is written shall be.
#[derive(Debug, Clone)]
pub struct PutHeader {
    /// Where it goes.
    pub target: Target,
    /// Its path.
    pub path: RemotePath,
    /// Refuse, without touching it, where the name exists.
    pub must_be_new: bool,
    /// How the result is made sure of.
    pub verify: Verify,
    /// Delete what was begun where the file could not be written whole.
    pub delete_on_failure: bool,
    /// Bytes to come, where the caller knows.
    pub size: Option<u64>,
    /// A file written last, holding size and SHA-256 of the first: absolute, or relative to the
    /// directory of `path`. Written only where the first is verified, so it needs a `verify`
    /// other than [`Verify::Nothing`].
    pub sentinel: Option<RemotePath>,
}

/// How the result of a Put is made sure of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verify {
    /// The server is asked for the size.
    #[default]
    Size,
    /// The file is read back and its SHA-256 compared.
    ReadBack,
    /// Nothing is asked.
    Nothing,
}

/// An upload under way. Dropping it before [`Writing::finish`] has answered cancels the
/// operation; without `finish` the file is never completed.
#[derive(Debug)]
pub struct Writing;

/// How far a Put is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PutProgress {
    /// What is being done.
    pub stage: PutStage,
    /// Bytes handed to the module.
    pub sent: u64,
    /// Operations that go first, while it is queued.
    pub ahead: usize,
}

/// What a Put is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PutStage {
    /// Waiting for the first bytes or for the link.
    #[default]
    Queued,
    /// On the link.
    Sending,
    /// Making sure of the result.
    Verifying,
}

/// A finished Put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutResult {
    /// Bytes of the file on the server.
    pub size: u64,
    /// SHA-256 of the bytes that were pushed.
    pub sha256: [u8; 32],
    /// How sure it is.
    pub state: PutState,
    /// What the state rests on, in words.
    pub evidence: String,
    /// How often the link broke and the transfer went on.
    pub resumes: u32,
    /// Time on the link, without waiting in the queue.
    pub elapsed: Duration,
}

/// How sure it is that the server holds the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutState {
    /// The server names the right size.
    VerifiedSize,
    /// The bytes were read back and have the right SHA-256.
    VerifiedHash,
    /// The module reported success; nothing else is known.
    Unverified,
    /// All bytes were handed over, the outcome was lost, and the server does not tell.
    Indeterminate,
}

impl Writing {
    /// Names the operation.
    #[must_use]
    pub fn operation(&self) -> &JobId {
        todo!()
    }

    /// How far it is, now and at every change.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<PutProgress> {
        todo!()
    }

    /// Hands over the next bytes; waits while the spool is full. Once it has failed, the
    /// operation is over.
    pub async fn push(&mut self, bytes: Bytes) -> Result<(), Error> {
        todo!("{bytes:?}")
    }

    /// Completes when the operation has failed while bytes are still awaited. Cancel-safe: for a
    /// `select!` beside the caller's stream.
    pub async fn failed(&mut self) -> Error {
        todo!()
    }

    /// Says that all bytes were pushed, and waits for the result. `sha256`, where the caller has
    /// it, is compared with the bytes that were pushed before the file is completed.
    pub async fn finish(self, sha256: Option<[u8; 32]>) -> Result<PutResult, Error> {
        todo!("{sha256:?}")
    }
}
