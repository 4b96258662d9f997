//! Whose turn it is, and who works on what.

use std::sync::Arc;
use std::time::SystemTime;

use tokio_util::sync::CancellationToken;

use super::hold::Hold;
use super::{Journal, Table};
use crate::broker::error::Cause;
use crate::broker::transfers::wish::Key;

/// What is to be done for a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::broker::transfers) enum Chore {
    /// An attempt.
    Attempt,
    /// What it left on the server is deleted.
    ClearUp,
}

impl Journal {
    /// Ends the work on a transfer. Answers whether there was any.
    pub(in crate::broker::transfers) fn halt(&self, key: &Key) -> bool {
        let table = self.table();
        let busy = table.entries.get(key).filter(|entry| entry.busy);
        if let Some(entry) = busy {
            entry.halt.cancel();
        }
        busy.is_some()
    }

    /// The next thing that is due, and the hold on its transfer: of the most urgent, of the
    /// principal whose last turn is longest ago, the oldest.
    pub(in crate::broker::transfers) fn next(self: &Arc<Self>) -> Option<(Hold, Chore)> {
        let now = self.now();
        let mut table = self.table();
        let Table {
            entries,
            turns,
            turn,
        } = &mut *table;
        let due = entries
            .iter_mut()
            .filter(|(_, entry)| !entry.busy && entry.record.due().is_some_and(|due| due <= now));
        let (key, entry) = due.min_by_key(|(key, entry)| {
            let last = turns.get(&key.principal).copied();
            (entry.record.wish.priority, last, entry.record.created)
        })?;
        entry.busy = true;
        entry.halt = CancellationToken::new();
        *turn += 1;
        turns.insert(key.principal.clone(), *turn);
        let chore = if entry.record.state.is_over() {
            Chore::ClearUp
        } else {
            Chore::Attempt
        };
        let key = key.clone();
        drop(table);
        Some((self.hold(key), chore))
    }

    /// When the next thing is due.
    pub(in crate::broker::transfers) fn next_due(&self) -> Option<SystemTime> {
        let table = self.table();
        let idle = table.entries.values().filter(|entry| !entry.busy);
        idle.filter_map(|entry| entry.record.due()).min()
    }

    /// Takes a transfer to work on.
    pub(in crate::broker::transfers) fn claim(self: &Arc<Self>, key: &Key) -> Result<Hold, Cause> {
        {
            let mut table = self.table();
            let entry = table.entries.get_mut(key).ok_or(Cause::TransferNotFound)?;
            if std::mem::replace(&mut entry.busy, true) {
                return Err(Cause::TransferBusy);
            }
            entry.halt = CancellationToken::new();
        }
        Ok(self.hold(key.clone()))
    }

    pub(super) fn hold(self: &Arc<Self>, key: Key) -> Hold {
        let halt = {
            let table = self.table();
            let entry = table.entries.get(&key);
            entry.map(|entry| entry.halt.clone()).unwrap_or_default()
        };
        Hold {
            journal: Arc::clone(self),
            key,
            halt,
        }
    }
}
