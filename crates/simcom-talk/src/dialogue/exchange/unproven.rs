//! Content that is not proven yet.

use bytes::{Bytes, BytesMut};

/// The parts of a block. A block that came in one part is handed on as it is, without a copy.
#[derive(Debug, Default)]
pub(super) struct Unproven {
    /// The only part so far.
    first: Bytes,
    /// All parts, once there are two.
    all: BytesMut,
}

impl Unproven {
    /// Takes the next part.
    pub(super) fn push(&mut self, part: Bytes) {
        if self.is_empty() {
            self.first = part;
            return;
        }
        self.all.extend_from_slice(&std::mem::take(&mut self.first));
        self.all.extend_from_slice(&part);
    }

    /// The block, which is then gone from here.
    pub(super) fn take(&mut self) -> Bytes {
        if self.all.is_empty() {
            return std::mem::take(&mut self.first);
        }
        std::mem::take(&mut self.all).freeze()
    }

    pub(super) fn len(&self) -> usize {
        self.first.len() + self.all.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_the_same_in_any_number_of_parts() {
        let block = Bytes::from_static(b"0123456789");
        for size in 1..=block.len() {
            let mut unproven = Unproven::default();
            for part in block.chunks(size) {
                unproven.push(block.slice_ref(part));
            }
            assert_eq!(unproven.len(), block.len());
            assert_eq!(unproven.take(), block);
            assert!(unproven.is_empty());
        }
    }

    #[test]
    fn a_block_in_one_part_is_not_copied() {
        let block = Bytes::from(vec![7; 1480]);
        let mut unproven = Unproven::default();
        unproven.push(block.clone());
        assert_eq!(unproven.take().as_ptr(), block.as_ptr());
    }
}
