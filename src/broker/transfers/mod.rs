//! Transfers that outlive their caller: accepted when they are on disk, delivered across crashes.

mod deliver;
mod files;
mod journal;
mod read;
mod receive;
pub mod record;
pub mod retry;
mod settle;
pub mod store;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod wish;

pub use journal::{Live, Tell};
pub use read::{ReadNext, TransferReading};
pub use receive::Receiving;
pub use record::{Record, Remnant, State, Told};
pub use retry::{Budget, Exhausted};
pub use wish::{Direction, Key, TransferId, UploadWish, Wish};

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::Broker;
use super::caller::{Caller, ServerChoice};
use super::error::{Cause, Error};
use journal::{Created, Journal};

/// Where transfers are kept, and within which bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Directory, which must exist; empty: there are none.
    pub directory: PathBuf,
    /// Bytes of all files.
    pub disk_in_all: u64,
    /// Transfers in all, ended ones included.
    pub max_transfers: usize,
    /// Transfers that are at work on the link or wait for it at once.
    pub active: usize,
    /// How long one that has ended is kept.
    pub max_age: Duration,
    /// How long one that is half received is kept since its last byte.
    pub unfinished_age: Duration,
    /// What the attempts of one may cost.
    pub budget: Budget,
}

impl Default for Settings {
    /// 512 MiB are an hour and a half of the link at 921600 baud. A thousand records are a
    /// megabyte. One at a time: there is one link. A week is time to look at what failed, a day to
    /// come back to what was half sent.
    fn default() -> Self {
        Self {
            directory: PathBuf::from("/var/lib/cellftpd"),
            disk_in_all: 512 << 20,
            max_transfers: 1000,
            active: 1,
            max_age: Duration::from_secs(7 * 86400),
            unfinished_age: Duration::from_secs(86400),
            budget: Budget::default(),
        }
    }
}

/// The transfers of a daemon, or why it has none. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Transfers {
    place: Result<Arc<Journal>, Arc<str>>,
}

/// A transfer as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// As the disk knows it.
    pub record: Record,
    /// What moves.
    pub live: Live,
}

/// What became of the wish for an upload.
#[derive(Debug)]
pub enum Upload {
    /// It was accepted before.
    Accepted(Box<Transfer>),
    /// Its bytes are to come.
    Receive(Receiving),
}

impl Transfers {
    /// Without transfers, and why.
    pub fn off(why: impl Into<Arc<str>>) -> Self {
        Self {
            place: Err(why.into()),
        }
    }

    /// Opens what there is. Nothing is written until a transfer is created. `tell` turns errors
    /// into what is kept of them. Blocks.
    ///
    /// # Errors
    /// What was accepted before cannot be read.
    pub fn open(settings: Settings, tell: Tell) -> Result<Self, store::Error> {
        if settings.directory.as_os_str().is_empty() {
            return Ok(Self::off("durable.directory is empty"));
        }
        // Made by whoever installs the daemon, so that nothing is kept in a place nobody knows of.
        if !settings.directory.is_dir() {
            return Ok(Self::off(format!(
                "there is no directory {}",
                settings.directory.display()
            )));
        }
        let journal = Journal::open(settings, tell)?;
        Ok(Self {
            place: Ok(Arc::new(journal)),
        })
    }

    fn journal(&self) -> Result<&Arc<Journal>, Cause> {
        match &self.place {
            Ok(journal) => Ok(journal),
            Err(why) => Err(Cause::TransfersOff(why.to_string())),
        }
    }
}

impl Broker {
    /// The same with transfers.
    #[must_use]
    pub fn with_transfers(mut self, transfers: Transfers) -> Self {
        self.transfers = transfers;
        self
    }

    /// Whether this daemon keeps transfers.
    #[must_use]
    pub fn keeps_transfers(&self) -> bool {
        self.transfers.place.is_ok()
    }

    /// Takes the wish for an upload. The same wish under the same name is the same transfer.
    ///
    /// # Errors
    /// Why it is not taken.
    pub async fn create_upload(
        &self,
        caller: &Caller,
        id: TransferId,
        wish: Wish,
    ) -> Result<Upload, Error> {
        Ok(match self.create(caller, id, wish).await? {
            Created::Is(transfer) => Upload::Accepted(transfer),
            Created::Receive(hold) => Upload::Receive(Receiving::begin(hold).await?),
        })
    }

    /// Goes on with an upload that was half received.
    ///
    /// # Errors
    /// It is not half received, or not so far.
    pub async fn resume_upload(
        &self,
        caller: &Caller,
        id: TransferId,
        offset: u64,
    ) -> Result<Receiving, Error> {
        let key = key(caller, id);
        let hold = self.transfers.journal()?.receive(&key, offset)?;
        Receiving::begin(hold).await
    }

    /// Takes the wish for a download. The same wish under the same name is the same transfer.
    ///
    /// # Errors
    /// Why it is not taken.
    pub async fn create_download(
        &self,
        caller: &Caller,
        id: TransferId,
        wish: Wish,
    ) -> Result<Transfer, Error> {
        match self.create(caller, id, wish).await? {
            Created::Is(transfer) => Ok(*transfer),
            Created::Receive(_) => Err(Cause::WrongAnswer.into()),
        }
    }

