//! Bytes from the server to a caller.

mod drive;
mod guarded;
mod many;

use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::DropGuard;

use crate::broker::Broker;
use crate::broker::link::QueuePlace;
use crate::broker::operation::Operation;
use crate::broker::spool::{Reader, Spooled, Spools};
use crate::broker::terms::{Cause, Error, Patience, Tally};
use crate::modem::JobId;
pub use guarded::{Guarded, Guards, Wanted};
pub use many::Part;
use simcom_talk::dialogue::operation::{Delivered, Growth, Progress, Standing, Task};

/// A running download or listing. Dropping it cancels the operation.
#[derive(Debug)]
pub struct Reading {
    operation: JobId,
    /// The operation, as long as it has not ended.
    live: Weak<Operation>,
    size: Option<u64>,
    reader: Reader,
    /// Bytes that an earlier reading delivered.
    before: u64,
    tally: Tally,
    progress: watch::Receiver<GetProgress>,
    /// The progress of the current or the last turn on the link.
    link: watch::Receiver<Progress>,
    begin: Begin,
    driver: JoinHandle<Result<Finished, Error>>,
    ended: Option<Result<Next, Error>>,
    /// Ends the operation with the reading, if the reading is all of it.
    _cancel: Option<DropGuard>,
}

/// Whether the transfer has begun.
#[derive(Debug)]
enum Begin {
    Awaited(oneshot::Receiver<Option<u64>>),
    /// It failed before that, or delivered nothing: the driver has the answer.
    Missed,
    Seen,
}

/// How far a Get is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GetProgress {
    /// Its stage.
    pub stage: GetStage,
    /// Its place, while it is queued.
    pub place: QueuePlace,
}

/// The stage of a Get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GetStage {
    /// It waits for the link, at first or after it has yielded.
    #[default]
    Queued,
    /// It is on the link, or has ended.
    Receiving,
}

/// The next item of a [`Reading`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The next bytes: at least one, at most [`crate::broker::spool::MAX_CHUNK`].
    Chunk(Bytes),
    /// All bytes were delivered.
    End(GetResult),
}

/// A finished download or listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetResult {
    /// Bytes delivered in chunks.
    pub size: u64,
    /// SHA-256 of these bytes.
    pub sha256: [u8; 32],
    /// How often the link broke and the transfer resumed.
    pub resumes: u32,
    /// Time on the link, without waiting in the queue.
    pub elapsed: Duration,
    /// The size of the file now, if it is more than [`Reading::size`]: the delivered bytes are its
    /// first ones. It grew, or a longer file replaced it before the first byte came.
    pub grown: Option<u64>,
}

impl Broker {
    /// Begins a job that delivers; completes when the delivery begins.
    pub(crate) async fn read(
        &self,
        operation: Arc<Operation>,
        job: Deliver,
    ) -> Result<Reading, Error> {
        let spools = &self.shared.spools;
        let mut reading = Reading::begin(operation, job, spools, self.patience());
        reading.began().await?;
        Ok(reading)
    }
}

impl Reading {
    /// Begins an operation that delivers.
    pub(crate) fn begin(
        operation: Arc<Operation>,
        job: Deliver,
        spools: &Arc<Spools>,
        patience: Patience,
    ) -> Self {
        let cancel = operation.cancel.clone().drop_guard();
        let reading = Self::of(operation, job, spools, patience, true);
        Self {
            _cancel: Some(cancel),
            ..reading
        }
    }

    /// Begins a delivering job of an operation that has more jobs after it.
    pub(crate) fn part_of(
        operation: Arc<Operation>,
        job: Deliver,
        spools: &Arc<Spools>,
        patience: Patience,
    ) -> Self {
        Self::of(operation, job, spools, patience, false)
    }

    fn of(
        operation: Arc<Operation>,
        job: Deliver,
        spools: &Arc<Spools>,
        patience: Patience,
        is_all: bool,
    ) -> Self {
        let (writer, reader) = spools.from_link(&operation.principal, patience.stall);
        let (begin, began) = oneshot::channel();
        let (report, progress) = watch::channel(GetProgress::default());
        let (to_tell, link) = watch::channel(Progress::default());
        let id = operation.id.clone();
        let live = Arc::downgrade(&operation);
        let teller = operation.teller();
        let before = job.before();
        let drive = teller.tells(async move {
            let mut writer = writer;
            let (writer, told) = (&mut writer, (&report, &to_tell));
            let way = drive::deliver(&operation, job, writer, begin, told.0, told.1, patience);
            let outcome = way.await;
            if is_all {
                operation.log(&outcome);
            }
            outcome
        });
        Self {
            operation: id,
            live,
            size: None,
            reader,
            before,
            tally: Tally::default(),
            progress,
            link,
            begin: Begin::Awaited(began),
            driver: tokio::spawn(drive),
            ended: None,
            _cancel: None,
        }
    }

