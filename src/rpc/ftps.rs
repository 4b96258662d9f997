//! `FtpsService`: each method reads its request, makes one call of the broker, and answers.

use std::pin::Pin;

use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::call::{caller, within};
use super::convert::{request, response};
use super::{get, many, put, status, stream};
use crate::broker::{Broker, Error};
use crate::proto::ftps_service_server::FtpsService;
use crate::proto::*;

type Answer<T> = Result<Response<T>, Status>;
type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The FTP operations.
#[derive(Debug, Clone)]
pub(super) struct Ftps {
    broker: Broker,
}

impl Ftps {
    pub(super) fn new(broker: Broker) -> Self {
        Self { broker }
    }
}

#[tonic::async_trait]
impl FtpsService for Ftps {
    async fn open_session(
        &self,
        request: Request<OpenSessionRequest>,
    ) -> Answer<OpenSessionResponse> {
        let caller = caller(&request)?;
        let wish = request::open_session(request.into_inner()).map_err(status::invalid)?;
        let session = within(&caller, self.broker.open_session(&caller, wish)).await?;
        let (directory, raw_directory) = response::said(&session.directory);
        Ok(Response::new(OpenSessionResponse {
            session_id: session.id.as_str().into(),
            directory,
            raw_directory,
            lease: Some(response::duration(session.lease)),
        }))
    }

    async fn close_session(
        &self,
        request: Request<CloseSessionRequest>,
    ) -> Answer<CloseSessionResponse> {
        let caller = caller(&request)?;
        let id = request::session(request.into_inner().session_id).map_err(status::invalid)?;
        self.broker.close_session(&caller, &id).map_err(refused)?;
        Ok(Response::new(CloseSessionResponse {}))
    }

    async fn list_sessions(
        &self,
        request: Request<ListSessionsRequest>,
    ) -> Answer<ListSessionsResponse> {
        let caller = caller(&request)?;
        let page = request::open_sessions(request.into_inner()).map_err(status::invalid)?;
        let mut sessions = self.broker.open_sessions(&caller);
        if let Some(behind) = page.behind {
            sessions.retain(|session| session.id.as_str() > behind.as_str());
        }
        let more = sessions.len() > page.size;
        sessions.truncate(page.size);
        let last = sessions.last().filter(|_| more);
        let next_page_token = last.map(|last| last.id.as_str().to_owned());
        Ok(Response::new(ListSessionsResponse {
            next_page_token: next_page_token.unwrap_or_default(),
            sessions: sessions.into_iter().map(Into::into).collect(),
        }))
    }

    async fn change_directory(
        &self,
        request: Request<ChangeDirectoryRequest>,
    ) -> Answer<ChangeDirectoryResponse> {
        let caller = caller(&request)?;
        let (id, path) =
            request::change_directory(request.into_inner()).map_err(status::invalid)?;
        let directory = within(&caller, self.broker.change_directory(&caller, &id, &path)).await?;
        let (directory, raw_directory) = response::said(&directory);
        Ok(Response::new(ChangeDirectoryResponse {
            directory,
            raw_directory,
        }))
    }

    async fn get_working_directory(
        &self,
        request: Request<GetWorkingDirectoryRequest>,
    ) -> Answer<GetWorkingDirectoryResponse> {
        let caller = caller(&request)?;
        let id = request::session(request.into_inner().session_id).map_err(status::invalid)?;
        let directory = self
            .broker
            .working_directory(&caller, &id)
            .map_err(refused)?;
        let (directory, raw_directory) = response::said(&directory);
        Ok(Response::new(GetWorkingDirectoryResponse {
            directory,
            raw_directory,
        }))
    }

    async fn set_transfer_type(
        &self,
        request: Request<SetTransferTypeRequest>,
    ) -> Answer<SetTransferTypeResponse> {
        let caller = caller(&request)?;
        let (id, to) = request::set_transfer_type(request.into_inner()).map_err(status::invalid)?;
        self.broker
            .set_transfer_type(&caller, &id, to)
            .map_err(refused)?;
        Ok(Response::new(SetTransferTypeResponse {}))
    }

