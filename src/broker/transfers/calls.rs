//! What callers do with transfers.

use std::sync::Arc;

use tokio::sync::watch;

use super::journal::{Created, Journal};
use super::record::{Record, State};
use super::wish::{Key, TransferId, Wish};
use super::{Keeping, Receiving, Transfer, TransferReading, Transfers, Upload};
use crate::broker::Broker;
use crate::broker::caller::{Caller, ServerChoice};
use crate::broker::error::{Cause, Error};

impl Broker {
    /// The same with transfers.
    #[must_use]
    pub fn with_transfers(mut self, transfers: Transfers) -> Self {
        self.transfers = transfers;
        self
    }

    /// Whether this daemon keeps transfers, now and at every change.
    #[must_use]
    pub fn keeping(&self) -> watch::Receiver<Keeping> {
        self.transfers.keeping()
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
        let there = self.shared.servers.resolve(&profile)?;
        let method = match wish.upload() {
            Some(_) => "CreateUpload",
            None => "CreateDownload",
        };
        there.profile.allow(&caller.principal, method)?;
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
