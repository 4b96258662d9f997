//! The records of transfers on disk. Every change is synchronised before the daemon reports it.
//!
//! Above 400 lines because this is the one table of the format: rows, versions, changes and errors
//! of the store.

mod backing;
mod index;
mod salvage;
mod sealed;

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use parking_lot::{Mutex, MutexGuard};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, TableError};

use super::record::Record;
use crate::broker::disk::{Disk, FileIdentity};
use crate::broker::terms::{Key, Lived};
use crate::modem::health::LoggedIn;
use backing::Backing;
use index::Index;
pub(crate) use salvage::Salvage;
use sealed::{Kind, Sealed};
use simcom_talk::ftps::value::{Host, Username};

/// Records by principal and name, each with a checksum ([`sealed`]). The record is JSON, so that a
/// later version can add a field and a person can read it with common tools; it is small beside a
/// transfer's file. Up to version 2 records had no checksum.
const RECORDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("records");

/// Logins that have worked: server and user as JSON, and when that was last seen, in seconds of
/// running time. A program that does not know the table leaves it alone.
const LOGINS: TableDefinition<'_, &[u8], u32> = TableDefinition::new("logins");

/// Facts about the store.
const ABOUT: TableDefinition<'_, &str, u32> = TableDefinition::new("about");

/// One row: the list of the records ([`Index`]). Since version 3.
const INDEX: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("index");

/// Seconds of daemons' running time with this store; another row. Since version 2: earlier versions
/// stored wall-clock times. Since version 3 the index has it.
const LIVED: &str = "lived";

/// The row of the store's version.
const VERSION: &str = "version";

/// The row of the index.
const ALL: &str = "all";

/// The version of the store that this program writes. A change that this version could not read
/// needs the next number.
pub(super) const CURRENT: u32 = 4;

/// The version since which rows have checksums and the store an index. Version 4 dropped the status code of an error.
const SEALED: u32 = 3;

/// Bytes of memory for pages: the records of a thousand transfers.
const CACHE: usize = 1 << 20;