    async fn get_transfer_type(
        &self,
        request: Request<GetTransferTypeRequest>,
    ) -> Answer<GetTransferTypeResponse> {
        let caller = caller(&request)?;
        let id = request::session(request.into_inner().session_id).map_err(status::invalid)?;
        let transfer_type = self.broker.transfer_type(&caller, &id).map_err(refused)?;
        let transfer_type = TransferType::from(transfer_type).into();
        Ok(Response::new(GetTransferTypeResponse { transfer_type }))
    }

    type ListStream = Answers<ListResponse>;

    async fn list(&self, request: Request<ListRequest>) -> Answer<Self::ListStream> {
        let caller = caller(&request)?;
        let (target, path) =
            request::place_to_list(request.into_inner()).map_err(status::invalid)?;
        let reading = within(&caller, self.broker.list(&caller, &target, path.as_ref())).await?;
        // The module has been brought up by now.
        let (_, capabilities) = self.broker.capabilities();
        let profile = capabilities.profile.clone();
        Ok(Response::new(Box::pin(stream::list(
            reading, caller, profile,
        ))))
    }

    async fn get_size(&self, request: Request<GetSizeRequest>) -> Answer<GetSizeResponse> {
        let caller = caller(&request)?;
        let GetSizeRequest {
            target,
            path,
            raw_path,
        } = request.into_inner();
        let (target, path) = request::place(target, (path, raw_path)).map_err(status::invalid)?;
        let size = within(&caller, self.broker.size(&caller, &target, &path)).await?;
        Ok(Response::new(GetSizeResponse {
            size: response::signed(size),
        }))
    }

    async fn make_directory(
        &self,
        request: Request<MakeDirectoryRequest>,
    ) -> Answer<MakeDirectoryResponse> {
        let caller = caller(&request)?;
        let MakeDirectoryRequest {
            target,
            path,
            raw_path,
        } = request.into_inner();
        let (target, path) = request::place(target, (path, raw_path)).map_err(status::invalid)?;
        within(&caller, self.broker.make_directory(&caller, &target, &path)).await?;
        Ok(Response::new(MakeDirectoryResponse {}))
    }

    async fn remove_directory(
        &self,
        request: Request<RemoveDirectoryRequest>,
    ) -> Answer<RemoveDirectoryResponse> {
        let caller = caller(&request)?;
        let RemoveDirectoryRequest {
            target,
            path,
            raw_path,
        } = request.into_inner();
        let (target, path) = request::place(target, (path, raw_path)).map_err(status::invalid)?;
        within(
            &caller,
            self.broker.remove_directory(&caller, &target, &path),
        )
        .await?;
        Ok(Response::new(RemoveDirectoryResponse {}))
    }

    async fn delete_file(&self, request: Request<DeleteFileRequest>) -> Answer<DeleteFileResponse> {
        let caller = caller(&request)?;
        let DeleteFileRequest {
            target,
            path,
            raw_path,
        } = request.into_inner();
        let (target, path) = request::place(target, (path, raw_path)).map_err(status::invalid)?;
        within(&caller, self.broker.delete_file(&caller, &target, &path)).await?;
        Ok(Response::new(DeleteFileResponse {}))
    }

    type GetStream = Answers<GetResponse>;

    async fn get(&self, request: Request<GetRequest>) -> Answer<Self::GetStream> {
        let mut caller = caller(&request)?;
        let wish = request::get(request.into_inner()).map_err(status::invalid)?;
        (caller.priority, caller.yields) = wish.manners;
        let reading = self
            .broker
            .begin_guarded_get(
                &caller,
                &wish.target,
                &wish.path,
                wish.offset,
                wish.guards,
                wish.growth,
            )
            .map_err(refused)?;
        let answer = get::run(reading, caller, wish.offset);
        Ok(Response::new(Box::pin(answer)))
    }

