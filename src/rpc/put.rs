//! An upload under way: chunks in, progress and the result out.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::convert::request;
use super::status;
use crate::broker::JobId;
use crate::broker::put::{PutProgress, Writing};
use crate::proto::put_request::Message;
use crate::proto::{self, PutFinish, PutRequest, PutResponse, put_response};

/// Time between reports of progress: often enough for a person's eye, seldom enough that they
/// cost nothing on a slow machine.
const REPORT: Duration = Duration::from_millis(500);

/// Reports that wait for a caller who does not read them; further ones are dropped. One place is
/// the result's.
const WAITING: usize = 4;

/// Moves the chunks of `incoming` to `writing` until the caller finishes, fails or leaves.
///
/// Runs in a task of its own: an upload goes on although its caller reads no progress.
pub(super) fn run(
    writing: Writing,
    incoming: Streaming<PutRequest>,
) -> impl Stream<Item = Result<PutResponse, Status>> + Send {
    let (answers, stream) = mpsc::channel(WAITING);
    let reporter = Reporter::new(&writing, answers);
    tokio::spawn(drive(writing, incoming, reporter));
    ReceiverStream::new(stream)
}

/// The caller left: there is nobody to answer. Dropping the [`Writing`] cancels the operation.
struct Gone;

async fn drive(mut writing: Writing, mut incoming: Streaming<PutRequest>, mut reporter: Reporter) {
    let outcome = async {
        let finish = match take_chunks(&mut writing, &mut incoming, &mut reporter).await? {
            Ok(finish) => finish,
            Err(refused) => return Ok(Err(refused)),
        };
        let sha256 = match request::put_finish(&finish) {
            Ok(sha256) => sha256,
            Err(invalid) => return Ok(Err(status::invalid(invalid))),
        };
        let result = reporter
            .meanwhile(async {
                tokio::select! {
                    result = writing.finish(sha256) => result.map_err(|error| status::of(&error)),
                    extra = surplus(&mut incoming) => Err(extra),
                }
            })
            .await?;
        Ok(result)
    }
    .await;
    match outcome {
        Ok(result) => {
            let message = result.map(|result| put_response::Message::Result(result.into()));
            reporter.end(message).await;
        }
        Err(Gone) => tracing::debug!(operation = %reporter.operation, "the caller left"),
    }
}

/// Hands over chunks until `finish`.
async fn take_chunks(
    writing: &mut Writing,
    incoming: &mut Streaming<PutRequest>,
    reporter: &mut Reporter,
) -> Result<Result<PutFinish, Status>, Gone> {
    loop {
        let message = reporter
            .meanwhile(async {
                tokio::select! {
                    message = incoming.message() => message,
                    error = writing.failed() => Err(status::of(&error)),
                }
            })
            .await?;
        let chunk = match message {
            Err(status) => return Ok(Err(status)),
            Ok(None) => return Ok(Err(status::unfinished())),
            Ok(Some(PutRequest {
                message: Some(Message::Chunk(chunk)),
            })) => chunk,
            Ok(Some(PutRequest {
                message: Some(Message::Finish(finish)),
            })) => {
                return Ok(Ok(finish));
            }
            Ok(Some(PutRequest {
                message: Some(Message::Header(_)),
            })) => {
                return Ok(Err(status::out_of_order("header", "came a second time")));
            }
            Ok(Some(PutRequest { message: None })) => {
                return Ok(Err(status::out_of_order(
                    "message",
                    "is neither chunk nor finish",
                )));
            }
        };
        if chunk.is_empty() {
            continue;
        }
        if let Err(error) = reporter.meanwhile(writing.push(chunk)).await? {
            return Ok(Err(status::of(&error)));
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
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Gone> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                () = self.answers.closed() => return Err(Gone),
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
