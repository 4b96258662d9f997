//! The right to work on a transfer.

use std::sync::Arc;

use super::halt::Halt;
use super::{Birth, Journal};
use crate::broker::error::{Cause, Error};
use crate::broker::transfers::lived::Now;
use crate::broker::transfers::record::Record;
use crate::broker::transfers::wish::Key;

/// The right to work on a transfer, of which there is one at a time. While somebody has it, the
/// transfer is not forgotten, unless by [`Journal::forget_held`].
#[derive(Debug)]
pub(in crate::broker::transfers) struct Hold {
    pub(in crate::broker::transfers) journal: Arc<Journal>,
    pub(in crate::broker::transfers) key: Key,
    pub(in crate::broker::transfers) birth: Birth,
    /// Whether the work is to end, and why.
    pub(in crate::broker::transfers) halt: Halt,
}

impl Hold {
    /// The transfer.
    pub(in crate::broker::transfers) fn record(&self) -> Result<Record, Error> {
        let there = self.journal.get_of(&self.key, self.birth);
        Ok(there.ok_or(Cause::TransferNotFound)?.record)
    }

    /// Changes its record.
    pub(in crate::broker::transfers) async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Record, Now) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let change = |record: &mut Record, now| Ok(change(record, now));
        self.journal.change_of(&self.key, self.birth, change).await
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut table = self.journal.table();
        // Its name may be another transfer's by now, which somebody else works on.
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
