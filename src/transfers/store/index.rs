//! What is in the store: which records, and by which change each was written.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::sealed::{Kind, Sealed};
use crate::broker::terms::Key;
use crate::broker::terms::Lived;

/// A key in the index: enough of its SHA-256 that no two of some thousands are the same.
pub(crate) type Short = [u8; 8];

/// Numbers that are left out at each opening: those of changes that a crash kept from being committed
/// may be in the file, and no later change may have them as well.
const LIVES: u64 = 1 << 20;

/// All records by the change that wrote them. It is written with each change. Pages that the store
/// let go of hold former states of records; the index tells them from the last ones, also where
/// nothing else of the file can be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Index {
    /// The last change.
    pub(crate) change: u64,
    /// The time lived through, as it was stored.
    pub(crate) lived: Lived,
    pub(crate) records: BTreeMap<Short, u64>,
}

impl Index {
    /// The next change.
    pub(crate) const fn next(&mut self) -> u64 {
        self.change += 1;
        self.change
    }

    /// Goes on behind all numbers that an earlier life may have used.
    pub(crate) const fn begin_life(&mut self) {
        self.change += LIVES;
    }

    /// The row as it is stored.
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

/// A key as the index has it.
pub(crate) fn short(key: &Key) -> Short {
    let mut hash = Sha256::new();
    // Neither of them has a zero byte, so no two keys come to the same bytes.
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
