//! What callers do with transfers.

use crate::transfers::Storage;
use std::sync::Arc;

use tokio::sync::watch;

use super::cancel::record_cancel;
use super::compare::Comparing;
use super::journal::{Chore, Created, Journal};
use super::record::{Record, State};
use super::wish::Wish;
use super::{Keeping, Receiving, Transfer, TransferReading, Upload};
use crate::broker::Broker;
use crate::broker::terms::Birth;
use crate::broker::terms::{Caller, ServerChoice, Whose};
use crate::broker::terms::{Cause, Error};
use crate::broker::terms::{Key, TransferId};

/// Transfers that outlive their caller. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Transfers {
    pub(super) broker: Broker,
    pub(super) storage: Storage,
}

impl Transfers {
    /// The transfers of a storage, which go over the link that a broker shares: from now on the broker knows which
    /// names they are to write.
    #[must_use]
    pub fn new(broker: Broker, storage: Storage) -> Self {
        let kept = storage.clone();
        broker.names().with_kept(move || {
            let journal = Arc::clone(kept.journal().ok()?);
            Some(journal)
        });
        Self { broker, storage }
    }

    /// The link that they go over.
    #[must_use]
    pub const fn broker(&self) -> &Broker {
        &self.broker
    }

    /// Whether transfers are kept, now and at every change.
    #[must_use]
    pub fn keeping(&self) -> watch::Receiver<Keeping> {
        self.storage.keeping()
    }

    /// Names of what is kept of stores that were damaged, beside the store.
    #[must_use]
    pub fn set_aside(&self) -> Vec<String> {
        self.storage.set_aside()
    }

