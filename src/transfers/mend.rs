//! The repair of a damaged store.
//!
//! Nothing is thrown away. The readable records go to a new store. The damaged store is kept under
//! another name beside it, and so are the bytes of transfers that no record knows any more. If the
//! disk does not accept that, everything stays as it is.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use super::files::{FileId, Files};
use super::record::{Record, ToldError};
use super::store::{self, Error, Records, Salvage, Store};
use crate::broker::disk::Disk;
use crate::broker::terms::Now;

/// Most damaged stores that are kept. A disk that damages the store again and again needs a person,
/// not more copies.
pub(crate) const MOST: usize = 4;

/// The ending that the names of a damaged store and of the directory with its bytes get, followed
/// by a number.
const ASIDE: &str = ".damaged-";

/// The ending of the new store's name until the damaged one is set aside.
const MENDED: &str = "mended";

/// The place of the records and the bytes of transfers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shelf<'a> {
    /// The bytes.
    pub(crate) files: &'a Files,
    /// The store.
    pub(crate) path: &'a Path,
}

/// The meaning of files that no record names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unknown {
    /// Bytes of transfers whose record was lost.
    Kept,
    /// Files that a crash left, or a file whose record is on its way.
    Orphans,
}

impl Shelf<'_> {
    /// Opens the store, or repairs it; `None` where there is none. `told` is the error of transfers
    /// of which only a former state is known.
    ///
    /// # Errors
    /// As [`Store::open`]; [`Error::Stuck`] if it cannot be repaired.
    pub(crate) fn open(self, told: &ToldError) -> Result<Option<(Store, Records)>, Error> {
        let disk = &*self.files.disk;
        let failed = |source| self.failed(source);
        if !is_there(disk, self.path).map_err(failed)?
            && is_there(disk, &self.mended()).map_err(failed)?
        {
            // The damaged store was set aside, and then the power was cut.
            self.take_name(&self.mended()).map_err(failed)?;
        }
        match Store::open(disk, self.path) {
            Ok(None) if self.files.have_bytes().map_err(failed)? => {
                let what = "it is gone, and bytes of transfers are there";
                self.mend(what, Salvage::default(), Unknown::Kept)
            }
            Err(Error::Damaged { what, .. }) => {
                let mut salvage = store::salvage(disk, self.path)?;
                let former = std::mem::take(&mut salvage.former);
                // Their age begins now: their operator must hear of it first.
                let stamps = former.values().chain(salvage.current.values());
                let stamps = stamps.map(|record| record.since);
                let lived = stamps.max().unwrap_or_default().max(salvage.lived);
                for (key, mut record) in former {
                    if self.is_over(&record).map_err(failed)? {
                        continue;
                    }
                    let wall = record.changed;
                    record.becomes_uncertain(told.clone(), Now { lived, wall });
                    tracing::error!(
                        transfer = %key.id,
                        principal = %key.principal,
                        "only a former state of this transfer could be read: it has failed, and its \
                         bytes are kept"
                    );
                    salvage.current.insert(key, record);
                }
                self.mend(&what, salvage, Unknown::Kept)
            }
            Ok(Some(opened)) => {
                // A repair had begun, and then the store was made valid in another way.
                let _ = disk.remove(&self.mended());
                Ok(opened)
            }
            none => return none,
        }
        .map(Some)
    }

    /// Opens or creates the store while the daemon runs and has all records in memory: the records
    /// in memory replace a damaged store.
    ///
    /// # Errors
    /// As [`Shelf::open`].
    pub(crate) fn reopen(self, known: Records) -> Result<Store, Error> {
        let disk = &*self.files.disk;
        let (what, found) = match Store::open(disk, self.path) {
            Ok(Some((store, _))) => return Ok(store),
            Ok(None) => {
                let with = Salvage::default().knowing(known);
                let created = Store::create(disk, self.path, &with);
                return created.map_err(|error| self.failed(error));
            }
            Err(Error::Damaged { what, .. }) => (what, store::salvage(disk, self.path)?),
            Err(error) => return Err(error),
        };
        let (store, _) = self.mend(&what, found.knowing(known), Unknown::Orphans)?;
        Ok(store)
    }

    /// Puts a new store with the salvaged records in place of the damaged one, which is kept if it
    /// is there.
    ///
    /// # Errors
    /// [`Error::Stuck`]: the damaged store is where it was.
    fn mend(self, what: &str, with: Salvage, unknown: Unknown) -> Result<(Store, Records), Error> {
        let mended = self.try_mend(what, &with, unknown);
        let store = mended.map_err(|source| Error::Stuck {
            path: self.path.into(),
            what: what.into(),
            source,
        })?;
        Ok((store, with.current))
    }

    fn try_mend(self, what: &str, with: &Salvage, unknown: Unknown) -> io::Result<Store> {
        let (disk, path) = (&*self.files.disk, self.path);
        let number = self.free_number()?;
        let store = Store::create(disk, &self.mended(), with)?;
        // Before the new store is there: its next start would take these files for orphans.
        let known: HashSet<FileId> = with.current.values().filter_map(|r| r.file).collect();
        let bytes = self.files.directory();
        let bytes = bytes.with_file_name(format!("{}{ASIDE}{number}", name_of(bytes)));
        let moved = match unknown {
            Unknown::Kept => self.files.set_aside(&known, &bytes)?,
            Unknown::Orphans => 0,
        };
        let aside = self.aside(number);
        if is_there(disk, path)? {
            disk.rename(path, &aside)?;
            self.sync()?;
        }
        self.take_name(&self.mended())?;
        tracing::error!(
            store = %path.display(),
            what,
            taken_up = with.current.len(),
            lost = with.lost.map(tracing::field::display),
            kept = %aside.display(),
            files = moved,
            files_kept = %bytes.display(),
            "the store of transfers was damaged: what could be read was taken up, and the rest is kept; \
             look at what it was, and remove what is kept when nobody needs it"
        );
        Ok(store)
    }

    /// The names of the stores kept beside the store, in order.
    pub(crate) fn set_aside(self) -> io::Result<Vec<String>> {
        let Some(directory) = self.path.parent() else {
            return Ok(Vec::new());
        };
        let begins = [self.path, self.files.directory()].map(|path| name_of(path) + ASIDE);
        let names = self.files.disk.list(directory)?.into_iter();
        let names = names.filter_map(|name| name.into_string().ok());
        let mut kept: Vec<String> = names
            .filter(|name| begins.iter().any(|begin| name.starts_with(begin)))
            .collect();
        kept.sort();
        Ok(kept)
    }

    /// Bytes of transfers kept beside the store.
    pub(crate) fn bytes_set_aside(self, kept: &[String]) -> io::Result<u64> {
        let begin = name_of(self.files.directory()) + ASIDE;
        let directories = kept.iter().filter(|name| name.starts_with(&begin));
        let bytes = directories.map(|name| {
            let directory = self.files.directory().with_file_name(name);
            self.files.bytes_in(&directory)
        });
        bytes.sum()
    }

    /// A former state of a transfer that has ended since: its bytes are gone.
    fn is_over(self, former: &Record) -> io::Result<bool> {
        let Some(file) = former.file.filter(|_| former.needs_file()) else {
            return Ok(false);
        };
        Ok(self.files.len(file)?.is_none())
    }

    fn free_number(self) -> io::Result<usize> {
        let disk = &*self.files.disk;
        for number in 1..=MOST {
            if !is_there(disk, &self.aside(number))? {
                return Ok(number);
            }
        }
        Err(io::Error::other(format!(
            "{MOST} damaged stores are kept beside it already; remove those that nobody needs"
        )))
    }

    fn aside(self, number: usize) -> PathBuf {
        let name = format!("{}{ASIDE}{number}", name_of(self.path));
        self.path.with_file_name(name)
    }

    fn mended(self) -> PathBuf {
        self.path.with_extension(MENDED)
    }

    fn take_name(self, from: &Path) -> io::Result<()> {
        self.files.disk.rename(from, self.path)?;
        self.sync()
    }

    fn sync(self) -> io::Result<()> {
        match self.path.parent() {
            Some(directory) => self.files.disk.sync_directory(directory),
            None => Ok(()),
        }
    }

    fn failed(self, source: io::Error) -> Error {
        let path = self.path.into();
        Error::Io { path, source }
    }
}

fn is_there(disk: &dyn Disk, path: &Path) -> io::Result<bool> {
    match disk.len(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
