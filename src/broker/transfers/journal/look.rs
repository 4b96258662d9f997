//! Transfers as they are.

use tokio::sync::watch;

use super::{Entry, Journal, Live};
use crate::broker::caller::Principal;
use crate::broker::transfers::Transfer;
use crate::broker::transfers::wish::{Key, TransferId};

impl Journal {
    /// A transfer as it is.
    pub(in crate::broker::transfers) fn get(&self, key: &Key) -> Option<Transfer> {
        self.table().entries.get(key).map(Entry::transfer)
    }

    /// Transfers of a principal behind a name, at most `limit` of them.
    pub(in crate::broker::transfers) fn list(
        &self,
        principal: &Principal,
        behind: Option<&TransferId>,
        limit: usize,
    ) -> Vec<Transfer> {
        let table = self.table();
        let own = table.entries.iter().filter(|(key, _)| {
            key.principal == *principal && behind.is_none_or(|behind| key.id > *behind)
        });
        own.take(limit).map(|(_, entry)| entry.transfer()).collect()
    }

    /// Changes at every change of a transfer; closed when it is forgotten.
    pub(in crate::broker::transfers) fn subscribe(
        &self,
        key: &Key,
    ) -> Option<watch::Receiver<u64>> {
        let table = self.table();
        Some(table.entries.get(key)?.changed.subscribe())
    }

    /// Tells those who watch what is not worth a write.
    pub(in crate::broker::transfers) fn live(&self, key: &Key, change: impl FnOnce(&mut Live)) {
        if let Some(entry) = self.table().entries.get_mut(key) {
            change(&mut entry.live);
            entry.tell();
        }
    }
}
