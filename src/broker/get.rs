//! Bytes on their way from the server to a caller.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::Instrument;

use super::error::{Cause, Error};
use super::estimate::Load;
use super::link::Place;
use super::operation::{Feed, Operation};
use super::put::Patience;
use super::scheduler::Yielding;
use super::spool::{Reader, Spooled, Spools, WriteError, Writer};
use super::tally::Tally;
use crate::ftps::value::TransferType;
use crate::modem::JobId;
use crate::modem::failure::Ending;
use crate::modem::operation::{Delivered, Delivery, Download, Output, Standing, Task};

/// Deliveries between the module and the spool: enough that neither waits for the other's next
/// turn on the runtime, few enough not to count as memory (a chunk is at most 1480 bytes on most
/// firmware, SIMCom manual L1214).
const DELIVERIES: usize = 8;

/// A download or listing under way. Dropping it cancels the operation.
#[derive(Debug)]
pub struct Reading {
    operation: JobId,
    size: Option<u64>,
    reader: Reader,
    /// Bytes that an earlier reading has handed over.
    before: u64,
    tally: Tally,
    progress: watch::Receiver<GetProgress>,
    begin: Begin,
    driver: JoinHandle<Result<Finished, Error>>,
    ended: Option<Result<Next, Error>>,
    _cancel: DropGuard,
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
}

impl Reading {
    /// Begins an operation that delivers.
    pub(super) fn begin(
        operation: Arc<Operation>,
        job: Deliver,
        spools: &Arc<Spools>,
        patience: Patience,
    ) -> Self {
        let (writer, reader) = spools.from_link(patience.stall);
        let (begin, began) = oneshot::channel();
        let (report, progress) = watch::channel(GetProgress::default());
        let cancel = operation.cancel.clone().drop_guard();
        let id = operation.id.clone();
        let span = operation.span();
        let before = job.before();
        let drive = drive(operation, job, writer, begin, report, patience).instrument(span);
        Self {
            operation: id,
            size: None,
            reader,
            before,
            tally: Tally::default(),
            progress,
            begin: Begin::Awaited(began),
            driver: tokio::spawn(drive),
            ended: None,
            _cancel: cancel,
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
}

impl Finished {
    /// The end of a reading, if the module delivered what was counted.
    fn result(&self, id: &JobId, before: u64, tally: &Tally) -> Result<Next, Error> {
        let Self { delivered, elapsed } = self;
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
        }))
    }
}

/// The operation itself, whatever becomes of its caller.
async fn drive(
    operation: Arc<Operation>,
    job: Deliver,
    mut writer: Writer,
    begin: oneshot::Sender<Option<u64>>,
    report: watch::Sender<GetProgress>,
    patience: Patience,
) -> Result<Finished, Error> {
    let (delivery, deliveries) = mpsc::channel(DELIVERIES);
    let (answer, pumped) = tokio::join!(transfer(&operation, job, delivery, &report), async {
        tokio::select! {
            biased;
            () = operation.cancelled() => Ok(()),
            pumped = pump(&operation, deliveries, &mut writer, begin, patience.trickle) => pumped,
        }
    },);
    let outcome = match (pumped, answer) {
        (Err(cause), _) => Err(operation.error(cause)),
        (Ok(()), Ok(Output::Delivered(delivered))) => Ok(Finished {
            delivered,
            elapsed: operation.on_link(),
        }),
        (Ok(()), Ok(_)) => Err(operation.error(Cause::WrongAnswer)),
        (Ok(()), Err(error)) => Err(error),
    };
    writer.end();
    // The link is free; the caller reads the rest at its own pace.
    let outcome = tokio::select! {
        biased;
        () = operation.cancelled() => {
            writer.discard();
            outcome.and_then(|_| Err(operation.ended_by_caller(Ending::Drained)))
        }
        drained = writer.drained(patience.stall) => match outcome {
            Ok(_) if !drained => Err(operation.error(Cause::ReaderTooSlow)),
            outcome => outcome,
        },
    };
    operation.log(&outcome);
    outcome
}

