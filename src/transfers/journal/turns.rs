//! Which transfer is next, and who works on which one.

use std::sync::Arc;

use super::halt::Halt;
use super::hold::Hold;
use super::{Entry, Journal, Table};
use crate::broker::terms::{Birth, Cause, Key, Lived};

/// The work on a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chore {
    /// Its client sends it.
    Receive,
    /// An attempt.
    Attempt,
    /// The deletion of its partial file on the server.
    ClearUp,
    /// The record that its client has cancelled it.
    Cancel,
}

/// Work on a transfer.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) chore: Chore,
    /// Ends the work.
    pub(crate) halt: Halt,
}

impl Journal {
    /// The next due work, with the hold on its transfer: the most urgent; among these, one of the
    /// principal whose last turn is longest ago; of that one's, the oldest.
    pub(crate) fn next(self: &Arc<Self>) -> Option<(Hold, Chore)> {
        let now = self.now().lived;
        let mut table = self.table();
        let Table {
            entries,
            turns,
            turn,
            ..
        } = &mut *table;
        let due = entries
            .iter_mut()
            .filter(|(_, entry)| entry.due().is_some_and(|due| due <= now));
        let (key, entry) = due.min_by_key(|(key, entry)| {
            let last = turns.get(&key.principal).copied();
            let record = &entry.record;
            (record.wish.priority, last, record.born, record.created)
        })?;
        *turn += 1;
        turns.insert(key.principal.clone(), *turn);
        let chore = if entry.record.state.is_over() {
            Chore::ClearUp
        } else {
            Chore::Attempt
        };
        let hold = self.hold(key, entry, chore);
        drop(table);
        Some((hold, chore))
    }

    /// When the next work is due.
    pub(crate) fn next_due(&self) -> Option<Lived> {
        let table = self.table();
        table.entries.values().filter_map(Entry::due).min()
    }

    /// Takes a transfer to work on.
    ///
    /// # Errors
    /// [`Cause::TransferNotFound`]: it is gone; [`Cause::TransferBusy`]: somebody works on it;
    /// [`Cause::TransferEnded`]: it was cancelled, and `chore` is not the record of that.
    pub(crate) fn claim(
        self: &Arc<Self>,
        key: &Key,
        birth: Birth,
        chore: Chore,
    ) -> Result<Hold, Cause> {
        let mut table = self.table();
        let entry = table.of(key, birth).ok_or(Cause::TransferNotFound)?;
        if entry.work.is_some() {
            return Err(Cause::TransferBusy);
        }
        if entry.cancel && chore != Chore::Cancel {
            return Err(Cause::TransferEnded);
        }
        Ok(self.hold(key, entry, chore))
    }

    pub(crate) fn hold(self: &Arc<Self>, key: &Key, entry: &mut Entry, chore: Chore) -> Hold {
        let halt = Halt::default();
        entry.work = Some(Work {
            chore,
            halt: halt.clone(),
        });
        Hold {
            journal: Arc::clone(self),
            key: key.clone(),
            birth: entry.birth,
            halt,
        }
    }
}

impl Entry {
    /// When work is due for it that nobody does yet.
    fn due(&self) -> Option<Lived> {
        let idle = self.work.is_none() && !self.cancel && self.loss.is_none();
        let due = self.record.due().filter(|_| idle)?;
        let later = if self.record.state.is_over() {
            self.aside
        } else {
            self.behind
        };
        Some(later.map_or(due, |later| later.max(due)))
    }
}
