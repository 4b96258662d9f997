//! The operation behind a reading. It carries the module's deliveries to the spool, in as many
//! turns on the link as needed.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Deliver, Finished, GetProgress, GetStage};
use crate::broker::operation::{EVERY, Feed, Operation};
use crate::broker::scheduler::Yielding;
use crate::broker::spool::{Gauge, WriteError, Writer};
use crate::broker::terms::{Cause, Error, Load, Patience};
use simcom_talk::dialogue::failure::Ending;
use simcom_talk::dialogue::operation::{Delivery, Download, Output, Progress, Standing, Task};
use simcom_talk::ftps::value::TransferType;

/// Deliveries between the module and the spool: enough that neither waits for the other's next
/// poll, and few enough to need little memory (where content comes fast, one has 64 KiB).
const DELIVERIES: usize = 2;

/// A reader that has filled its spool is far behind, so others wait for it for only this fraction
/// of `transfers.trickle`, the time of a caller that sends. A reader that reads makes room for a
/// chunk within it.
const MOMENTS: u32 = 20;

/// Runs one file or listing of an operation to its end, whatever its caller does.
pub(crate) async fn deliver(
    operation: &Operation,
    job: Deliver,
    writer: &mut Writer,
    begin: oneshot::Sender<Option<u64>>,
    report: &watch::Sender<GetProgress>,
    link: &watch::Sender<Progress>,
    patience: Patience,
) -> Result<Finished, Error> {
    let (delivery, deliveries) = mpsc::channel(DELIVERIES);
    let from = match &job.task {
        Task::Download(download) => download.offset.get(),
        _ => 0,
    };
    let full = watch::Sender::new(false);
    let room = Room {
        full: full.subscribe(),
        gauge: writer.gauge(),
        stall: patience.stall,
    };
    let (answer, pumped) = tokio::join!(
        transfer(operation, job, delivery, room, report, link),
        async {
            let way = Way {
                writer: &mut *writer,
                full,
                trickle: patience.trickle / MOMENTS,
            };
            tokio::select! {
                biased;
                () = operation.cancelled() => Ok(None),
                pumped = pump(operation, deliveries, way, begin) => pumped,
            }
        },
    );
    let outcome = match (pumped, answer) {
        (Err(cause), _) => Err(operation.error(cause)),
        (Ok(grown), Ok(Output::Delivered(delivered))) => Ok(Finished {
            delivered,
            elapsed: operation.on_link(),
            grown,
        }),
        (Ok(_), Ok(_)) => Err(operation.error(Cause::WrongAnswer)),
        (Ok(_), Err(error)) => Err(beyond_the_end(error, from)),
    };
    writer.end();
    // The link is free, or is soon; the caller reads the rest at its own pace.
    tokio::select! {
        biased;
        () = operation.cancelled() => {
            writer.discard();
            outcome.and_then(|_| Err(operation.ended_by_caller(Ending::Drained)))
        }
        drained = drained(operation, writer, patience) => match outcome {
            Ok(_) if !drained => Err(operation.error(Cause::ReaderTooSlow)),
            outcome => outcome,
        },
    }
}

/// Waits until everything is read. An operation with more jobs keeps the link for a moment only.
async fn drained(operation: &Operation, writer: &mut Writer, patience: Patience) -> bool {
    let mut drained = pin!(writer.drained(patience.stall));
    if let Ok(drained) = timeout(patience.trickle / MOMENTS, &mut drained).await {
        return drained;
    }
    operation.let_go();
    drained.await
}

/// A size below the offset is no damage of the file, but a wrong offset.
fn beyond_the_end(error: Error, from: u64) -> Error {
    match error.cause {
        Cause::SizeMismatch { expected, found } if expected == from && found < from => Error {
            cause: Cause::WrongOffset { committed: found },
            ..error
        },
        _ => error,
    }
}

