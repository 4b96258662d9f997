//! Calls on a transfer while somebody works on it, or while the disk accepts nothing.

use std::sync::Arc;

use tokio::time::Instant;

use super::halt::HaltReason;
use super::hold::Hold;
use super::turns::Chore;
use super::{Entry, Journal, Table};
use crate::broker::terms::{Birth, Error, Key};
use crate::modem::clock as runtime;

/// Why the disk does not have the last change of a transfer.
#[derive(Debug)]
pub(crate) struct Unrecorded {
    why: Error,
    /// When it is tried again.
    again: Instant,
}

impl Journal {
    /// Its client cancels a transfer that has not ended. From now on nothing more begins for it,
    /// and running work ends. The daemon remembers the cancellation until the disk has it.
    pub(crate) fn wish_cancel(&self, key: &Key, birth: Birth) {
        let mut table = self.table();
        let Some(entry) = table.of(key, birth) else {
            return;
        };
        if entry.record.state.is_over() {
            return;
        }
        entry.cancel = true;
        entry.unrecorded = None;
        if let Some(work) = &entry.work {
            work.halt.ask(HaltReason::Cancel);
        }
    }

    /// Interrupts the deletion of a transfer's partial file on the server, so that another call can
    /// go first. The deletion resumes after a pause.
    pub(crate) fn step_aside(&self, key: &Key, birth: Birth) {
        let later = self.now().lived + self.settings().budget.backoff;
        let mut table = self.table();
        let Some(entry) = table.of(key, birth) else {
            return;
        };
        if let Some(work) = entry.work.as_ref()
            && work.chore == Chore::ClearUp
        {
            work.halt.ask(HaltReason::StepAside);
            entry.aside = Some(later);
        }
    }

    /// The disk did not accept a change of a transfer. Wakes the calls that wait for it.
    pub(crate) fn not_recorded(&self, key: &Key, birth: Birth, why: &Error) {
        let mut table = self.table();
        if let Some(entry) = table.of(key, birth) {
            entry.unrecorded = Some(Unrecorded {
                why: why.clone(),
                again: runtime::now() + self.settings().budget.backoff,
            });
            entry.tell();
        }
    }

    /// Why the disk does not have the last change of a transfer.
    pub(crate) fn why_unrecorded(&self, key: &Key, birth: Birth) -> Option<Error> {
        let mut table = self.table();
        let entry = table.of(key, birth)?;
        let unrecorded = entry.unrecorded.as_ref()?;
        Some(unrecorded.why.clone())
    }

    /// A transfer that its client has cancelled, or that has lost something to another writer, and
    /// whose record is due now.
    pub(crate) fn next_cancel(self: &Arc<Self>) -> Option<Hold> {
        let now = runtime::now();
        let mut table = self.table();
        let mut entries = table.entries.iter_mut();
        let (key, entry) =
            entries.find(|(_, entry)| entry.cancel_due(now).is_some_and(|due| due <= now))?;
        let hold = self.hold(key, entry, Chore::Cancel);
        drop(table);
        Some(hold)
    }

    /// Whether its client has cancelled it, and the disk does not have that.
    pub(crate) fn is_cancel_wished(&self, key: &Key, birth: Birth) -> bool {
        let mut table = self.table();
        table.of(key, birth).is_some_and(|entry| entry.cancel)
    }

    /// When the next such record is due.
    pub(crate) fn next_cancel_due(&self) -> Option<Instant> {
        let now = runtime::now();
        let table = self.table();
        let due = table.entries.values();
        due.filter_map(|entry| entry.cancel_due(now)).min()
    }
}

impl Table {
    /// This particular transfer, not a later one of the same name.
    pub(crate) fn of(&mut self, key: &Key, birth: Birth) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(key)?;
        Some(entry).filter(|entry| entry.birth == birth)
    }
}

impl Entry {
    /// When its cancellation or its loss must be recorded, if nobody does that yet.
    fn cancel_due(&self, now: Instant) -> Option<Instant> {
        let due = (self.cancel || self.loss.is_some()) && self.work.is_none();
        let again = self.unrecorded.as_ref();
        due.then(|| again.map_or(now, |unrecorded| unrecorded.again))
    }
}