/// Why the store is not usable. It is never thrown away: its content was accepted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another program has it open.
    #[error("{0} is in use by another program; is another cellftpd running?")]
    InUse(PathBuf),
    /// A later version of this program wrote it.
    #[error("{path} is of version {found}; this program knows {CURRENT} and lower")]
    Newer {
        /// The store.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// This program does not understand its content.
    #[error("{path} is damaged: {what}")]
    Damaged {
        /// The store.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// It is damaged, and its readable records cannot be moved to a new store.
    #[error("{path} is damaged ({what}) and cannot be set aside")]
    Stuck {
        /// The store.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The system refuses access.
    #[error("{path} cannot be used")]
    Io {
        /// The store, or its directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// All records of a store.
pub(crate) type Records = BTreeMap<Key, Record>;

/// The store. Its methods block.
#[derive(Debug)]
pub(crate) struct Store {
    database: Guarded,
    identity: FileIdentity,
    index: Mutex<Index>,
}

/// The content of a file that redb found intact.
#[derive(Debug, Default)]
struct Content {
    version: u32,
    records: Records,
    index: Index,
    /// The first invalid row.
    wrong: Option<String>,
}

impl Store {
    /// Opens the store at `path` with its records; `None` where there is none. A damaged store
    /// stays unchanged to the byte.
    pub(crate) fn open(disk: &dyn Disk, path: &Path) -> Result<Option<(Self, Records)>, Error> {
        if !exists(disk, path)? {
            return Ok(None);
        }
        let Content {
            version,
            records,
            mut index,
            wrong,
        } = look(disk, path)?;
        if let Some(what) = wrong {
            let path = path.into();
            return Err(Error::Damaged { path, what });
        }
        index.begin_life();
        let (file, identity) = backend(disk, path)?;
        let database = guarded(|| {
            let database = builder().create_with_backend(Backing::new(file))?;
            Ok(Guarded(Some(database)))
        });
        let store = Self {
            database: database.map_err(|error| of(path, error))?,
            identity,
            index: Mutex::new(index),
        };
        // Records of a former version get their checksums.
        if version < SEALED {
            let sealed = store.write_all(&records);
            sealed.map_err(|source| Error::Io {
                path: path.into(),
                source,
            })?;
        }
        Ok(Some((store, records)))
    }

    /// Creates a store with the salvaged records at `path`, where there is none. It gets its name
    /// when it is complete, and the name survives a power cut.
    pub(crate) fn create(disk: &dyn Disk, path: &Path, with: &Salvage) -> io::Result<Self> {
        let unfinished = path.with_extension("new");
        if let Err(error) = disk.remove(&unfinished)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let store = Self::make(disk, &unfinished, with)?;
        disk.rename(&unfinished, path)?;
        if let Some(directory) = path.parent() {
            disk.sync_directory(directory)?;
        }
        Ok(store)
    }

    fn make(disk: &dyn Disk, path: &Path, with: &Salvage) -> io::Result<Self> {
        let (file, identity) = disk.backend(path, true)?;
        let database = guarded(|| {
            let database = builder().create_with_backend(Backing::new(file))?;
            Ok(Guarded(Some(database)))
        });
        let mut index = Index {
            change: with.change,
            lived: with.lived,
            ..Index::default()
        };
        index.begin_life();
        let store = Self {
            database: database.map_err(io_of)?,
            identity,
            index: Mutex::new(index),
        };
        store.write_all(&with.current)?;
        Ok(store)
    }

    /// Identifies the file.
    pub(crate) const fn identity(&self) -> FileIdentity {
        self.identity
    }

    /// The running time, as it was stored.
    pub(crate) fn lived(&self) -> Lived {
        self.index().lived
    }

    /// Replaces the record of its key, and synchronises.
    pub(crate) fn put(&self, record: &Record) -> io::Result<()> {
        self.change(|transaction, index| insert(transaction, index, record))
    }

    /// Stores the running time, and synchronises.
    pub(crate) fn keep_lived(&self, lived: Lived) -> io::Result<()> {
        self.change(|_, index| {
            index.lived = lived;
            Ok(())
        })
    }

    /// Logins that have worked, and when.
    pub(crate) fn logins(&self) -> io::Result<Vec<(LoggedIn, Lived)>> {
        let read = guarded(|| {
            let logins = match self.database.get()?.begin_read()?.open_table(LOGINS) {
                Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
                logins => logins?,
            };
            let mut found = Vec::new();
            for row in logins.iter()? {
                let (server, worked) = row?;
                // A row that is not understood does not count as a login that worked.
                if let Some(server) = server_of(server.value()) {
                    found.push((server, Lived::from_secs(worked.value())));
                }
            }
            Ok(found)
        });
        read.map_err(io_of)
    }

    /// Stores that a login has worked, and synchronises.
    pub(crate) fn keep_login(&self, server: &LoggedIn, worked: Lived) -> io::Result<()> {
        let row = row_of(server)?;
        self.change(|transaction, _| {
            let mut logins = transaction.open_table(LOGINS)?;
            logins.insert(row.as_slice(), worked.as_secs())?;
            Ok(())
        })
    }

    /// Forgets that a login has worked, and synchronises.
    pub(crate) fn forget_login(&self, server: &LoggedIn) -> io::Result<()> {
        let row = row_of(server)?;
        self.change(|transaction, _| {
            transaction.open_table(LOGINS)?.remove(row.as_slice())?;
            Ok(())
        })
    }

    /// Removes a record, and synchronises.
    pub(crate) fn remove(&self, key: &Key) -> io::Result<()> {
        self.change(|transaction, index| remove(transaction, index, key))
    }

    /// Replaces a record by one with another key, and synchronises: a crash leaves one of them.
    pub(crate) fn rename(&self, from: &Key, record: &Record) -> io::Result<()> {
        self.change(|transaction, index| {
            remove(transaction, index, from)?;
            insert(transaction, index, record)
        })
    }

    /// Writes all records.
    fn write_all(&self, records: &Records) -> io::Result<()> {
        self.change(|transaction, index| {
            transaction.open_table(RECORDS)?;
            let mut records = records.values();
            records.try_for_each(|record| insert(transaction, index, record))
        })
    }

    /// Runs one transaction, synchronised at its end, as redb does by default. The transaction also
    /// writes the index.
    ///
    /// It commits in two phases: everything is on the disk before the head of the file points to
    /// it. With one phase, redb could not tell a change that a power cut tore from one that was
    /// damaged later, and would go back behind an acknowledged change.
    fn change(
        &self,
        change: impl FnOnce(&redb::WriteTransaction, &mut Index) -> Result<(), redb::Error>,
    ) -> io::Result<()> {
        let mut next = self.index().clone();
        let done = guarded(|| {
            let mut transaction = self.database.get()?.begin_write()?;
            transaction.set_two_phase_commit(true);
            next.next();
            change(&transaction, &mut next)?;
            let row = next.to_row();
            transaction.open_table(INDEX)?.insert(ALL, row.as_slice())?;
            transaction.open_table(ABOUT)?.insert(VERSION, CURRENT)?;
            transaction.commit()?;
            Ok(())
        });
        done.map_err(io_of)?;
        *self.index() = next;
        Ok(())
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock()
    }
}

/// Whether there is anything at a path.
fn exists(disk: &dyn Disk, path: &Path) -> Result<bool, Error> {
    match disk.len(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => {
            let path = path.into();
            Err(Error::Io { path, source })
        }
    }
}

/// The readable content of the file at `path`, which stays unchanged.
///
/// # Errors
/// [`Error::Io`]: the disk failed, and nothing is known of the file.
pub(crate) fn salvage(disk: &dyn Disk, path: &Path) -> Result<Salvage, Error> {
    let failed = |source| Error::Io {
        path: path.into(),
        source,
    };
    if !exists(disk, path)? {
        return Ok(Salvage::default());
    }
    let mut found = Salvage::of(disk, path).map_err(failed)?;
    // If redb finds the file intact, one of its rows is damaged.
    match look(disk, path) {
        Ok(content) => {
            for (key, record) in content.records {
                found.former.remove(&key);
                found.current.insert(key, record);
            }
            found.lived = found.lived.max(content.index.lived);
            found.change = found.change.max(content.index.change);
        }
        Err(Error::Damaged { .. }) => {}
        Err(error) => return Err(error),
    }
    Ok(found)
}

/// Checks the integrity of a file, reads its content, and leaves it unchanged: redb's repairs stay
/// in memory.
fn look(disk: &dyn Disk, path: &Path) -> Result<Content, Error> {
    let damaged = |what: &str| Error::Damaged {
        path: path.into(),
        what: what.into(),
    };
    let (file, _) = backend(disk, path)?;
    let (backing, look) = Backing::looking(file).map_err(|source| Error::Io {
        path: path.into(),
        source,
    })?;
    if look.is_empty() {
        return Err(damaged("it is empty"));
    }
    let read = guarded(|| {
        let mut builder = builder();
        // Checks the checksum of each page.
        builder.set_check_integrity_on_open(true);
        let database = Guarded(Some(builder.create_with_backend(backing)?));
        content(database.get()?)
    });
    if let Some(source) = look.failure() {
        let path = path.into();
        return Err(Error::Io { path, source });
    }
    let content = read.map_err(|error| match of(path, error) {
        // The disk did not fail: the file is shorter than its head says.
        Error::Io { source, .. } => damaged(&source.to_string()),
        error => error,
    })?;
    match content.version {
        0 => Err(damaged("it names no version")),
        1..=CURRENT => Ok(content),
        found => Err(Error::Newer {
            path: path.into(),
            found,
        }),
    }
}

fn content(database: &Database) -> Result<Content, redb::Error> {
    let transaction = database.begin_read()?;
    let mut content = Content::default();
    let about = transaction.open_table(ABOUT)?;
    content.version = about.get(VERSION)?.map_or(0, |version| version.value());
    if !(1..=CURRENT).contains(&content.version) {
        return Ok(content);
    }
    match transaction.open_table(INDEX) {
        Ok(table) => {
            let row = table.get(ALL)?;
            let index = row.as_ref().and_then(|row| sealed::read(row.value()));
            match index.as_ref().and_then(Index::of) {
                Some(index) => content.index = index,
                None => content.wrong = Some("its index is not readable".into()),
            }
        }
        Err(TableError::TableDoesNotExist(_)) if content.version >= SEALED => {
            content.wrong = Some("it has no index".into());
        }
        // The store is of a former version.
        Err(TableError::TableDoesNotExist(_)) => {
            let lived = about.get(LIVED)?;
            let lived = lived.map_or(Lived::ZERO, |lived| Lived::from_secs(lived.value()));
            content.index.lived = lived;
        }
        Err(error) => return Err(error.into()),
    }
    let table = transaction.open_table(RECORDS)?;
    for row in table.iter()? {
        let (key, value) = row?;
        match record(content.version, key.value(), value.value()) {
            Ok(record) => {
                content.records.insert(record.key.clone(), record);
            }
            Err(what) => content.wrong = Some(what),
        }
    }
    Ok(content)
}

/// Reads a row.
fn record(version: u32, key: &[u8], value: &[u8]) -> Result<Record, String> {
    let name = || String::from_utf8_lossy(key).into_owned();
    let body = match sealed::read(value) {
        Some(row) if row.kind == Kind::Record => row.body,
        // Former versions wrote no checksum.
        None if version < SEALED && sealed::is_plain(value) => value,
        _ => return Err(format!("the record {} does not have its checksum", name())),
    };
    let record: Record = serde_json::from_slice(body)
        .map_err(|error| format!("the record {} is not readable: {error}", name()))?;
    let own = serde_json::to_vec(&record.key).map_err(|error| error.to_string())?;
    if own == key {
        Ok(record)
    } else {
        Err(format!("the record {} is another one's", name()))
    }
}

fn insert(
    transaction: &redb::WriteTransaction,
    index: &mut Index,
    record: &Record,
) -> Result<(), redb::Error> {
    let (key, body) = (json(&record.key)?, json(record)?);
    let row = Sealed {
        kind: Kind::Record,
        change: index.change,
        body: &body,
    };
    let mut records = transaction.open_table(RECORDS)?;
    records.insert(key.as_slice(), row.to_bytes().as_slice())?;
    index
        .records
        .insert(index::short(&record.key), index.change);
    Ok(())
}

fn remove(
    transaction: &redb::WriteTransaction,
    index: &mut Index,
    key: &Key,
) -> Result<(), redb::Error> {
    let mut records = transaction.open_table(RECORDS)?;
    records.remove(json(key)?.as_slice())?;
    index.records.remove(&index::short(key));
    Ok(())
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, redb::Error> {
    serde_json::to_vec(value).map_err(|error| redb::Error::Io(error.into()))
}

fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE);
    builder
}

fn backend(
    disk: &dyn Disk,
    path: &Path,
) -> Result<(Box<dyn redb::StorageBackend>, FileIdentity), Error> {
    disk.backend(path, false).map_err(|source| {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::ResourceBusy => Error::InUse(path),
            io::ErrorKind::IsADirectory => Error::Damaged {
                path,
                what: "it is a directory".into(),
            },
            _ => Error::Io { path, source },
        }
    })
}

/// A database whose drop cannot end the daemon.
#[derive(Debug)]
struct Guarded(Option<Database>);

impl Guarded {
    fn get(&self) -> Result<&Database, redb::Error> {
        // It is there until the drop.
        let gone = || redb::Error::Io(io::ErrorKind::NotFound.into());
        self.0.as_ref().ok_or_else(gone)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let database = self.0.take();
        // A panic in here while another one unwinds would abort the process.
        let closed = catch_unwind(AssertUnwindSafe(|| drop(database)));
        if closed.is_err() {
            tracing::error!("the database of transfers could not be closed");
        }
    }
}

/// Runs redb code and turns a panic into an error: redb asserts properties of a file, and a file
/// can be damaged while it is open. A database that panicked is not used again.
fn guarded<T>(work: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, redb::Error> {
    let done = catch_unwind(AssertUnwindSafe(work));
    done.unwrap_or_else(|panic| {
        let what = panic.downcast_ref::<String>().map(String::as_str);
        let what = what.or_else(|| panic.downcast_ref::<&str>().copied());
        let what = what.unwrap_or("it does not say why");
        Err(redb::Error::Corrupted(format!(
            "the database panicked: {what}"
        )))
    })
}

fn of(path: &Path, error: redb::Error) -> Error {
    let path = path.into();
    match error {
        redb::Error::DatabaseAlreadyOpen => Error::InUse(path),
        // Without the magic number it is no store (redb reports that as invalid data).
        redb::Error::Io(source) if source.kind() != io::ErrorKind::InvalidData => {
            Error::Io { path, source }
        }
        error => Error::Damaged {
            path,
            what: error.to_string(),
        },
    }
}

fn row_of(server: &LoggedIn) -> io::Result<Vec<u8>> {
    let row = (server.host.as_str(), server.port, server.user.as_str());
    Ok(serde_json::to_vec(&row)?)
}

fn server_of(row: &[u8]) -> Option<LoggedIn> {
    let (host, port, user): (String, u16, String) = serde_json::from_slice(row).ok()?;
    Some(LoggedIn {
        host: Host::new(host).ok()?,
        port,
        user: Username::new(user).ok()?,
    })
}

fn io_of(error: redb::Error) -> io::Error {
    match error {
        redb::Error::Io(error) => error,
        error => io::Error::other(error),
    }
}

/// Sets the version of a store.
#[cfg(test)]
pub(crate) fn of_version(path: &Path, version: u32) {
    let database = Database::open(path).unwrap();
    let transaction = database.begin_write().unwrap();
    let mut about = transaction.open_table(ABOUT).unwrap();
    about.insert(VERSION, version).unwrap();
    drop(about);
    transaction.commit().unwrap();
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use std::sync::Arc;

    use crate::transfers::testing::{download, key};

    fn system() -> Arc<dyn Disk> {
        <dyn Disk>::of_system()
    }

    fn opened(path: &Path) -> (Store, Records) {
        Store::open(&*system(), path).unwrap().unwrap()
    }

    #[test]
    fn what_was_put_is_there_after_the_next_opening() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("s");
        assert!(Store::open(&*system(), &path).unwrap().is_none());
        let store = Store::create(&*system(), &path, &Salvage::default()).unwrap();
        let (a, b) = (download(key("a")), download(key("b")));
        store.put(&a).unwrap();
        store.put(&b).unwrap();
        store.remove(&b.key).unwrap();
        drop(store);
        let (_, records) = opened(&path);
        assert_eq!(records, BTreeMap::from([(a.key.clone(), a)]));
    }

    #[test]
    fn logins_are_there_after_the_next_opening() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("s");
        let store = Store::create(&*system(), &path, &Salvage::default()).unwrap();
        assert_eq!(store.logins().unwrap(), []);
        let [a, b] =
            ["a", "b"].map(|host| LoggedIn::from(crate::broker::testing::server(host).as_ref()));
        store.keep_login(&a, Lived::from_secs(1)).unwrap();
        store.keep_login(&b, Lived::from_secs(2)).unwrap();
        store.keep_login(&a, Lived::from_secs(3)).unwrap();
        store.forget_login(&b).unwrap();
        drop(store);
        let (store, _) = opened(&path);
        assert_eq!(store.logins().unwrap(), [(a, Lived::from_secs(3))]);
    }

    #[test]
    fn a_store_of_a_version_without_checksums_is_taken_up_and_gets_them() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("s");
        let records = [download(key("a")), download(key("b"))];
        let database = Database::create(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        let mut about = transaction.open_table(ABOUT).unwrap();
        about.insert(VERSION, 2).unwrap();
        about.insert(LIVED, 77).unwrap();
        drop(about);
        let mut table = transaction.open_table(RECORDS).unwrap();
        for record in &records {
            let (key, value) = (json(&record.key).unwrap(), json(record).unwrap());
            table.insert(key.as_slice(), value.as_slice()).unwrap();
        }
        drop(table);
        transaction.commit().unwrap();
        drop(database);
        let want: Records = records.into_iter().map(|r| (r.key.clone(), r)).collect();
        for _ in 0..2 {
            let (store, found) = opened(&path);
            assert_eq!((store.lived(), &found), (Lived::from_secs(77), &want));
            drop(store);
            let there = Salvage::of(&*system(), &path).unwrap();
            assert_eq!((there.current, there.lost), (want.clone(), Some(0)));
        }
    }

    #[test]
    fn a_panic_of_the_database_is_an_error() {
        let done = guarded::<()>(|| panic!("page {} is odd", 7));
        assert!(done.unwrap_err().to_string().contains("page 7 is odd"));
    }

    #[test]
    fn a_store_in_use_is_not_touched() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("s");
        let _held = Store::create(&*system(), &path, &Salvage::default()).unwrap();
        assert!(matches!(
            Store::open(&*system(), &path),
            Err(Error::InUse(_))
        ));
    }

    #[test]
    fn what_is_not_understood_is_refused_and_kept() {
        let scratch = tempfile::tempdir().unwrap();
        let newer = scratch.path().join("newer");
        let store = Store::create(&*system(), &newer, &Salvage::default()).unwrap();
        drop(store);
        of_version(&newer, 7);
        let error = Store::open(&*system(), &newer).unwrap_err();
        assert!(matches!(error, Error::Newer { found: 7, .. }), "{error}");

        let odd = scratch.path().join("odd");
        let store = Store::create(&*system(), &odd, &Salvage::default()).unwrap();
        store
            .change(|transaction, _| {
                let mut records = transaction.open_table(RECORDS)?;
                records.insert(b"k".as_slice(), b"{}".as_slice())?;
                Ok(())
            })
            .unwrap();
        drop(store);
        let error = Store::open(&*system(), &odd).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error}");

        let garbage = scratch.path().join("garbage");
        fs::write(&garbage, vec![0x5a; 100_000]).unwrap();
        let error = Store::open(&*system(), &garbage).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
        assert_eq!(fs::read(&garbage).unwrap(), vec![0x5a; 100_000]);
    }
}
