//! `FtpsService`: each method reads its request, makes one call of the broker, and answers.
//!
//! Above 400 lines because a service is one `impl`; each of its methods is short.

use tonic::{Request, Response, Streaming};

use super::call::{Answer, caller, within};
use super::convert::fields::both;
use super::convert::options::one;
use super::convert::path::{self, OneName};
use super::convert::{choice, read, response, session, write};
use super::ingest::Ingest;
use super::once::{self, Keep, Opening};
use super::options::{self, Answers, Optioned, Validated, begun};
use super::role::Roles;
use super::{get, many, put, status, stream, tree};
use crate::broker::Broker;
use crate::broker::terms::{Caller, Error, Target};
use crate::proto::ftps_service_server::FtpsService;
use crate::proto::*;
use simcom_talk::ftps::value::RemotePath;

/// The FTP operations.
#[derive(Debug, Clone)]
pub(super) struct Ftps {
    broker: Broker,
    roles: Roles,
}

impl Ftps {
    pub(super) fn new(broker: Broker, roles: Roles) -> Self {
        Self { broker, roles }
    }

    /// Does what a request asks of one name on a server, once.
    async fn about_name<R, T, F>(
        &self,
        request: Request<R>,
        work: impl FnOnce(Broker, Caller, Target, RemotePath) -> F + Send,
    ) -> Answer<T>
    where
        R: Optioned + OneName,
        T: Validated,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let (call, request) = options::read(request)?;
        let (caller, (target, path)) = call.with(request.place())?;
        let broker = self.broker.clone();
        once::answer(&self.broker, caller, move |caller| {
            work(broker, caller, target, path)
        })
        .await
    }
}

#[tonic::async_trait]
impl FtpsService for Ftps {
    async fn open_session(
        &self,
        request: Request<OpenSessionRequest>,
    ) -> Answer<OpenSessionResponse> {
        let (call, request) = options::read(request)?;
        let (caller, asked) = call.with(session::open_session(request))?;
        let broker = self.broker.clone();
        once::answer(&self.broker, caller, move |caller| async move {
            let session = broker.open_session(&caller, asked).await?;
            let (directory, raw_directory) = response::said(&session.directory, session.code);
            Ok(OpenSessionResponse {
                session_id: session.id.as_str().into(),
                directory,
                raw_directory,
                lease: Some(response::duration(session.lease)),
                ..Default::default()
            })
        })
        .await
    }

    async fn close_session(
        &self,
        request: Request<CloseSessionRequest>,
    ) -> Answer<CloseSessionResponse> {
        let caller = caller(&request)?;
        let CloseSessionRequest {
            session_id,
            principal,
        } = request.into_inner();
        let (id, whose) =
            both(session::session(session_id), one(principal)).map_err(status::invalid)?;
        let caller = self.roles.acting(caller, whose, "CloseSession")?;
        self.broker
            .close_session(&caller, &id)
            .map_err(status::refused)?;
        Ok(Response::new(CloseSessionResponse {}))
    }

    async fn list_sessions(
        &self,
        request: Request<ListSessionsRequest>,
    ) -> Answer<ListSessionsResponse> {
        let caller = caller(&request)?;
        let (page, whose) =
            session::open_sessions(request.into_inner()).map_err(status::invalid)?;
        let whose = self.roles.admit(&caller, whose, "ListSessions")?;
        let mut sessions = self.broker.open_sessions(&caller, &whose);
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
        let (call, request) = options::read(request)?;
        let (caller, (id, path)) = call.with(session::change_directory(request))?;
        let broker = self.broker.clone();
        once::answer(&self.broker, caller, move |caller| async move {
            let directory = broker.change_directory(&caller, &id, &path).await?;
            let code = broker.names_of(&caller, &Target::Session(id));
            let (directory, raw_directory) = response::said(&directory, code);
            Ok(ChangeDirectoryResponse {
                directory,
                raw_directory,
                ..Default::default()
            })
        })
        .await
    }

    async fn get_working_directory(
        &self,
        request: Request<GetWorkingDirectoryRequest>,
    ) -> Answer<GetWorkingDirectoryResponse> {
        let caller = caller(&request)?;
        let id = session::session(request.into_inner().session_id).map_err(status::invalid)?;
        let directory = self
            .broker
            .working_directory(&caller, &id)
            .map_err(status::refused)?;
        let code = self.broker.names_of(&caller, &Target::Session(id));
        let (directory, raw_directory) = response::said(&directory, code);
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
        let (id, to) = session::set_transfer_type(request.into_inner()).map_err(status::invalid)?;
        self.broker
            .set_transfer_type(&caller, &id, to)
            .map_err(status::refused)?;
        Ok(Response::new(SetTransferTypeResponse {}))
    }

