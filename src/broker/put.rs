//! Bytes on their way from a caller to the server.

mod content;
mod drive;
mod many;
mod same;
mod sending;
mod sentinel;
mod upload;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::caller::Target;
use super::error::{Cause, Error, Hashed};
use super::link;
use super::location::Location;
use super::operation::Operation;
use super::spool::{Spools, WriteError, Writer};
use super::tally::Tally;
use super::usage::Allowance;
use crate::modem::{self, JobId};
use content::Content;
pub(super) use content::OnDisk;
use drive::Driver;
pub(super) use drive::Place;
pub use many::{FileWritten, Incoming, PutFilesHeader};
pub use same::Same;
pub(super) use sentinel::Sentinel;
use simcom_talk::dialogue::failure;
use simcom_talk::ftps::value::{RemotePath, TransferType};

/// What a file that is written shall be.
#[derive(Debug, Clone)]
pub struct PutHeader {
    /// Where it goes.
    pub target: Target,
    /// Its path.
    pub path: RemotePath,
    /// Refuse, without touching it, where the name exists.
    pub must_be_new: bool,
    /// How the result is made sure of; `None`: by the size, and as well as can be in an ASCII session.
    pub verify: Option<Verify>,
    /// Delete what was begun where the file could not be written whole.
    pub delete_on_failure: bool,
    /// Bytes to come, where the caller knows. Other than what then comes fails the Put; nothing
    /// is set aside for it.
    pub size: Option<u64>,
    /// A file written last, holding size and SHA-256 of the first: absolute, or relative to the
    /// directory of `path`. Written only where the first is verified, so it needs a `verify`
    /// other than [`Verify::Nothing`].
    pub sentinel: Option<RemotePath>,
}

/// How the result of a Put is made sure of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Verify {
    /// The server is asked for the size.
    #[default]
    Size,
    /// The file is read back and its SHA-256 compared.
    ReadBack,
    /// Nothing is asked.
    Nothing,
    /// The server is asked for the size; where it does not tell, the module's report is enough.
    BestEffort,
}

impl Verify {
    /// What is meant where nothing is said.
    pub(super) const fn usual(transfer_type: TransferType) -> Self {
        match transfer_type {
            TransferType::Binary => Self::Size,
            TransferType::Ascii => Self::BestEffort,
        }
    }

    /// Whether a state is enough.
    const fn is_met_by(self, state: PutState) -> bool {
        match (self, state) {
            (_, PutState::Indeterminate) => false,
            (Self::Nothing | Self::BestEffort, _)
            | (Self::Size, PutState::VerifiedSize)
            | (_, PutState::VerifiedHash) => true,
            (Self::ReadBack, PutState::VerifiedSize)
            | (Self::Size | Self::ReadBack, PutState::Unverified) => false,
        }
    }
}

/// An upload under way. Dropping it before [`Writing::finish`] has answered cancels the
/// operation; without `finish` the file is never completed.
///
/// The link is asked for when the first bytes have come, so that a caller who only opens holds
/// nobody up. One that sends nothing for the time of [`super::limits::Trickle`] gives the link to
/// those who wait, where its upload can go on later; one that sends nothing for the time of
/// [`super::limits::Stall`], on the link or not, has failed.
#[derive(Debug)]
pub struct Writing {
    operation: JobId,
    declared: Option<u64>,
    allowance: Option<Arc<Allowance>>,
    tally: Tally,
    writer: Option<Writer>,
    whole: Option<oneshot::Sender<Tally>>,
    fault: Fault,
    progress: watch::Receiver<PutProgress>,
    driver: JoinHandle<Result<PutResult, Error>>,
    failed: Option<Error>,
    cancel: CancellationToken,
    _cancel: DropGuard,
}

/// How long a caller may stand still: one that sends, or one that reads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Before it has failed.
    pub(super) stall: Duration,
    /// Before its transfer makes way for others.
    pub(super) trickle: Duration,
}

/// How far a Put is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PutProgress {
    /// What is being done.
    pub stage: PutStage,
    /// Bytes handed to the module.
    pub sent: u64,
    /// Its place, while it is queued.
    pub place: link::Place,
}

/// What a Put is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PutStage {
    /// Waiting for bytes or for the link, at first or after it made way.
    #[default]
    Queued,
    /// On the link.
    Sending,
    /// Making sure of the result.
    Verifying,
}

/// A finished Put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutResult {
    /// Bytes of the file on the server.
    pub size: u64,
    /// SHA-256 of the bytes that were pushed.
    pub sha256: [u8; 32],
    /// How sure it is.
    pub state: PutState,
    /// What the state rests on, in words.
    pub evidence: String,
    /// How often the link broke and the transfer went on.
    pub resumes: u32,
    /// Time on the link, without waiting in the queue.
    pub elapsed: Duration,
    /// A sentinel was asked for and is written.
    pub sentinel_written: bool,
}

/// How sure it is that the server holds the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PutState {
    /// The server names the right size.
    VerifiedSize,
    /// The bytes were read back and have the right SHA-256.
    VerifiedHash,
    /// The module reported success; nothing else is known.
    Unverified,
    /// All bytes were handed over, the outcome was lost, and the server does not tell.
    Indeterminate,
}

