//! Whether what the server has is the beginning of what is uploaded.

use bytes::{Bytes, BytesMut};

use crate::dialogue::exchange::Verdict;
use crate::dialogue::operation::Piece;
use crate::dialogue::procedure::may_retry;
use crate::dialogue::seam::{OVERLAP, is_telling, keep_last};
use crate::ftps::Command;
use crate::ftps::value::{Offset, RemotePath};

/// Bytes of the server that are laid over the source's: [`OVERLAP`], and those behind them that may
/// be wrong where a crash ended what was there. A block that was cut off is filled up by the next
/// bring-up, at most 2048 bytes of it (SIMCom manual L1215), and a mark that ends a stream may have
/// become content.
const WINDOW: u64 = OVERLAP + 2048;

/// Lays the last bytes that the server has over those of the source. Their number alone proves
/// nothing: a byte that was lost on the way to the module moves all that follow it, and an older
/// file of the name may have the length.
#[derive(Debug)]
pub(super) struct Rejoin {
    /// Bytes that the server has.
    there: u64,
    ours: BytesMut,
    theirs: BytesMut,
    /// Bytes that the server sent: the last, or all where it ignores the offset.
    received: u64,
    /// The source ended before.
    short: bool,
    tries: u32,
    outcome: Option<Option<u64>>,
}

impl Rejoin {
    /// At the end of what the server has.
    pub(super) fn new(there: u64) -> Self {
        Self {
            there,
            ours: BytesMut::new(),
            theirs: BytesMut::new(),
            received: 0,
            short: false,
            tries: 0,
            outcome: None,
        }
    }

    /// Bytes that the server has.
    pub(super) fn there(&self) -> u64 {
        self.there
    }

    /// The next command; none where bytes of the source are needed. At the end, up to where both
    /// are the same, or nothing where that is not known.
    pub(super) fn next(&mut self, path: &RemotePath) -> Result<Option<Command>, Option<u64>> {
        if let Some(outcome) = self.outcome {
            return Err(outcome);
        }
        if self.short {
            return Err(None);
        }
        if (self.ours.len() as u64) < self.there - self.from() {
            return Ok(None);
        }
        if !self.is_proof(self.ours.len()) {
            return Err(None);
        }
        self.theirs.clear();
        self.received = 0;
        Offset::new(self.from())
            .map(|from| Some(Command::Get(path.clone(), from)))
            .map_err(|_| None)
    }

    /// The byte of the source that is needed next.
    pub(super) fn position(&self) -> u64 {
        self.from() + self.ours.len() as u64
    }

    /// A piece of the source.
    pub(super) fn feed(&mut self, piece: &Piece) {
        match piece {
            Piece::Data(bytes) => {
                let missing = usize::try_from(self.there - self.position()).unwrap_or(usize::MAX);
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
            Verdict::Done(_) => Some(self.compare()),
            Verdict::Failed(cause) if may_retry(cause, self.tries) => None,
            Verdict::Failed(_) => Some(None),
        };
    }

    /// Up to where both are the same.
    fn compare(&self) -> Option<u64> {
        if ![self.there, self.there - self.from()].contains(&self.received) {
            return None;
        }
        let both = self.ours.iter().zip(&self.theirs);
        let same = both.take_while(|(ours, theirs)| ours == theirs).count();
        self.is_proof(same).then(|| self.from() + same as u64)
    }

    /// Whether so many bytes that are the same prove that all before them are. Where there are more
    /// before, bytes that are the same when shifted tell nothing.
    fn is_proof(&self, same: usize) -> bool {
        let part = self.ours.get(..same).unwrap_or_default();
        let enough = part.len() as u64 >= OVERLAP && is_telling(part);
        same > 0 && (self.from() == 0 || enough)
    }

    fn from(&self) -> u64 {
        self.there.saturating_sub(WINDOW)
    }
}
