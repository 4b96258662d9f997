//! The calls on transfers.

use std::sync::Arc;

use tokio::sync::watch;

use super::compare::Comparing;
use super::journal::{Chore, Created, Journal};
use super::record::{Record, State};
use super::wish::Wish;
use super::{Keeping, Receiving, Settings, Transfer, TransferReading, Upload};
use crate::broker::Broker;
use crate::broker::terms::{Birth, Caller, Cause, Error, Key, ServerChoice, TransferId, Whose};
use crate::modem::health::LoggedIn;
use crate::transfers::Storage;

/// Transfers that outlive their caller. Cheap to clone.
///
/// # Errors of its calls
///
/// The `# Errors` sections name the *store causes* together: [`Cause::TransfersOff`]: this daemon
/// keeps no transfers; [`Cause::Spool`]: the disk failed; [`Cause::Store`]: the store cannot be
/// used.
#[derive(Debug, Clone)]
pub struct Transfers {
    pub(super) broker: Broker,
    pub(super) storage: Storage,
}

impl Transfers {
    /// The transfers of a storage on the link that a broker shares. From now on the broker knows
    /// which names they will write.
    #[must_use]
    pub fn new(broker: Broker, storage: Storage) -> Self {
        let kept = storage.clone();
        broker.names().with_kept(move || {
            let journal = Arc::clone(kept.journal().ok()?);
            Some(journal)
        });
        Self { broker, storage }
    }

    /// The broker of the link that they use.
    #[must_use]
    pub const fn broker(&self) -> &Broker {
        &self.broker
    }

    /// Whether the daemon keeps transfers, now and at every change.
    #[must_use]
    pub fn keeping(&self) -> watch::Receiver<Keeping> {
        self.storage.keeping()
    }

    /// Names of the damaged stores kept beside the store.
    #[must_use]
    pub fn set_aside(&self) -> Vec<String> {
        self.storage.set_aside()
    }

    /// Takes over other bounds and budgets. What was accepted stays, and attempts that run go on. The passwords of
    /// the logins `changed` are perhaps others.
    pub fn reload(&self, settings: &Settings, changed: &[LoggedIn]) {
        self.storage.reload(settings);
        if let Ok(journal) = self.storage.journal() {
            journal.doubt_logins(changed);
        }
    }

    /// Most transfers of one principal, and most bytes; `None` where the daemon keeps none.
    #[must_use]
    pub fn limits(&self) -> Option<(usize, u64)> {
        let journal = self.storage.journal().ok()?;
        Some(journal.of_one())
    }

    /// Creates an upload. The same wish under the same name is the same transfer.
    ///
    /// # Errors
    /// [`Cause::ProfileNotFound`], [`Cause::ProfileNotAllowed`], [`Cause::OnlyValidated`],
    /// [`Cause::TransferExists`], [`Cause::TransferBusy`], [`Cause::TransferEnded`],
    /// [`Cause::TooManyTransfers`], [`Cause::SpoolFull`], and the store causes of [`Transfers`].
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

    /// Resumes an upload that was received in part.
    ///
    /// # Errors
    /// [`Cause::TransferNotFound`]; [`Cause::WrongState`]: it is not in the middle of being
    /// received; [`Cause::WrongOffset`]; [`Cause::TransferBusy`]: another call sends it;
    /// [`Cause::TransferEnded`]: it was cancelled; [`Cause::SpoolFull`]; the store causes of
    /// [`Transfers`].
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

    /// Creates a download. The same wish under the same name is the same transfer.
    ///
    /// # Errors
    /// As [`Transfers::create_upload`]; [`Cause::WrongAnswer`]: a defect.
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

    /// A transfer of the caller.
    ///
    /// # Errors
    /// [`Cause::TransferNotFound`], and the store causes of [`Transfers`].
    pub fn transfer(&self, caller: &Caller, id: TransferId) -> Result<Transfer, Error> {
        let there = self.storage.journal()?.get(&key(caller, id));
        there.ok_or_else(|| Cause::TransferNotFound.into())
    }

    /// The transfers of the principals that `whose` names, after `behind`, in the order of
    /// principals and names.
    ///
    /// # Errors
    /// The store causes of [`Transfers`].
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

    /// Watches a transfer of the caller.
    ///
    /// # Errors
    /// [`Cause::TransferNotFound`], and the store causes of [`Transfers`].
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

