//! `TransferService`: each method reads its request, makes one call of the broker, and answers.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::try_unfold;
use tokio::time::timeout;
use tokio_stream::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::call::{caller, given_up, within};
use super::convert::transfers::Creation;
use super::convert::{request, response, transfers};
use super::options::{Validated, begun};
use super::role::Roles;
use super::status;
use crate::broker::terms::TransferId;
use crate::broker::terms::{Caller, Cause, Error, Options};
use crate::modem;
use crate::proto::create_upload_request::Message as Create;
use crate::proto::read_transfer_response::Message as Read;
use crate::proto::resume_upload_request::Message as Resume;
use crate::proto::transfer_service_server::TransferService;
use crate::proto::*;
use crate::transfers::Transfers;
use crate::transfers::{
    Comparing, ReadNext, Receiving, Record, Transfer, TransferReading, Upload, Watch, Watching,
    Wish,
};

/// How long a caller may send nothing while its upload is open. What came is kept.
const STALL: Duration = Duration::from_secs(30);

/// Time between two messages to a watcher: often enough for a person's eye.
const REPORT: Duration = Duration::from_millis(250);

type Answer<T> = Result<Response<T>, Status>;
type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Transfers that outlive their caller.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    transfers: Transfers,
    roles: Roles,
    /// The daemon is stopping: streams that may be long end, since they can be gone on with.
    stop: CancellationToken,
}

impl Kept {
    pub(super) fn new(transfers: Transfers, roles: Roles, stop: CancellationToken) -> Self {
        Self {
            transfers,
            roles,
            stop,
        }
    }
}

#[tonic::async_trait]
impl TransferService for Kept {
    async fn create_upload(
        &self,
        request: Request<Streaming<CreateUploadRequest>>,
    ) -> Answer<CreateUploadResponse> {
        let caller = caller(&request)?;
        let mut incoming = request.into_inner();
        let header = match next(&mut incoming).await? {
            Part::Create(header) => header,
            _ => return Err(status::out_of_order("header", "must be the first message")),
        };
        let creation = transfers::upload(*header).map_err(status::invalid)?;
        let (caller, id, wish) = creating(caller, creation);
        let created = self.transfers.create_upload(&caller, id, wish);
        let created = begun(within(&caller, async { Ok(created.await) }).await?)?;
        let Some(created) = created else {
            return Ok(Response::new(CreateUploadResponse::validated()));
        };
        let transfer = match created {
            Upload::Accepted(transfer) => *transfer,
            Upload::Receive(receiving) => receive(receiving, incoming, caller).await?,
            Upload::Compare(comparing) => compare(comparing, incoming, caller).await?,
        };
        Ok(Response::new(CreateUploadResponse {
            transfer: Some(transfer.into()),
            ..Default::default()
        }))
    }

    async fn resume_upload(
        &self,
        request: Request<Streaming<ResumeUploadRequest>>,
    ) -> Answer<ResumeUploadResponse> {
        let caller = caller(&request)?;
        let mut incoming = request.into_inner();
        let header = match next(&mut incoming).await? {
            Part::Resume(header) => header,
            _ => return Err(status::out_of_order("header", "must be the first message")),
        };
        let (id, offset) = transfers::resume(header).map_err(status::invalid)?;
        let receiving = within(&caller, self.transfers.resume_upload(&caller, id, offset)).await?;
        let transfer = receive(receiving, incoming, caller).await?;
        Ok(Response::new(ResumeUploadResponse {
            transfer: Some(transfer.into()),
        }))
    }

    async fn create_download(
        &self,
        request: Request<CreateDownloadRequest>,
    ) -> Answer<CreateDownloadResponse> {
        let caller = caller(&request)?;
        let creation = transfers::download(request.into_inner()).map_err(status::invalid)?;
        let (caller, id, wish) = creating(caller, creation);
        let created = self.transfers.create_download(&caller, id, wish);
        let created = begun(within(&caller, async { Ok(created.await) }).await?)?;
        Ok(Response::new(match created {
            Some(transfer) => CreateDownloadResponse {
                transfer: Some(transfer.into()),
                ..Default::default()
            },
            None => CreateDownloadResponse::validated(),
        }))
    }

