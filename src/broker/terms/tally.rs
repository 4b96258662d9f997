//! Bytes counted and hashed as they pass.

use sha2::{Digest, Sha256};

/// The number of the bytes, and their SHA-256.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) size: u64,
    sha256: Sha256,
}

impl Tally {
    /// Takes the next bytes.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        self.sha256.update(bytes);
    }

    /// SHA-256 of the bytes so far.
    pub(crate) fn sha256(&self) -> [u8; 32] {
        self.sha256.clone().finalize().into()
    }
}
