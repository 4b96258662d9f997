//! The bounds of all transfers and of each principal's, and the transfers deleted to keep them.

use std::sync::Arc;
use std::time::Duration;

use super::change::Change;
use super::home::Slot;
use super::{Entry, Journal, whole};
use crate::broker::terms::share::{Full, Share};
use crate::broker::terms::{Birth, Cause, Error, Key, Principal};
use crate::transfers::record::Record;

/// Running time that a crash may repeat: one write an hour does not wear out flash, and ages are
/// days.
const KEEP: Duration = Duration::from_secs(3600);

impl Journal {
    /// Takes room for a file of `bytes` bytes; if needed, deletes transfers that nobody needs.
    pub(crate) async fn grow(self: &Arc<Self>, key: &Key, bytes: u64) -> Result<(), Error> {
        let Err(full) = self.reserve(key, bytes) else {
            return Ok(());
        };
        let (journal, principal) = (Arc::clone(self), key.principal.clone());
        whole(async move {
            let mut store = journal.store.lock().await;
            let heavy = |key: &Key, entry: &Entry| {
                entry.room > 0 && (!full.own || key.principal == principal)
            };
            while let Some(spent) = journal.spent(heavy) {
                journal.drop_entry(&mut store, &spent).await?;
            }
            Ok(())
        })
        .await?;
        self.reserve(key, bytes)
            .map_err(|Full { own }| Cause::SpoolFull { own }.into())
    }

    /// The file of a transfer has `bytes` bytes for now: gives back the room beyond them.
    pub(crate) fn shrink(&self, key: &Key, bytes: u64) {
        let mut table = self.table();
        if let Some(entry) = table.entries.get_mut(key) {
            let surplus = entry.room.saturating_sub(bytes);
            entry.room -= surplus;
            self.room.give(surplus);
        }
    }

    /// Makes a place for one more transfer of a principal.
    pub(crate) async fn make_place(
        &self,
        store: &mut Slot,
        principal: &Principal,
    ) -> Result<(), Error> {
        loop {
            let Err(Full { own }) = self.place(principal) else {
                return Ok(());
            };
            let spent = self.spent_of(own, principal);
            let spent = spent.ok_or(Cause::TooManyTransfers { own })?;
            self.drop_entry(store, &spent).await?;
        }
    }

    /// Whether a place for one more transfer of a principal is free or can be made.
    pub(crate) fn has_place(&self, principal: &Principal) -> Result<(), Cause> {
        match self.place(principal) {
            Err(Full { own }) if self.spent_of(own, principal).is_none() => {
                Err(Cause::TooManyTransfers { own })
            }
            _ => Ok(()),
        }
    }

    fn place(&self, principal: &Principal) -> Result<(), Full> {
        let table = self.table();
        let of_own = table
            .entries
            .keys()
            .filter(|key| key.principal == *principal);
        let share = Share {
            in_all: self.settings().max_transfers as u64,
            of_one: self.settings().max_per_principal as u64,
        };
        share.admit(table.entries.len() as u64, of_own.count() as u64, 1)
    }

    fn spent_of(&self, own: bool, principal: &Principal) -> Option<Key> {
        self.spent(|key, _| !own || key.principal == *principal)
    }

    /// Stores the running time, if something grows older and more than `unless` is not stored yet.
    /// It logs a failure.
    pub(crate) async fn keep_lived(self: &Arc<Self>, unless: Duration) {
        let now = self.now().lived;
        {
            let table = self.table();
            let kept = now.since(table.lived) <= unless;
            if kept || table.entries.is_empty() {
                return;
            }
        }
        let journal = Arc::clone(self);
        let kept = whole(async move {
            let mut store = journal.store.lock().await;
            journal.write(&mut store, Change::Lived(now)).await?;
            journal.table().lived = now;
            Ok(())
        });
        if let Err(error) = kept.await {
            tracing::warn!(%error, "the age of transfers cannot be stored");
        }
    }

    /// Deletes transfers that are too old.
    pub(crate) async fn sweep(self: &Arc<Self>) {
        // GetStatus reports this even if no client calls.
        let _ = self.is_at_home().await;
        self.keep_lived(KEEP).await;
        let (ended, unfinished) = (self.settings().max_age, self.settings().unfinished_age);
        let now = self.now();
        let old: Vec<(Key, Birth)> = {
            let table = self.table();
            let entries = table.entries.iter();
            entries
                .filter(|(_, entry)| {
                    entry.work.is_none() && entry.record.is_old(ended, unfinished, now)
                })
                .map(|(key, entry)| (key.clone(), entry.birth))
                .collect()
        };
        for (key, birth) in old {
            let is_old = move |record: &Record| record.is_old(ended, unfinished, now);
            match self.forget(&key, birth, is_old).await {
                Ok(()) => tracing::info!(transfer = %key.id, "an old transfer was forgotten"),
                Err(error) => tracing::warn!(transfer = %key.id, %error, "it cannot be forgotten"),
            }
        }
    }

    /// The oldest evictable transfer that matches.
    fn spent(&self, is_meant: impl Fn(&Key, &Entry) -> bool) -> Option<Key> {
        let table = self.table();
        let spent = table.entries.iter().filter(|(key, entry)| {
            entry.work.is_none() && entry.record.is_spent() && is_meant(key, entry)
        });
        let (key, _) = spent.min_by_key(|(_, entry)| (entry.record.since, entry.record.changed))?;
        Some(key.clone())
    }

    fn reserve(&self, key: &Key, bytes: u64) -> Result<(), Full> {
        let mut table = self.table();
        let entries = table.entries.iter();
        let of_own = entries.filter(|(other, _)| other.principal == key.principal);
        let taken: u64 = of_own.map(|(_, entry)| entry.room).sum();
        // A deleted transfer takes no more room.
        let entry = table.entries.get_mut(key).ok_or(Full { own: false })?;
        let lacking = bytes.saturating_sub(entry.room);
        if lacking == 0 {
            return Ok(());
        }
        let share = Share {
            in_all: self.settings().disk_in_all,
            of_one: self.settings().disk_per_principal,
        };
        share.admit(self.room.all(), taken, lacking)?;
        if !self.room.take(lacking) {
            return Err(Full { own: false });
        }
        entry.room += lacking;
        Ok(())
    }
}