    async fn get_transfer_type(
        &self,
        request: Request<GetTransferTypeRequest>,
    ) -> Answer<GetTransferTypeResponse> {
        let caller = caller(&request)?;
        let id = session::session(request.into_inner().session_id).map_err(status::invalid)?;
        let transfer_type = self
            .broker
            .transfer_type(&caller, &id)
            .map_err(status::refused)?;
        let transfer_type = TransferType::from(transfer_type).into();
        Ok(Response::new(GetTransferTypeResponse { transfer_type }))
    }

    type ListStream = Answers<ListResponse>;

    async fn list(&self, request: Request<ListRequest>) -> Answer<Self::ListStream> {
        let (call, request) = options::read(request)?;
        let (caller, (target, path)) = call.with(path::place_to_list(request))?;
        let code = self.broker.names_of(&caller, &target);
        let reading = self.broker.list(&caller, &target, path.as_ref());
        let reading = begun(within(&caller, async { Ok(reading.await) }).await?)?;
        let Some(reading) = reading else {
            return Ok(options::validated());
        };
        // The module has been brought up by now.
        let (_, capabilities) = self.broker.capabilities();
        let profile = capabilities.profile.clone();
        Ok(Response::new(Box::pin(stream::list(
            reading,
            caller,
            (profile, code),
        ))))
    }

    async fn stat(&self, request: Request<StatRequest>) -> Answer<StatResponse> {
        self.about_name(request, |broker, caller, target, path| async move {
            let code = broker.names_of(&caller, &target);
            let entry = broker.stat(&caller, &target, &path).await?;
            let (_, capabilities) = broker.capabilities();
            Ok(StatResponse {
                entry: Some(Entry::of(entry, &capabilities.profile, code)),
                ..Default::default()
            })
        })
        .await
    }

    type WalkStream = Answers<WalkResponse>;

    async fn walk(&self, request: Request<WalkRequest>) -> Answer<Self::WalkStream> {
        let (call, request) = options::read(request)?;
        let (caller, asked) = call.with(path::walk(request))?;
        let (target, path, depth) = (&asked.target, asked.path.as_ref(), asked.max_depth);
        let code = self.broker.names_of(&caller, target);
        let walk = self.broker.walk(&caller, target, path, depth);
        let Some(walk) = begun(walk)? else {
            return Ok(options::validated());
        };
        let broker = self.broker.clone();
        let profile = move || broker.capabilities().1.profile.clone();
        let answers = tree::walk(walk, caller, profile, code);
        Ok(Response::new(Box::pin(answers)))
    }

    type RemoveTreeStream = Answers<RemoveTreeResponse>;

    async fn remove_tree(
        &self,
        request: Request<RemoveTreeRequest>,
    ) -> Answer<Self::RemoveTreeStream> {
        let (call, request) = options::read(request)?;
        let (caller, (target, path)) = call.with(request.place())?;
        let keep = match once::open(&self.broker, &caller)? {
            Opening::Go(keep) => keep,
            Opening::Answered(answers) => return Ok(options::stream(answers)),
        };
        let code = self.broker.names_of(&caller, &target);
        let removing = self.broker.remove_tree(&caller, &target, &path);
        let Some(removing) = begun(removing)? else {
            return Ok(options::validated());
        };
        Ok(Response::new(Box::pin(tree::remove(
            removing, caller, code, keep,
        ))))
    }

    async fn get_size(&self, request: Request<GetSizeRequest>) -> Answer<GetSizeResponse> {
        self.about_name(request, |broker, caller, target, path| async move {
            let size = broker.size(&caller, &target, &path).await?;
            Ok(GetSizeResponse {
                size: response::signed(size),
                ..Default::default()
            })
        })
        .await
    }

    async fn make_directory(
        &self,
        request: Request<MakeDirectoryRequest>,
    ) -> Answer<MakeDirectoryResponse> {
        self.about_name(request, |broker, caller, target, path| async move {
            broker.make_directory(&caller, &target, &path).await?;
            Ok(MakeDirectoryResponse::default())
        })
        .await
    }

    async fn remove_directory(
        &self,
        request: Request<RemoveDirectoryRequest>,
    ) -> Answer<RemoveDirectoryResponse> {
        self.about_name(request, |broker, caller, target, path| async move {
            broker.remove_directory(&caller, &target, &path).await?;
            Ok(RemoveDirectoryResponse::default())
        })
        .await
    }

    async fn delete_file(&self, request: Request<DeleteFileRequest>) -> Answer<DeleteFileResponse> {
        self.about_name(request, |broker, caller, target, path| async move {
            broker.delete_file(&caller, &target, &path).await?;
            Ok(DeleteFileResponse::default())
        })
        .await
    }

    type GetStream = Answers<GetResponse>;

