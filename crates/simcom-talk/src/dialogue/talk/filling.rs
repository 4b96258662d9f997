//! Writing zeros to a module that waits for the rest of something.

use std::time::Duration;

use bytes::Bytes;

use super::Dialogue;
use crate::dialogue::moment::Moment;

/// Zeros that are being written until the module says something.
#[derive(Debug)]
pub(super) struct Filling {
    left: u64,
    until: Moment,
}

static ZEROS: [u8; 1024] = [0; 1024];

impl Dialogue {
    pub(super) fn begin_filling(&mut self, most: u64, span: Duration, now: Moment) {
        self.filling = Some(Filling {
            left: most,
            until: now + span,
        });
    }

    /// The next zeros, if any are left to be written and there is time.
    pub(super) fn fill_on(&mut self, now: Moment) -> Option<Bytes> {
        let filling = self.filling.as_mut()?;
        if filling.left == 0 || filling.until <= now {
            self.filling = None;
            return None;
        }
        let len = usize::try_from(filling.left).unwrap_or(usize::MAX);
        let piece = ZEROS.get(..len).unwrap_or(&ZEROS);
        filling.left -= piece.len() as u64;
        Some(Bytes::from_static(piece))
    }
}
