//! The readable content of a file that is no intact store any more.
//!
//! It trusts nothing of the file's structure. It finds rows by their marks and trusts them by their
//! checksums, wherever they are. The index then shows which rows are the last states of records,
//! and which are former ones left in the file.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::Records;
use super::index::{self, Index};
use super::sealed::{self, HEAD, Kind, MARK};
use crate::broker::disk::{Disk, DiskFile};
use crate::broker::terms::{Key, Lived};
use crate::transfers::record::Record;

/// Bytes searched at once.
const STRETCH: usize = 64 * 1024;

/// Most bytes of a file that are searched: a hundred times the store of a thousand transfers.
const MOST: u64 = 256 << 20;

/// Most keys whose states are kept: ten times the most transfers.
const MOST_KEYS: usize = 100_000;

/// The content found.
#[derive(Debug, Default)]
pub(crate) struct Salvage {
    /// Records in their last state.
    pub(crate) current: Records,
    /// Records of which it found only a former state.
    pub(crate) former: Records,
    /// Number of records of which it found nothing; `None` where nobody can tell.
    pub(crate) lost: Option<usize>,
    /// The running time.
    pub(crate) lived: Lived,
    /// The last change.
    pub(crate) change: u64,
}

impl Salvage {
    /// Replaces the records found by the known ones.
    pub(crate) fn knowing(self, records: Records) -> Self {
        Self {
            current: records,
            former: Records::new(),
            lost: Some(0),
            ..self
        }
    }

    /// Searches a file. An empty file, or a directory, has no content.
    ///
    /// # Errors
    /// The disk's [`io::Error`]: nothing is known of the file then.
    pub(crate) fn of(disk: &dyn Disk, path: &Path) -> io::Result<Self> {
        // A path without a length is not opened: it may be a pipe that nobody writes to.
        let len = match disk.len(path) {
            Ok(len) => len.min(MOST),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        if len == 0 {
            return Ok(Self::default());
        }
        let mut found = Found::default();
        match disk
            .open(path, false)
            .and_then(|file| found.search(&*file, len))
        {
            Err(error) if error.kind() != io::ErrorKind::IsADirectory => Err(error),
            _ => Ok(found.sort()),
        }
    }
}

/// The last state found of each record, and the last index.
#[derive(Debug, Default)]
struct Found {
    records: BTreeMap<Key, (u64, Record)>,
    index: Option<Index>,
    change: u64,
}

impl Found {
    fn search(&mut self, file: &dyn DiskFile, len: u64) -> io::Result<()> {
        let mut window = Vec::new();
        let mut at = 0;
        while at < len {
            // A mark may span two stretches.
            let size = (len - at).min((STRETCH + MARK - 1) as u64);
            window.resize(usize::try_from(size).map_err(io::Error::other)?, 0);
            file.read_exact_at(&mut window, at)?;
            for begins in sealed::beginnings(&window) {
                self.take(file, at + begins as u64, len)?;
            }
            at += STRETCH as u64;
        }
        Ok(())
    }

    fn take(&mut self, file: &dyn DiskFile, at: u64, len: u64) -> io::Result<()> {
        let left = usize::try_from(len - at).unwrap_or(usize::MAX);
        let mut row = vec![0; HEAD.min(left)];
        file.read_exact_at(&mut row, at)?;
        let Some(whole) = sealed::row_len(&row).filter(|whole| *whole <= left) else {
            return Ok(());
        };
        row.resize(whole, 0);
        file.read_exact_at(&mut row, at)?;
        let Some(row) = sealed::read(&row) else {
            return Ok(());
        };
        self.change = self.change.max(row.change);
        match row.kind {
            Kind::Index => {
                let later = self
                    .index
                    .as_ref()
                    .is_none_or(|known| known.change < row.change);
                if let Some(index) = Index::of(&row).filter(|_| later) {
                    self.index = Some(index);
                }
            }
            Kind::Record => {
                let Ok(record) = serde_json::from_slice::<Record>(row.body) else {
                    return Ok(());
                };
                let known = self.records.get(&record.key);
                if known.is_none_or(|(change, _)| *change < row.change)
                    && (known.is_some() || self.records.len() < MOST_KEYS)
                {
                    self.records
                        .insert(record.key.clone(), (row.change, record));
                }
            }
        }
        Ok(())
    }

