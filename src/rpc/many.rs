//! Operations on many files, as streams of responses. The operation is cancelled when the stream is dropped
//! because its caller left.

use std::future::pending;

use bytes::Bytes;
use futures_util::stream::try_unfold;
use prost::Message;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_stream::Stream;
use tonic::Status;

use super::call::within;
use super::convert::response::{duration, given, number, signed};
use super::convert::write;
use super::ingest::{self, Ingest};
use super::once::Keep;
use super::progress::{LOOK, ProgressMessages};
use super::status;
use crate::broker::flow::get::{GetResult, Part};
use crate::broker::flow::many::{Counts, FILES, Known, Many, NAMES, Next, OfFile};
use crate::broker::flow::put::{FileWritten, Incoming};
use crate::broker::terms::Caller;
use crate::proto::*;
use simcom_talk::ftps::ModuleProfile;
use simcom_talk::ftps::value::NameCode;

/// A stream of progress, of what `to` makes of each part, and of the summary. `fault` tells what is wrong with
/// the caller's messages, where it sends any.
pub(super) fn run<T, R>(
    many: Many<T>,
    caller: Caller,
    fault: Option<oneshot::Receiver<Status>>,
    keep: Keep,
    to: impl Fn(T) -> R + Send,
) -> impl Stream<Item = Result<R, Status>> + Send
where
    T: Send,
    R: Message + From<OperationProgress> + From<Counts>,
{
    let stream = ManyStream {
        messages: ProgressMessages::new(many.operation(), None),
        many,
        caller,
        fault,
        keep,
        told: false,
    };
    try_unfold(Some((stream, to)), async |state| {
        let Some((mut stream, to)) = state else {
            return Ok(None);
        };
        Ok(Some(match stream.next().await? {
            ManyPart::Progress(progress) => (progress.into(), Some((stream, to))),
            ManyPart::Part(part) => (to(part), Some((stream, to))),
            ManyPart::End(counts) => {
                let counts = counts.into();
                let operation = stream.many.operation();
                stream.keep.answer(Some(operation), Some(&counts), None);
                (counts, None)
            }
        }))
    })
}

/// An operation on many files, and what its stream has told of it.
struct ManyStream<T> {
    many: Many<T>,
    messages: ProgressMessages,
    caller: Caller,
    fault: Option<oneshot::Receiver<Status>>,
    /// Keeps the counts of a request that has a name. A request that was broken off is carried out anew.
    keep: Keep,
    told: bool,
}

enum ManyPart<T> {
    Progress(OperationProgress),
    Part(T),
    End(Counts),
}

impl<T> ManyStream<T> {
    async fn next(&mut self) -> Result<ManyPart<T>, Status> {
        if !self.told {
            self.told = true;
            if let Some(first) = self.messages.next(self.many.progress().into()) {
                return Ok(ManyPart::Progress(first));
            }
        }
        loop {
            match timeout(LOOK, self.work()).await {
                Ok(step) => return step,
                Err(_) => {
                    if let Some(report) = self.messages.next(self.many.progress().into()) {
                        return Ok(ManyPart::Progress(report));
                    }
                }
            }
        }
    }

    /// What comes next, or why nothing does. Cancel-safe.
    async fn work(&mut self) -> Result<ManyPart<T>, Status> {
        let fault = &mut self.fault;
        let broken = async {
            if let Some(told) = fault
                && let Ok(status) = told.await
            {
                return status;
            }
            // The caller has sent all its files.
            *fault = None;
            pending().await
        };
        tokio::select! {
            biased;
            next = within(&self.caller, self.many.next()) => Ok(match next? {
                Next::Part(part) => ManyPart::Part(part),
                Next::End(counts) => ManyPart::End(counts),
            }),
            status = broken => Err(status),
        }
    }
}

/// Hands the files of a caller to its operation. The receiver gets the status if the caller breaks a rule.
pub(super) fn take_files(
    mut incoming: Incoming,
    ingest: Ingest<PutFilesRequest>,
) -> oneshot::Receiver<Status> {
    let (fault, told) = oneshot::channel();
    tokio::spawn(async move {
        match bring(&mut incoming, ingest).await {
            Ok(()) => incoming.end().await,
            Err(status) => {
                // Nobody receives it where the caller has left.
                let _ = fault.send(status);
                // The operation ends for this reason, and not because the caller sends nothing more.
                incoming.over().await;
            }
        }
    });
    told
}