/// Runs the job, in as many turns on the link as needed.
async fn transfer(
    operation: &Operation,
    job: Deliver,
    delivery: mpsc::Sender<Delivery>,
    mut room: Room,
    report: &watch::Sender<GetProgress>,
    link: &watch::Sender<Progress>,
) -> Result<Output, Error> {
    let Deliver {
        standing,
        mut task,
        insists,
    } = job;
    let mut place = operation.place.subscribe();
    loop {
        if insists {
            operation.until_login_is_tried(&standing).await?;
        }
        let now = task.clone();
        let yield_request = CancellationToken::new();
        link.send_modify(|link| {
            let resumes = link.resumes;
            *link = Progress {
                resumes,
                ..Progress::default()
            };
        });
        let feed = Feed {
            delivery: Some(delivery.clone()),
            yield_request: yield_request.clone(),
            progress: link.clone(),
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
        let mut others =
            pin!(operation.yield_when_wanted(&yield_request, || operation.can_abort()));
        let answer = loop {
            tokio::select! {
                biased;
                answer = &mut stay => break answer,
                Ok(()) = place.changed() => {
                    let place = *place.borrow_and_update();
                    report.send_modify(|report| report.place = place);
                }
                () = &mut others => {}
            }
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if insists && may_go_on(&task, &standing, &delivery, &room.gauge) => {
                report.send_modify(|report| report.stage = GetStage::Queued);
                operation
                    .until_login_is_tried_again(&standing, error)
                    .await?;
                // The bytes delivered before the login was lost are on their way to the reader.
                if !taken(&delivery, &mut room.full, Vec::new()).await {
                    return Err(operation.ended_by_caller(Ending::Drained));
                }
                if let Task::Download(download) = &mut task {
                    download.begun = room.gauge.begun();
                }
                continue;
            }
            Err(error) => return Err(error),
        };
        match (answer, &mut task) {
            (Output::DownloadYielded(mut begun), Task::Download(download)) => {
                let undelivered = std::mem::take(&mut begun.undelivered);
                download.begun = Some(begun);
                report.send_modify(|report| report.stage = GetStage::Queued);
                let stood_still = *room.full.borrow();
                if !taken(&delivery, &mut room.full, undelivered).await {
                    return Err(operation.ended_by_caller(Ending::Drained));
                }
                if stood_still {
                    let taken = tokio::select! {
                        biased;
                        () = delivery.closed() => true,
                        taken = room.gauge.half_taken(room.stall) => taken,
                    };
                    if !taken {
                        return Err(operation.error(Cause::ReaderTooSlow));
                    }
                }
            }
            (answer, _) => return Ok(answer),
        }
    }
}

/// What a Get that has yielded waits for before it asks for the link again. Otherwise a Get whose
/// reader is slower than the link would return for each chunk, and cost the waiting jobs an abort
/// and a login each time.
struct Room {
    /// A chunk waits for room.
    full: watch::Receiver<bool>,
    gauge: Gauge,
    /// How long its reader may take nothing.
    stall: Duration,
}

/// Off the link: passes on the remaining deliveries, and waits until the spool has taken them all.
/// So a Get whose reader stands still does not return before there is room. `false`: the caller
/// wants no more.
async fn taken(
    delivery: &mpsc::Sender<Delivery>,
    full: &mut watch::Receiver<bool>,
    undelivered: Vec<Delivery>,
) -> bool {
    for each in undelivered {
        if delivery.send(each).await.is_err() {
            return false;
        }
    }
    if delivery.reserve_many(DELIVERIES).await.is_err() {
        return false;
    }
    // The chunk taken last from the channel must not wait for room either.
    full.wait_for(|full| !full).await.is_ok()
}

/// The bytes left to move.
fn load(task: &Task) -> Load {
    Load::Down(match task {
        Task::Download(Download { offset, begun, .. }) => begun.as_ref().and_then(|begun| {
            let at = offset.get() + begun.got;
            begun.size.map(|size| size.saturating_sub(at))
        }),
        _ => None,
    })
}

/// How the transfer yields, if it can resume later.
fn yielding(operation: &Operation, standing: &Standing, task: &Task) -> Option<Yielding> {
    let (Task::Download(download), Standing::LoggedIn(_)) = (task, standing) else {
        return None;
    };
    is_exact(standing).then_some(Yielding {
        policy: operation.yields,
        in_blocks: false,
        again: download.begun.is_some(),
    })
}

/// Whether the bytes come unchanged.
fn is_exact(standing: &Standing) -> bool {
    matches!(standing, Standing::LoggedIn(place) if place.transfer_type == TransferType::Binary)
}

/// Whether the task can resume behind the delivered bytes. A listing has no offset; where line ends
/// are rewritten, the delivered bytes show no position in the file.
fn may_go_on(
    task: &Task,
    standing: &Standing,
    delivery: &mpsc::Sender<Delivery>,
    spooled: &Gauge,
) -> bool {
    let on_the_way = delivery.capacity() < DELIVERIES;
    let none_came = !on_the_way && spooled.begun().is_none();
    none_came || (matches!(task, Task::Download(_)) && is_exact(standing))
}

/// Carries deliveries to the spool. If the spool fails, it drops the channel, which ends the job.
/// Returns the final size of the file if the file grew meanwhile.
async fn pump(
    operation: &Operation,
    mut deliveries: mpsc::Receiver<Delivery>,
    mut way: Way<'_>,
    begin: oneshot::Sender<Option<u64>>,
) -> Result<Option<u64>, Cause> {
    let mut begin = Some(begin);
    let (mut moved, mut grown) = (0, None);
    // Up to where the budget need not be asked again, in which turn: between two turns others may use it up.
    let (mut asked, mut turn) = (0, 0);
    while let Some(delivery) = deliveries.recv().await {
        let (size, chunk) = match delivery {
            Delivery::Began { size } => (size, Bytes::new()),
            Delivery::Chunk(chunk) => (None, chunk),
            Delivery::Grown { size } => {
                grown = Some(size);
                continue;
            }
        };
        if let Some(size) = size {
            way.writer.sized(size);
        }
        if let Some(begin) = begin.take() {
            if let Some(size) = size {
                operation.sized(size);
            }
            // A caller that is gone cancels the operation itself.
            let _ = begin.send(size);
        }
        moved += chunk.len() as u64;
        if let Some(allowance) = &operation.allowance
            && (moved >= asked || turn != operation.turns())
        {
            turn = operation.turns();
            asked = allowance.download(moved, EVERY)?;
        }
        match way.spool(operation, chunk).await {
            Ok(()) => {}
            // The job learns of it through its own cancellation.
            Err(WriteError::Gone) => return Ok(None),
            Err(WriteError::Stalled) => return Err(Cause::ReaderTooSlow),
            Err(WriteError::Io(error)) => return Err(Cause::Spool(Arc::new(error))),
        }
        operation.moved(moved);
    }
    Ok(grown)
}

/// Carries deliveries into the spool.
struct Way<'a> {
    writer: &'a mut Writer,
    /// A chunk waits for room.
    full: watch::Sender<bool>,
    /// How long a chunk may wait before the queue is told.
    trickle: Duration,
}

impl Way<'_> {
    /// Puts a chunk into the spool, and tells the queue if its reader makes no room for so long.
    async fn spool(&mut self, operation: &Operation, chunk: Bytes) -> Result<(), WriteError> {
        let mut writing = pin!(self.writer.write(chunk));
        let at_once = poll_fn(|cx| Poll::Ready(writing.as_mut().poll(cx)));
        if let Poll::Ready(written) = at_once.await {
            return written;
        }
        self.full.send_replace(true);
        let written = match timeout(self.trickle, &mut writing).await {
            Ok(written) => written,
            Err(_) => {
                operation.trickles(true);
                let written = writing.await;
                operation.trickles(false);
                written
            }
        };
        self.full.send_replace(false);
        written
    }
}
