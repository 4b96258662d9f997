//! The last bytes that an upload has written.

use std::fmt;
use std::ops::Range;

use bytes::{Buf, BytesMut};

/// The last bytes that an upload has handed to the module, with their position in the file. They
/// tell what the server has when the source has forgotten the bytes or has gone.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Trail {
    /// The position behind the last byte.
    end: u64,
    bytes: BytesMut,
}

/// Bytes that are kept. A link that breaks loses what was on its way: at most a TCP window, which
/// is 64 KiB without scaling (RFC 9293 §3.1), and the bytes in the module, which flow control on
/// the port keeps few. The server's file ends no further back than that.
const KEPT: usize = 64 * 1024;

impl Trail {
    /// How many of the last bytes are kept.
    pub(crate) const KEPT: u64 = KEPT as u64;

    /// Adds bytes that were handed over. `at` is the position of the first of them.
    pub fn put(&mut self, at: u64, bytes: &[u8]) {
        // Known bytes are the same when they are written again.
        let known = usize::try_from(self.end.saturating_sub(at)).unwrap_or(usize::MAX);
        let news = match bytes.get(known..) {
            _ if at > self.end || at < self.start() => {
                self.bytes.clear();
                self.end = at;
                bytes
            }
            Some(news) => news,
            None => return,
        };
        self.end += news.len() as u64;
        self.bytes.extend_from_slice(news);
        self.bytes.advance(self.bytes.len().saturating_sub(KEPT));
    }

    /// A part of the file, where all of it is kept.
    #[must_use]
    pub fn part(&self, range: Range<u64>) -> Option<&[u8]> {
        let at = |byte: u64| usize::try_from(byte.checked_sub(self.start())?).ok();
        self.bytes.get(at(range.start)?..at(range.end)?)
    }

    /// The first byte of the file that is kept.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.end - self.bytes.len() as u64
    }
}

impl fmt::Debug for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trail({}..{})", self.start(), self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_bytes_are_kept_at_their_places() {
        let content: Vec<u8> = (0..=250).cycle().take(200_000).collect();
        for part in [1000, 4096, 70_000] {
            let mut trail = Trail::default();
            for (turn, bytes) in content.chunks(part).enumerate() {
                let at = turn * part;
                trail.put(at as u64, bytes);
                // The same bytes again, as for a block whose outcome was lost.
                trail.put(at as u64, bytes);
                let end = (at + bytes.len()) as u64;
                let last = &bytes[bytes.len() - 7..];
                assert_eq!(trail.part(end - 7..end), Some(last), "{at}");
            }
            assert_eq!(
                trail.part(140_000..200_000),
                content.get(140_000..200_000),
                "{part}"
            );
            assert_eq!(trail.part(100_000..140_000), None);
            assert_eq!(trail.part(199_999..200_001), None);
        }
    }

    #[test]
    fn what_is_written_elsewhere_begins_a_new_one() {
        let mut trail = Trail::default();
        trail.put(100, b"abc");
        assert_eq!(trail.part(100..103), Some(&b"abc"[..]));
        trail.put(10, b"xyz");
        assert_eq!(
            (trail.part(10..13), trail.part(100..103)),
            (Some(&b"xyz"[..]), None)
        );
        trail.put(11, b"yz0");
        assert_eq!(trail.part(10..14), Some(&b"xyz0"[..]));
    }
}
