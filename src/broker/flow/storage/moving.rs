//! File transfers between server and module, and the progress of an operation on a module file.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::DropGuard;

use crate::broker::link::QueuePlace;
use crate::broker::operation::{Feed, Operation};
use crate::broker::terms::{Cause, Error};
use crate::modem::source::Source;
use crate::modem::{JobId, clock};
use simcom_talk::dialogue::operation::{
    MovedFile, Output, Progress, ProgressStage, Standing, Task,
};
use simcom_talk::ftps::storage::ModulePath;

/// A running transfer between server and module. Dropping it before [`Moving::outcome`] has
/// answered cancels the operation.
#[derive(Debug)]
pub struct Moving {
    operation: JobId,
    progress: watch::Receiver<ModuleProgress>,
    job: JoinHandle<Result<TransferResult, Error>>,
    _cancel: DropGuard,
}

/// A finished transfer between server and module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferResult {
    /// The file on the module.
    pub file: ModulePath,
    /// Its size on the module.
    pub size: u64,
    /// The server reports the same size; `false` if it does not tell.
    pub verified: bool,
    /// How often the link broke and the transfer resumed.
    pub resumes: u32,
    /// Time on the link, without waiting in the queue.
    pub elapsed: Duration,
}

/// How far an operation on a file of the module is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ModuleProgress {
    /// Its stage.
    pub stage: ProgressStage,
    /// Bytes known to have arrived.
    pub bytes: u64,
    /// Its place, while it waits.
    pub place: QueuePlace,
    /// When it got the link.
    pub since: Option<Instant>,
}

impl Moving {
    pub(crate) fn begin(
        operation: Arc<Operation>,
        standing: Standing,
        task: Task,
        file: ModulePath,
    ) -> Self {
        let (report, progress) = watch::channel(ModuleProgress::default());
        let (id, cancel) = (operation.id.clone(), operation.cancel.clone().drop_guard());
        let teller = operation.teller();
        let job = async move {
            let answer = follow(&operation, standing, task, None, &report).await;
            let outcome = match answer {
                Ok(Output::Moved(moved)) => Ok(result(file, &moved, operation.on_link())),
                Ok(_) => Err(operation.error(Cause::WrongAnswer)),
                Err(error) => Err(error),
            };
            operation.log(&outcome);
            outcome
        };
        Self {
            operation: id,
            progress,
            job: tokio::spawn(teller.tells(job)),
            _cancel: cancel,
        }
    }

    /// Identifies the operation.
    #[must_use]
    pub const fn operation(&self) -> &JobId {
        &self.operation
    }

    /// How far it is, now and at every change.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<ModuleProgress> {
        self.progress.clone()
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// The link causes of [`Broker`](crate::broker::Broker); [`Cause::SizeMismatch`].
    pub async fn outcome(mut self) -> Result<TransferResult, Error> {
        let finished = (&mut self.job).await;
        finished.unwrap_or_else(|how| Err(Error::lost(&self.operation, &how)))
    }
}

/// Runs the only job of an operation, and reports its progress.
pub(crate) async fn follow(
    operation: &Operation,
    standing: Standing,
    task: Task,
    source: Option<Box<dyn Source>>,
    report: &watch::Sender<ModuleProgress>,
) -> Result<Output, Error> {
    let progress = watch::Sender::default();
    let mut job_progress = progress.subscribe();
    let mut place = operation.place.subscribe();
    let feed = Feed {
        source,
        progress,
        ..Feed::default()
    };
    let mut job = pin!(operation.run(standing, task, feed));
    loop {
        tokio::select! {
            biased;
            answer = &mut job => return answer,
            Ok(()) = place.changed() => {
                let place = *place.borrow_and_update();
                report.send_modify(|report| report.place = place);
            }
            Ok(()) = job_progress.changed() => {
                let progress = *job_progress.borrow_and_update();
                if progress.stage == ProgressStage::Transferring {
                    operation.moved(progress.bytes);
                }
                report.send_modify(|report| report.take(progress));
            }
        }
    }
}

impl ModuleProgress {
    fn take(&mut self, progress: Progress) {
        self.stage = progress.stage;
        self.bytes = progress.bytes;
        if progress.stage != ProgressStage::Waiting {
            self.since.get_or_insert_with(clock::now);
        }
    }
}

fn result(file: ModulePath, moved: &MovedFile, elapsed: Duration) -> TransferResult {
    TransferResult {
        file,
        size: moved.size,
        verified: moved.confirmed.is_some(),
        resumes: moved.resumes,
        elapsed,
    }
}