    async fn get(&self, request: Request<GetRequest>) -> Answer<Self::GetStream> {
        let (call, request) = options::read(request)?;
        let (mut caller, asked) = call.with(read::get(request))?;
        (caller.priority, caller.yields) = asked.sharing;
        let offset = asked.wanted.offset;
        let reading = self
            .broker
            .begin_guarded_get(&caller, &asked.target, asked.wanted);
        let Some(reading) = begun(reading)? else {
            return Ok(options::validated());
        };
        let answer = get::run(reading, caller, offset);
        Ok(Response::new(Box::pin(answer)))
    }

    type PutStream = Answers<PutResponse>;

    async fn put(&self, request: Request<Streaming<PutRequest>>) -> Answer<Self::PutStream> {
        let (caller, mut header, ingest) = Ingest::open(request).await?;
        let call = options::Call::new(caller, &mut header);
        let (mut caller, asked) = call.with(write::put_header(header))?;
        (caller.priority, caller.yields) = asked.sharing;
        let keep = match once::open(&self.broker, &caller)? {
            Opening::Go(keep) => keep,
            Opening::Answered(answers) => return Ok(options::stream(answers)),
        };
        if let Some(size) = asked.unless_size.filter(|_| !caller.options.validate_only) {
            let same = self
                .broker
                .same_there(&caller, &asked.header, size, asked.sha256);
            if let Some(same) = within(&caller, same).await? {
                return Ok(put::skipped(&same, size, asked.sha256, keep));
            }
        }
        let Some(writing) = begun(self.broker.put(&caller, asked.header))? else {
            return Ok(options::validated());
        };
        let answers = put::run(writing, ingest, asked.sha256, caller, keep);
        Ok(Response::new(Box::pin(answers)))
    }

    type PutFilesStream = Answers<PutFilesResponse>;

    async fn put_files(
        &self,
        request: Request<Streaming<PutFilesRequest>>,
    ) -> Answer<Self::PutFilesStream> {
        let (caller, mut header, ingest) = Ingest::open(request).await?;
        let call = options::Call::new(caller, &mut header);
        let (mut caller, (header, priority)) = call.with(write::put_files_header(header))?;
        caller.priority = priority;
        let keep = match once::open(&self.broker, &caller)? {
            Opening::Go(keep) => keep,
            Opening::Answered(answers) => return Ok(options::stream(answers)),
        };
        let Some((files, results)) = begun(self.broker.put_files(&caller, header))? else {
            return Ok(options::validated());
        };
        let fault = many::take_files(files, ingest);
        let answer = many::run(results, caller, Some(fault), keep, many::written);
        Ok(Response::new(Box::pin(answer)))
    }

    type GetFilesStream = Answers<GetFilesResponse>;

    async fn get_files(&self, request: Request<GetFilesRequest>) -> Answer<Self::GetFilesStream> {
        let (call, request) = options::read(request)?;
        let places = path::places(request.target, request.paths, request.raw_paths);
        let asked = both(places, choice::priority(request.priority));
        let (mut caller, ((target, paths), priority)) = call.with(asked)?;
        caller.priority = priority;
        let results = self.broker.get_files(&caller, &target, paths);
        let Some(results) = begun(results)? else {
            return Ok(options::validated());
        };
        let answer = many::run(results, caller, None, Keep::default(), many::read);
        Ok(Response::new(Box::pin(answer)))
    }

    type DeleteFilesStream = Answers<DeleteFilesResponse>;

    async fn delete_files(
        &self,
        request: Request<DeleteFilesRequest>,
    ) -> Answer<Self::DeleteFilesStream> {
        let (call, request) = options::read(request)?;
        let places = path::places(request.target, request.paths, request.raw_paths);
        let (caller, (target, paths)) = call.with(places)?;
        let keep = match once::open(&self.broker, &caller)? {
            Opening::Go(keep) => keep,
            Opening::Answered(answers) => return Ok(options::stream(answers)),
        };
        let results = self.broker.delete_files(&caller, &target, paths);
        let Some(results) = begun(results)? else {
            return Ok(options::validated());
        };
        let answer = many::run(results, caller, None, keep, many::deleted);
        Ok(Response::new(Box::pin(answer)))
    }

    type StatFilesStream = Answers<StatFilesResponse>;

    async fn stat_files(
        &self,
        request: Request<StatFilesRequest>,
    ) -> Answer<Self::StatFilesStream> {
        let (call, request) = options::read(request)?;
        let places = path::places(request.target, request.paths, request.raw_paths);
        let (caller, (target, paths)) = call.with(places)?;
        let code = self.broker.names_of(&caller, &target);
        let results = self.broker.stat_files(&caller, &target, paths);
        let Some(results) = begun(results)? else {
            return Ok(options::validated());
        };
        let broker = self.broker.clone();
        let found = move |of| {
            // The module has been brought up by now.
            let (_, capabilities) = broker.capabilities();
            many::found(of, &capabilities.profile, code)
        };
        let answer = many::run(results, caller, None, Keep::default(), found);
        Ok(Response::new(Box::pin(answer)))
    }
}
