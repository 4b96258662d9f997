//! The place of a daemon's transfers: a store on the disk, a disk that is not ready yet, or
//! nowhere.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::journal::{Journal, Tell};
use super::keeping::Keeping;
use super::{Settings, store};
use crate::broker::disk::{self, Disk};
use crate::broker::terms::Cause;
use crate::modem::chain;

/// Pause after the disk accepted nothing. It doubles each time, up to [`LONGEST_RETRY`]: a person
/// who has made room, or mounted the disk again, waits at most a minute until the daemon notices.
const FIRST_RETRY: Duration = Duration::from_secs(5);
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// The place of a daemon's transfers, or why there is none. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Storage(Option<Arc<Place>>);

/// Opens the store once the disk is writable.
struct Place {
    disk: Arc<dyn Disk>,
    open: Box<dyn Fn() -> Result<Journal, store::Error> + Send + Sync>,
    journal: OnceLock<Arc<Journal>>,
    /// Bounds and budgets that were taken over since the start.
    later: Mutex<Option<Settings>>,
    keeping: watch::Sender<Keeping>,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.journal.fmt(f)
    }
}

impl Storage {
    /// No transfers.
    #[must_use]
    pub const fn off() -> Self {
        Self(None)
    }

    /// Opens the existing store. Nothing is written until a transfer is created. `tell` turns
    /// errors into their stored form. Blocks. A disk that accepts nothing is no error, and neither
    /// is an unusable store: everything else works without it, and the daemon tries again while it
    /// delivers transfers.
    ///
    /// # Errors
    /// [`store::Error::InUse`]: another daemon has it.
    pub fn open(settings: Settings, tell: Tell) -> Result<Self, store::Error> {
        let directory = settings.directory.display();
        if settings.directory.as_os_str().is_empty() {
            tracing::info!("no transfers are kept: durable.directory is empty");
            return Ok(Self::off());
        }
        // The installer creates it, so that nothing is kept in a place that nobody knows.
        if !settings.disk.is_directory(&settings.directory) {
            tracing::warn!(%directory, "no transfers are kept: there is no such directory");
            return Ok(Self::off());
        }
        let disk = Arc::clone(&settings.disk);
        Self::opening(disk, move || Journal::open(settings.clone(), tell))
    }

    fn opening(
        disk: Arc<dyn Disk>,
        open: impl Fn() -> Result<Journal, store::Error> + Send + Sync + 'static,
    ) -> Result<Self, store::Error> {
        let place = Place {
            disk,
            open: Box::new(open),
            journal: OnceLock::new(),
            later: Mutex::new(None),
            keeping: watch::Sender::new(Keeping::Off),
        };
        match place.attempt() {
            Err(error @ store::Error::InUse(_)) => return Err(error),
            Err(error) => place.cannot(error),
            Ok(()) => {}
        }
        Ok(Self(Some(place.into())))
    }

    /// Whether the daemon keeps transfers, now and at every change.
    #[must_use]
    pub fn keeping(&self) -> watch::Receiver<Keeping> {
        match &self.0 {
            Some(place) => place.keeping.subscribe(),
            None => watch::Sender::new(Keeping::Off).subscribe(),
        }
    }

    /// Takes over other bounds and budgets, now or when the store is opened.
    pub(crate) fn reload(&self, settings: &Settings) {
        if let Some(place) = &self.0 {
            *place.later() = Some(settings.clone());
            place.take_over();
        }
    }

    /// Names of the damaged stores kept beside the store.
    pub(crate) fn set_aside(&self) -> Vec<String> {
        let place = self.0.as_ref();
        let journal = place.and_then(|place| place.journal.get());
        journal.map_or_else(Vec::new, |journal| journal.set_aside.clone())
    }

    /// The transfers, as soon as the disk is ready; waits for ever where the daemon keeps none.
    pub(crate) async fn opened(&self) -> &Arc<Journal> {
        let Some(place) = &self.0 else {
            return std::future::pending().await;
        };
        let mut pause = FIRST_RETRY;
        loop {
            if let Some(journal) = place.journal.get() {
                return journal;
            }
            sleep(pause).await;
            pause = pause.saturating_mul(2).min(LONGEST_RETRY);
            let blocking = Arc::clone(place);
            match disk::blocking(&*place.disk, move || Ok(blocking.attempt())).await {
                Ok(Ok(())) => tracing::info!("transfers go on: the store can be used"),
                Ok(Err(error)) => place.cannot(error),
                // The runtime is ending.
                Err(_) => {}
            }
        }
    }

    pub(crate) fn journal(&self) -> Result<&Arc<Journal>, Cause> {
        let place = self.0.as_ref().ok_or(Cause::TransfersOff)?;
        if let Some(journal) = place.journal.get() {
            return Ok(journal);
        }
        match &*place.keeping.borrow() {
            Keeping::Waiting(error) => Err(Cause::Spool(Arc::clone(error))),
            Keeping::Unusable(trouble) => Err(Cause::Store(trouble.clone())),
            Keeping::Off | Keeping::On => Err(Cause::TransfersOff),
        }
    }
}

impl Place {
    fn attempt(&self) -> Result<(), store::Error> {
        let journal = (self.open)()?;
        journal.tells(self.keeping.clone());
        // Nobody else opens it.
        let _ = self.journal.set(Arc::new(journal));
        self.take_over();
        self.keeping.send_replace(Keeping::On);
        Ok(())
    }

    fn take_over(&self) {
        if let (Some(journal), Some(settings)) = (self.journal.get(), &*self.later()) {
            journal.reload(settings);
        }
    }

    fn later(&self) -> MutexGuard<'_, Option<Settings>> {
        self.later.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reports why the daemon cannot keep transfers; each new reason goes to the log once.
    fn cannot(&self, error: store::Error) {
        let why = chain(&error);
        let keeping = Keeping::from(error);
        let advice = match &keeping {
            Keeping::Unusable(trouble) => trouble.advice(),
            Keeping::Waiting(_) | Keeping::Off | Keeping::On => {
                "they go on as soon as the disk does"
            }
        };
        let known = self.keeping.borrow().why();
        if known == keeping.why() {
            tracing::debug!(%why, "transfers are still not kept");
        } else {
            tracing::error!("{why}: the daemon serves without transfers; {advice}");
        }
        self.keeping.send_replace(keeping);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use std::io;

    use crate::modem::clock;
    use crate::transfers::tests::told;

    #[tokio::test(start_paused = true)]
    async fn a_disk_that_was_read_only_at_the_start_is_tried_again() {
        let scratch = tempfile::tempdir().unwrap();
        let settings = Settings {
            directory: scratch.path().into(),
            ..Settings::default()
        };
        let tries = AtomicUsize::new(0);
        let transfers = Storage::opening(<dyn Disk>::of_system(), move || {
            if tries.fetch_add(1, Ordering::Relaxed) < 3 {
                return Err(store::Error::Io {
                    path: settings.directory.clone(),
                    source: io::ErrorKind::ReadOnlyFilesystem.into(),
                });
            }
            Journal::open(settings.clone(), told)
        })
        .unwrap();
        assert!(matches!(transfers.journal(), Err(Cause::Spool(_))));
        assert!(matches!(*transfers.keeping().borrow(), Keeping::Waiting(_)));
        let began = clock::now();
        transfers.opened().await;
        assert_eq!(began.elapsed(), FIRST_RETRY * (1 + 2 + 4));
        assert!(transfers.journal().is_ok());
        assert!(matches!(*transfers.keeping().borrow(), Keeping::On));
    }
}
