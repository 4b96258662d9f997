//! The evidence that a written file is on its server.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use simcom_talk::ftps::value::TransferType;

/// How the daemon verifies the result of a Put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Verify {
    /// The daemon asks the server for the size.
    #[default]
    Size,
    /// The daemon reads the file back and compares its SHA-256.
    ReadBack,
    /// The daemon asks nothing.
    Nothing,
    /// The daemon asks the server for the size; if the server does not tell, the module's report is
    /// enough.
    BestEffort,
}

impl Verify {
    /// The default for a transfer type.
    pub(crate) const fn usual(transfer_type: TransferType) -> Self {
        match transfer_type {
            TransferType::Binary => Self::Size,
            TransferType::Ascii => Self::BestEffort,
        }
    }

    /// Whether a state meets the verification.
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
    /// SHA-256 of the bytes that the caller sent.
    pub sha256: [u8; 32],
    /// The strength of the evidence.
    pub state: PutState,
    /// The evidence of the state, in words.
    pub evidence: String,
    /// How often the link broke and the transfer resumed.
    pub resumes: u32,
    /// Time on the link, without waiting in the queue.
    pub elapsed: Duration,
    /// The caller asked for a sentinel, and it is written.
    pub sentinel_written: bool,
}

/// The evidence that the server holds the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PutState {
    /// The server reports the right size.
    VerifiedSize,
    /// The daemon read the bytes back, and their SHA-256 is right.
    VerifiedHash,
    /// The module reported success; there is no other evidence.
    Unverified,
    /// The module took all bytes, the outcome was lost, and the server does not tell.
    Indeterminate,
}
