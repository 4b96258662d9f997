//! The content of an upload, cut into blocks.

use bytes::{Bytes, BytesMut};

use crate::dialogue::operation::Piece;
use crate::ftps::command::PutForm;
use crate::ftps::value::{Offset, ValueError};

/// Takes pieces as they come, and cuts them into blocks of the greatest length that the module
/// takes. Keeps the current block until the server has it, so that it can be sent again.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    /// Bytes from the source that are not cut yet.
    rest: BytesMut,
    /// The source has ended.
    ended: bool,
    block: Bytes,
    /// The offset of the first block.
    start: u64,
    /// How many bytes the server had before it. A tail that did not fit lies behind the start.
    there: u64,
    /// The offset of the current block: the server has the bytes before it.
    offset: u64,
    arrived: u32,
}

/// `<data_len>` (SIMCom manual L1215).
const LONGEST: u16 = 2048;

/// After this many blocks the server's size is compared. The second block is the first one that
/// begins beyond the start. It shows whether the server goes on with a file, or ignores the offset,
/// appends, or fills with zeros.
const CHECKED: u32 = 2;

impl Blocks {
    /// Begins behind the first `offset` of the `there` bytes that the server has.
    pub(super) fn at(offset: u64, there: u64) -> Self {
        Self {
            start: offset,
            there,
            offset,
            ..Self::default()
        }
    }

    /// The offset of the first block.
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// The position at which the next piece must begin.
    pub(super) fn position(&self) -> u64 {
        self.offset + (self.block.len() + self.rest.len()) as u64
    }

    /// Whether the server may have `found` bytes while it is uncertain whether the current block
    /// arrived.
    pub(super) fn may_have(&self, found: u64) -> bool {
        let end = self.offset + self.block.len() as u64;
        (self.offset..=end.max(self.there)).contains(&found)
    }

    /// Whether the server should have `found` bytes between two blocks. A server that goes on with a
    /// file cuts it off at the offset, or writes over what lies behind (RFC 959 §4.1.3, REST, leaves
    /// it open).
    pub(super) fn should_have(&self, found: u64) -> bool {
        found == self.offset || found == self.offset.max(self.there)
    }

    /// Whether a block has arrived behind what the server had.
    pub(super) fn has_gone_on(&self) -> bool {
        self.arrived > u32::from(self.start == 0)
    }

    /// Whether a block has arrived.
    pub(super) fn has_begun(&self) -> bool {
        self.arrived > 0
    }

    /// Takes a piece.
    pub(super) fn push(&mut self, piece: Piece) {
        match piece {
            Piece::Data(bytes) => self.rest.extend_from_slice(&bytes),
            Piece::End => self.ended = true,
        }
    }

    /// Cuts the next block, where that is possible. Returns whether there is a block.
    pub(super) fn cut(&mut self) -> bool {
        let longest = usize::from(LONGEST);
        if self.rest.is_empty() || (self.rest.len() < longest && !self.ended) {
            return false;
        }
        self.block = self.rest.split_to(self.rest.len().min(longest)).freeze();
        true
    }

    /// The announcement of the current block.
    ///
    /// # Errors
    /// [`ValueError::OutOfRange`] where the block begins beyond [`Offset::MAX`].
    pub(super) fn form(&self) -> Result<PutForm, ValueError> {
        Ok(PutForm::Block {
            len: u16::try_from(self.block.len()).unwrap_or(LONGEST),
            offset: Offset::new(self.offset)?,
        })
    }

    /// The current block.
    pub(super) fn block(&self) -> Bytes {
        self.block.clone()
    }

    /// Bytes that the server has, as far as the module told.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The current block has arrived. Returns whether the server's size is to be compared.
    pub(super) fn arrived(&mut self) -> bool {
        self.offset += self.block.len() as u64;
        self.block = Bytes::new();
        self.arrived = self.arrived.saturating_add(1);
        self.arrived <= CHECKED
    }

    /// Whether everything has arrived.
    pub(super) fn is_over(&self) -> bool {
        self.ended && self.rest.is_empty() && self.block.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_any_length_become_blocks_of_one() {
        for piece in [1, 100, 2048, 5000] {
            let content: Vec<u8> = (0..=255).cycle().take(5000).collect();
            let mut blocks = Blocks::default();
            let mut whole = Vec::new();
            let mut lengths = Vec::new();
            let pieces = content.chunks(piece).map(Bytes::copy_from_slice);
            for piece in pieces.map(Piece::Data).chain([Piece::End]) {
                blocks.push(piece);
                while blocks.cut() {
                    assert_eq!(blocks.offset(), whole.len() as u64);
                    whole.extend_from_slice(&blocks.block());
                    lengths.push(blocks.block().len());
                    blocks.arrived();
                }
            }
            assert_eq!((whole, lengths), (content, vec![2048, 2048, 904]));
            assert!(blocks.is_over());
        }
    }
}
