//! An upload under way: chunks in, progress and the result out.

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status};

use super::convert::response::signed;
use super::ingest::Ingest;
use super::once::Keep;
use super::options::{self, Answers};
use super::progress::ProgressMessages;
use super::report::{self, Stop, WAITING, while_wanted};
use super::status;
use crate::broker::flow::put::{PutProgress, PutStage, Same, Writing};
use crate::broker::terms::{Caller, PutResult, PutState};
use crate::proto::{self, OperationProgress, PutRequest, PutResponse, put_response};

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

/// Hands the chunks of `ingest` to `writing` until the caller finishes, fails, leaves, or its deadline passes.
///
/// Runs in a task of its own: an upload goes on even if its caller reads no progress.
pub(super) fn run(
    writing: Writing,
    ingest: Ingest<PutRequest>,
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
    tokio::spawn(drive(writing, ingest, sha256, caller, reporter));
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
    let progress = ProgressMessages::new(&same.operation, Some(size)).next(progress.into());
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
    mut ingest: Ingest<PutRequest>,
    sha256: Option<[u8; 32]>,
    caller: Caller,
    mut reporter: Reporter,
) {
    let work = async {
        let finish = reporter.meanwhile(ingest.chunks(&mut writing)).await??;
        let sha256 = finish.or(sha256);
        reporter.goes_on();
        let result = ingest.finish(writing.finish(sha256));
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
