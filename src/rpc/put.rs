//! An upload under way: chunks in, progress and the result out.

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status, Streaming};

use super::convert::request;
use super::convert::response::signed;
use super::once::Keep;
use super::options::{self, Answers};
use super::progress::Telling;
use super::report::{self, Stop, WAITING, while_wanted};
use super::status;
use crate::broker::flow::put::{PutProgress, PutStage, Same, Writing};
use crate::broker::terms::Caller;
use crate::broker::terms::{PutResult, PutState};
use crate::proto::put_request::Message;
use crate::proto::{self, OperationProgress, PutFinish, PutRequest, PutResponse, put_response};

type Reporter = report::Reporter<PutProgress, PutResponse>;

impl From<OperationProgress> for PutResponse {
    fn from(progress: OperationProgress) -> Self {
        Self {
            message: Some(put_response::Message::Progress(progress)),
            ..Self::default()
        }
    }
}

impl From<PutResult> for PutResponse {
    fn from(result: PutResult) -> Self {
        Self {
            message: Some(put_response::Message::Result(result.into())),
            ..Self::default()
        }
    }
}

/// Moves the chunks of `incoming` to `writing` until the caller finishes, fails, leaves or gives
/// up.
///
/// Runs in a task of its own: an upload goes on although its caller reads no progress.
pub(super) fn run(
    writing: Writing,
    incoming: Streaming<PutRequest>,
    sha256: Option<[u8; 32]>,
    caller: Caller,
    keep: Keep,
) -> impl Stream<Item = Result<PutResponse, Status>> + Send {
    let (answers, stream) = mpsc::channel(WAITING);
    let reporter = Reporter::new(
        writing.operation(),
        writing.declared(),
        writing.progress(),
        answers,
    );
    let reporter = reporter.keeping(keep);
    tokio::spawn(drive(writing, incoming, sha256, caller, reporter));
    ReceiverStream::new(stream)
}

/// Progress and the result of a Put that sends nothing.
pub(super) fn skipped(
    same: &Same,
    size: u64,
    sha256: Option<[u8; 32]>,
    keep: Keep,
) -> Response<Answers<PutResponse>> {
    let progress = PutProgress {
        stage: PutStage::Verifying,
        ..PutProgress::default()
    };
    let progress = Telling::new(&same.operation, Some(size)).next(progress.into());
    let compared = sha256.filter(|_| same.state == PutState::VerifiedHash);
    let result = proto::PutResult {
        size: signed(size),
        sha256: compared.map_or_else(Bytes::new, |hash| Bytes::copy_from_slice(&hash)),
        state: proto::PutState::from(same.state).into(),
        evidence: same.evidence.into(),
        skipped: true,
        ..proto::PutResult::default()
    };
    let result = PutResponse {
        message: Some(put_response::Message::Result(result)),
        ..PutResponse::default()
    };
    keep.answer(Some(&same.operation), Some(&result), None);
    let answers = progress.map(PutResponse::from).into_iter().chain([result]);
    options::stream(answers.map(Ok).collect())
}

async fn drive(
    mut writing: Writing,
    mut incoming: Streaming<PutRequest>,
    sha256: Option<[u8; 32]>,
    caller: Caller,
    mut reporter: Reporter,
) {
    let work = async {
        let finish = take_chunks(&mut writing, &mut incoming, &mut reporter).await?;
        let named = request::put_finish(&finish).map_err(status::invalid)?;
        let sha256 = named.or(sha256);
        reporter.goes_on();
        let result = async {
            tokio::select! {
                result = writing.finish(sha256) => Ok(result),
                extra = surplus(&mut incoming) => Err(extra),
            }
        };
        Ok(reporter.meanwhile(result).await??)
    };
    let (result, failed) = match while_wanted(&caller, work).await {
        Ok(Ok(result)) => (Some(result), None),
        Ok(Err(mut error)) => {
            let reached = error.reached.take().map(|result| *result);
            (reached, Some(Stop::Refused(status::of(&error))))
        }
        Err(stop) => (None, Some(stop)),
    };
    reporter.end(result.map(Into::into), failed).await;
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