    type PutStream = Answers<PutResponse>;

    async fn put(&self, request: Request<Streaming<PutRequest>>) -> Answer<Self::PutStream> {
        let mut caller = caller(&request)?;
        let mut incoming = request.into_inner();
        let first = incoming.message().await?;
        let header = match first.ok_or_else(status::unfinished)?.message {
            Some(put_request::Message::Header(header)) => header,
            _ => return Err(status::out_of_order("header", "must be the first message")),
        };
        let (header, manners) = request::put_header(header).map_err(status::invalid)?;
        (caller.priority, caller.yields) = manners;
        let writing = self.broker.put(&caller, header).map_err(refused)?;
        Ok(Response::new(Box::pin(put::run(writing, incoming, caller))))
    }

    type PutFilesStream = Answers<PutFilesResponse>;

    async fn put_files(
        &self,
        request: Request<Streaming<PutFilesRequest>>,
    ) -> Answer<Self::PutFilesStream> {
        let caller = caller(&request)?;
        let mut incoming = request.into_inner();
        let first = incoming.message().await?;
        let header = match first.ok_or_else(status::unfinished)?.item {
            Some(put_files_request::Item::Header(header)) => header,
            _ => return Err(status::out_of_order("header", "must be the first message")),
        };
        let header = request::put_files_header(header).map_err(status::invalid)?;
        let (files, results) = self.broker.put_files(&caller, header).map_err(refused)?;
        let fault = many::take_files(files, incoming);
        let answer = many::run(results, caller, Some(fault), many::written);
        Ok(Response::new(Box::pin(answer)))
    }

    type GetFilesStream = Answers<GetFilesResponse>;

    async fn get_files(&self, request: Request<GetFilesRequest>) -> Answer<Self::GetFilesStream> {
        let caller = caller(&request)?;
        let GetFilesRequest {
            target,
            paths,
            raw_paths,
        } = request.into_inner();
        let (target, paths) = request::places(target, paths, raw_paths).map_err(status::invalid)?;
        let results = self.broker.get_files(&caller, &target, paths);
        let answer = many::run(results.map_err(refused)?, caller, None, many::read);
        Ok(Response::new(Box::pin(answer)))
    }

    type DeleteFilesStream = Answers<DeleteFilesResponse>;

    async fn delete_files(
        &self,
        request: Request<DeleteFilesRequest>,
    ) -> Answer<Self::DeleteFilesStream> {
        let caller = caller(&request)?;
        let DeleteFilesRequest {
            target,
            paths,
            raw_paths,
        } = request.into_inner();
        let (target, paths) = request::places(target, paths, raw_paths).map_err(status::invalid)?;
        let results = self.broker.delete_files(&caller, &target, paths);
        let answer = many::run(results.map_err(refused)?, caller, None, many::deleted);
        Ok(Response::new(Box::pin(answer)))
    }

    type StatFilesStream = Answers<StatFilesResponse>;

    async fn stat_files(
        &self,
        request: Request<StatFilesRequest>,
    ) -> Answer<Self::StatFilesStream> {
        let caller = caller(&request)?;
        let StatFilesRequest {
            target,
            paths,
            raw_paths,
        } = request.into_inner();
        let (target, paths) = request::places(target, paths, raw_paths).map_err(status::invalid)?;
        let results = self.broker.stat_files(&caller, &target, paths);
        let broker = self.broker.clone();
        let found = move |of| {
            // The module has been brought up by now.
            let (_, capabilities) = broker.capabilities();
            many::found(of, &capabilities.profile)
        };
        let answer = many::run(results.map_err(refused)?, caller, None, found);
        Ok(Response::new(Box::pin(answer)))
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err takes"
)]
fn refused(error: Error) -> Status {
    status::of(&error)
}
