//! The watch on all transfers of one principal, or of everybody.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::Transfer;
use super::journal::{Journal, Mark};
use super::record::Record;
use crate::broker::terms::{Caller, Error, Key, Principal, Whose};
use crate::transfers::Transfers;

/// Time between two checks for changes, of all clients' transfers: often enough for a person's eye.
const PASS: Duration = Duration::from_millis(250);

/// Which transfers match.
type Takes = Box<dyn Fn(&Record) -> bool + Send + Sync>;

/// Watched transfers. Their number bounds its memory: for each it keeps whether the last change was
/// reported, and reads the transfer only when it reports it. So a slow reader gets the latest state
/// of each.
pub struct Watching {
    journal: Arc<Journal>,
    whose: Option<Principal>,
    takes: Takes,
    any: watch::Receiver<u64>,
    told: BTreeMap<Key, Mark>,
    news: BTreeSet<Key>,
    /// All transfers of the beginning were reported.
    present: bool,
}

/// An item for a watcher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchItem {
    /// The present state of a transfer.
    Is(Box<Transfer>),
    /// All transfers of the beginning were reported: this many.
    Present(usize),
    /// A reported transfer was deleted.
    Deleted(Key),
    /// A reported transfer no longer matches.
    Filtered(Key),
}

impl Transfers {
    /// Watches the transfers of the principals that `whose` names.
    ///
    /// # Errors
    /// The store causes of [`Transfers`].
    pub fn watch_transfers(
        &self,
        caller: &Caller,
        whose: &Whose,
        takes: impl Fn(&Record) -> bool + Send + Sync + 'static,
    ) -> Result<Watching, Error> {
        let journal = Arc::clone(self.storage.journal()?);
        let whose = whose.one(caller).cloned();
        let any = journal.any();
        let told = BTreeMap::new();
        Ok(Watching {
            news: journal.news(whose.as_ref(), &told, &takes),
            journal,
            whose,
            takes: Box::new(takes),
            any,
            told,
            present: false,
        })
    }
}

impl Watching {
    /// The next item. Cancel-safe.
    pub async fn next(&mut self) -> WatchItem {
        loop {
            while let Some(key) = self.news.pop_first() {
                if let Some(told) = self.look_at(key) {
                    return told;
                }
            }
            if !self.present {
                self.present = true;
                return WatchItem::Present(self.told.len());
            }
            if self.any.changed().await.is_err() {
                // `self` holds the journal, and with it the sender of its changes.
                std::future::pending::<()>().await;
            }
            sleep(PASS).await;
            self.any.mark_unchanged();
            self.news = self
                .journal
                .news(self.whose.as_ref(), &self.told, &self.takes);
        }
    }

    fn look_at(&mut self, key: Key) -> Option<WatchItem> {
        let before = self.told.get(&key).copied();
        let there = self.journal.marked(&key);
        let gone = match (&before, &there) {
            (Some(before), Some((_, mark))) => before.birth != mark.birth,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if gone {
            self.told.remove(&key);
            // Another transfer has its name.
            if there.is_some() {
                self.news.insert(key.clone());
            }
            return Some(WatchItem::Deleted(key));
        }
        let (transfer, mark) = there?;
        if (self.takes)(&transfer.record) {
            self.told.insert(key, mark);
            return Some(WatchItem::Is(Box::new(transfer)));
        }
        before.map(|_| {
            self.told.remove(&key);
            WatchItem::Filtered(key)
        })
    }
}

impl fmt::Debug for Watching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watching")
            .field("whose", &self.whose)
            .field("told", &self.told.len())
            .finish_non_exhaustive()
    }
}
