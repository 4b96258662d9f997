//! Content that names its writer at every place.

use std::collections::BTreeSet;
use std::sync::Arc;

/// Bytes of a line, each of which names its writer.
const LINE: usize = 24;

/// Bytes of a mark: `~`, six digits, `.`, five digits, `~`.
const MARK: usize = 14;

/// Bytes that are hard to carry: control characters, and words of a module.
const HARD: [&[u8]; 6] = [
    b"\r\nOK\r\n.ab",
    b"\x03\x1a\x00>\r\n\xff\xfe+C",
    b"\r\nERROR\r\n.",
    b"0123456789",
    b"\r\nRDY\r\n\x1b\x10\x11",
    b"AT+CMEE?\r\n",
];

/// Content of a writer.
pub(crate) fn content(writer: u32, len: usize) -> Arc<[u8]> {
    let mut all = Vec::with_capacity(len + LINE);
    let mut random = fastrand::Rng::with_seed(u64::from(writer));
    let mut line = 0;
    while all.len() < len {
        all.extend_from_slice(format!("~{writer:06}.{line:05}~").as_bytes());
        all.extend_from_slice(HARD[random.usize(..HARD.len())]);
        line += 1;
    }
    all.truncate(len);
    all.into()
}

/// The writers whose marks are whole in these bytes.
pub(crate) fn marks(bytes: &[u8]) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    for window in bytes.windows(MARK) {
        if window[0] == b'~' && window[MARK - 1] == b'~' && window[7] == b'.' {
            let digits = std::str::from_utf8(&window[1..7]).ok();
            found.extend(digits.and_then(|digits| digits.parse::<u32>().ok()));
        }
    }
    found
}

/// Whether the first bytes, at most as many as a mark has, are those of `content`. That is enough to
/// tell it from other content.
pub(crate) fn begins_alike(bytes: &[u8], content: &[u8]) -> bool {
    let len = bytes.len().min(content.len()).min(MARK);
    bytes[..len] == content[..len]
}
