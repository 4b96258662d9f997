//! The bytes that are compared where a transfer goes on.

use bytes::{Buf, Bytes, BytesMut};

/// The first and the last bytes that a transfer has moved. When it goes on, the server's bytes are
/// compared with these. Sizes alone do not show a file that was replaced meanwhile, a server that
/// ignores an offset (RFC 959 §4.1.3, REST), or a byte that was lost on the way to the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ResumeWindow {
    head: BytesMut,
    tail: BytesMut,
}

/// Bytes that are compared: they cost one more frame at most, and are too many to agree by chance.
pub(crate) const OVERLAP: u64 = 512;

impl ResumeWindow {
    /// Takes bytes that were moved.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        let longest = OVERLAP as usize;
        let room = longest - self.head.len();
        self.head
            .extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        keep_last(&mut self.tail, bytes, longest);
    }

    /// The last bytes that were moved, at most [`OVERLAP`].
    pub(crate) fn tail(&self) -> &[u8] {
        &self.tail
    }

    /// The first bytes that were moved, at most [`OVERLAP`].
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }
}

/// Whether these bytes would show that others are missing before them. Bytes that are the same when
/// they are shifted do not.
pub(crate) fn is_telling(bytes: &[u8]) -> bool {
    (1..=bytes.len() / 2).all(|shift| bytes.get(shift..) != bytes.get(..bytes.len() - shift))
}

/// Appends bytes, and forgets all but the last `longest`.
pub(crate) fn keep_last(kept: &mut BytesMut, bytes: &[u8], longest: usize) {
    let bytes = bytes
        .get(bytes.len().saturating_sub(longest)..)
        .unwrap_or_default();
    let surplus = (kept.len() + bytes.len()).saturating_sub(longest);
    kept.advance(surplus);
    kept.extend_from_slice(bytes);
}

/// Compares what the server sends again with what it sent before.
#[derive(Debug)]
pub(crate) struct Overlap {
    /// Bytes that came.
    taken: u64,
    /// Bytes that are still to be thrown away before the comparison.
    skip: u64,
    expected: Bytes,
    found: BytesMut,
}

/// The result of a comparison.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Meeting {
    /// More bytes are needed.
    Open,
    /// The bytes fit. These came behind them.
    Fits(Bytes),
    /// The bytes do not fit. These came behind them.
    Differs(Bytes),
}

impl Overlap {
    /// Expects these bytes, after `skip` others.
    pub(crate) fn new(skip: u64, expected: &[u8]) -> Self {
        Self {
            taken: 0,
            skip,
            expected: Bytes::copy_from_slice(expected),
            found: BytesMut::new(),
        }
    }

    /// Takes the next bytes of the server.
    pub(crate) fn add(&mut self, mut bytes: Bytes) -> Meeting {
        self.taken += bytes.len() as u64;
        let skipped = usize::try_from(self.skip).map_or(bytes.len(), |skip| skip.min(bytes.len()));
        self.skip -= skipped as u64;
        let mut bytes = bytes.split_off(skipped);
        let missing = self.expected.len() - self.found.len();
        self.found
            .extend_from_slice(&bytes.split_to(missing.min(bytes.len())));
        if self.skip > 0 || self.found.len() < self.expected.len() {
            Meeting::Open
        } else if self.found == self.expected {
            Meeting::Fits(bytes)
        } else {
            Meeting::Differs(bytes)
        }
    }

    /// Bytes that the server has sent, including those that were thrown away.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// What the server sent where the overlap was expected.
    pub(crate) fn found(&self) -> Bytes {
        Bytes::copy_from_slice(&self.found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seam_keeps_both_ends_in_parts_of_any_size() {
        let content: Vec<u8> = (0u32..2000).map(|at| (at % 251) as u8).collect();
        for part in [1, 100, 511, 512, 513, 2000] {
            let mut window = ResumeWindow::default();
            content.chunks(part).for_each(|part| window.add(part));
            assert_eq!(window.head(), &content[..512]);
            assert_eq!(window.tail(), &content[2000 - 512..]);
        }
    }

    #[test]
    fn an_overlap_is_found_behind_what_is_skipped() {
        for part in 1..=10 {
            let mut overlap = Overlap::new(3, b"defg");
            let mut rest = Vec::new();
            let mut meeting = Meeting::Open;
            for part in b"abcdefghij".chunks(part) {
                if let Meeting::Fits(_) = meeting {
                    rest.extend_from_slice(part);
                    continue;
                }
                meeting = overlap.add(Bytes::copy_from_slice(part));
                if let Meeting::Fits(behind) = &meeting {
                    rest.extend_from_slice(behind);
                }
            }
            assert_eq!(rest, b"hij");
        }
        let mut overlap = Overlap::new(0, b"defg");
        let meeting = overlap.add(Bytes::from_static(b"abcdef"));
        assert_eq!(meeting, Meeting::Differs(Bytes::from_static(b"ef")));
        assert_eq!(overlap.found(), b"abcd"[..]);
    }

    #[test]
    fn zeros_tell_nothing_and_text_does() {
        assert!(!is_telling(&[0; 512]));
        assert!(!is_telling(&b"0123".repeat(128)));
        assert!(is_telling(b"the quick brown fox"));
    }
}