    /// Reads a download of the caller from `offset` on.
    ///
    /// # Errors
    /// [`Cause::TransferNotFound`]; [`Cause::WrongState`]: it is an upload;
    /// [`Cause::TransferEnded`]: its bytes are gone; the store causes of [`Transfers`].
    pub async fn read_transfer(
        &self,
        caller: &Caller,
        id: TransferId,
        offset: u64,
    ) -> Result<TransferReading, Error> {
        let journal = Arc::clone(self.storage.journal()?);
        TransferReading::begin(journal, key(caller, id), offset).await
    }

    /// Tries a failed or waiting transfer at once and with a new budget. If its next attempt began
    /// meanwhile, that attempt goes on with the new budget.
    ///
    /// # Errors
    /// [`Cause::TransferNotFound`]; [`Cause::WrongState`]: it neither failed nor waits;
    /// [`Cause::SpoolLost`]: its bytes are gone; the store causes of [`Transfers`].
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
                    // Its attempt fell due meanwhile, or another caller had retried it.
                    State::Queued | State::Running => record.renew(),
                    // An attempt succeeded meanwhile.
                    State::Done => {}
                    State::Receiving | State::Cancelled => {
                        return Err(Cause::WrongState(record.state.name()));
                    }
                }
                // The partial file on the server may be the beginning of the new attempt.
                journal.step_aside(&key, birth);
                journal.reopen_logins();
                Ok(())
            }
        };
        journal.change_of(&key, birth, change).await?;
        tell(caller, &key.id, "a transfer is tried anew");
        let there = journal.get_of(&key, birth);
        there.ok_or_else(|| Cause::TransferNotFound.into())
    }

    /// Cancels a transfer; completes when it has ended and the link is free of it. A transfer that
    /// has ended stays as it is.
    ///
    /// # Errors
    /// [`Cause::TransferNotFound`], and the store causes of [`Transfers`]. After a failure of the
    /// disk the daemon remembers the cancellation while it runs, and records it when the disk
    /// accepts it.
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
                tell(caller, &key.id, "a cancelled transfer has ended");
                return Ok(there);
            }
            match journal.claim(&key, birth, Chore::Cancel) {
                Ok(hold) => hold.record_cancel().await?,
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

    /// Deletes a transfer that has ended or was received in part. The daemon still deletes its
    /// partial file on the server.
    ///
    /// # Errors
    /// [`Cause::TransferNotFound`]; [`Cause::WrongState`]: it has not ended, or another call sends
    /// it; the store causes of [`Transfers`].
    pub async fn delete_transfer(&self, caller: &Caller, id: TransferId) -> Result<(), Error> {
        let may = |record: &Record| record.state.is_over() || record.state == State::Receiving;
        let key = key(caller, id);
        let journal = self.storage.journal()?;
        let (there, mut changed) = journal.follow(&key).ok_or(Cause::TransferNotFound)?;
        loop {
            changed.mark_unchanged();
            match journal.forget(&key, there.birth, may).await {
                // Whoever works on it will release it soon, or deletes its partial file on the
                // server.
                Err(error) if matches!(error.cause, Cause::TransferBusy) => {
                    journal.step_aside(&key, there.birth);
                    let _ = changed.changed().await;
                }
                done => {
                    if done.is_ok() {
                        tell(caller, &key.id, "a transfer was deleted");
                    }
                    return done;
                }
            }
        }
    }

    async fn create(&self, caller: &Caller, id: TransferId, wish: Wish) -> Result<Created, Error> {
        let journal = self.storage.journal()?;
        // Refuses an unusable profile now, not at the attempt, when nobody listens.
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
        let shows_paths = !self.broker.limits().hides_paths;
        let path = shows_paths.then(|| wish.path.to_string());
        let (profile, named) = (wish.profile.clone(), id.clone());
        let created = journal.create(key(caller, id), wish).await?;
        tracing::info!(principal = %caller.principal, transfer = %named, method, profile, path, "a transfer is kept");
        Ok(created)
    }
}

/// A watched transfer.
#[derive(Debug)]
pub struct Watch {
    journal: Arc<Journal>,
    key: Key,
    birth: Birth,
    changed: watch::Receiver<u64>,
    over: bool,
}

impl Watch {
    /// The transfer at once, and then at each change; `None` after it has ended.
    ///
    /// # Errors
    /// [`Cause::TransferNotFound`]: it was deleted.
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

/// Logs what a call did to a transfer, and whose it is.
fn tell(caller: &Caller, id: &TransferId, what: &str) {
    tracing::info!(principal = %caller.principal, transfer = %id, "{what}");
}

fn key(caller: &Caller, id: TransferId) -> Key {
    Key {
        principal: caller.principal.clone(),
        id,
    }
}
