//! Bytes on their way from the server to a caller.

mod drive;
mod ends;
mod guarded;
mod many;

use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::DropGuard;

use super::error::{Cause, Error};
use super::link::Place;
use super::operation::Operation;
use super::put::Patience;
use super::spool::{Reader, Spooled, Spools};
use super::tally::Tally;
use crate::modem::JobId;
use simcom_talk::dialogue::operation::{Delivered, Progress, Standing, Task};

pub use guarded::{Guarded, Guards, Wanted};
pub use many::Part;
use simcom_talk::dialogue::operation::Growth;

/// A download or listing under way. Dropping it cancels the operation.
#[derive(Debug)]
pub struct Reading {
    operation: JobId,
    /// The same, as long as it has not ended.
    live: Weak<Operation>,
    size: Option<u64>,
    reader: Reader,
    /// Bytes that an earlier reading has handed over.
    before: u64,
    tally: Tally,
    progress: watch::Receiver<GetProgress>,
    /// How far it is on the link, now or when it had it last.
    link: watch::Receiver<Progress>,
    begin: Begin,
    driver: JoinHandle<Result<Finished, Error>>,
    ended: Option<Result<Next, Error>>,
    /// Ends the operation with the reading, where it is all of it.
    _cancel: Option<DropGuard>,
}

/// Whether the transfer has begun.
#[derive(Debug)]
enum Begin {
    Awaited(oneshot::Receiver<Option<u64>>),
    /// It failed before, or there was nothing to deliver: the driver knows.
    Missed,
    Seen,
}

/// How a Get stands with the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GetProgress {
    /// What is being done.
    pub stage: GetStage,
    /// Its place, while it is queued.
    pub place: Place,
}

/// What a Get is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GetStage {
    /// Waiting for the link, at first or after it made way.
    #[default]
    Queued,
    /// On the link, or over.
    Receiving,
}

/// What comes next in a [`Reading`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The next bytes, at most [`super::spool::MAX_CHUNK`] of them, never none.
    Chunk(Bytes),
    /// All bytes were handed over.
    End(GetResult),
}

/// A finished download or listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetResult {
    /// Bytes handed over in chunks.
    pub size: u64,
    /// SHA-256 of these bytes.
    pub sha256: [u8; 32],
    /// How often the link broke and the transfer went on.
    pub resumes: u32,
    /// Time on the link, without waiting in the queue.
    pub elapsed: Duration,
    /// The size that the file has now, where that is more than [`Reading::size`]: what was handed
    /// over are its first bytes. It grew, or a longer one took its place before the first byte came.
    pub grown: Option<u64>,
}

impl Reading {
    /// Begins an operation that delivers.
    pub(super) fn begin(
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

    /// Begins a job that delivers, of an operation that goes on behind it.
    pub(super) fn part_of(
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
    /// Why it did not begin.
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

    /// How it stands with the link, now and at every change.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<GetProgress> {
        self.progress.clone()
    }

    /// Names the operation.
    #[must_use]
    pub const fn operation(&self) -> &JobId {
        &self.operation
    }

    /// Size of the file on the server before the transfer, where it tells; known once
    /// [`Reading::began`] has answered.
    #[must_use]
    pub const fn size(&self) -> Option<u64> {
        self.size
    }

    /// Waits for the next bytes, or for the end. Cancel-safe. An error is the last thing that
    /// comes, and what was handed over before it is true.
    ///
    /// # Errors
    /// Why not all bytes came; `committed` counts those that did.
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

    /// Its caller has all that it wanted: the rest is not taken from the link, and the operation is done.
    /// Answers what came so far, but for the number of bytes and their hash, which the caller knows.
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

    /// How the driver ended.
    async fn finished(&mut self) -> Result<Next, Error> {
        let finished = (&mut self.driver).await;
        finished
            .unwrap_or_else(|how| Err(Error::lost(&self.operation, &how)))
            .and_then(|finished| finished.result(&self.operation, self.before, &self.tally))
    }
}

/// A job that delivers.
#[derive(Debug)]
pub(super) struct Deliver {
    pub(super) standing: Standing,
    pub(super) task: Task,
    /// A login that has worked and is refused is tried again, as long as the caller waits.
    pub(super) insists: bool,
}

impl Deliver {
    /// Bytes that an earlier reading has handed over.
    fn before(&self) -> u64 {
        match &self.task {
            Task::Download(download) => download.begun.as_ref().map_or(0, |begun| begun.got),
            _ => 0,
        }
    }
}

/// What the module said at the end.
#[derive(Debug)]
struct Finished {
    delivered: Delivered,
    elapsed: Duration,
    grown: Option<u64>,
}

impl Finished {
    /// The end of a reading, if the module delivered what was counted.
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