    async fn get_transfer(
        &self,
        request: Request<GetTransferRequest>,
    ) -> Answer<GetTransferResponse> {
        let caller = caller(&request)?;
        let GetTransferRequest {
            transfer_id,
            principal,
        } = request.into_inner();
        let (id, whose) = transfers::id(transfer_id, principal).map_err(status::invalid)?;
        let caller = self.roles.acting(caller, whose, "GetTransfer")?;
        let transfer = self.transfers.transfer(&caller, id).map_err(refused)?;
        Ok(Response::new(GetTransferResponse {
            transfer: Some(transfer.into()),
        }))
    }

    async fn list_transfers(
        &self,
        request: Request<ListTransfersRequest>,
    ) -> Answer<ListTransfersResponse> {
        let caller = caller(&request)?;
        let (page, (filter, whose)) =
            transfers::list(request.into_inner()).map_err(status::invalid)?;
        let whose = self.roles.admit(&caller, whose, "ListTransfers")?;
        let behind = page.behind.and_then(|behind| behind.key(&whose, &caller));
        // One more than asked for tells whether there are more.
        let mut found = self
            .transfers
            .list_transfers(&caller, &whose, behind.as_ref(), page.size + 1, |record| {
                filter.takes(record)
            })
            .map_err(refused)?;
        let more = found.len() > page.size;
        found.truncate(page.size);
        let last = found.last().filter(|_| more);
        let next_page_token = last.map(|last| transfers::token(&last.record.key, &whose));
        Ok(Response::new(ListTransfersResponse {
            next_page_token: next_page_token.unwrap_or_default(),
            transfers: found.into_iter().map(Into::into).collect(),
        }))
    }

    type WatchTransferStream = Answers<WatchTransferResponse>;

    async fn watch_transfer(
        &self,
        request: Request<WatchTransferRequest>,
    ) -> Answer<Self::WatchTransferStream> {
        let caller = caller(&request)?;
        let WatchTransferRequest {
            transfer_id,
            principal,
        } = request.into_inner();
        let (id, whose) = transfers::id(transfer_id, principal).map_err(status::invalid)?;
        let caller = self.roles.acting(caller, whose, "WatchTransfer")?;
        let watch = self
            .transfers
            .watch_transfer(&caller, id)
            .map_err(refused)?;
        let call = (caller, self.stop.clone());
        Ok(Response::new(Box::pin(follow(watch, call))))
    }

    type WatchTransfersStream = Answers<WatchTransfersResponse>;

    async fn watch_transfers(
        &self,
        request: Request<WatchTransfersRequest>,
    ) -> Answer<Self::WatchTransfersStream> {
        let caller = caller(&request)?;
        let (filter, whose) = transfers::watch(request.into_inner()).map_err(status::invalid)?;
        let whose = self.roles.admit(&caller, whose, "WatchTransfers")?;
        let takes = move |record: &Record| filter.takes(record);
        let watching = self.transfers.watch_transfers(&caller, &whose, takes);
        let watching = watching.map_err(refused)?;
        let call = (caller, self.stop.clone());
        Ok(Response::new(Box::pin(follow_all(watching, call))))
    }

    type ReadTransferStream = Answers<ReadTransferResponse>;

    async fn read_transfer(
        &self,
        request: Request<ReadTransferRequest>,
    ) -> Answer<Self::ReadTransferStream> {
        let caller = caller(&request)?;
        let (id, offset) = transfers::read(request.into_inner()).map_err(status::invalid)?;
        let reading = within(&caller, self.transfers.read_transfer(&caller, id, offset)).await?;
        let call = (caller, self.stop.clone());
        Ok(Response::new(Box::pin(read(reading, call))))
    }

    async fn retry_transfer(
        &self,
        request: Request<RetryTransferRequest>,
    ) -> Answer<RetryTransferResponse> {
        let caller = caller(&request)?;
        let RetryTransferRequest {
            transfer_id,
            principal,
        } = request.into_inner();
        let (id, whose) = transfers::id(transfer_id, principal).map_err(status::invalid)?;
        let caller = self.roles.acting(caller, whose, "RetryTransfer")?;
        let transfer = within(&caller, self.transfers.retry_transfer(&caller, id)).await?;
        Ok(Response::new(RetryTransferResponse {
            transfer: Some(transfer.into()),
        }))
    }

