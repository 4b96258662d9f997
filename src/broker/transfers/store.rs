//! The records of transfers on disk. Every change is synchronised before it is told.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::lived::Lived;
use super::record::Record;
use super::wish::Key;
use crate::broker::disk::Disk;
use crate::ftps::value::{Host, Username};
use crate::modem::health::LoggedIn;

/// Records as JSON, by principal and name. JSON, so that a later version can add a field and a
/// person can read it with the tools at hand; a transfer's record is small beside its file.
const RECORDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("records");

/// Logins that have worked: server and user as JSON, and when that was last seen, in seconds lived
/// through. A program that does not know the table leaves it alone.
const LOGINS: TableDefinition<'_, &[u8], u32> = TableDefinition::new("logins");

/// What the store is.
const ABOUT: TableDefinition<'_, &str, u32> = TableDefinition::new("about");

/// Seconds that daemons have lived through with what is in the store; another row. Since version 2:
/// before, moments were times of the day.
const LIVED: &str = "lived";

/// The row of its version.
const VERSION: &str = "version";

/// The version of [`Record`] that this program writes and reads. A change that this one could not
/// read needs the next.
const CURRENT: u32 = 2;

/// Bytes of memory for pages: the records of a thousand transfers.
const CACHE: usize = 1 << 20;

/// Why the store is not usable. It is never thrown away: what is in it was accepted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another program has it.
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
    /// It holds what this program does not understand.
    #[error("{path} is damaged: {what}; move it away to begin with an empty one")]
    Damaged {
        /// The store.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The system refuses.
    #[error("{path} cannot be used")]
    Io {
        /// The store, or its directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// All that is in a store.
pub(super) type Records = BTreeMap<Key, Record>;

/// The store. Its methods block.
#[derive(Debug)]
pub(super) struct Store {
    database: Database,
}

impl Store {
    /// Opens the store at `path` with all that is in it; `None` where there is none.
    pub(super) fn open(disk: &dyn Disk, path: &Path) -> Result<Option<(Self, Records)>, Error> {
        match disk.len(path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(Error::Io {
                    path: path.into(),
                    source,
                });
            }
        }
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE);
        let database = disk.database(&builder, path, false);
        let database = database.map_err(|error| of(path, error))?;
        let store = Self { database };
        let records = store.read(path)?;
        Ok(Some((store, records)))
    }

    /// Makes an empty store at `path`, where there is none. It gets its name when it is whole, and
    /// the name survives a power cut.
    pub(super) fn create(disk: &dyn Disk, path: &Path) -> io::Result<Self> {
        let unfinished = path.with_extension("new");
        if let Err(error) = disk.remove(&unfinished)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE);
        let database = disk.database(&builder, &unfinished, true).map_err(io_of)?;
        let store = Self { database };
        store.write(|transaction| {
            transaction.open_table(ABOUT)?.insert(VERSION, CURRENT)?;
            transaction.open_table(RECORDS)?;
            Ok(())
        })?;
        disk.rename(&unfinished, path)?;
        if let Some(directory) = path.parent() {
            disk.sync_directory(directory)?;
        }
        Ok(store)
    }

    /// Puts a record in place of the one with its key, and synchronises.
    pub(super) fn put(&self, record: &Record) -> io::Result<()> {
        let (key, value) = (
            serde_json::to_vec(&record.key)?,
            serde_json::to_vec(record)?,
        );
        self.write(|transaction| {
            // It may be of a former version.
            transaction.open_table(ABOUT)?.insert(VERSION, CURRENT)?;
            let mut records = transaction.open_table(RECORDS)?;
            records.insert(key.as_slice(), value.as_slice())?;
            Ok(())
        })
    }

    /// The time lived through with what is in it, as it was stored.
    pub(super) fn lived(&self) -> io::Result<Lived> {
        let read = || {
            let about = self.database.begin_read()?.open_table(ABOUT)?;
            let lived = about.get(LIVED)?;
            Ok(lived.map_or(Lived::ZERO, |lived| Lived::from_secs(lived.value())))
        };
        read().map_err(io_of)
    }

    /// Stores the time lived through, and synchronises.
    pub(super) fn keep_lived(&self, lived: Lived) -> io::Result<()> {
        self.write(|transaction| {
            let mut about = transaction.open_table(ABOUT)?;
            about.insert(LIVED, lived.as_secs())?;
            Ok(())
        })
    }

    /// Logins that have worked, and when.
    pub(super) fn logins(&self) -> io::Result<Vec<(LoggedIn, Lived)>> {
        let read = || {
            let logins = match self.database.begin_read()?.open_table(LOGINS) {
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
                logins => logins?,
            };
            let mut found = Vec::new();
            for row in logins.iter()? {
                let (server, worked) = row?;
                // What is not understood was not seen to work.
                if let Some(server) = server_of(server.value()) {
                    found.push((server, Lived::from_secs(worked.value())));
                }
            }
            Ok(found)
        };
        read().map_err(io_of)
    }

    /// Stores that a login has worked, and synchronises.
    pub(super) fn keep_login(&self, server: &LoggedIn, worked: Lived) -> io::Result<()> {
        let row = row_of(server)?;
        self.write(|transaction| {
            let mut logins = transaction.open_table(LOGINS)?;
            logins.insert(row.as_slice(), worked.as_secs())?;
            Ok(())
        })
    }

    /// Forgets that a login has worked, and synchronises.
    pub(super) fn forget_login(&self, server: &LoggedIn) -> io::Result<()> {
        let row = row_of(server)?;
        self.write(|transaction| {
            transaction.open_table(LOGINS)?.remove(row.as_slice())?;
            Ok(())
        })
    }

    /// Removes a record, and synchronises.
    pub(super) fn remove(&self, key: &Key) -> io::Result<()> {
        let key = serde_json::to_vec(key)?;
        self.write(|transaction| {
            transaction.open_table(RECORDS)?.remove(key.as_slice())?;
            Ok(())
        })
    }

    /// Puts a record in place of one with another key, and synchronises: a crash leaves one of them.
    pub(super) fn rename(&self, from: &Key, record: &Record) -> io::Result<()> {
        let from = serde_json::to_vec(from)?;
        let (key, value) = (
            serde_json::to_vec(&record.key)?,
            serde_json::to_vec(record)?,
        );
        self.write(|transaction| {
            transaction.open_table(ABOUT)?.insert(VERSION, CURRENT)?;
            let mut records = transaction.open_table(RECORDS)?;
            records.remove(from.as_slice())?;
            records.insert(key.as_slice(), value.as_slice())?;
            Ok(())
        })
    }

    /// One transaction, synchronised at its end: what redb does unless told otherwise.
    fn write(
        &self,
        change: impl FnOnce(&redb::WriteTransaction) -> Result<(), redb::Error>,
    ) -> io::Result<()> {
        let transact = || {
            let transaction = self.database.begin_write()?;
            change(&transaction)?;
            transaction.commit()?;
            Ok(())
        };
        transact().map_err(io_of)
    }

    fn read(&self, path: &Path) -> Result<Records, Error> {
        let fail = |error| of(path, error);
        let damaged = |what: String| Error::Damaged {
            path: path.into(),
            what,
        };
        let transaction = self.database.begin_read().map_err(|e| fail(e.into()))?;
        let about = transaction.open_table(ABOUT).map_err(|e| fail(e.into()))?;
        let found = about.get(VERSION).map_err(|e| fail(e.into()))?;
        match found.map(|version| version.value()) {
            Some(1..=CURRENT) => {}
            Some(0) | None => return Err(damaged("it names no version".into())),
            Some(found) => {
                return Err(Error::Newer {
                    path: path.into(),
                    found,
                });
            }
        }
        let table = transaction
            .open_table(RECORDS)
            .map_err(|e| fail(e.into()))?;
        let mut records = BTreeMap::new();
        for row in table.iter().map_err(|e| fail(e.into()))? {
            let (_, value) = row.map_err(|e| fail(e.into()))?;
            let record: Record =
                serde_json::from_slice(value.value()).map_err(|e| damaged(e.to_string()))?;
            records.insert(record.key.clone(), record);
        }
        Ok(records)
    }
}

