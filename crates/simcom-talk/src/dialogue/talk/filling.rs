//! Zeros for a module that waits for the rest of something.

use std::time::Duration;

use bytes::Bytes;

use crate::dialogue::moment::Moment;

/// Zeros that are written until the module sends something.
#[derive(Debug)]
pub(super) struct Filling {
    left: u64,
    until: Moment,
}

static ZEROS: [u8; 1024] = [0; 1024];

impl Filling {
    /// Writes at most this many zeros, for at most this long.
    pub(super) fn new(most: u64, span: Duration, now: Moment) -> Self {
        Self {
            left: most,
            until: now + span,
        }
    }

    /// The next zeros. `None` once all were written or the time is over.
    pub(super) fn next(&mut self, now: Moment) -> Option<Bytes> {
        if self.left == 0 || self.until <= now {
            return None;
        }
        let len = usize::try_from(self.left).unwrap_or(usize::MAX);
        let piece = ZEROS.get(..len).unwrap_or(&ZEROS);
        self.left -= piece.len() as u64;
        Some(Bytes::from_static(piece))
    }
}