    async fn cancel_transfer(
        &self,
        request: Request<CancelTransferRequest>,
    ) -> Answer<CancelTransferResponse> {
        let caller = caller(&request)?;
        let CancelTransferRequest {
            transfer_id,
            principal,
        } = request.into_inner();
        let (id, whose) = transfers::id(transfer_id, principal).map_err(status::invalid)?;
        let caller = self.roles.acting(caller, whose, "CancelTransfer")?;
        let transfer = within(&caller, self.transfers.cancel_transfer(&caller, id)).await?;
        Ok(Response::new(CancelTransferResponse {
            transfer: Some(transfer.into()),
        }))
    }

    async fn delete_transfer(
        &self,
        request: Request<DeleteTransferRequest>,
    ) -> Answer<DeleteTransferResponse> {
        let caller = caller(&request)?;
        let DeleteTransferRequest {
            transfer_id,
            principal,
        } = request.into_inner();
        let (id, whose) = transfers::id(transfer_id, principal).map_err(status::invalid)?;
        let caller = self.roles.acting(caller, whose, "DeleteTransfer")?;
        within(&caller, self.transfers.delete_transfer(&caller, id)).await?;
        Ok(Response::new(DeleteTransferResponse {}))
    }
}

/// A message of either stream that brings a file.
enum Part {
    Create(Box<UploadHeader>),
    Resume(ResumeHeader),
    Chunk(Bytes),
    Finish(PutFinish),
    Nothing,
}

impl From<CreateUploadRequest> for Part {
    fn from(request: CreateUploadRequest) -> Self {
        match request.message {
            Some(Create::Header(header)) => Self::Create(Box::new(header)),
            Some(Create::Chunk(chunk)) => Self::Chunk(chunk),
            Some(Create::Finish(finish)) => Self::Finish(finish),
            None => Self::Nothing,
        }
    }
}

impl From<ResumeUploadRequest> for Part {
    fn from(request: ResumeUploadRequest) -> Self {
        match request.message {
            Some(Resume::Header(header)) => Self::Resume(header),
            Some(Resume::Chunk(chunk)) => Self::Chunk(chunk),
            Some(Resume::Finish(finish)) => Self::Finish(finish),
            None => Self::Nothing,
        }
    }
}

/// Takes chunks until `finish`. In a task of its own: when the caller leaves, what came is made
/// safe.
async fn receive<T: Into<Part> + Send + 'static>(
    receiving: Receiving,
    incoming: Streaming<T>,
    caller: Caller,
) -> Result<Transfer, Status> {
    let received = tokio::spawn(take(receiving, incoming, caller)).await;
    received.unwrap_or_else(|_| Err(status::of(&Cause::WrongAnswer.into())))
}

async fn take<T: Into<Part>>(
    mut receiving: Receiving,
    mut incoming: Streaming<T>,
    caller: Caller,
) -> Result<Transfer, Status> {
    loop {
        let part = tokio::select! {
            biased;
            () = receiving.halted() => Err(status::of(&Cause::TransferEnded.into())),
            () = given_up(&caller) => Err(status::of(&Cause::Expired.into())),
            part = next(&mut incoming) => part,
        };
        let stop = match part {
            Ok(Part::Chunk(chunk)) => match receiving.push(chunk).await {
                Ok(()) => continue,
                Err(error) => status::of(&error),
            },
            Ok(Part::Finish(finish)) => match request::put_finish(&finish) {
                Ok(sha256) => {
                    return tokio::select! {
                        biased;
                        extra = surplus(&mut incoming) => Err(extra),
                        accepted = receiving.finish(sha256) => accepted.map_err(refused),
                    };
                }
                Err(invalid) => status::invalid(invalid),
            },
            Ok(part @ (Part::Create(_) | Part::Resume(_) | Part::Nothing)) => unexpected(&part),
            Err(status) => status,
        };
        receiving.pause().await;
        return Err(stop);
    }
}

