//! How sure it is that a file which was written is on its server.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use simcom_talk::ftps::value::TransferType;

/// How the result of a Put is made sure of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Verify {
    /// The server is asked for the size.
    #[default]
    Size,
    /// The file is read back and its SHA-256 compared.
    ReadBack,
    /// Nothing is asked.
    Nothing,
    /// The server is asked for the size; where it does not tell, the module's report is enough.
    BestEffort,
}

impl Verify {
    /// What is meant where nothing is said.
    pub(crate) const fn usual(transfer_type: TransferType) -> Self {
        match transfer_type {
            TransferType::Binary => Self::Size,
            TransferType::Ascii => Self::BestEffort,
        }
    }

    /// Whether a state is enough.
    pub(crate) const fn is_met_by(self, state: PutState) -> bool {
        match (self, state) {
            (_, PutState::Indeterminate) => false,
            (Self::Nothing | Self::BestEffort, _)
            | (Self::Size, PutState::VerifiedSize)
            | (_, PutState::VerifiedHash) => true,
            (Self::ReadBack, PutState::VerifiedSize)
            | (Self::Size | Self::ReadBack, PutState::Unverified) => false,
        }
    }
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
    /// A sentinel was asked for and is written.
    pub sentinel_written: bool,
}

/// How sure it is that the server holds the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
