//! A block that comes twice.

use bytes::Bytes;

use crate::dialogue::resume_window::is_telling;

/// Watches for a block that is the same as the one before it. On the line nothing tells whether the
/// file repeats itself there or the block was sent twice, and once it is handed over nobody can take
/// it back. So the transfer is gone on with behind the first, and what comes there then tells.
#[derive(Debug, Default)]
pub(super) struct Twins {
    /// The last block of the GET under way.
    last: Bytes,
    /// The second of two, until the server has told what comes there.
    suspect: Option<Bytes>,
    /// The file repeats itself: blocks that are the same are believed from then on.
    believed: bool,
}

/// Shorter blocks may well be the same: lines of a log are.
const SHORTEST: usize = 128;

impl Twins {
    /// A new GET.
    pub(super) fn begin(&mut self) {
        self.last = Bytes::new();
    }

    /// Takes in a block. Answers whether it may be the one before it once more. Bytes that are the
    /// same when they are shifted (zeros, say) come twice in many files.
    pub(super) fn is_second(&mut self, block: &Bytes) -> bool {
        let second = !self.believed
            && self.suspect.is_none()
            && block.len() >= SHORTEST
            && *block == self.last
            && is_telling(block);
        if second {
            self.suspect = Some(block.clone());
        }
        self.last = block.clone();
        second
    }

    /// Takes in the bytes behind those that were handed over, as they came now.
    pub(super) fn settle(&mut self, bytes: &[u8]) {
        if let Some(suspect) = self.suspect.take() {
            let same = suspect.iter().zip(bytes).all(|(was, is)| was == is);
            self.believed |= same;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(first: u8) -> Bytes {
        (0..1480u32).map(|at| (at * at / 7) as u8 ^ first).collect()
    }

    #[test]
    fn a_block_that_comes_twice_is_suspected_until_the_server_has_told() {
        let mut twins = Twins::default();
        assert!(!twins.is_second(&block(1)));
        assert!(twins.is_second(&block(1)));
        twins.begin();
        twins.settle(&block(2));
        assert!(!twins.is_second(&block(2)));
        assert!(twins.is_second(&block(2)), "the line doubles again");
        // The file has it twice.
        twins.settle(&block(2));
        assert!(!twins.is_second(&block(2)));
    }

    #[test]
    fn what_comes_twice_in_many_files_is_believed() {
        let mut twins = Twins::default();
        for same in [vec![0; 1480], b"line\r\n".repeat(200), b"short".to_vec()] {
            let same = Bytes::from(same);
            twins.begin();
            assert!(!twins.is_second(&same));
            assert!(!twins.is_second(&same));
        }
    }
}
