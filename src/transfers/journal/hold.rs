//! The exclusive right to work on a transfer.

use std::sync::Arc;

use super::Journal;
use super::halt::Halt;
use crate::broker::terms::{Birth, Cause, Error, Key, Now};
use crate::transfers::record::Record;

/// The right to work on a transfer; there is one at a time. While somebody holds it, only
/// [`Journal::forget_held`] deletes the transfer.
#[derive(Debug)]
pub(crate) struct Hold {
    pub(crate) journal: Arc<Journal>,
    pub(crate) key: Key,
    pub(crate) birth: Birth,
    /// Whether the work must end, and why.
    pub(crate) halt: Halt,
}

impl Hold {
    /// The transfer.
    pub(crate) fn record(&self) -> Result<Record, Error> {
        let there = self.journal.get_of(&self.key, self.birth);
        Ok(there.ok_or(Cause::TransferNotFound)?.record)
    }

    /// Changes its record.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Record, Now) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let change = |record: &mut Record, now| Ok(change(record, now));
        self.journal.change_of(&self.key, self.birth, change).await
    }

    /// Records on disk that its client has cancelled it. If the disk does not accept that, the daemon tries again
    /// later.
    pub(crate) async fn record_cancel(&self) -> Result<(), Error> {
        let recorded = self
            .change(|record, now| {
                if !record.state.is_over() {
                    record.cancel(now);
                }
            })
            .await;
        if let Err(error) = &recorded {
            tracing::error!(transfer = %self.key.id, %error, "that it is cancelled cannot be recorded");
            self.journal.not_recorded(&self.key, self.birth, error);
        }
        recorded
    }

    /// Records on disk what others did to it while nobody worked on it: another upload wrote its name, or its client
    /// has cancelled it.
    pub(crate) async fn record_what_others_did(&self) -> Result<(), Error> {
        if let Err(error) = self.journal.record_loss(&self.key, self.birth).await {
            tracing::error!(transfer = %self.key.id, %error, "that it lost its name cannot be recorded");
            self.journal.not_recorded(&self.key, self.birth, &error);
            return Err(error);
        }
        if self.journal.is_cancel_wished(&self.key, self.birth) {
            self.record_cancel().await
        } else {
            Ok(())
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut table = self.journal.table();
        // Its name may belong to another transfer by now, which somebody else works on.
        let entry = table.entries.get_mut(&self.key);
        if let Some(entry) = entry.filter(|entry| entry.birth == self.birth) {
            entry.work = None;
            entry.live.operation = None;
            entry.live.moved = 0;
            entry.tell();
        }
        drop(table);
        self.journal.wake.notify_one();
    }
}
