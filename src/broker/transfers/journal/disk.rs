//! Changes as they go to the disk.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::Journal;
use crate::broker::disk::Disk;
use crate::broker::error::Error;
use crate::broker::transfers::files::FileId;
use crate::broker::transfers::record::{Record, State};
use crate::broker::transfers::store::{self, Store};
use crate::broker::transfers::wish::Key;

impl Journal {
    /// Puts a changed record on disk and then in memory; lets go of what it needs no more.
    pub(super) async fn commit(
        &self,
        store: &mut Option<Arc<Store>>,
        mut record: Record,
    ) -> Result<(), Error> {
        let unneeded = if record.needs_file() {
            None
        } else {
            record.file.take()
        };
        self.write(store, Change::Put(&record)).await?;
        let exact = record.state != State::Receiving && record.state != State::Running;
        {
            let mut table = self.table();
            let Some(entry) = table.entries.get_mut(&record.key) else {
                return Ok(());
            };
            let needed = if record.file.is_none() {
                0
            } else if exact {
                record.committed
            } else {
                entry.room
            };
            let over = entry.room.saturating_sub(needed);
            entry.room -= over;
            self.room.give(over);
            entry.live.written = entry.live.written.max(record.committed);
            if record.generation != entry.record.generation || exact {
                entry.live.written = record.committed;
            }
            entry.record = record;
            entry.tell();
        }
        self.wake.notify_one();
        self.remove_file(unneeded).await;
        Ok(())
    }

    pub(super) async fn drop_entry(
        &self,
        store: &mut Option<Arc<Store>>,
        key: &Key,
    ) -> Result<(), Error> {
        self.write(store, Change::Remove(key)).await?;
        let entry = self.table().entries.remove(key);
        if let Some(entry) = entry {
            self.room.give(entry.room);
            self.remove_file(entry.record.file).await;
        }
        Ok(())
    }

    /// A file that cannot be removed is an orphan, which the next start removes.
    async fn remove_file(&self, file: Option<FileId>) {
        let Some(file) = file else { return };
        let removed = self.files.run(move |files| files.remove(file)).await;
        if let Err(error) = removed {
            tracing::warn!(%error, "a spool file cannot be removed");
        }
    }

    pub(super) async fn write(
        &self,
        store: &mut Option<Arc<Store>>,
        change: Change<'_>,
    ) -> Result<(), Error> {
        let change = change.owned();
        let (open, path) = (store.take(), self.path.clone());
        // A store that failed is opened anew by the next change: it trusts no page that it was not
        // able to write.
        let used = self.files.run(move |files| {
            let open = match open {
                Some(open) => open,
                None => Arc::new(reopen(&*files.disk, &path)?),
            };
            match &change {
                Owned::Put(record) => open.put(record)?,
                Owned::Remove(key) => open.remove(key)?,
            }
            Ok(open)
        });
        *store = Some(used.await?);
        Ok(())
    }
}

/// A change of the disk.
pub(super) enum Change<'a> {
    Put(&'a Record),
    Remove(&'a Key),
}

enum Owned {
    Put(Box<Record>),
    Remove(Key),
}

impl Change<'_> {
    fn owned(self) -> Owned {
        match self {
            Self::Put(record) => Owned::Put(Box::new(record.clone())),
            Self::Remove(key) => Owned::Remove(key.clone()),
        }
    }
}

fn reopen(disk: &dyn Disk, path: &Path) -> io::Result<Store> {
    match Store::open(disk, path) {
        Ok(Some((store, _))) => Ok(store),
        Ok(None) => Store::create(disk, path),
        Err(store::Error::Io { source, .. }) => Err(source),
        Err(error) => Err(io::Error::other(error)),
    }
}