impl Writing {
    /// Begins an operation that takes bytes.
    pub(super) fn begin(
        operation: Arc<Operation>,
        location: &Location,
        header: &PutHeader,
        spools: &Arc<Spools>,
        patience: Patience,
    ) -> Result<Self, Cause> {
        let (writer, reader) = spools.to_link(&operation.principal);
        let (whole, tally) = oneshot::channel();
        let (report, progress) = watch::channel(PutProgress::default());
        let content = Content::Brought {
            reader,
            whole: tally,
        };
        let allowance = operation.allowance.clone();
        let (id, cancel) = (operation.id.clone(), operation.cancel.clone());
        let teller = operation.teller();
        let driver = Driver::new(operation, location, header, content, report, patience)?;
        let fault = driver.fault.clone();
        let driver = tokio::spawn(teller.tells(driver.run()));
        Ok(Self {
            operation: id,
            declared: header.size,
            allowance,
            tally: Tally::default(),
            writer: Some(writer),
            whole: Some(whole),
            fault,
            progress,
            driver,
            failed: None,
            _cancel: cancel.clone().drop_guard(),
            cancel,
        })
    }

    /// Names the operation.
    #[must_use]
    pub const fn operation(&self) -> &JobId {
        &self.operation
    }

    /// Bytes to come, where the caller has said.
    #[must_use]
    pub const fn declared(&self) -> Option<u64> {
        self.declared
    }

    /// How far it is, now and at every change.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<PutProgress> {
        self.progress.clone()
    }

    /// Hands over the next bytes; waits while the spool is full. Dropping the future before it
    /// completes leaves a part of them handed over: drop the [`Writing`] then.
    ///
    /// # Errors
    /// Why the operation is over.
    pub async fn push(&mut self, bytes: Bytes) -> Result<(), Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let found = self.tally.size.saturating_add(bytes.len() as u64);
        if let Some(expected) = self.declared.filter(|declared| found > *declared) {
            return Err(self.fail(Cause::SizeMismatch { expected, found }).await);
        }
        let allowed = self.allowance.as_ref().map(|all| all.upload(found, false));
        if let Some(Err(cause)) = allowed {
            return Err(self.fail(cause).await);
        }
        self.tally.add(&bytes);
        let Some(writer) = self.writer.as_mut() else {
            return Err(self.failed().await);
        };
        match writer.write(bytes).await {
            Ok(()) => Ok(()),
            Err(WriteError::Gone | WriteError::Stalled) => Err(self.failed().await),
            Err(WriteError::Io(error)) => Err(self.fail(Cause::Spool(Arc::new(error))).await),
        }
    }

    /// Completes when the operation has failed while bytes are still awaited. Cancel-safe: for a
    /// `select!` beside the caller's stream.
    pub async fn failed(&mut self) -> Error {
        if let Some(error) = &self.failed {
            return error.clone();
        }
        let error = match (&mut self.driver).await {
            Ok(Err(error)) => error,
            // It cannot succeed before it was told that all bytes are there.
            Ok(Ok(_)) => {
                let operation = Some(self.operation.clone());
                Error {
                    operation,
                    ..Cause::WrongAnswer.into()
                }
            }
            Err(how) => Error::lost(&self.operation, &how),
        };
        self.failed = Some(error.clone());
        error
    }

    /// Says that all bytes were pushed, and waits for the result. `sha256`, where the caller has
    /// it, is compared with the bytes that were pushed before the file is completed.
    ///
    /// # Errors
    /// Why the file is not there as it should be. A failure of the sentinel leaves the file
    /// itself, whole and verified: `committed` is its size.
    pub async fn finish(mut self, sha256: Option<[u8; 32]>) -> Result<PutResult, Error> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let found = self.tally.size;
        if let Some(expected) = self.declared.filter(|declared| found != *declared) {
            return Err(self.fail(Cause::SizeMismatch { expected, found }).await);
        }
        if sha256.is_some_and(|sha256| sha256 != self.tally.sha256()) {
            return Err(self.fail(Cause::HashMismatch(Hashed::Sent)).await);
        }
        if let Some(whole) = self.whole.take() {
            // A driver that is gone has its answer ready.
            let _ = whole.send(self.tally.clone());
        }
        if let Some(writer) = self.writer.as_mut() {
            writer.end();
        }
        let finished = (&mut self.driver).await;
        finished.unwrap_or_else(|how| Err(Error::lost(&self.operation, &how)))
    }

    /// Ends the operation for a fault that was found here, and waits until it has ended.
    async fn fail(&mut self, cause: Cause) -> Error {
        self.fault.set(cause);
        self.cancel.cancel();
        self.writer = None;
        self.failed().await
    }
}

/// Why the caller's side ended the operation, where it was not the caller's wish.
#[derive(Debug, Clone, Default)]
struct Fault(Arc<Mutex<Option<Cause>>>);

impl Fault {
    fn set(&self, cause: Cause) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(cause);
    }

    /// The error of an operation that was ended: the fault's cause, if there is one.
    fn explain(&self, error: Error) -> Error {
        let fault = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The module may see the end of the source before the wish to cancel.
        let source_gone = matches!(&error.cause, Cause::Modem(error)
            if matches!(&**error, modem::Error::Failed(failure)
                if failure.cause == failure::Cause::SourceGone));
        match fault {
            Some(cause) if source_gone || matches!(error.cause, Cause::Cancelled(_)) => {
                Error { cause, ..error }
            }
            _ => error,
        }
    }
}
