//! Bytes that break a careless reader of a serial line, and a way to compare them.

use std::path::Path;

/// Bytes that have a meaning on the line: final codes, reports, frames, prompts, and the bytes that
/// end or escape an upload.
const TRAPS: [&[u8]; 10] = [
    b"\r\nOK\r\n",
    b"\r\nERROR\r\n",
    b"\r\n+CFTPSGET: 0\r\n",
    b"\r\n+CFTPSGET: DATA,1480\r\n",
    b"\r\n+CFTPSPUT: 0\r\n",
    b"\r\n+CFTPSNOTIFY: PEER CLOSED\r\n",
    b"\r\n> ",
    &[0x03; 40],
    &[0x1A; 40],
    b"\x03\x1A\x1A\x03\x03\x03\x1A",
];

/// `size` bytes: every byte value, then traps among noise.
pub(crate) fn traps(size: usize) -> Vec<u8> {
    let mut content: Vec<u8> = (0..=u8::MAX).collect();
    // The same noise in every run.
    let mut noise = fastrand::Rng::with_seed(1);
    while content.len() < size {
        content.extend_from_slice(TRAPS[noise.usize(..TRAPS.len())]);
        // Often no noise: traps directly behind each other.
        for _ in 0..noise.usize(..64).saturating_sub(16) {
            content.push(noise.u8(..));
        }
    }
    content.truncate(size);
    content
}

/// Every byte value, in an order that does not repeat every 256 bytes.
pub(crate) fn every_byte(size: usize) -> Vec<u8> {
    (0..size)
        .map(|at| (at ^ (at >> 8)).to_le_bytes()[0])
        .collect()
}

/// Compares a file without printing megabytes.
#[track_caller]
pub(crate) fn assert_holds(path: &Path, content: &[u8]) {
    let found = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let differs = found
        .iter()
        .zip(content)
        .take_while(|(found, wanted)| found == wanted)
        .count();
    let from = found.get(differs..).unwrap_or_default();
    assert!(
        found == content,
        "{}: {} bytes instead of {}, and other ones from {differs}: {:?}",
        path.display(),
        found.len(),
        content.len(),
        String::from_utf8_lossy(&from[..from.len().min(64)])
    );
}
