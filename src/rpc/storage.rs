//! `ModuleStorageService`: each method reads its request, makes one call of the broker, and
//! answers.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::call::{caller, within};
use super::convert::{request, response, storage};
use super::once::{Keep, Opening};
use super::options::{Answers, Validated, begun};
use super::report::{Reporter, WAITING, while_wanted};
use super::{get, once, options, status};
use crate::broker::Broker;
use crate::broker::flow::storage::{
    ModuleProgress, Moving, TransferResult, WritingToModule, Written,
};
use crate::broker::terms::{Caller, Cause, Error};
use crate::proto::module_storage_service_server::ModuleStorageService;
use crate::proto::write_module_file_request::Message as Write;
use crate::proto::*;
use simcom_talk::ftps::lossless;
use simcom_talk::ftps::value::Offset;

/// Entries of one message: some ten kilobytes.
const ENTRIES: usize = 200;

/// How long a caller may send nothing before the module is asked for: as long as it may once it
/// has the link.
const STALL: Duration = Duration::from_secs(30);

type Answer<T> = Result<Response<T>, Status>;

/// Files on the module.
#[derive(Debug, Clone)]
pub(super) struct ModuleStorage {
    broker: Broker,
}

impl ModuleStorage {
    pub(super) fn new(broker: Broker) -> Self {
        Self { broker }
    }

    /// Answers with how a file goes between server and module, once it has begun.
    fn moved<R>(
        &self,
        caller: &Caller,
        begin: impl FnOnce(&Broker) -> Result<Moving, Error>,
    ) -> Answer<Answers<R>>
    where
        R: Validated + From<OperationProgress> + From<TransferResult>,
    {
        let keep = match once::open(&self.broker, caller)? {
            Opening::Go(keep) => keep,
            Opening::Told(answers) => return Ok(options::stream(answers)),
        };
        let Some(moving) = begun(begin(&self.broker))? else {
            return Ok(options::validated());
        };
        let answers = moved(moving, caller.clone(), keep);
        Ok(Response::new(Box::pin(answers)))
    }
}

#[tonic::async_trait]
impl ModuleStorageService for ModuleStorage {
    type FetchToModuleStream = Answers<FetchToModuleResponse>;

    async fn fetch_to_module(
        &self,
        request: Request<FetchToModuleRequest>,
    ) -> Answer<Self::FetchToModuleStream> {
        let (call, request) = options::read(request)?;
        let (caller, transfer) = call.with(storage::fetch_to_module(request))?;
        self.moved(&caller, |broker| broker.fetch_to_module(&caller, transfer))
    }

    type SendFromModuleStream = Answers<SendFromModuleResponse>;

    async fn send_from_module(
        &self,
        request: Request<SendFromModuleRequest>,
    ) -> Answer<Self::SendFromModuleStream> {
        let (call, request) = options::read(request)?;
        let (caller, transfer) = call.with(storage::send_from_module(request))?;
        self.moved(&caller, |broker| broker.send_from_module(&caller, transfer))
    }

    type ListModuleFilesStream = Answers<ListModuleFilesResponse>;