    /// A transfer of the caller's as it is.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn transfer(&self, caller: &Caller, id: TransferId) -> Result<Transfer, Error> {
        let there = self.transfers.journal()?.get(&key(caller, id));
        there.ok_or_else(|| Cause::TransferNotFound.into())
    }

    /// The caller's transfers behind a name, in the order of names.
    ///
    /// # Errors
    /// This daemon keeps none.
    pub fn list_transfers(
        &self,
        caller: &Caller,
        behind: Option<&TransferId>,
        limit: usize,
    ) -> Result<Vec<Transfer>, Error> {
        let journal = self.transfers.journal()?;
        Ok(journal.list(&caller.principal, behind, limit))
    }

    /// Watches a transfer of the caller's.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn watch_transfer(&self, caller: &Caller, id: TransferId) -> Result<Watch, Error> {
        let key = key(caller, id);
        let journal = Arc::clone(self.transfers.journal()?);
        let mut changed = journal.subscribe(&key).ok_or(Cause::TransferNotFound)?;
        changed.mark_changed();
        Ok(Watch {
            journal,
            key,
            changed,
            over: false,
        })
    }

    /// Reads a download of the caller's from `offset` on.
    ///
    /// # Errors
    /// There is none of this name.
    pub async fn read_transfer(
        &self,
        caller: &Caller,
        id: TransferId,
        offset: u64,
    ) -> Result<TransferReading, Error> {
        let journal = Arc::clone(self.transfers.journal()?);
        TransferReading::begin(journal, key(caller, id), offset).await
    }

    /// Has a transfer that failed, or that waits, tried at once and with a new budget.
    ///
    /// # Errors
    /// It is in another state, or its bytes are gone.
    pub async fn retry_transfer(&self, caller: &Caller, id: TransferId) -> Result<Transfer, Error> {
        let key = key(caller, id);
        let journal = self.transfers.journal()?;
        loop {
            let mut changed = journal.subscribe(&key).ok_or(Cause::TransferNotFound)?;
            let record = journal.get(&key).ok_or(Cause::TransferNotFound)?.record;
            match record.state {
                State::Failed | State::Waiting { .. } if record.file.is_none() => {
                    return Err(Cause::SpoolLost.into());
                }
                State::Failed | State::Waiting { .. } => {}
                state => return Err(Cause::WrongState(state.name()).into()),
            }
            match journal.claim(&key) {
                Ok(hold) => {
                    hold.change(Record::retry).await?;
                    drop(hold);
                    return self.transfer(caller, key.id);
                }
                // What it left is being deleted, or an attempt has just begun.
                Err(Cause::TransferBusy) => {
                    journal.halt(&key);
                    let _ = changed.changed().await;
                }
                Err(cause) => return Err(cause.into()),
            }
        }
    }

    /// Ends a transfer; completes when it has ended and the link is free of it. One that is over
    /// stays as it is.
    ///
    /// # Errors
    /// There is none of this name, or the disk failed.
    pub async fn cancel_transfer(
        &self,
        caller: &Caller,
        id: TransferId,
    ) -> Result<Transfer, Error> {
        let key = key(caller, id);
        let journal = self.transfers.journal()?;
        loop {
            let mut changed = journal.subscribe(&key).ok_or(Cause::TransferNotFound)?;
            let there = journal.get(&key).ok_or(Cause::TransferNotFound)?;
            if there.record.state.is_over() {
                return Ok(there);
            }
            match journal.claim(&key) {
                Ok(hold) => {
                    hold.change(|record, now| {
                        if !record.state.is_over() {
                            record.cancel(now);
                        }
                    })
                    .await?;
                }
                Err(Cause::TransferBusy) => {
                    journal.halt(&key);
                    let _ = changed.changed().await;
                }
                Err(cause) => return Err(cause.into()),
            }
        }
    }

    /// Forgets a transfer that is over, or half received.
    ///
    /// # Errors
    /// It is in another state, or somebody works on it.
    pub async fn delete_transfer(&self, caller: &Caller, id: TransferId) -> Result<(), Error> {
        let may = |record: &Record| record.state.is_over() || record.state == State::Receiving;
        self.transfers
            .journal()?
            .forget(&key(caller, id), may)
            .await
    }

    async fn create(&self, caller: &Caller, id: TransferId, wish: Wish) -> Result<Created, Error> {
        let journal = self.transfers.journal()?;
        // Refused now and not at its turn, when nobody listens.
        let profile = ServerChoice::Profile(wish.profile.clone());
        self.shared.servers.resolve(&profile)?;
        journal.create(key(caller, id), wish).await
    }
}

/// A transfer that is watched.
#[derive(Debug)]
pub struct Watch {
    journal: Arc<Journal>,
    key: Key,
    changed: watch::Receiver<u64>,
    over: bool,
}

impl Watch {
    /// The transfer at once, and then when it has changed; `None` after it was over.
    ///
    /// # Errors
    /// It was deleted.
    pub async fn next(&mut self) -> Result<Option<Transfer>, Error> {
        if self.over {
            return Ok(None);
        }
        let gone = || Error::from(Cause::TransferNotFound);
        self.changed.changed().await.map_err(|_| gone())?;
        let there = self.journal.get(&self.key).ok_or_else(gone)?;
        self.over = there.record.state.is_over();
        Ok(Some(there))
    }
}

fn key(caller: &Caller, id: TransferId) -> Key {
    Key {
        principal: caller.principal.clone(),
        id,
    }
}
