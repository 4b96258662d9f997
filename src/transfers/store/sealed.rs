//! A row of the store with a checksum, so that it is trusted wherever it is found.

use sha2::{Digest, Sha256};

/// The kind of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A record, as JSON.
    Record,
    /// The [`Index`](super::index::Index).
    Index,
}

/// The first bytes of a row. No JSON begins like this, and rows of former versions are JSON.
const MARKS: [(Kind, [u8; MARK]); 2] = [(Kind::Record, *b"cftp-rec"), (Kind::Index, *b"cftp-idx")];

/// Bytes of a mark.
pub(crate) const MARK: usize = 8;

/// Bytes of the checksum: half of a SHA-256, so that no random bytes match it.
const SUM: usize = 16;

/// Bytes before the body: mark, length of the body, number of the change, checksum.
pub(crate) const HEAD: usize = MARK + 4 + 8 + SUM;

/// The longest body: an index of ten thousand transfers has 160 KB. A row that claims more is
/// damaged.
pub(crate) const LONGEST: usize = 1 << 20;

/// A row with a correct checksum.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sealed<'a> {
    pub(crate) kind: Kind,
    /// The change of the store that wrote it. Later ones have higher numbers.
    pub(crate) change: u64,
    pub(crate) body: &'a [u8],
}

impl Sealed<'_> {
    /// The row in its stored form.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let len = u32::try_from(self.body.len()).unwrap_or(u32::MAX);
        let mark = mark_of(self.kind);
        let sum = sum(mark, len, self.change, self.body);
        let mut bytes = Vec::with_capacity(HEAD + self.body.len());
        bytes.extend_from_slice(mark);
        bytes.extend_from_slice(&len.to_le_bytes());
        bytes.extend_from_slice(&self.change.to_le_bytes());
        bytes.extend_from_slice(&sum);
        bytes.extend_from_slice(self.body);
        bytes
    }
}

/// Length of the row that begins with these bytes; `None` where they begin none.
pub(crate) fn row_len(head: &[u8]) -> Option<usize> {
    let (mark, rest) = head.split_first_chunk::<MARK>()?;
    kind_of(mark)?;
    let (len, _) = rest.split_first_chunk::<4>()?;
    let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
    (len <= LONGEST).then_some(HEAD + len)
}

/// Reads a row. `None` where it is no row, is truncated, or does not match its checksum.
pub(crate) fn read(row: &[u8]) -> Option<Sealed<'_>> {
    let (mark, rest) = row.split_first_chunk::<MARK>()?;
    let kind = kind_of(mark)?;
    let (len, rest) = rest.split_first_chunk::<4>()?;
    let (change, rest) = rest.split_first_chunk::<8>()?;
    let (found, body) = rest.split_first_chunk::<SUM>()?;
    let (len, change) = (u32::from_le_bytes(*len), u64::from_le_bytes(*change));
    let whole = usize::try_from(len).is_ok_and(|len| len == body.len());
    (whole && sum(mark, len, change, body) == *found).then_some(Sealed { kind, change, body })
}

/// Whether a row is of a version without checksums.
pub(crate) fn is_plain(row: &[u8]) -> bool {
    row.starts_with(b"{")
}

/// Positions where a row may begin in these bytes.
pub(crate) fn beginnings(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let windows = bytes.windows(MARK).enumerate();
    windows.filter_map(|(at, window)| {
        let mark: &[u8; MARK] = window.try_into().ok()?;
        kind_of(mark).map(|_| at)
    })
}

fn kind_of(mark: &[u8; MARK]) -> Option<Kind> {
    let mut marks = MARKS.iter();
    marks
        .find(|(_, known)| known == mark)
        .map(|(kind, _)| *kind)
}

const fn mark_of(kind: Kind) -> &'static [u8; MARK] {
    let [(_, record), (_, index)] = &MARKS;
    match kind {
        Kind::Record => record,
        Kind::Index => index,
    }
}

fn sum(mark: &[u8; MARK], len: u32, change: u64, body: &[u8]) -> [u8; SUM] {
    let mut hash = Sha256::new();
    hash.update(mark);
    hash.update(len.to_le_bytes());
    hash.update(change.to_le_bytes());
    hash.update(body);
    let whole: [u8; 32] = hash.finalize().into();
    let (sum, _) = whole.split_first_chunk::<SUM>().unwrap_or((&[0; SUM], &[]));
    *sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_differs_in_any_bit_is_none() {
        for kind in [Kind::Record, Kind::Index] {
            let row = Sealed {
                kind,
                change: 77,
                body: b"{\"a\":1}",
            };
            let bytes = row.to_bytes();
            assert_eq!(read(&bytes), Some(row));
            assert_eq!(row_len(&bytes), Some(bytes.len()));
            assert_eq!(beginnings(&bytes).collect::<Vec<_>>(), [0]);
            for bit in 0..bytes.len() * 8 {
                let mut damaged = bytes.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(read(&damaged), None, "{bit}");
            }
            for len in 0..bytes.len() {
                assert_eq!(read(&bytes[..len]), None, "{len}");
            }
        }
    }

    #[test]
    fn a_length_that_cannot_be_is_not_believed() {
        let mut bytes = Sealed {
            kind: Kind::Record,
            change: 1,
            body: b"",
        }
        .to_bytes();
        bytes[MARK..MARK + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(row_len(&bytes), None);
        assert_eq!(row_len(b"{\"key\""), None);
    }
}
