//! Bytes on their way from the server to a caller.

use std::time::Duration;

use bytes::Bytes;

use super::error::Error;
use crate::modem::JobId;

/// A download or listing under way. Dropping it cancels the operation.
#[derive(Debug)]
pub struct Reading;

/// What comes next in a [`Reading`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The next bytes, at most [`super::spool::MAX_CHUNK`] of them, never none.
    Chunk(Bytes),
    /// All bytes were handed over.
    End(GetResult),
}

/// A finished download or listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetResult {
    /// Bytes handed over in chunks.
    pub size: u64,
    /// SHA-256 of these bytes.
    pub sha256: [u8; 32],
    /// How often the link broke and the transfer went on.
    pub resumes: u32,
    /// Time on the link, without waiting in the queue.
    pub elapsed: Duration,
}

impl Reading {
    /// Names the operation.
    #[must_use]
    pub fn operation(&self) -> &JobId {
        todo!()
    }

    /// Size of the file on the server before the transfer, where it tells.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        todo!()
    }

    /// Waits for the next bytes, or for the end. Cancel-safe.
    pub async fn next(&mut self) -> Result<Next, Error> {
        todo!()
    }
}
