//! Read access to the transfers.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::watch;

use super::{Entry, Journal, Live};
use crate::broker::terms::{Birth, Key, Principal};
use crate::transfers::metrics::Sample;
use crate::transfers::{Record, Transfer};

/// Distinguishes one state of a transfer from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) birth: Birth,
    changes: u64,
}

impl Entry {
    fn mark(&self) -> Mark {
        Mark {
            birth: self.birth,
            changes: *self.changed.borrow(),
        }
    }
}

impl Journal {
    /// A transfer.
    pub(crate) fn get(&self, key: &Key) -> Option<Transfer> {
        let table = self.table();
        let entry = table.entries.get(key)?;
        Some(entry.transfer(self.now()))
    }

    /// This particular transfer, not a later one of the same name.
    pub(crate) fn get_of(&self, key: &Key, birth: Birth) -> Option<Transfer> {
        self.get(key).filter(|there| there.birth == birth)
    }

    /// Most transfers of one principal, and most bytes.
    pub(crate) fn of_one(&self) -> (usize, u64) {
        let settings = self.settings();
        (settings.max_per_principal, settings.disk_per_principal)
    }

    /// At most `limit` transfers of a principal, or of all, that come after `behind`.
    pub(crate) fn list(
        &self,
        principal: Option<&Principal>,
        behind: Option<&Key>,
        limit: usize,
        takes: impl Fn(&Record) -> bool,
    ) -> Vec<Transfer> {
        let table = self.table();
        let own = table.entries.iter().filter(|(key, _)| {
            principal.is_none_or(|one| key.principal == *one)
                && !key.id.is_hidden()
                && behind.is_none_or(|behind| *key > behind)
        });
        let now = self.now();
        own.filter(|(_, entry)| takes(&entry.record))
            .take(limit)
            .map(|(_, entry)| entry.transfer(now))
            .collect()
    }

    /// The figures of all transfers now; `free`: bytes of the disk.
    pub(crate) fn sample(&self, free: Option<u64>) -> Sample {
        let now = self.now().lived;
        let mut sample = Sample {
            bytes: self.room.all(),
            limit: self.settings().disk_in_all,
            free,
            ..Sample::default()
        };
        for (key, entry) in &self.table().entries {
            // A hidden one is deleted already for everybody but its server.
            if key.id.is_hidden() {
                continue;
            }
            let record = &entry.record;
            *sample.by_state.entry(record.state.label()).or_default() += 1;
            if !record.state.is_over() {
                let age = now.since(record.born);
                sample.oldest = sample.oldest.max(Some(age));
            }
        }
        sample
    }

    /// Changes whenever a transfer changes, comes or goes.
    pub(crate) fn any(&self) -> watch::Receiver<u64> {
        self.table().any.subscribe()
    }

    /// The transfers of a principal, or of all, that may have changed since they were reported, in
    /// the order of their names. A transfer that `takes` does not match is among them only if it
    /// was reported.
    pub(crate) fn news(
        &self,
        principal: Option<&Principal>,
        told: &BTreeMap<Key, Mark>,
        takes: impl Fn(&Record) -> bool,
    ) -> BTreeSet<Key> {
        let table = self.table();
        let meant = table.entries.iter().filter(|(key, _)| {
            principal.is_none_or(|one| key.principal == *one) && !key.id.is_hidden()
        });
        let changed = meant.filter(|(key, entry)| match told.get(key) {
            Some(mark) => *mark != entry.mark(),
            None => takes(&entry.record),
        });
        let gone = told.keys().filter(|key| !table.entries.contains_key(key));
        let changed = changed.map(|(key, _)| key);
        changed.chain(gone).cloned().collect()
    }

    /// A transfer, and the mark of its present state.
    pub(crate) fn marked(&self, key: &Key) -> Option<(Transfer, Mark)> {
        let table = self.table();
        let entry = table.entries.get(key)?;
        Some((entry.transfer(self.now()), entry.mark()))
    }

    /// A transfer, and a channel that signals each change of it and closes when it is deleted.
    pub(crate) fn follow(&self, key: &Key) -> Option<(Transfer, watch::Receiver<u64>)> {
        let table = self.table();
        let entry = table.entries.get(key)?;
        Some((entry.transfer(self.now()), entry.changed.subscribe()))
    }

    /// A channel that signals each change of a transfer and closes when it is deleted.
    #[cfg(test)]
    pub(crate) fn subscribe(&self, key: &Key) -> Option<watch::Receiver<u64>> {
        self.follow(key).map(|(_, changed)| changed)
    }

    /// Reports progress to watchers that is not worth a write.
    pub(crate) fn live(&self, key: &Key, change: impl FnOnce(&mut Live)) {
        if let Some(entry) = self.table().entries.get_mut(key) {
            change(&mut entry.live);
            entry.tell();
        }
    }
}
