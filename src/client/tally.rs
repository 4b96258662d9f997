//! What has arrived of a file, and whether it is what the daemon sent.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::error::Error;

/// Number and SHA-256 of the bytes that arrived.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    bytes: u64,
    hash: Sha256,
}

impl Tally {
    /// Counts a chunk that arrived. Answers with the number of bytes that have arrived by now.
    pub(super) fn add(&mut self, chunk: &[u8]) -> u64 {
        self.bytes += chunk.len() as u64;
        self.hash.update(chunk);
        self.bytes
    }

    /// Bytes that have arrived.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Compares what arrived with size and SHA-256 of the daemon's result.
    ///
    /// # Errors
    /// [`Error::Mismatch`] where one of the two differs.
    pub(super) fn check(&self, size: i64, sha256: &[u8]) -> Result<(), Error> {
        if i64::try_from(self.bytes) != Ok(size) {
            return Err(Error::Mismatch {
                what: "the number of bytes",
                sent: size.to_string(),
                arrived: self.bytes.to_string(),
            });
        }
        let hash = self.hash.clone().finalize();
        if hash.as_slice() != sha256 {
            return Err(Error::Mismatch {
                what: "the SHA-256",
                sent: HEXLOWER.encode(sha256),
                arrived: HEXLOWER.encode(&hash),
            });
        }
        Ok(())
    }
}
