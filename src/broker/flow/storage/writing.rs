//! Bytes from a caller to a file of the module.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::DropGuard;

use super::WriteModuleFile;
use super::moving::{ModuleProgress, follow};
use crate::broker::operation::Operation;
use crate::broker::spool::MAX_CHUNK;
use crate::broker::terms::{Cause, Error, Hashed, Tally};
use crate::modem::JobId;
use crate::modem::source::{Once, Source};
use simcom_talk::dialogue::operation::{Output, Piece, Standing, Stored, Task};

/// Pieces between the caller and the module: the next is ready while one is sent.
const PIECES: usize = 2;

/// A running upload to a file of the module. Dropping it before [`WritingToModule::finish`] has
/// answered cancels the operation, and the module does not have the file.
///
/// The module completes the file with its last byte, so this holds the newest piece back until the
/// caller has confirmed everything. The operation asks for the link with the second piece, or with
/// the end.
#[derive(Debug)]
pub struct WritingToModule {
    operation: JobId,
    what: WriteModuleFile,
    tally: Tally,
    held: Bytes,
    report: watch::Sender<ModuleProgress>,
    stage: Stage,
    _cancel: DropGuard,
}

/// A finished file on the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its size, as the module reports it.
    pub size: u64,
    /// SHA-256 of the bytes that the caller sent.
    pub sha256: [u8; 32],
    /// Time on the link, without waiting in the queue.
    pub elapsed: Duration,
}

#[derive(Debug)]
enum Stage {
    Waiting(Arc<Operation>),
    Running {
        pieces: mpsc::Sender<Piece>,
        job: JoinHandle<Result<(Stored, Duration), Error>>,
    },
    Over,
}

impl WritingToModule {
    pub(crate) fn new(operation: Arc<Operation>, what: WriteModuleFile) -> Self {
        Self {
            operation: operation.id.clone(),
            _cancel: operation.cancel.clone().drop_guard(),
            what,
            tally: Tally::default(),
            held: Bytes::new(),
            report: watch::Sender::default(),
            stage: Stage::Waiting(operation),
        }
    }

    /// Identifies the operation.
    #[must_use]
    pub const fn operation(&self) -> &JobId {
        &self.operation
    }

    /// The declared number of bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        u64::from(self.what.size)
    }

    /// How far it is, now and at every change.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<ModuleProgress> {
        self.report.subscribe()
    }

    /// Takes the next bytes; waits while the module is busy with earlier ones.
    ///
    /// # Errors
    /// [`Cause::SizeMismatch`]: more bytes than declared; else the link causes of
    /// [`Broker`](crate::broker::Broker), or [`Cause::WriterTooSlow`].
    pub async fn push(&mut self, mut bytes: Bytes) -> Result<(), Error> {
        let found = self.tally.size.saturating_add(bytes.len() as u64);
        self.check_size(found, found > u64::from(self.what.size))?;
        self.tally.add(&bytes);
        while !bytes.is_empty() {
            let next = bytes.split_to(bytes.len().min(MAX_CHUNK));
            let piece = std::mem::replace(&mut self.held, next);
            if !piece.is_empty() {
                self.send(Piece::Data(piece)).await?;
            }
        }
        Ok(())
    }

    /// Says that all bytes are there, and waits for the result. Before the file is completed,
    /// `sha256`, if given, is compared with the bytes.
    ///
    /// # Errors
    /// [`Cause::SizeMismatch`]: fewer bytes than declared; [`Cause::HashMismatch`];
    /// [`Cause::WriterTooSlow`]; the link causes of [`Broker`](crate::broker::Broker).
    pub async fn finish(mut self, sha256: Option<[u8; 32]>) -> Result<Written, Error> {
        let found = self.tally.size;
        self.check_size(found, found != u64::from(self.what.size))?;
        if sha256.is_some_and(|sha256| sha256 != self.tally.sha256()) {
            return Err(self.error(Cause::HashMismatch(Hashed::Sent)));
        }
        let last = std::mem::take(&mut self.held);
        if !last.is_empty() {
            self.send(Piece::Data(last)).await?;
        }
        self.send(Piece::End).await?;
        let (stored, elapsed) = self.outcome().await?;
        Ok(Written {
            size: stored.sent,
            sha256: self.tally.sha256(),
            elapsed,
        })
    }

    fn check_size(&self, found: u64, wrong: bool) -> Result<(), Error> {
        let expected = u64::from(self.what.size);
        if wrong {
            return Err(self.error(Cause::SizeMismatch { expected, found }));
        }
        Ok(())
    }

    fn error(&self, cause: Cause) -> Error {
        Error {
            operation: Some(self.operation.clone()),
            ..cause.into()
        }
    }

    async fn send(&mut self, piece: Piece) -> Result<(), Error> {
        if matches!(self.stage, Stage::Waiting(_))
            && let Stage::Waiting(operation) = std::mem::replace(&mut self.stage, Stage::Over)
        {
            let (pieces, source) = mpsc::channel(PIECES);
            let teller = operation.teller();
            let job = write(operation, self.what.clone(), source, self.report.clone());
            let job = tokio::spawn(teller.tells(job));
            self.stage = Stage::Running { pieces, job };
        }
        let Stage::Running { pieces, .. } = &self.stage else {
            return Err(self.error(Cause::WrongAnswer));
        };
        let end = piece == Piece::End;
        if pieces.send(piece).await.is_ok() || end {
            // The module may have all declared bytes before the end is sent.
            return Ok(());
        }
        match self.outcome().await {
            Ok(_) => Err(self.error(Cause::WrongAnswer)),
            Err(error) => Err(error),
        }
    }

    async fn outcome(&mut self) -> Result<(Stored, Duration), Error> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Running { job, pieces } => {
                let finished = job.await;
                drop(pieces);
                finished.unwrap_or_else(|how| Err(Error::lost(&self.operation, &how)))
            }
            Stage::Waiting(_) | Stage::Over => Err(self.error(Cause::WrongAnswer)),
        }
    }
}

/// The operation itself, independent of its caller.
async fn write(
    operation: Arc<Operation>,
    what: WriteModuleFile,
    source: mpsc::Receiver<Piece>,
    report: watch::Sender<ModuleProgress>,
) -> Result<(Stored, Duration), Error> {
    let task = Task::WriteModuleFile(what);
    let source: Box<dyn Source> = Box::new(Once::new(source));
    let answer = follow(&operation, Standing::Ready, task, Some(source), &report).await;
    let outcome = match answer {
        Ok(Output::Stored(stored)) => Ok((stored, operation.on_link())),
        Ok(_) => Err(operation.error(Cause::WrongAnswer)),
        Err(error) => Err(error),
    };
    operation.log(&outcome);
    outcome
}
