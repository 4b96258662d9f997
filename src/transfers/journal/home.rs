//! The place on the disk that the daemon has opened, and whether it is still there.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::Journal;
use super::change::Owned;
use crate::broker::disk::{Anchor, Disk, FileIdentity, leads_to};
use crate::broker::terms::{Cause, Error, Trouble};
use crate::transfers::files::Files;
use crate::transfers::mend::Shelf;
use crate::transfers::store::{self, Records, Store};
use crate::transfers::{Keeping, metrics};

/// The directory of the transfers and the store in it. No later start finds what is written to a
/// directory that was moved away or deleted, so the daemon acknowledges nothing that went there.
#[derive(Debug)]
pub(crate) struct Home {
    directory: PathBuf,
    anchor: Anchor,
    path: PathBuf,
}

/// The store, for the holder of the right to change it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slot {
    /// `None`: it is opened or created when needed. A store that failed is reopened: it trusts no
    /// page that it could not write.
    pub(crate) open: Option<Arc<Store>>,
    /// The store that was opened last.
    known: Option<FileIdentity>,
    /// Its name survives a power cut. The store may exist without that: the disk failed just when
    /// it got the name, or the daemon ended.
    named: bool,
}

impl Slot {
    pub(crate) fn of(store: Store) -> Self {
        let known = Some(store.identity());
        let open = Some(Arc::new(store));
        Self {
            open,
            known,
            named: false,
        }
    }
}

impl Home {
    pub(crate) const fn new(directory: PathBuf, anchor: Anchor, path: PathBuf) -> Self {
        Self {
            directory,
            anchor,
            path,
        }
    }

    pub(crate) fn shelf<'a>(&'a self, files: &'a Files) -> Shelf<'a> {
        Shelf {
            files,
            path: &self.path,
        }
    }

    /// Applies a change, and checks before and after it that the change goes to the place that the
    /// next start reads.
    ///
    /// # Errors
    /// [`Cause::Spool`]: the disk failed. [`Cause::Store`]: the store cannot be used; with
    /// [`Trouble::Replaced`] it stays open, in case it comes back. The change must not be
    /// acknowledged.
    pub(crate) fn write(
        &self,
        files: &Files,
        slot: &mut Slot,
        known: Option<Records>,
        change: &Owned,
    ) -> Result<(), Cause> {
        self.check(&*files.disk, slot.known)?;
        let store = match slot.open.take() {
            Some(store) => store,
            None => {
                // The store may become another one here.
                (slot.known, slot.named) = (None, false);
                Arc::new(self.reopen(files, known.unwrap_or_default())?)
            }
        };
        slot.known = Some(store.identity());
        if !slot.named {
            files.disk.sync_directory(&self.directory).map_err(spool)?;
            slot.named = true;
        }
        // Dropped if it fails.
        change.apply(&store).map_err(spool)?;
        slot.open = Some(store);
        self.check(&*files.disk, slot.known)
    }

    /// Whether the directory and the store are still the opened ones.
    pub(crate) fn check(&self, disk: &dyn Disk, store: Option<FileIdentity>) -> Result<(), Cause> {
        let is_there = || {
            let here = self.anchor.is_at(disk, &self.directory)?;
            Ok(here
                && match store {
                    Some(store) => leads_to(disk, &self.path, store)?,
                    None => true,
                })
        };
        match is_there() {
            Ok(true) => Ok(()),
            Ok(false) => Err(Cause::Store(Trouble::Replaced)),
            Err(error) => Err(spool(error)),
        }
    }

    fn reopen(&self, files: &Files, known: Records) -> Result<Store, Cause> {
        match self.shelf(files).reopen(known) {
            Ok(store) => Ok(store),
            Err(store::Error::Io { source, .. }) => Err(spool(source)),
            Err(error) => Err(Cause::Store(error.into())),
        }
    }
}

impl Journal {
    /// Whether the next start would find what is written now.
    pub(crate) async fn at_home(&self, slot: &Slot) -> Result<(), Error> {
        let (home, known) = (Arc::clone(&self.home), slot.known);
        let looked = self
            .files
            .run(move |files| Ok(home.check(&*files.disk, known)));
        let looked = looked.await?;
        self.noticed(&looked);
        Ok(looked?)
    }

