//! Changes on their way to the disk.

use std::sync::Arc;

use super::Journal;
use super::change::Change;
use super::home::Slot;
use crate::broker::terms::{Error, Key};
use crate::transfers::files::FileId;
use crate::transfers::record::{Record, Remnant, State};
use crate::transfers::store::Records;

impl Journal {
    /// Stores a changed record on disk and then in memory; releases what it no longer needs.
    pub(crate) async fn commit(&self, store: &mut Slot, mut record: Record) -> Result<(), Error> {
        let settled = !matches!(record.remnant, Remnant::Pending { .. });
        if settled && record.key.id.is_hidden() {
            return self.drop_entry(store, &record.key).await;
        }
        let unneeded = record.let_go_of_file();
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
            entry.cancel &= !record.state.is_over();
            entry.unrecorded = None;
            entry.record = record;
            entry.tell();
        }
        self.wake.notify_one();
        self.remove_file(unneeded).await;
        Ok(())
    }

    /// Hides a transfer from its client, and keeps the facts that the deletion of its partial file
    /// on the server needs.
    pub(crate) async fn hide(&self, store: &mut Slot, mut record: Record) -> Result<(), Error> {
        let key = record.key.clone();
        record.hide();
        let unneeded = record.let_go_of_file();
        self.write(store, Change::Rename(&key, &record)).await?;
        {
            let mut table = self.table();
            let mut room = table.entries.remove(&key).map_or(0, |entry| entry.room);
            if record.file.is_none() {
                self.room.give(room);
                room = 0;
            }
            tracing::info!(
                transfer = %key.id,
                until_then = %record.key.id,
                "a transfer is forgotten as soon as what it left on its server is deleted"
            );
            table.insert(record.key.clone(), record, room);
        }
        self.wake.notify_one();
        self.remove_file(unneeded).await;
        Ok(())
    }

    pub(crate) async fn drop_entry(&self, store: &mut Slot, key: &Key) -> Result<(), Error> {
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

    pub(crate) async fn write(&self, store: &mut Slot, change: Change<'_>) -> Result<(), Error> {
        #[cfg(test)]
        self.weather.pass().await?;
        let change = change.owned();
        let (home, slot) = (Arc::clone(&self.home), store.clone());
        store.open = None;
        // The records for a new store, if the store was damaged while the daemon runs.
        let known = slot.open.is_none().then(|| self.records());
        let used = self.files.run(move |files| {
            let mut slot = slot;
            let done = home.write(files, &mut slot, known, &change);
            Ok((slot, done))
        });
        let (slot, done) = used.await?;
        *store = slot;
        self.noticed(&done);
        Ok(done?)
    }

    pub(crate) fn records(&self) -> Records {
        let table = self.table();
        let entries = table.entries.iter();
        entries
            .map(|(key, entry)| (key.clone(), entry.record.clone()))
            .collect()
    }
}
