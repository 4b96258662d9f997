//! `ModuleStorageService`: each method reads its request, makes one call of the broker, and
//! answers.

use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::call::{Answer, within};
use super::convert::{response, storage};
use super::ingest::Ingest;
use super::once::{self, Keep, Opening};
use super::options::{self, Answers, Validated, begun};
use super::report::{Reporter, WAITING, while_wanted};
use super::{get, status};
use crate::broker::Broker;
use crate::broker::flow::storage::{
    ModuleProgress, Moving, TransferResult, WritingToModule, Written,
};
use crate::broker::terms::{Caller, Error};
use crate::proto::module_storage_service_server::ModuleStorageService;
use crate::proto::*;
use simcom_talk::ftps::lossless;
use simcom_talk::ftps::value::Offset;

/// Entries of one message: some ten kilobytes.
const ENTRIES: usize = 200;

/// Files on the module.
#[derive(Debug, Clone)]
pub(super) struct ModuleStorage {
    broker: Broker,
}

impl ModuleStorage {
    pub(super) fn new(broker: Broker) -> Self {
        Self { broker }
    }

    /// Begins to move a file between server and module, and answers with the stream of its progress.
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
            Opening::Answered(answers) => return Ok(options::stream(answers)),
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
        let (caller, mut header, ingest) = Ingest::open(request).await?;
        let call = options::Call::new(caller, &mut header);
        let (caller, header) = call.with(storage::write_module_file(header))?;
        let keep = match once::open(&self.broker, &caller)? {
            Opening::Go(keep) => keep,
            Opening::Answered(answers) => return Ok(options::stream(answers)),
        };
        let Some(writing) = begun(self.broker.write_module_file(&caller, header))? else {
            return Ok(options::validated());
        };
        let answers = written(writing, ingest, caller, keep);
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

/// A stream of progress and the result of a file that moves between server and module. Runs in a task of its
/// own: it goes on even if its caller reads no progress.
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
            Ok(result.map_err(status::refused)?)
        };
        match while_wanted(&caller, work).await {
            Ok(result) => reporter.end(Some(R::from(result)), None).await,
            Err(stop) => reporter.end(None, Some(stop)).await,
        }
    });
    ReceiverStream::new(stream)
}

/// A stream of progress and the result of a file that the caller sends to the module.
fn written(
    mut writing: WritingToModule,
    mut ingest: Ingest<WriteModuleFileRequest>,
    caller: Caller,
    keep: Keep,
) -> impl Stream<Item = Result<WriteModuleFileResponse, Status>> + Send {
    let (answers, stream) = mpsc::channel(WAITING);
    let size = Some(writing.size());
    let mut reporter: Reporter<ModuleProgress, WriteModuleFileResponse> =
        Reporter::new(writing.operation(), size, writing.progress(), answers).keeping(keep);
    tokio::spawn(async move {
        let work = async {
            let sha256 = reporter.meanwhile(ingest.chunks(&mut writing)).await??;
            reporter.goes_on();
            let finish = ingest.finish(writing.finish(sha256));
            let finished = reporter.meanwhile(finish).await??;
            Ok(finished.map_err(status::refused)?)
        };
        match while_wanted(&caller, work).await {
            Ok(written) => reporter.end(Some(Written::into(written)), None).await,
            Err(stop) => reporter.end(None, Some(stop)).await,
        }
    });
    ReceiverStream::new(stream)
}