fn of(path: &Path, error: redb::Error) -> Error {
    let path = path.into();
    match error {
        redb::Error::DatabaseAlreadyOpen => Error::InUse(path),
        // Without the magic of a store it is none (redb reports it as invalid data).
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::broker::transfers::testing::{download, key};

    fn system() -> std::sync::Arc<dyn Disk> {
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
        let store = Store::create(&*system(), &path).unwrap();
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
        let store = Store::create(&*system(), &path).unwrap();
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
    fn a_store_in_use_is_not_touched() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("s");
        let _held = Store::create(&*system(), &path).unwrap();
        assert!(matches!(
            Store::open(&*system(), &path),
            Err(Error::InUse(_))
        ));
    }

    #[test]
    fn what_is_not_understood_is_refused_and_kept() {
        let scratch = tempfile::tempdir().unwrap();
        let newer = scratch.path().join("newer");
        let store = Store::create(&*system(), &newer).unwrap();
        store
            .write(|transaction| {
                transaction.open_table(ABOUT)?.insert(VERSION, 7)?;
                Ok(())
            })
            .unwrap();
        drop(store);
        let error = Store::open(&*system(), &newer).unwrap_err();
        assert!(matches!(error, Error::Newer { found: 7, .. }), "{error}");

        let odd = scratch.path().join("odd");
        let store = Store::create(&*system(), &odd).unwrap();
        store
            .write(|transaction| {
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
