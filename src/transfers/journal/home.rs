//! The place on the disk that the daemon has opened, and whether it still is there.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::Journal;
use super::change::Owned;
use crate::broker::disk::{Anchor, Disk, Identity, leads_to};
use crate::broker::terms::Trouble;
use crate::broker::terms::{Cause, Error};
use crate::transfers::Keeping;
use crate::transfers::files::Files;
use crate::transfers::mend::Shelf;
use crate::transfers::store::{self, Records, Store};

/// The directory of the transfers and the store in it. What is written to a directory that was moved
/// away or deleted is found by no later start, so nothing is acknowledged that went there.
#[derive(Debug)]
pub(crate) struct Home {
    directory: PathBuf,
    anchor: Anchor,
    path: PathBuf,
}

/// The store, as whoever may change it has it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slot {
    /// `None`: it is opened, or made, when it is needed. One that failed is opened anew: it trusts no
    /// page that it was not able to write.
    pub(crate) open: Option<Arc<Store>>,
    /// The one that was opened last.
    known: Option<Identity>,
    /// Its name survives a power cut. It may be there without that: the disk failed just when it got the
    /// name, or the daemon ended.
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

    /// Makes a change, and looks before and after it whether it goes to where it is looked for.
    ///
    /// # Errors
    /// It is not to be acknowledged. [`Trouble::Replaced`]: the store stays open, in case it comes
    /// back.
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
                // It may become another one on the way.
                (slot.known, slot.named) = (None, false);
                Arc::new(self.reopen(files, known.unwrap_or_default())?)
            }
        };
        slot.known = Some(store.identity());
        if !slot.named {
            files.disk.sync_directory(&self.directory).map_err(spool)?;
            slot.named = true;
        }
        // Dropped where it fails.
        change.apply(&store).map_err(spool)?;
        slot.open = Some(store);
        self.check(&*files.disk, slot.known)
    }

    /// Whether directory and store are those that were opened.
    pub(crate) fn check(&self, disk: &dyn Disk, store: Option<Identity>) -> Result<(), Cause> {
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
    /// Whether what is written would be found by the next start.
    pub(crate) async fn at_home(&self, slot: &Slot) -> Result<(), Error> {
        let (home, known) = (Arc::clone(&self.home), slot.known);
        let looked = self
            .files
            .run(move |files| Ok(home.check(&*files.disk, known)));
        let looked = looked.await?;
        self.noticed(&looked);
        Ok(looked?)
    }

    /// The same for who has no right to change records.
    pub(crate) async fn is_at_home(&self) -> Result<(), Error> {
        let slot = self.store.lock().await.clone();
        self.at_home(&slot).await
    }

    /// Whoever asks whether transfers are kept is told here.
    pub(crate) fn tells(&self, keeping: tokio::sync::watch::Sender<Keeping>) {
        // It is told once.
        let _ = self.keeping.set(keeping);
    }

    /// Lets go of the store, as a change does that the disk did not take.
    #[cfg(test)]
    pub(crate) async fn lets_go(&self) {
        self.store.lock().await.open = None;
    }

    pub(crate) fn noticed(&self, looked: &Result<(), Cause>) {
        let Some(keeping) = self.keeping.get() else {
            return;
        };
        let now = match looked {
            Ok(()) => Keeping::On,
            Err(Cause::Store(trouble)) => Keeping::Unusable(trouble.clone()),
            // The disk does not tell.
            Err(_) => return,
        };
        let directory = self.home.directory.display();
        keeping.send_if_modified(|before| {
            let changed = matches!(
                (&*before, &now),
                (Keeping::On, Keeping::Unusable(_)) | (Keeping::Unusable(_), Keeping::On)
            );
            if changed {
                match &now {
                    Keeping::Unusable(trouble) => tracing::error!(
                        %directory,
                        "{trouble}: no transfer is taken or goes on; {}",
                        trouble.advice()
                    ),
                    _ => tracing::info!(%directory, "transfers go on: the store is there"),
                }
                *before = now;
            }
            changed
        });
    }
}

fn spool(error: io::Error) -> Cause {
    Cause::Spool(Arc::new(error))
}