    /// How many transfers of one principal are kept, and how many bytes; `None` where none are.
    #[must_use]
    pub fn limits(&self) -> Option<(usize, u64)> {
        let journal = self.storage.journal().ok()?;
        Some(journal.of_one())
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
            Created::Compare(there) => {
                let journal = Arc::clone(self.storage.journal()?);
                Upload::Compare(Comparing::begin(journal, &there))
            }
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
        let hold = self.storage.journal()?.receive(&key, offset)?;
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
            Created::Receive(_) | Created::Compare(_) => Err(Cause::WrongAnswer.into()),
        }
    }

    /// A transfer of the caller's as it is.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn transfer(&self, caller: &Caller, id: TransferId) -> Result<Transfer, Error> {
        let there = self.storage.journal()?.get(&key(caller, id));
        there.ok_or_else(|| Cause::TransferNotFound.into())
    }

    /// The transfers of whoever is meant behind one of them, in the order of principals and names.
    ///
    /// # Errors
    /// This daemon keeps none.
    pub fn list_transfers(
        &self,
        caller: &Caller,
        whose: &Whose,
        behind: Option<&Key>,
        limit: usize,
        takes: impl Fn(&Record) -> bool,
    ) -> Result<Vec<Transfer>, Error> {
        let journal = self.storage.journal()?;
        Ok(journal.list(whose.one(caller), behind, limit, takes))
    }

    /// Watches a transfer of the caller's.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn watch_transfer(&self, caller: &Caller, id: TransferId) -> Result<Watch, Error> {
        let key = key(caller, id);
        let journal = Arc::clone(self.storage.journal()?);
        let (there, mut changed) = journal.follow(&key).ok_or(Cause::TransferNotFound)?;
        changed.mark_changed();
        Ok(Watch {
            journal,
            key,
            birth: there.birth,
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
        let journal = Arc::clone(self.storage.journal()?);
        TransferReading::begin(journal, key(caller, id), offset).await
    }

    /// Has a transfer that failed, or that waits, tried at once and with a new budget. One that fell
    /// due meanwhile is being tried, which is what was wished: it goes on, with the new budget.
    ///
    /// # Errors
    /// It is in another state, its bytes are gone, or the disk failed.
    pub async fn retry_transfer(&self, caller: &Caller, id: TransferId) -> Result<Transfer, Error> {
        let key = key(caller, id);
        let journal = Arc::clone(self.storage.journal()?);
        let there = journal.get(&key).ok_or(Cause::TransferNotFound)?;
        let birth = there.birth;
        match there.record.state {
            State::Failed | State::Waiting { .. } => {}
            state => return Err(Cause::WrongState(state.name()).into()),
        }
        let change = {
            let (journal, key) = (Arc::clone(&journal), key.clone());
            move |record: &mut Record, now| {
                match record.state {
                    State::Failed | State::Waiting { .. } if record.file.is_none() => {
                        return Err(Cause::SpoolLost);
                    }
                    State::Failed | State::Waiting { .. } => record.retry(now),
                    // Its time had come, or another caller had the same wish.
                    State::Queued | State::Running => record.renew(),
                    // It was tried meanwhile.
                    State::Done => {}
                    State::Receiving | State::Cancelled => {
                        return Err(Cause::WrongState(record.state.name()));
                    }
                }
                // What it left on the server may be the beginning of what comes.
                journal.step_aside(&key, birth);
                journal.reopen_logins();
                Ok(())
            }
        };
        journal.change_of(&key, birth, change).await?;
        let there = journal.get_of(&key, birth);
        there.ok_or_else(|| Cause::TransferNotFound.into())
    }

    /// Ends a transfer; completes when it has ended and the link is free of it. One that is over
    /// stays as it is.
    ///
    /// # Errors
    /// There is none of this name, or the disk failed. The wish is then remembered, as long as the
    /// daemon runs, and carried out when the disk takes it.
    pub async fn cancel_transfer(
        &self,
        caller: &Caller,
        id: TransferId,
    ) -> Result<Transfer, Error> {
        let key = key(caller, id);
        let journal = self.storage.journal()?;
        let (there, mut changed) = journal.follow(&key).ok_or(Cause::TransferNotFound)?;
        let birth = there.birth;
        journal.wish_cancel(&key, birth);
        loop {
            changed.mark_unchanged();
            let there = journal.get_of(&key, birth);
            let there = there.ok_or(Cause::TransferNotFound)?;
            if there.record.state.is_over() {
                return Ok(there);
            }
            match journal.claim(&key, birth, Chore::Cancel) {
                Ok(hold) => record_cancel(&hold).await?,
                Err(Cause::TransferBusy) => {
                    if let Some(why) = journal.why_unrecorded(&key, birth) {
                        return Err(why);
                    }
                    let _ = changed.changed().await;
                }
                Err(cause) => return Err(cause.into()),
            }
        }
    }

    /// Forgets a transfer that is over, or half received. What it has left on its server is deleted
    /// all the same.
    ///
    /// # Errors
    /// It is in another state, somebody sends it, or the disk failed.
    pub async fn delete_transfer(&self, caller: &Caller, id: TransferId) -> Result<(), Error> {
        let may = |record: &Record| record.state.is_over() || record.state == State::Receiving;
        let key = key(caller, id);
        let journal = self.storage.journal()?;
        let (there, mut changed) = journal.follow(&key).ok_or(Cause::TransferNotFound)?;
        loop {
            changed.mark_unchanged();
            match journal.forget(&key, there.birth, may).await {
                // Whoever worked on it is about to let go, or deletes what it left on the server.
                Err(error) if matches!(error.cause, Cause::TransferBusy) => {
                    journal.step_aside(&key, there.birth);
                    let _ = changed.changed().await;
                }
                done => return done,
            }
        }
    }

    async fn create(&self, caller: &Caller, id: TransferId, wish: Wish) -> Result<Created, Error> {
        let journal = self.storage.journal()?;
        // Refused now and not at its turn, when nobody listens.
        let profile = ServerChoice::Profile(wish.profile.clone());
        let there = self.broker.servers().resolve(&profile)?;
        let method = match wish.upload() {
            Some(_) => "CreateUpload",
            None => "CreateDownload",
        };
        there.profile.allow(&caller.principal, method)?;
        if caller.options.validate_only {
            journal.would_create(&key(caller, id), &wish)?;
            return Err(Cause::OnlyValidated.into());
        }
        journal.create(key(caller, id), wish).await
    }
}

/// A transfer that is watched.
#[derive(Debug)]
pub struct Watch {
    journal: Arc<Journal>,
    key: Key,
    birth: Birth,
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
        let there = self
            .journal
            .get_of(&self.key, self.birth)
            .ok_or_else(gone)?;
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