    fn sort(self) -> Salvage {
        let mut salvage = Salvage {
            change: self.change,
            ..Salvage::default()
        };
        let Some(index) = self.index else {
            // Nobody can tell which of them are the last states.
            let records = self.records.into_iter();
            salvage.former = records.map(|(key, (_, record))| (key, record)).collect();
            return salvage;
        };
        salvage.lived = index.lived;
        let mut left = index.records;
        for (key, (change, record)) in self.records {
            let into = match left.remove(&index::short(&key)) {
                Some(last) if last <= change => &mut salvage.current,
                Some(_) => &mut salvage.former,
                // Written later, and the index of that change is damaged.
                None if change > index.change => &mut salvage.current,
                // Removed.
                None => continue,
            };
            into.insert(key, record);
        }
        salvage.lost = Some(left.len());
        salvage
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::transfers::store::sealed::Sealed;
    use crate::transfers::testing::{NOW, download, key};

    fn row(record: &Record, change: u64) -> Vec<u8> {
        let body = serde_json::to_vec(record).unwrap();
        let row = Sealed {
            kind: Kind::Record,
            change,
            body: &body,
        };
        row.to_bytes()
    }

    fn of(parts: &[Vec<u8>]) -> Salvage {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("s");
        // Rows that span the stretches.
        let noise = vec![0x63; STRETCH - 20];
        let parts: Vec<u8> = parts
            .iter()
            .flat_map(|part| [&noise[..], part].concat())
            .collect();
        fs::write(&path, parts).unwrap();
        Salvage::of(&*<dyn Disk>::of_system(), &path).unwrap()
    }

    #[test]
    fn the_last_states_are_told_from_former_ones_and_from_what_was_removed() {
        let mut index = Index::default();
        let (a, b, gone, lost) = (
            download(key("a")),
            download(key("b")),
            download(key("gone")),
            download(key("lost")),
        );
        let mut running = a.clone();
        running.start(NOW);
        index.change = 9;
        for (name, change) in [("a", 8), ("b", 5), ("lost", 3)] {
            index.records.insert(index::short(&key(name)), change);
        }
        let mut torn = row(&b, 5);
        torn[70] ^= 1;
        let found = of(&[
            row(&running, 8),
            row(&a, 2),
            row(&b, 4),
            torn,
            row(&gone, 7),
            index.to_row(),
        ]);
        assert_eq!(found.current, [(key("a"), running)].into());
        assert_eq!(found.former, [(key("b"), b.clone())].into());
        assert_eq!((found.lost, found.change), (Some(1), 9));

        // The index of the last change is damaged: the rows of that change count all the same.
        let found = of(&[row(&lost, 10), row(&b, 5), index.to_row()]);
        assert_eq!(found.current.len(), 2);
        assert_eq!((found.lost, found.change), (Some(1), 10));

        // Without any index, nothing is known to be the last state.
        let found = of(&[row(&a, 2), row(&b, 4)]);
        assert!(found.current.is_empty());
        assert_eq!((found.former.len(), found.lost), (2, None));
    }

    #[test]
    fn what_is_no_file_or_an_empty_one_has_nothing_in_it() {
        let scratch = tempfile::tempdir().unwrap();
        let disk = <dyn Disk>::of_system();
        let path = scratch.path().join("s");
        for _ in 0..2 {
            let found = Salvage::of(&*disk, &path).unwrap();
            assert!(found.current.is_empty() && found.former.is_empty());
            let _ = fs::write(&path, "");
        }
        let found = Salvage::of(&*disk, scratch.path()).unwrap();
        assert!(found.current.is_empty());
    }
}
