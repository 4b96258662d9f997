//! The content of an upload, cut into blocks.

use bytes::{Bytes, BytesMut};

use crate::dialogue::operation::Piece;
use crate::ftps::command::PutForm;
use crate::ftps::value::{Offset, ValueError};

/// Takes pieces as they come and gives blocks of the length that the module takes at most. The
/// block under way is kept until the server has it, so that it can be sent again.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    /// Taken from the source, not cut yet.
    rest: BytesMut,
    /// The source has ended.
    ended: bool,
    block: Bytes,
    /// Where the first block went.
    start: u64,
    /// What the server had before it: a tail that did not fit lies behind the start.
    there: u64,
    /// Where the block under way goes: what the server has before it.
    offset: u64,
    arrived: u32,
}

/// `<data_len>` (SIMCom manual L1215).
const LONGEST: u16 = 2048;

/// After so many blocks the server's size is compared: the second is the first that begins
/// beyond the start, and shows whether the server goes on with a file, or ignores that, appends,
/// or fills with zeros.
const CHECKED: u32 = 2;

impl Blocks {
    /// Of what follows so many bytes of all that the server has.
    pub(super) fn at(offset: u64, there: u64) -> Self {
        Self {
            start: offset,
            there,
            offset,
            ..Self::default()
        }
    }

    /// Where the first block went.
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// The byte that the next piece must begin with.
    pub(super) fn position(&self) -> u64 {
        self.offset + (self.block.len() + self.rest.len()) as u64
    }

    /// Whether the server may have so many bytes while the block under way is uncertain.
    pub(super) fn may_have(&self, found: u64) -> bool {
        let end = self.offset + self.block.len() as u64;
        (self.offset..=end.max(self.there)).contains(&found)
    }

    /// Whether the server should have so many bytes between two blocks. One that goes on with a file
    /// cuts it off there, or writes over what lies behind (RFC 959 §4.1.3, REST, leaves it open).
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

    /// Cuts the next block, where one can be cut.
    pub(super) fn cut(&mut self) -> bool {
        let longest = usize::from(LONGEST);
        if self.rest.is_empty() || (self.rest.len() < longest && !self.ended) {
            return false;
        }
        self.block = self.rest.split_to(self.rest.len().min(longest)).freeze();
        true
    }

    /// How the block under way is announced.
    ///
    /// # Errors
    /// [`ValueError::OutOfRange`] where the block begins beyond [`Offset::MAX`].
    pub(super) fn form(&self) -> Result<PutForm, ValueError> {
        Ok(PutForm::Block {
            len: u16::try_from(self.block.len()).unwrap_or(LONGEST),
            offset: Offset::new(self.offset)?,
        })
    }

    /// The block under way.
    pub(super) fn block(&self) -> Bytes {
        self.block.clone()
    }

    /// Bytes that the server has, as far as the module told.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The block has arrived. Gives back whether the server's size is to be compared.
    pub(super) fn arrived(&mut self) -> bool {
        self.offset += self.block.len() as u64;
        self.block = Bytes::new();
        self.arrived = self.arrived.saturating_add(1);
        self.arrived <= CHECKED
    }

    /// Everything has arrived.
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
