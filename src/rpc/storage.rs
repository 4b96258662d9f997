//! `ModuleStorageService`: each method reads its request, makes one call of the broker, and
//! answers.

use std::pin::Pin;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::call::{caller, within};
use super::convert::{request, response, storage};
use super::report::{Reporter, WAITING, while_wanted};
use super::{get, status};
use crate::broker::storage::{ModuleProgress, Moving, TransferResult, WritingToModule, Written};
use crate::broker::{Broker, Caller, Cause, Error};
use crate::ftps::lossless;
use crate::ftps::value::Offset;
use crate::proto::module_storage_service_server::ModuleStorageService;
use crate::proto::write_module_file_request::Message as Write;
use crate::proto::*;

/// Entries of one message: some ten kilobytes.
const ENTRIES: usize = 200;

/// How long a caller may send nothing before the module is asked for: as long as it may once it
/// has the link.
const STALL: Duration = Duration::from_secs(30);

type Answer<T> = Result<Response<T>, Status>;
type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Files on the module.
#[derive(Debug, Clone)]
pub(super) struct ModuleStorage {
    broker: Broker,
}

impl ModuleStorage {
    pub(super) fn new(broker: Broker) -> Self {
        Self { broker }
    }
}

#[tonic::async_trait]
impl ModuleStorageService for ModuleStorage {
    type FetchToModuleStream = Answers<FetchToModuleResponse>;

    async fn fetch_to_module(
        &self,
        request: Request<FetchToModuleRequest>,
    ) -> Answer<Self::FetchToModuleStream> {
        let caller = caller(&request)?;
        let transfer = storage::fetch_to_module(request.into_inner()).map_err(status::invalid)?;
        let moving = self.broker.fetch_to_module(&caller, transfer);
        let moving = moving.map_err(|error| status::of(&error))?;
        Ok(Response::new(Box::pin(moved(moving, caller))))
    }

    type SendFromModuleStream = Answers<SendFromModuleResponse>;

    async fn send_from_module(
        &self,
        request: Request<SendFromModuleRequest>,
    ) -> Answer<Self::SendFromModuleStream> {
        let caller = caller(&request)?;
        let transfer = storage::send_from_module(request.into_inner()).map_err(status::invalid)?;
        let moving = self.broker.send_from_module(&caller, transfer);
        let moving = moving.map_err(|error| status::of(&error))?;
        Ok(Response::new(Box::pin(moved(moving, caller))))
    }

    type ListModuleFilesStream = Answers<ListModuleFilesResponse>;

    async fn list_module_files(
        &self,
        request: Request<ListModuleFilesRequest>,
    ) -> Answer<Self::ListModuleFilesStream> {
        let caller = caller(&request)?;
        let directory = storage::module_path("directory", request.into_inner().directory)
            .map_err(status::invalid)?;
        let files = within(&caller, self.broker.list_module_files(&caller, directory)).await?;
        let entries: Vec<_> = files
            .into_iter()
            .map(|(entry, size)| ModuleEntry {
                name: lossless::shown(&entry.name).into_owned(),
                kind: if entry.directory {
                    EntryKind::Directory.into()
                } else {
                    EntryKind::File.into()
                },
                size: size.map(response::signed),
            })
            .collect();
        let parts: Vec<_> = entries
            .chunks(ENTRIES)
            .map(|part| {
                Ok(ListModuleFilesResponse {
                    entries: part.to_vec(),
                })
            })
            .collect();
        Ok(Response::new(Box::pin(tokio_stream::iter(parts))))
    }

    async fn delete_module_file(
        &self,
        request: Request<DeleteModuleFileRequest>,
    ) -> Answer<DeleteModuleFileResponse> {
        let caller = caller(&request)?;
        let file =
            storage::module_file("path", request.into_inner().path).map_err(status::invalid)?;
        within(&caller, self.broker.delete_module_file(&caller, file)).await?;
        Ok(Response::new(DeleteModuleFileResponse {}))
    }

    type ReadModuleFileStream = Answers<ReadModuleFileResponse>;

    async fn read_module_file(
        &self,
        request: Request<ReadModuleFileRequest>,
    ) -> Answer<Self::ReadModuleFileStream> {
        let caller = caller(&request)?;
        let file =
            storage::module_file("path", request.into_inner().path).map_err(status::invalid)?;
        let reading = self.broker.read_module_file(&caller, file);
        let reading = reading.map_err(|error| status::of(&error))?;
        let parts = get::run(reading, caller, Offset::ZERO);
        Ok(Response::new(Box::pin(parts)))
    }

