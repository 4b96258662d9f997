//! Bytes from a caller to the server.

mod content;
mod drive;
mod many;
mod same;
mod sending;
mod sentinel;
mod upload;

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::broker::catalogue::Location;
use crate::broker::link;
use crate::broker::operation::Operation;
use crate::broker::spool::{Spools, WriteError, Writer};
use crate::broker::terms::{Cause, Error, Hashed, Patience, PutResult, Tally, Target, Verify};
use crate::broker::usage::Allowance;
use crate::modem::{self, JobId};
use content::Content;
pub(crate) use content::OnDisk;
use drive::Driver;
pub(crate) use drive::Place;
pub use many::{FileWritten, Incoming, PutFilesHeader};
pub use same::Same;
pub(crate) use sentinel::Sentinel;
use simcom_talk::dialogue::failure;
use simcom_talk::ftps::value::RemotePath;

/// The properties of a Put.
#[derive(Debug, Clone)]
pub struct PutHeader {
    /// Where it goes.
    pub target: Target,
    /// Its path.
    pub path: RemotePath,
    /// Fail, without touching the file, if the name exists.
    pub must_be_new: bool,
    /// How the daemon verifies the result; `None`: by the size; in an ASCII session, as well as
    /// possible.
    pub verify: Option<Verify>,
    /// Delete the partial file if the Put fails.
    pub delete_on_failure: bool,
    /// Number of bytes, if the caller knows it. The Put fails if another number comes; the daemon
    /// reserves nothing for it.
    pub size: Option<u64>,
    /// A file written last, with the size and SHA-256 of the first: absolute, or relative to the
    /// directory of `path`. It is written only if the first is verified, so it needs a `verify`
    /// other than [`Verify::Nothing`].
    pub sentinel: Option<RemotePath>,
}

/// A running upload. Dropping it before [`Writing::finish`] has answered cancels the operation;
/// without `finish` the file is never completed.
///
/// The operation asks for the link when the first bytes have come, so that a caller that only opens
/// an upload delays nobody. If the caller sends nothing for the time of
/// [`crate::broker::limits::Trickle`], the upload yields the link, if it can resume later. If the
/// caller sends nothing for the time of [`crate::broker::limits::Stall`], on the link or off it,
/// the upload fails.
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

/// How far a Put is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PutProgress {
    /// Its stage.
    pub stage: PutStage,
    /// Bytes handed to the module.
    pub sent: u64,
    /// Its place, while it is queued.
    pub place: link::QueuePlace,
}

/// The stage of a Put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PutStage {
    /// It waits for bytes or for the link, at first or after it has yielded.
    #[default]
    Queued,
    /// On the link.
    Sending,
    /// The daemon verifies the result.
    Verifying,
}

impl Writing {
    /// Begins an operation that takes bytes.
    pub(crate) fn begin(
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

    /// Identifies the operation.
    #[must_use]
    pub const fn operation(&self) -> &JobId {
        &self.operation
    }

    /// The number of bytes that the caller declared.
    #[must_use]
    pub const fn declared(&self) -> Option<u64> {
        self.declared
    }

    /// How far it is, now and at every change.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<PutProgress> {
        self.progress.clone()
    }

    /// Takes the next bytes; waits while the spool is full. Dropping the future before it completes
    /// leaves a part of the bytes in the spool: drop the [`Writing`] then.
    ///
    /// # Errors
    /// [`Cause::SizeMismatch`]: more bytes than declared; [`Cause::DataBudget`]; [`Cause::Spool`];
    /// else the cause that ended the operation, as [`Writing::finish`] lists.
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

    /// Completes when the operation has failed before all bytes came. Cancel-safe: for a `select!`
    /// beside the caller's stream.
    pub async fn failed(&mut self) -> Error {
        if let Some(error) = &self.failed {
            return error.clone();
        }
        let error = match (&mut self.driver).await {
            Ok(Err(error)) => error,
            // The operation cannot succeed before `finish`.
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

    /// Says that all bytes are there, and waits for the result. Before the file is completed,
    /// `sha256`, if given, is compared with the bytes.
    ///
    /// # Errors
    /// [`Cause::SizeMismatch`], [`Cause::HashMismatch`]: the bytes, or the file on the server, are
    /// not the expected ones. [`Cause::NameTaken`], [`Cause::NameBusy`]: another upload has the
    /// name. [`Cause::Unverified`], [`Cause::Indeterminate`]: the evidence is not enough.
    /// [`Cause::WriterTooSlow`], [`Cause::Spool`], and the link causes of
    /// [`Broker`](crate::broker::Broker). After a failure of the sentinel
    /// ([`Cause::SentinelUnknown`] among others) the file itself is complete and verified:
    /// `committed` is its size.
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
            // A driver that has ended has its answer ready.
            let _ = whole.send(self.tally.clone());
        }
        if let Some(writer) = self.writer.as_mut() {
            writer.end();
        }
        let finished = (&mut self.driver).await;
        finished.unwrap_or_else(|how| Err(Error::lost(&self.operation, &how)))
    }

    /// Ends the operation because of a fault found here, and waits until it has ended.
    async fn fail(&mut self, cause: Cause) -> Error {
        self.fault.set(cause);
        self.cancel.cancel();
        self.writer = None;
        self.failed().await
    }
}

/// The fault on the caller's side that ended the operation, if it was not a cancellation.
#[derive(Debug, Clone, Default)]
struct Fault(Arc<Mutex<Option<Cause>>>);

impl Fault {
    fn set(&self, cause: Cause) {
        self.0.lock().get_or_insert(cause);
    }

    /// The error of an operation that was ended: with the fault's cause, if there is one.
    fn explain(&self, error: Error) -> Error {
        let fault = self.0.lock().take();
        // The module may see the end of the source before the cancellation.
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
