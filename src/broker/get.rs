//! Bytes on their way from the server to a caller.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::DropGuard;
use tracing::Instrument;

use super::error::{Cause, Error};
use super::operation::{Feed, Operation};
use super::spool::{Reader, Spooled, Spools, WriteError, Writer};
use super::tally::Tally;
use crate::modem::JobId;
use crate::modem::failure::Ending;
use crate::modem::operation::{Delivered, Delivery, Output, Standing, Task};

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
    tally: Tally,
    driver: JoinHandle<Result<Finished, Error>>,
    ended: Option<Result<Next, Error>>,
    _cancel: DropGuard,
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
    /// Begins an operation that delivers; completes when the transfer does begin.
    pub(super) async fn begin(
        operation: Arc<Operation>,
        job: Deliver,
        spools: &Arc<Spools>,
        stall: Duration,
    ) -> Result<Self, Error> {
        let (writer, reader) = spools.from_link(stall);
        let (begin, began) = oneshot::channel();
        let cancel = operation.cancel.clone().drop_guard();
        let id = operation.id.clone();
        let span = operation.span();
        let drive = drive(operation, job, writer, begin, stall).instrument(span);
        let mut driver = tokio::spawn(drive);
        let size = match began.await {
            Ok(size) => size,
            // It failed before, or there was nothing to deliver: the driver knows.
            Err(_) => {
                let finished = (&mut driver).await;
                let ended = finished.unwrap_or_else(|how| Err(Error::lost(&id, &how)))?;
                let tally = Tally::default();
                let ended = Some(ended.result(&id, &tally));
                return Ok(Self {
                    operation: id,
                    size: None,
                    reader,
                    tally,
                    driver,
                    ended,
                    _cancel: cancel,
                });
            }
        };
        let tally = Tally::default();
        Ok(Self {
            operation: id,
            size,
            reader,
            tally,
            driver,
            ended: None,
            _cancel: cancel,
        })
    }

    /// Names the operation.
    #[must_use]
    pub const fn operation(&self) -> &JobId {
        &self.operation
    }

    /// Size of the file on the server before the transfer, where it tells.
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
            Ok(Spooled::End | Spooled::Broken) => {
                let finished = (&mut self.driver).await;
                finished
                    .unwrap_or_else(|how| Err(Error::lost(&self.operation, &how)))
                    .and_then(|finished| finished.result(&self.operation, &self.tally))
            }
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
}

/// A job that delivers.
#[derive(Debug)]
pub(super) struct Deliver {
    pub(super) standing: Standing,
    pub(super) task: Task,
}

/// What the module said at the end.
#[derive(Debug)]
struct Finished {
    delivered: Delivered,
    elapsed: Duration,
}

impl Finished {
    /// The end of a reading, if the module delivered what was counted.
    fn result(&self, id: &JobId, tally: &Tally) -> Result<Next, Error> {
        let Self { delivered, elapsed } = self;
        if delivered.bytes != tally.size {
            let cause = Cause::SizeMismatch {
                expected: delivered.bytes,
                found: tally.size,
            };
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
    stall: Duration,
) -> Result<Finished, Error> {
    let (delivery, deliveries) = mpsc::channel(DELIVERIES);
    let feed = Feed {
        delivery: Some(delivery),
        ..Feed::default()
    };
    let (answer, pumped) = tokio::join!(operation.run(job.standing, job.task, feed), async {
        tokio::select! {
            biased;
            () = operation.cancelled() => Ok(()),
            pumped = pump(&operation, deliveries, &mut writer, begin) => pumped,
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
        drained = writer.drained(stall) => match outcome {
            Ok(_) if !drained => Err(operation.error(Cause::ReaderTooSlow)),
            outcome => outcome,
        },
    };
    operation.log(&outcome);
    outcome
}

/// Takes deliveries to the spool. Where it cannot take them all, it lets go of their channel, which
/// ends the job.
async fn pump(
    operation: &Operation,
    mut deliveries: mpsc::Receiver<Delivery>,
    writer: &mut Writer,
    begin: oneshot::Sender<Option<u64>>,
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
        match writer.write(chunk).await {
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
