//! The index of the store: which records there are, and which change wrote each.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::sealed::{Kind, Sealed};
use crate::broker::terms::{Key, Lived};

/// A key in the index: enough of its SHA-256 that no two of some thousands are equal.
pub(crate) type Short = [u8; 8];

/// Numbers skipped at each opening: the file may hold changes that a crash kept from being
/// committed, and no later change may have their numbers.
const LIVES: u64 = 1 << 20;

/// All records with the change that wrote them. Each change writes it. Pages that the store has
/// released hold former states of records; the index distinguishes them from the last states, even
/// if nothing else of the file is readable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Index {
    /// The last change.
    pub(crate) change: u64,
    /// The running time, as it was stored.
    pub(crate) lived: Lived,
    pub(crate) records: BTreeMap<Short, u64>,
}

impl Index {
    /// The next change.
    pub(crate) const fn next(&mut self) -> u64 {
        self.change += 1;
        self.change
    }

    /// Skips all numbers that an earlier run may have used.
    pub(crate) const fn begin_life(&mut self) {
        self.change += LIVES;
    }

    /// The row in its stored form.
    pub(crate) fn to_row(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(4 + self.records.len() * 16);
        body.extend_from_slice(&self.lived.as_secs().to_le_bytes());
        for (short, change) in &self.records {
            body.extend_from_slice(short);
            body.extend_from_slice(&change.to_le_bytes());
        }
        let row = Sealed {
            kind: Kind::Index,
            change: self.change,
            body: &body,
        };
        row.to_bytes()
    }

    /// Reads a row; `None` where it is no index.
    pub(crate) fn of(row: &Sealed<'_>) -> Option<Self> {
        if row.kind != Kind::Index {
            return None;
        }
        let (lived, mut rest) = row.body.split_first_chunk::<4>()?;
        let mut records = BTreeMap::new();
        while let Some((short, more)) = rest.split_first_chunk::<8>() {
            let (change, more) = more.split_first_chunk::<8>()?;
            records.insert(*short, u64::from_le_bytes(*change));
            rest = more;
        }
        rest.is_empty().then_some(Self {
            change: row.change,
            lived: Lived::from_secs(u32::from_le_bytes(*lived)),
            records,
        })
    }
}

/// A key in its form for the index.
pub(crate) fn short(key: &Key) -> Short {
    let mut hash = Sha256::new();
    // Neither part has a zero byte, so no two keys give the same bytes.
    hash.update(key.principal.as_str());
    hash.update([0]);
    hash.update(key.id.as_str());
    let whole: [u8; 32] = hash.finalize().into();
    let (short, _) = whole.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
    *short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfers::store::sealed;
    use crate::transfers::testing::key;

    #[test]
    fn what_was_written_is_read() {
        let mut index = Index {
            lived: Lived::from_secs(77),
            ..Index::default()
        };
        for name in ["a", "b"] {
            let change = index.next();
            index.records.insert(short(&key(name)), change);
        }
        let row = index.to_row();
        let row = sealed::read(&row).unwrap();
        assert_eq!(Index::of(&row), Some(index));
        let cut = Sealed {
            body: &row.body[..row.body.len() - 1],
            ..row
        };
        assert_eq!(Index::of(&cut), None);
    }
}
