//! An upload under way: chunks in, progress and the result out.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::call::given_up;
use super::convert::request;
use super::status;
use crate::broker::put::{PutProgress, Writing};
use crate::broker::{Caller, Cause, JobId};
use crate::proto::put_request::Message;
use crate::proto::{self, PutFinish, PutRequest, PutResponse, put_response};

/// Time between reports of progress: often enough for a person's eye, seldom enough that they
/// cost nothing on a slow machine.
const REPORT: Duration = Duration::from_millis(500);

/// Reports that wait for a caller who does not read them; further ones are dropped. One place is
/// the result's.
const WAITING: usize = 4;

/// Moves the chunks of `incoming` to `writing` until the caller finishes, fails, leaves or gives
/// up.
///
/// Runs in a task of its own: an upload goes on although its caller reads no progress.
pub(super) fn run(
    writing: Writing,
    incoming: Streaming<PutRequest>,
    caller: Caller,
) -> impl Stream<Item = Result<PutResponse, Status>> + Send {
    let (answers, stream) = mpsc::channel(WAITING);
    let reporter = Reporter::new(&writing, answers);
    tokio::spawn(drive(writing, incoming, caller, reporter));
    ReceiverStream::new(stream)
}

/// Why an upload ends without a result. Dropping its [`Writing`] cancels the operation.
enum Stop {
    /// The caller left: there is nobody to answer.
    Gone,
    /// The caller is told.
    Refused(Status),
}

impl From<Status> for Stop {
    fn from(status: Status) -> Self {
        Self::Refused(status)
    }
}

async fn drive(
    mut writing: Writing,
    mut incoming: Streaming<PutRequest>,
    caller: Caller,
    mut reporter: Reporter,
) {
    let work = async {
        let finish = take_chunks(&mut writing, &mut incoming, &mut reporter).await?;
        let sha256 = request::put_finish(&finish).map_err(status::invalid)?;
        let result = async {
            tokio::select! {
                result = writing.finish(sha256) => result.map_err(|error| status::of(&error)),
                extra = surplus(&mut incoming) => Err(extra),
            }
        };
        Ok(reporter.meanwhile(result).await??)
    };
    let outcome = tokio::select! {
        biased;
        outcome = work => outcome,
        () = given_up(&caller) => Err(Stop::Refused(status::of(&Cause::Expired.into()))),
    };
    let answer = match outcome {
        Ok(result) => Ok(put_response::Message::Result(result.into())),
        Err(Stop::Refused(status)) => Err(status),
        Err(Stop::Gone) => {
            tracing::debug!(operation = %reporter.operation, "the caller left");
            return;
        }
    };
    reporter.end(answer).await;
}

/// Hands over chunks until `finish`.
async fn take_chunks(
    writing: &mut Writing,
    incoming: &mut Streaming<PutRequest>,
    reporter: &mut Reporter,
) -> Result<PutFinish, Stop> {
    loop {
        let message = async {
            tokio::select! {
                message = incoming.message() => message,
                error = writing.failed() => Err(status::of(&error)),
            }
        };
        let Some(request) = reporter.meanwhile(message).await?? else {
            return Err(status::unfinished().into());
        };
        match request.message {
            Some(Message::Chunk(chunk)) if chunk.is_empty() => {}
            Some(Message::Chunk(chunk)) => {
                let pushed = reporter.meanwhile(writing.push(chunk)).await?;
                pushed.map_err(|error| status::of(&error))?;
            }
            Some(Message::Finish(finish)) => return Ok(finish),
            Some(Message::Header(_)) => {
                return Err(status::out_of_order("header", "came a second time").into());
            }
            None => {
                return Err(status::out_of_order("message", "is neither chunk nor finish").into());
            }
        }
    }
}

/// Completes when something comes after `finish`.
async fn surplus(incoming: &mut Streaming<PutRequest>) -> Status {
    match incoming.message().await {
        Ok(Some(_)) => status::out_of_order("message", "came after finish"),
        // The caller's side is closed, as it should be; or broken, which the answer will find out.
        Ok(None) | Err(_) => std::future::pending().await,
    }
}

/// Tells the caller how far the upload is.
struct Reporter {
    operation: JobId,
    progress: watch::Receiver<PutProgress>,
    answers: mpsc::Sender<Result<PutResponse, Status>>,
    clock: Interval,
    reported: Option<PutProgress>,
}

impl Reporter {
    fn new(writing: &Writing, answers: mpsc::Sender<Result<PutResponse, Status>>) -> Self {
        let mut clock = interval(REPORT);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            operation: writing.operation().clone(),
            progress: writing.progress(),
            answers,
            clock,
            reported: None,
        }
    }

    /// Waits for `work`, reporting at intervals; or until the caller has left.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Stop> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                () = self.answers.closed() => return Err(Stop::Gone),
                result = &mut work => return Ok(result),
                _ = self.clock.tick() => self.report(),
            }
        }
    }

    fn report(&mut self) {
        let progress = *self.progress.borrow_and_update();
        if self.reported == Some(progress) {
            return;
        }
        let operation_id = self.operation.as_str().into();
        let report = proto::PutProgress {
            operation_id,
            ..progress.into()
        };
        let message = Some(put_response::Message::Progress(report));
        // A caller that does not read gets the next one, or none: the upload does not wait. One
        // place stays free, so that the result never waits behind reports.
        if self.answers.capacity() > 1 && self.answers.try_send(Ok(PutResponse { message })).is_ok()
        {
            self.reported = Some(progress);
        }
    }

    async fn end(self, outcome: Result<put_response::Message, Status>) {
        let response = outcome.map(|message| PutResponse {
            message: Some(message),
        });
        if self.answers.send(response).await.is_err() {
            tracing::debug!(operation = %self.operation, "the caller left before the answer");
        }
    }
}
