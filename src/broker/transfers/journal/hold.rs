//! The right to work on a transfer.

use std::sync::Arc;
use std::time::SystemTime;

use tokio_util::sync::CancellationToken;

use super::Journal;
use crate::broker::error::{Cause, Error};
use crate::broker::transfers::record::Record;
use crate::broker::transfers::wish::Key;

/// The right to work on a transfer, of which there is one at a time.
#[derive(Debug)]
pub(in crate::broker::transfers) struct Hold {
    pub(in crate::broker::transfers) journal: Arc<Journal>,
    pub(in crate::broker::transfers) key: Key,
    /// Cancelled when the work is to end.
    pub(in crate::broker::transfers) halt: CancellationToken,
}

impl Hold {
    /// The transfer.
    pub(in crate::broker::transfers) fn record(&self) -> Result<Record, Error> {
        let there = self.journal.get(&self.key).ok_or(Cause::TransferNotFound)?;
        Ok(there.record)
    }

    /// Changes its record.
    pub(in crate::broker::transfers) async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Record, SystemTime) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let change = |record: &mut Record, now| Ok(change(record, now));
        self.journal.change(&self.key, change).await
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(entry) = self.journal.table().entries.get_mut(&self.key) {
            entry.busy = false;
            entry.live.operation = None;
            entry.live.moved = 0;
            entry.tell();
        }
        self.journal.wake.notify_one();
    }
}
