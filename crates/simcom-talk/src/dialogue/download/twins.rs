//! A block that comes twice.

use bytes::Bytes;

use crate::dialogue::resume_window::is_telling;

/// Watches for a block that is the same as the one before it. The line does not tell whether the
/// file repeats itself or the block was sent twice. A block that was handed over cannot be taken
/// back. So the transfer goes on behind the first of the two, and the bytes that come there tell.
#[derive(Debug, Default)]
pub(super) struct Twins {
    /// The last block of the GET under way.
    last: Bytes,
    /// The second of two, until the server has told what comes there.
    suspect: Option<Bytes>,
    /// The file repeats itself: equal blocks are believed from now on.
    believed: bool,
}

/// Shorter blocks may well be equal: lines of a log often are.
const SHORTEST: usize = 128;

impl Twins {
    /// Begins a new GET.
    pub(super) fn begin(&mut self) {
        self.last = Bytes::new();
    }

    /// Takes a block. Returns whether it may be the block before it, sent once more. Bytes that are
    /// the same when they are shifted (zeros, for example) come twice in many files.
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

    /// Takes the bytes that came now behind those that were handed over.
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
        // The file has the block twice.
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