async fn bring(incoming: &mut Incoming, mut ingest: Ingest<PutFilesRequest>) -> Result<(), Status> {
    let mut names = 0;
    loop {
        let message = tokio::select! {
            biased;
            // The operation has ended; its results say why.
            () = incoming.over() => return Ok(()),
            message = ingest.next() => message?,
        };
        let file = match message {
            Some(ingest::Part::Content(file)) => file,
            Some(ingest::Part::Header(_)) => {
                return Err(status::out_of_order("header", "came a second time"));
            }
            Some(ingest::Part::Finish(_) | ingest::Part::Nothing) => {
                return Err(status::out_of_order("item", "is neither header nor file"));
            }
            None => return Ok(()),
        };
        if incoming.count() >= FILES {
            let rule = format!("is one more than the {FILES} that a call takes");
            return Err(status::out_of_order("file", &rule));
        }
        let (path, content, sha256) = write::put_file(file).map_err(status::invalid)?;
        names += path.as_str().len();
        if names > NAMES {
            let rule =
                format!("makes more than the {NAMES} bytes that all paths of a call may have");
            return Err(status::out_of_order("file.path", &rule));
        }
        if incoming.bring(path, content, sha256).await.is_err() {
            return Ok(());
        }
    }
}

fn summary(counts: Counts) -> FilesSummary {
    FilesSummary {
        succeeded_count: number(counts.succeeded),
        failed_count: number(counts.failed),
        link_duration: Some(duration(counts.elapsed)),
    }
}

/// Responses that are progress or a summary.
macro_rules! items {
    ($($response:ident, $items:ident;)*) => {$(
        impl From<OperationProgress> for $response {
            fn from(progress: OperationProgress) -> Self {
                Self { item: Some($items::Item::Progress(progress)), ..Self::default() }
            }
        }

        impl From<Counts> for $response {
            fn from(counts: Counts) -> Self {
                Self { item: Some($items::Item::Summary(summary(counts))), ..Self::default() }
            }
        }
    )*};
}

items! {
    PutFilesResponse, put_files_response;
    GetFilesResponse, get_files_response;
    DeleteFilesResponse, delete_files_response;
    StatFilesResponse, stat_files_response;
}

pub(super) fn written(of: FileWritten) -> PutFilesResponse {
    let (path, raw_path) = given(&of.path);
    let failure = of.outcome.as_ref().err().map(status::failure);
    let reached = match of.outcome {
        Ok(result) => Some(result),
        Err(error) => error.reached.map(|reached| *reached),
    };
    let result = PutFileResult {
        index: number(of.index),
        path,
        raw_path,
        failure,
        ..match reached {
            None => PutFileResult::default(),
            Some(result) => PutFileResult {
                state: PutState::from(result.state).into(),
                size: signed(result.size),
                sha256: Bytes::copy_from_slice(&result.sha256),
                ..PutFileResult::default()
            },
        }
    };
    PutFilesResponse {
        item: Some(put_files_response::Item::Result(result)),
        ..PutFilesResponse::default()
    }
}

pub(super) fn read(part: Part) -> GetFilesResponse {
    use get_files_response::Item;
    let item = match part {
        Part::Began(index, path, size) => {
            let (path, raw_path) = given(&path);
            Item::Info(GetFileInfo {
                index: number(index),
                path,
                size: size.map(signed),
                raw_path,
            })
        }
        Part::Chunk(chunk) => Item::Chunk(chunk),
        Part::Over(of) => Item::Result(over(of)),
    };
    GetFilesResponse {
        item: Some(item),
        ..GetFilesResponse::default()
    }
}

fn over(of: OfFile<GetResult>) -> GetFileResult {
    let (path, raw_path) = given(&of.path);
    let named = GetFileResult {
        index: number(of.index),
        path,
        raw_path,
        ..GetFileResult::default()
    };
    match of.outcome {
        Ok(result) => GetFileResult {
            chunk_size: signed(result.size),
            chunk_sha256: Bytes::copy_from_slice(&result.sha256),
            grown_size: result.grown.map(signed),
            ..named
        },
        Err(error) => GetFileResult {
            failure: Some(status::failure(&error)),
            ..named
        },
    }
}

pub(super) fn deleted(of: OfFile<()>) -> DeleteFilesResponse {
    let (path, raw_path) = given(&of.path);
    let result = DeleteFileResult {
        index: number(of.index),
        path,
        raw_path,
        failure: of.outcome.as_ref().err().map(status::failure),
    };
    DeleteFilesResponse {
        item: Some(delete_files_response::Item::Result(result)),
        ..DeleteFilesResponse::default()
    }
}

pub(super) fn found(
    of: OfFile<Known>,
    profile: &ModuleProfile,
    code: NameCode,
) -> StatFilesResponse {
    let (path, raw_path) = given(&of.path);
    let (failure, entry) = match of.outcome {
        Ok(known) => {
            let size = known.size.map(signed);
            let entry = match known.entry {
                Some(entry) => Entry::of(entry, profile, code),
                None => Entry {
                    size,
                    ..Entry::default()
                },
            };
            (None, Some(entry))
        }
        Err(error) => (Some(status::failure(&error)), None),
    };
    let result = StatFileResult {
        index: number(of.index),
        path,
        raw_path,
        failure,
        entry,
    };
    StatFilesResponse {
        item: Some(stat_files_response::Item::Result(result)),
        ..StatFilesResponse::default()
    }
}