/// Takes chunks until `finish`, of an upload that was accepted before.
async fn compare<T: Into<Part>>(
    mut comparing: Comparing,
    mut incoming: Streaming<T>,
    caller: Caller,
) -> Result<Transfer, Status> {
    loop {
        let part = tokio::select! {
            biased;
            () = given_up(&caller) => Err(status::of(&Cause::Expired.into())),
            part = next(&mut incoming) => part,
        };
        match part? {
            Part::Chunk(chunk) => comparing.push(&chunk).map_err(refused)?,
            Part::Finish(finish) => {
                let sha256 = request::put_finish(&finish).map_err(status::invalid)?;
                return comparing.finish(sha256).map_err(refused);
            }
            part => return Err(unexpected(&part)),
        }
    }
}

/// A message that does not come in the midst of a file.
fn unexpected(part: &Part) -> Status {
    match part {
        Part::Create(_) | Part::Resume(_) => status::out_of_order("header", "came a second time"),
        Part::Chunk(_) | Part::Finish(_) | Part::Nothing => {
            status::out_of_order("message", "is neither header, chunk nor finish")
        }
    }
}

/// Completes when something comes after `finish`.
async fn surplus<T>(incoming: &mut Streaming<T>) -> Status {
    match incoming.message().await {
        Ok(Some(_)) => status::out_of_order("message", "came after finish"),
        // The caller's side is closed, as it should be; or broken, which the answer will find out.
        Ok(None) | Err(_) => std::future::pending().await,
    }
}

async fn next<T: Into<Part>>(incoming: &mut Streaming<T>) -> Result<Part, Status> {
    let message = timeout(STALL, incoming.message())
        .await
        .map_err(|_| status::of(&Cause::WriterTooSlow.into()))??;
    Ok(message.ok_or_else(status::unfinished)?.into())
}

/// Who calls, and the wish that the daemon stops.
type Call = (Caller, CancellationToken);

/// As [`within`], until the daemon is stopping.
async fn unless_stopping<T>(
    (caller, stop): &Call,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Status> {
    tokio::select! {
        biased;
        () = stop.cancelled() => Err(status::of(&modem::Error::Stopping.into())),
        done = within(caller, work) => done,
    }
}

/// A transfer now and at its changes.
fn follow(
    watch: Watch,
    call: Call,
) -> impl Stream<Item = Result<WatchTransferResponse, Status>> + Send {
    let state = (watch, call, false);
    try_unfold(state, async |(mut watch, call, again)| {
        if again {
            tokio::time::sleep(REPORT).await;
        }
        let transfer = unless_stopping(&call, watch.next()).await?;
        let response = transfer.map(|transfer| WatchTransferResponse {
            transfer: Some(transfer.into()),
        });
        Ok(response.map(|response| (response, (watch, call, true))))
    })
}

/// All transfers now and at their changes.
fn follow_all(
    watching: Watching,
    call: Call,
) -> impl Stream<Item = Result<WatchTransfersResponse, Status>> + Send {
    try_unfold((watching, call), async |(mut watching, call)| {
        let told = unless_stopping(&call, async { Ok(watching.next().await) }).await?;
        Ok(Some((told.into(), (watching, call))))
    })
}

/// Who has a transfer created, and which.
fn creating(caller: Caller, creation: Creation) -> (Caller, TransferId, Wish) {
    let options = Options {
        validate_only: creation.validate_only,
        ..Options::default()
    };
    (Caller { options, ..caller }, creation.id, creation.wish)
}

/// Chunks, result.
fn read(
    reading: TransferReading,
    call: Call,
) -> impl Stream<Item = Result<ReadTransferResponse, Status>> + Send {
    let rest = try_unfold(Some((reading, call)), async |state| {
        let Some((mut reading, call)) = state else {
            return Ok(None);
        };
        Ok(Some(match unless_stopping(&call, reading.next()).await? {
            ReadNext::Chunk(chunk) => (Read::Chunk(chunk), Some((reading, call))),
            ReadNext::End {
                size,
                sha256,
                grown,
                took,
            } => {
                let result = ReadTransferResult {
                    file_size: response::signed(size),
                    file_sha256: Bytes::copy_from_slice(&sha256),
                    run_duration: Some(response::duration(took)),
                    grown_size: grown.map(response::signed),
                };
                (Read::Result(result), None)
            }
        }))
    });
    rest.map(|message| {
        message.map(|message| ReadTransferResponse {
            message: Some(message),
        })
    })
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err takes"
)]
fn refused(error: Error) -> Status {
    status::of(&error)
}