    async fn list_module_files(
        &self,
        request: Request<ListModuleFilesRequest>,
    ) -> Answer<Self::ListModuleFilesStream> {
        let (call, request) = options::read(request)?;
        let directory = storage::module_path("directory", request.directory);
        let (caller, directory) = call.with(directory)?;
        let files = self.broker.list_module_files(&caller, directory);
        let files = begun(within(&caller, async { Ok(files.await) }).await?)?;
        let Some(files) = files else {
            return Ok(options::validated());
        };
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
                    ..Default::default()
                })
            })
            .collect();
        Ok(options::stream(parts))
    }

    async fn delete_module_file(
        &self,
        request: Request<DeleteModuleFileRequest>,
    ) -> Answer<DeleteModuleFileResponse> {
        let (call, request) = options::read(request)?;
        let (caller, file) = call.with(storage::module_file("path", request.path))?;
        let broker = self.broker.clone();
        once::answer(&self.broker, caller, move |caller| async move {
            broker.delete_module_file(&caller, file).await?;
            Ok(DeleteModuleFileResponse::default())
        })
        .await
    }

    type ReadModuleFileStream = Answers<ReadModuleFileResponse>;

    async fn read_module_file(
        &self,
        request: Request<ReadModuleFileRequest>,
    ) -> Answer<Self::ReadModuleFileStream> {
        let (call, request) = options::read(request)?;
        let (caller, file) = call.with(storage::module_file("path", request.path))?;
        let Some(reading) = begun(self.broker.read_module_file(&caller, file))? else {
            return Ok(options::validated());
        };
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
        let mut header = match next(&mut incoming).await? {
            Write::Header(header) => header,
            _ => return Err(status::out_of_order("header", "must be the first message")),
        };
        let call = options::Call::new(caller, &mut header);
        let (caller, header) = call.with(storage::write_module_file(header))?;
        let keep = match once::open(&self.broker, &caller)? {
            Opening::Go(keep) => keep,
            Opening::Told(answers) => return Ok(options::stream(answers)),
        };
        let Some(writing) = begun(self.broker.write_module_file(&caller, header))? else {
            return Ok(options::validated());
        };
        let answers = written(writing, incoming, caller, keep);
        Ok(Response::new(Box::pin(answers)))
    }

    async fn get_module_space(
        &self,
        request: Request<GetModuleSpaceRequest>,
    ) -> Answer<GetModuleSpaceResponse> {
        let (call, request) = options::read(request)?;
        let (caller, drive) = call.with(storage::optional_drive(request.drive))?;
        let broker = self.broker.clone();
        once::answer(&self.broker, caller, move |caller| async move {
            let space = broker.module_space(&caller, drive).await?;
            let drives = space.into_iter().map(|space| ModuleSpace {
                drive: space.drive.name().into(),
                total_bytes: response::signed(space.total),
                used_bytes: response::signed(space.used),
            });
            Ok(GetModuleSpaceResponse {
                drives: drives.collect(),
                ..Default::default()
            })
        })
        .await
    }
}

/// Progress until the file is where it should be. Runs in a task of its own: it goes on although
/// its caller reads no progress.
fn moved<R>(
    moving: Moving,
    caller: Caller,
    keep: Keep,
) -> impl Stream<Item = Result<R, Status>> + Send
where
    R: Validated + From<OperationProgress> + From<TransferResult>,
{
    let (answers, stream) = mpsc::channel(WAITING);
    let mut reporter: Reporter<ModuleProgress, R> =
        Reporter::new(moving.operation(), None, moving.progress(), answers).keeping(keep);
    reporter.goes_on();
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
    keep: Keep,
) -> impl Stream<Item = Result<WriteModuleFileResponse, Status>> + Send {
    let (answers, stream) = mpsc::channel(WAITING);
    let size = Some(writing.size());
    let mut reporter: Reporter<ModuleProgress, WriteModuleFileResponse> =
        Reporter::new(writing.operation(), size, writing.progress(), answers).keeping(keep);
    tokio::spawn(async move {
        let work = async {
            let (writing, sha256) = reporter.meanwhile(write(writing, incoming)).await??;
            reporter.goes_on();
            let finished = reporter.meanwhile(writing.finish(sha256)).await?;
            Ok(finished.map_err(|error| status::of(&error))?)
        };
        match while_wanted(&caller, work).await {
            Ok(written) => reporter.end(Some(Written::into(written)), None).await,
            Err(stop) => reporter.end(None, Some(stop)).await,
        }
    });
    ReceiverStream::new(stream)
}

/// Takes chunks until `finish`, and answers with the SHA-256 that it names. Dropping `writing` before cancels the
/// operation.
async fn write(
    mut writing: WritingToModule,
    mut incoming: Streaming<WriteModuleFileRequest>,
) -> Result<(WritingToModule, Option<[u8; 32]>), Status> {
    let refused = |error: Error| status::of(&error);
    loop {
        match next(&mut incoming).await? {
            Write::Chunk(chunk) => writing.push(chunk).await.map_err(refused)?,
            Write::Finish(finish) => {
                let sha256 = request::put_finish(&finish).map_err(status::invalid)?;
                return Ok((writing, sha256));
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