    type WriteModuleFileStream = Answers<WriteModuleFileResponse>;

    async fn write_module_file(
        &self,
        request: Request<Streaming<WriteModuleFileRequest>>,
    ) -> Answer<Self::WriteModuleFileStream> {
        let caller = caller(&request)?;
        let mut incoming = request.into_inner();
        let header = match next(&mut incoming).await? {
            Write::Header(header) => header,
            _ => return Err(status::out_of_order("header", "must be the first message")),
        };
        let header = storage::write_module_file(header).map_err(status::invalid)?;
        let writing = self
            .broker
            .write_module_file(&caller, header)
            .map_err(|error| status::of(&error))?;
        Ok(Response::new(Box::pin(written(writing, incoming, caller))))
    }

    async fn get_module_space(
        &self,
        request: Request<GetModuleSpaceRequest>,
    ) -> Answer<GetModuleSpaceResponse> {
        let caller = caller(&request)?;
        let drive = storage::optional_drive(request.into_inner().drive).map_err(status::invalid)?;
        let space = within(&caller, self.broker.module_space(&caller, drive)).await?;
        let drives = space.into_iter().map(|space| ModuleSpace {
            drive: space.drive.name().into(),
            total_bytes: response::signed(space.total),
            used_bytes: response::signed(space.used),
        });
        Ok(Response::new(GetModuleSpaceResponse {
            drives: drives.collect(),
        }))
    }
}

/// Progress until the file is where it should be. Runs in a task of its own: it goes on although
/// its caller reads no progress.
fn moved<R>(moving: Moving, caller: Caller) -> impl Stream<Item = Result<R, Status>> + Send
where
    R: From<OperationProgress> + From<TransferResult> + Send + 'static,
{
    let (answers, stream) = mpsc::channel(WAITING);
    let mut reporter: Reporter<ModuleProgress, R> =
        Reporter::new(moving.operation(), None, moving.progress(), answers);
    tokio::spawn(async move {
        let work = async {
            let result = reporter.meanwhile(moving.outcome()).await?;
            Ok(result.map_err(|error| status::of(&error))?)
        };
        match while_wanted(&caller, work).await {
            Ok(result) => reporter.end(Some(R::from(result)), None).await,
            Err(stop) => reporter.end(None, Some(stop)).await,
        }
    });
    ReceiverStream::new(stream)
}

/// The same while chunks come in.
fn written(
    writing: WritingToModule,
    incoming: Streaming<WriteModuleFileRequest>,
    caller: Caller,
) -> impl Stream<Item = Result<WriteModuleFileResponse, Status>> + Send {
    let (answers, stream) = mpsc::channel(WAITING);
    let size = Some(writing.size());
    let mut reporter: Reporter<ModuleProgress, WriteModuleFileResponse> =
        Reporter::new(writing.operation(), size, writing.progress(), answers);
    tokio::spawn(async move {
        let work = async { Ok(reporter.meanwhile(write(writing, incoming)).await??) };
        match while_wanted(&caller, work).await {
            Ok(written) => reporter.end(Some(Written::into(written)), None).await,
            Err(stop) => reporter.end(None, Some(stop)).await,
        }
    });
    ReceiverStream::new(stream)
}

/// Takes chunks until `finish`. Dropping `writing` before cancels the operation.
async fn write(
    mut writing: WritingToModule,
    mut incoming: Streaming<WriteModuleFileRequest>,
) -> Result<Written, Status> {
    let refused = |error: Error| status::of(&error);
    loop {
        match next(&mut incoming).await? {
            Write::Chunk(chunk) => writing.push(chunk).await.map_err(refused)?,
            Write::Finish(finish) => {
                let sha256 = request::put_finish(&finish).map_err(status::invalid)?;
                return writing.finish(sha256).await.map_err(refused);
            }
            Write::Header(_) => {
                return Err(status::out_of_order("header", "came a second time"));
            }
        }
    }
}

async fn next(incoming: &mut Streaming<WriteModuleFileRequest>) -> Result<Write, Status> {
    let message = timeout(STALL, incoming.message())
        .await
        .map_err(|_| status::of(&Cause::WriterTooSlow.into()))??;
    message
        .ok_or_else(status::unfinished)?
        .message
        .ok_or_else(|| status::out_of_order("message", "is neither header, chunk nor finish"))
}
