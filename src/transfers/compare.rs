//! The comparison of an accepted upload with bytes that its caller sends again.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::Transfer;
use super::journal::Journal;
use crate::broker::terms::{Birth, Cause, Error, Hashed, Key};

/// An upload that was accepted before under the same name, without a SHA-256 for the bytes that its
/// caller sends now. The bytes are not kept; they decide whether it is the same upload.
#[derive(Debug)]
pub struct Comparing {
    journal: Arc<Journal>,
    key: Key,
    birth: Birth,
    size: u64,
    hash: Sha256,
    found: u64,
}

impl Comparing {
    pub(crate) fn begin(journal: Arc<Journal>, there: &Transfer) -> Self {
        Self {
            journal,
            key: there.record.key.clone(),
            birth: there.birth,
            size: there.record.content().0.unwrap_or(u64::MAX),
            hash: Sha256::new(),
            found: 0,
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`Cause::TransferExists`]: there are more bytes than accepted, so it is another upload.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.found = self.found.saturating_add(bytes.len() as u64);
        if self.found > self.size {
            return Err(Cause::TransferExists.into());
        }
        self.hash.update(bytes);
        Ok(())
    }

    /// All bytes are there: returns the transfer as it is now, if the bytes are the accepted ones.
    /// Compares `sha256`, if given.
    ///
    /// # Errors
    /// [`Cause::HashMismatch`]: `sha256` differs; [`Cause::TransferExists`]: the bytes differ;
    /// [`Cause::TransferNotFound`]: the transfer was deleted meanwhile.
    pub fn finish(self, sha256: Option<[u8; 32]>) -> Result<Transfer, Error> {
        let have: [u8; 32] = self.hash.finalize().into();
        if sha256.is_some_and(|sha256| sha256 != have) {
            return Err(Cause::HashMismatch(Hashed::Sent).into());
        }
        let there = self.journal.get_of(&self.key, self.birth);
        let there = there.ok_or(Cause::TransferNotFound)?;
        if there.record.content().1 != Some(have) {
            return Err(Cause::TransferExists.into());
        }
        Ok(there)
    }
}
