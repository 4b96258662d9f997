//! Transfers as they are.

use tokio::sync::watch;

use super::{Birth, Journal, Live};
use crate::broker::caller::Principal;
use crate::broker::transfers::wish::{Key, TransferId};
use crate::broker::transfers::{Record, Transfer};

impl Journal {
    /// A transfer as it is.
    pub(in crate::broker::transfers) fn get(&self, key: &Key) -> Option<Transfer> {
        let table = self.table();
        let entry = table.entries.get(key)?;
        Some(entry.transfer(self.now()))
    }

    /// This very transfer, and no later one of the same name.
    pub(in crate::broker::transfers) fn get_of(&self, key: &Key, birth: Birth) -> Option<Transfer> {
        self.get(key).filter(|there| there.birth == birth)
    }

    /// How many transfers one principal may have, and how many bytes.
    pub(in crate::broker) fn of_one(&self) -> (usize, u64) {
        let settings = &self.settings;
        (settings.max_per_principal, settings.disk_per_principal)
    }

    /// Transfers of a principal behind a name, at most `limit` of them.
    pub(in crate::broker::transfers) fn list(
        &self,
        principal: &Principal,
        behind: Option<&TransferId>,
        limit: usize,
        takes: impl Fn(&Record) -> bool,
    ) -> Vec<Transfer> {
        let table = self.table();
        let own = table.entries.iter().filter(|(key, _)| {
            key.principal == *principal
                && !key.id.is_hidden()
                && behind.is_none_or(|behind| key.id > *behind)
        });
        let now = self.now();
        own.filter(|(_, entry)| takes(&entry.record))
            .take(limit)
            .map(|(_, entry)| entry.transfer(now))
            .collect()
    }

    /// A transfer, and what changes at every change of it and is closed when it is forgotten.
    pub(in crate::broker::transfers) fn follow(
        &self,
        key: &Key,
    ) -> Option<(Transfer, watch::Receiver<u64>)> {
        let table = self.table();
        let entry = table.entries.get(key)?;
        Some((entry.transfer(self.now()), entry.changed.subscribe()))
    }

    /// Changes at every change of a transfer; closed when it is forgotten.
    #[cfg(test)]
    pub(in crate::broker::transfers) fn subscribe(
        &self,
        key: &Key,
    ) -> Option<watch::Receiver<u64>> {
        self.follow(key).map(|(_, changed)| changed)
    }

    /// Tells those who watch what is not worth a write.
    pub(in crate::broker::transfers) fn live(&self, key: &Key, change: impl FnOnce(&mut Live)) {
        if let Some(entry) = self.table().entries.get_mut(key) {
            change(&mut entry.live);
            entry.tell();
        }
    }
}