/// Does the job, in as many stays on the link as it takes.
async fn transfer(
    operation: &Operation,
    job: Deliver,
    delivery: mpsc::Sender<Delivery>,
    report: &watch::Sender<GetProgress>,
) -> Result<Output, Error> {
    let Deliver { standing, mut task } = job;
    let mut place = operation.place.subscribe();
    loop {
        let now = task.clone();
        let make_way = CancellationToken::new();
        let feed = Feed {
            delivery: Some(delivery.clone()),
            make_way: make_way.clone(),
            ..Feed::default()
        };
        let stay = async {
            let turn = tokio::select! {
                biased;
                () = delivery.closed() => {
                    return Err(operation.ended_by_caller(Ending::BeforeItBegan));
                }
                turn = operation.turn(load(&now), yielding(operation, &standing, &now)) => turn?,
            };
            report.send_modify(|report| report.stage = GetStage::Receiving);
            operation.submit(turn, standing.clone(), now, feed).await
        };
        let mut stay = pin!(stay);
        let mut others = pin!(operation.give_way(&make_way, || operation.can_abort()));
        let answer = loop {
            tokio::select! {
                biased;
                answer = &mut stay => break answer?,
                Ok(()) = place.changed() => {
                    let place = *place.borrow_and_update();
                    report.send_modify(|report| report.place = place);
                }
                () = &mut others => {}
            }
        };
        match (answer, &mut task) {
            (Output::DownloadYielded(mut begun), Task::Download(download)) => {
                let undelivered = std::mem::take(&mut begun.undelivered);
                download.begun = Some(begun);
                report.send_modify(|report| report.stage = GetStage::Queued);
                if !taken(&delivery, undelivered).await {
                    return Err(operation.ended_by_caller(Ending::Drained));
                }
            }
            (answer, _) => return Ok(answer),
        }
    }
}

/// Off the link: hands on what it did not deliver any more, and waits until the spool has taken it all,
/// so that one whose reader stands still does not come back before there is room. `false` where nobody
/// wants it any more.
async fn taken(delivery: &mpsc::Sender<Delivery>, undelivered: Vec<Delivery>) -> bool {
    for each in undelivered {
        if delivery.send(each).await.is_err() {
            return false;
        }
    }
    delivery.reserve_many(DELIVERIES).await.is_ok()
}

/// What is left to move.
fn load(task: &Task) -> Load {
    Load::Down(match task {
        Task::Download(Download { offset, begun, .. }) => begun.as_ref().and_then(|begun| {
            let at = offset.get() + begun.got;
            begun.size.map(|size| size.saturating_sub(at))
        }),
        _ => None,
    })
}

/// Whether it can go on later.
fn yielding(operation: &Operation, standing: &Standing, task: &Task) -> Option<Yielding> {
    let (Task::Download(download), Standing::LoggedIn(place)) = (task, standing) else {
        return None;
    };
    let exact = place.transfer_type == TransferType::Binary;
    exact.then_some(Yielding {
        policy: operation.yields,
        in_blocks: false,
        again: download.begun.is_some(),
    })
}

/// Takes deliveries to the spool. Where it cannot take them all, it lets go of their channel, which
/// ends the job.
async fn pump(
    operation: &Operation,
    mut deliveries: mpsc::Receiver<Delivery>,
    writer: &mut Writer,
    begin: oneshot::Sender<Option<u64>>,
    trickle: Duration,
) -> Result<(), Cause> {
    let mut begin = Some(begin);
    let mut moved = 0;
    while let Some(delivery) = deliveries.recv().await {
        let (size, chunk) = match delivery {
            Delivery::Began { size } => (size, Bytes::new()),
            Delivery::Chunk(chunk) => (None, chunk),
        };
        if let Some(begin) = begin.take() {
            if let Some(size) = size {
                operation.sized(size);
            }
            // A caller that is gone cancels in its own way.
            let _ = begin.send(size);
        }
        moved += chunk.len() as u64;
        if let Some(allowance) = &operation.allowance {
            allowance.download(moved)?;
        }
        match spool(operation, writer, chunk, trickle).await {
            Ok(()) => {}
            // The job hears of it in its own way.
            Err(WriteError::Gone) => return Ok(()),
            Err(WriteError::Stalled) => return Err(Cause::ReaderTooSlow),
            Err(WriteError::Io(error)) => return Err(Cause::Spool(Arc::new(error))),
        }
        operation.moved(moved);
    }
    Ok(())
}

/// Takes a chunk to the spool, and tells the queue when its reader makes no room for so long.
async fn spool(
    operation: &Operation,
    writer: &mut Writer,
    chunk: Bytes,
    trickle: Duration,
) -> Result<(), WriteError> {
    let mut writing = pin!(writer.write(chunk));
    if let Ok(written) = timeout(trickle, &mut writing).await {
        return written;
    }
    operation.trickles(true);
    let written = writing.await;
    operation.trickles(false);
    written
}