    /// Waits until the transfer begins on the link. Cancel-safe.
    ///
    /// # Errors
    /// The link causes of [`Broker`]; [`Cause::WrongOffset`]: the file is
    /// shorter than the offset; [`Cause::SizeMismatch`]; [`Cause::ReaderTooSlow`];
    /// [`Cause::Spool`].
    pub async fn began(&mut self) -> Result<(), Error> {
        if let Begin::Awaited(began) = &mut self.begin {
            let size = began.await;
            self.size = size.as_ref().ok().copied().flatten();
            self.begin = size.map_or(Begin::Missed, |_| Begin::Seen);
        }
        if matches!(self.begin, Begin::Missed) && self.ended.is_none() {
            self.ended = Some(self.finished().await);
        }
        match &self.ended {
            Some(Err(error)) => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// The progress, now and at every change.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<GetProgress> {
        self.progress.clone()
    }

    /// Identifies the operation.
    #[must_use]
    pub const fn operation(&self) -> &JobId {
        &self.operation
    }

    /// Size of the file on the server before the transfer, if the server tells; known once
    /// [`Reading::began`] has answered.
    #[must_use]
    pub const fn size(&self) -> Option<u64> {
        self.size
    }

    /// Waits for the next bytes, or for the end. Cancel-safe. An error is the last item, and the
    /// bytes before it are right.
    ///
    /// # Errors
    /// As [`Reading::began`]; [`Cause::SizeMismatch`] also where the module's count of bytes
    /// differs. `committed` is the number of bytes delivered.
    pub async fn next(&mut self) -> Result<Next, Error> {
        if let Some(ended) = &self.ended {
            return ended.clone();
        }
        let ended = match self.reader.read().await {
            Ok(Spooled::Data(chunk)) => {
                self.tally.add(&chunk);
                return Ok(Next::Chunk(chunk));
            }
            Ok(Spooled::End | Spooled::Broken) => self.finished().await,
            Err(error) => {
                let cause = Cause::Spool(Arc::new(error));
                Err(Error {
                    operation: Some(self.operation.clone()),
                    ..cause.into()
                })
            }
        };
        let ended = ended.map_err(|error| Error {
            committed: Some(self.tally.size),
            ..error
        });
        self.ended = Some(ended.clone());
        ended
    }

    /// The caller has everything that it wants: the link carries no more, and the operation ends as
    /// a success. Returns the result so far; the number of bytes and their hash are those of the
    /// whole reading.
    fn enough(&self) -> GetResult {
        let elapsed = self.live.upgrade().map(|operation| {
            operation.enough();
            operation.on_link()
        });
        GetResult {
            size: self.tally.size,
            sha256: self.tally.sha256(),
            resumes: self.link.borrow().resumes,
            elapsed: elapsed.unwrap_or_default(),
            grown: None,
        }
    }

    /// The result of the driver.
    async fn finished(&mut self) -> Result<Next, Error> {
        let finished = (&mut self.driver).await;
        finished
            .unwrap_or_else(|how| Err(Error::lost(&self.operation, &how)))
            .and_then(|finished| finished.result(&self.operation, self.before, &self.tally))
    }
}

/// A job that delivers.
#[derive(Debug)]
pub(crate) struct Deliver {
    pub(crate) standing: Standing,
    pub(crate) task: Task,
    /// The job retries a refused login that has worked before, as long as the caller waits.
    pub(crate) insists: bool,
}

impl Deliver {
    /// Bytes that an earlier reading delivered.
    fn before(&self) -> u64 {
        match &self.task {
            Task::Download(download) => download.begun.as_ref().map_or(0, |begun| begun.got),
            _ => 0,
        }
    }
}

/// The module's result at the end.
#[derive(Debug)]
struct Finished {
    delivered: Delivered,
    elapsed: Duration,
    grown: Option<u64>,
}

impl Finished {
    /// The end of a reading, if the module's count agrees with the bytes delivered.
    fn result(&self, id: &JobId, before: u64, tally: &Tally) -> Result<Next, Error> {
        let Self {
            delivered,
            elapsed,
            grown,
        } = self;
        let found = before + tally.size;
        if delivered.bytes != found {
            let expected = delivered.bytes;
            let cause = Cause::SizeMismatch { expected, found };
            return Err(Error {
                operation: Some(id.clone()),
                ..cause.into()
            });
        }
        Ok(Next::End(GetResult {
            size: tally.size,
            sha256: tally.sha256(),
            resumes: delivered.resumes,
            elapsed: *elapsed,
            grown: *grown,
        }))
    }
}
