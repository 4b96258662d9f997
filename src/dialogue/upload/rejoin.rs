//! Whether what the server has is the beginning of what is uploaded.

use bytes::{Bytes, BytesMut};

use crate::dialogue::exchange::Verdict;
use crate::dialogue::operation::Piece;
use crate::dialogue::procedure::may_retry;
use crate::dialogue::seam::{OVERLAP, is_telling, keep_last};
use crate::ftps::Command;
use crate::ftps::value::{Offset, RemotePath};

/// Lays the last bytes that the server has over those of the source. Their number alone proves
/// nothing: a byte that was lost on the way to the module moves all that follow it, and an older
/// file of the name may have the length.
#[derive(Debug)]
pub(super) struct Rejoin {
    /// Bytes that the server has.
    at: u64,
    ours: BytesMut,
    theirs: BytesMut,
    /// Bytes that the server sent: the last, or all where it ignores the offset.
    received: u64,
    /// The source ended before.
    short: bool,
    tries: u32,
    outcome: Option<bool>,
}

impl Rejoin {
    /// At the end of what the server has.
    pub(super) fn new(at: u64) -> Self {
        Self {
            at,
            ours: BytesMut::new(),
            theirs: BytesMut::new(),
            received: 0,
            short: false,
            tries: 0,
            outcome: None,
        }
    }

    /// Bytes that the server has.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// The next command; none where bytes of the source are needed. At the end, whether both
    /// fit.
    pub(super) fn next(&mut self, path: &RemotePath) -> Result<Option<Command>, bool> {
        if let Some(fits) = self.outcome {
            return Err(fits);
        }
        if self.short {
            return Err(false);
        }
        if (self.ours.len() as u64) < self.at - self.from() {
            return Ok(None);
        }
        // Where there is more before, bytes that are the same when shifted tell nothing.
        if self.from() > 0 && !is_telling(&self.ours) {
            return Err(false);
        }
        self.theirs.clear();
        self.received = 0;
        Offset::new(self.from())
            .map(|from| Some(Command::Get(path.clone(), from)))
            .map_err(|_| false)
    }

    /// The byte of the source that is needed next.
    pub(super) fn position(&self) -> u64 {
        self.from() + self.ours.len() as u64
    }

    /// A piece of the source.
    pub(super) fn feed(&mut self, piece: &Piece) {
        match piece {
            Piece::Data(bytes) => {
                let missing = usize::try_from(self.at - self.position()).unwrap_or(usize::MAX);
                let part = bytes.get(..missing).unwrap_or(bytes);
                self.ours.extend_from_slice(part);
            }
            Piece::End => self.short = true,
        }
    }

    /// Bytes of the server.
    pub(super) fn content(&mut self, bytes: &Bytes) {
        self.received += bytes.len() as u64;
        keep_last(&mut self.theirs, bytes, self.ours.len());
    }

    /// How the command ended.
    pub(super) fn heard(&mut self, verdict: &Verdict) {
        self.tries += 1;
        self.outcome = match verdict {
            Verdict::Done(_) => {
                let counted = [self.at, self.at - self.from()].contains(&self.received);
                Some(counted && self.theirs == self.ours)
            }
            Verdict::Failed(cause) if may_retry(cause, self.tries) => None,
            Verdict::Failed(_) => Some(false),
        };
    }

    fn from(&self) -> u64 {
        self.at.saturating_sub(OVERLAP)
    }
}
