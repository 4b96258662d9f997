//! All transfers of somebody, watched.

use crate::transfers::Transfers;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::Transfer;
use super::journal::{Journal, Mark};
use super::record::Record;
use crate::broker::terms::Error;
use crate::broker::terms::Key;
use crate::broker::terms::{Caller, Principal, Whose};

/// Time between two looks at what has changed, of all clients' transfers: often enough for a person's eye.
const PASS: Duration = Duration::from_millis(250);

/// Which transfers are meant.
type Takes = Box<dyn Fn(&Record) -> bool + Send + Sync>;

/// Transfers that are watched. What it holds is bounded by their number: of each it knows whether its last change was
/// told, and reads the transfer itself only when that is told. So a slow reader gets the latest of each.
pub struct Watching {
    journal: Arc<Journal>,
    whose: Option<Principal>,
    takes: Takes,
    any: watch::Receiver<u64>,
    told: BTreeMap<Key, Mark>,
    news: BTreeSet<Key>,
    /// All that were there at the beginning were told.
    present: bool,
}

/// What a watcher is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A transfer as it is.
    Is(Box<Transfer>),
    /// All that there were at the beginning were told: so many.
    Present(usize),
    /// One that was told was forgotten.
    Deleted(Key),
    /// One that was told is no longer among those that are meant.
    Filtered(Key),
}

impl Transfers {
    /// Watches the transfers of whoever is meant.
    ///
    /// # Errors
    /// This daemon keeps none.
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
    /// The next thing to tell. Cancel-safe.
    pub async fn next(&mut self) -> Told {
        loop {
            while let Some(key) = self.news.pop_first() {
                if let Some(told) = self.look_at(key) {
                    return told;
                }
            }
            if !self.present {
                self.present = true;
                return Told::Present(self.told.len());
            }
            if self.any.changed().await.is_err() {
                // The journal is held here, and so is what tells of its changes.
                std::future::pending::<()>().await;
            }
            sleep(PASS).await;
            self.any.mark_unchanged();
            self.news = self
                .journal
                .news(self.whose.as_ref(), &self.told, &self.takes);
        }
    }

    fn look_at(&mut self, key: Key) -> Option<Told> {
        let before = self.told.get(&key).copied();
        let there = self.journal.marked(&key);
        let gone = match (&before, &there) {
            (Some(before), Some((_, mark))) => before.birth != mark.birth,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if gone {
            self.told.remove(&key);
            // Another one has its name.
            if there.is_some() {
                self.news.insert(key.clone());
            }
            return Some(Told::Deleted(key));
        }
        let (transfer, mark) = there?;
        if (self.takes)(&transfer.record) {
            self.told.insert(key, mark);
            return Some(Told::Is(Box::new(transfer)));
        }
        before.map(|_| {
            self.told.remove(&key);
            Told::Filtered(key)
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