    /// The same for callers without the right to change records.
    pub(crate) async fn is_at_home(&self) -> Result<(), Error> {
        let slot = self.store.lock().await.clone();
        self.at_home(&slot).await
    }

    /// Sets the receiver of news about whether the daemon keeps transfers.
    pub(crate) fn tells(&self, keeping: tokio::sync::watch::Sender<Keeping>) {
        // It is set once.
        let _ = self.keeping.set(keeping);
    }

    /// Drops the store, as a failed change does.
    #[cfg(test)]
    pub(crate) async fn lets_go(&self) {
        self.store.lock().await.open = None;
    }

    /// Whether the disk was last told to accept nothing.
    fn has_failed(&self) -> bool {
        self.keeping.get().is_some_and(|keeping| {
            matches!(
                *keeping.borrow(),
                Keeping::Waiting(_) | Keeping::Unusable(_)
            )
        })
    }

    /// Looks at the disk without being asked to by a client: whether the place is still there and has room, and, after
    /// it failed, whether it can be written again.
    pub(crate) async fn look_at_the_disk(&self) {
        let Ok(mut slot) = self.store.try_lock() else {
            // Whoever changes a record notices the same.
            return;
        };
        let failed = self.has_failed();
        // A store that failed is opened anew: that another file can be written does not show that it can.
        let records = (failed && slot.open.is_none())
            .then(|| self.records())
            .filter(|records| !records.is_empty());
        let (home, known) = (Arc::clone(&self.home), slot.known);
        let held = records.is_some().then_some(&mut slot);
        let looked = self.files.run(move |files| {
            let looked = home.check(&*files.disk, known).and_then(|()| {
                files.check_room(0).map_err(spool)?;
                if failed {
                    files.try_out().map_err(spool)?;
                }
                records
                    .map(|records| home.reopen(files, records))
                    .transpose()
            });
            Ok((looked, files.free()))
        });
        // Else the runtime is ending.
        let Ok((looked, free)) = looked.await else {
            return;
        };
        let looked = looked.map(|reopened| {
            if let (Some(slot), Some(store)) = (held, reopened) {
                **slot = Slot::of(store);
            }
        });
        drop(slot);
        metrics::sampled(&self.sample(free));
        match looked {
            // It failed while this look, which tried nothing, was under way: the next one tries it.
            Ok(()) if !failed && self.has_failed() => {}
            Ok(()) => self.tell_of_keeping(Keeping::On),
            looked => self.noticed(&looked),
        }
    }

    /// Takes what the disk answered to somebody's work. That it answered does not show that it has room: only a look
    /// does.
    pub(crate) fn noticed(&self, looked: &Result<(), Cause>) {
        match looked {
            Ok(()) if self.is_replaced() => self.tell_of_keeping(Keeping::On),
            Err(Cause::Store(trouble)) => self.tell_of_keeping(Keeping::Unusable(trouble.clone())),
            Err(Cause::Spool(error)) => self.tell_of_keeping(Keeping::failed(error)),
            // The disk has no part in it.
            Ok(()) | Err(_) => {}
        }
    }

    fn is_replaced(&self) -> bool {
        let keeping = self.keeping.get();
        keeping.is_some_and(|keeping| {
            matches!(*keeping.borrow(), Keeping::Unusable(Trouble::Replaced))
        })
    }

    /// Tells whether transfers are kept now, where that is news.
    fn tell_of_keeping(&self, now: Keeping) {
        let Some(keeping) = self.keeping.get() else {
            return;
        };
        let directory = self.home.directory.display();
        keeping.send_if_modified(|before| {
            if matches!(before, Keeping::Off) || before.is_same(&now) {
                return false;
            }
            match &now {
                Keeping::Unusable(trouble) => tracing::error!(
                    %directory,
                    "{trouble}: no transfer is taken or goes on; {}",
                    trouble.advice()
                ),
                Keeping::Waiting(error) => tracing::error!(
                    %directory,
                    "the disk accepts nothing: {error}; transfers go on as soon as it does"
                ),
                _ => tracing::info!(%directory, "transfers go on: the store is there"),
            }
            *before = now;
            true
        });
    }
}

fn spool(error: io::Error) -> Cause {
    Cause::Spool(Arc::new(error))
}
