//! `TransferService`: each method reads its request, makes one call of the transfers, and answers.

use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::call::{Answer, caller, within};
use super::convert::transfer_requests::{self, Creation, OneTransfer};
use super::ingest::Ingest;
use super::options::{Answers, Validated, begun};
use super::role::Roles;
use super::status;
use super::transfer_upload::{compare, receive};
use super::transfer_watch::{follow, follow_all, read};
use crate::broker::terms::{Caller, Options, TransferId};
use crate::proto::transfer_service_server::TransferService;
use crate::proto::*;
use crate::transfers::{Record, Transfers, Upload, Wish};

/// Transfers that outlive their caller.
#[derive(Debug, Clone)]
pub(super) struct KeptTransfers {
    transfers: Transfers,
    roles: Roles,
    /// Cancelled when the daemon stops: long streams end then, since they can be resumed.
    stop: CancellationToken,
}

impl KeptTransfers {
    pub(super) fn new(transfers: Transfers, roles: Roles, stop: CancellationToken) -> Self {
        Self {
            transfers,
            roles,
            stop,
        }
    }

    /// Reads a request about one transfer. Answers with its id, and with the caller acting for its owner.
    ///
    /// # Errors
    /// `INVALID_FIELDS`, and `ROLE_REQUIRED` where the transfer is another principal's.
    fn one<R: OneTransfer>(
        &self,
        request: Request<R>,
        method: &str,
    ) -> Result<(Caller, TransferId), Status> {
        let caller = caller(&request)?;
        let (id, whose) = request.into_inner().read().map_err(status::invalid)?;
        Ok((self.roles.acting(caller, whose, method)?, id))
    }
}

#[tonic::async_trait]
impl TransferService for KeptTransfers {
    async fn create_upload(
        &self,
        request: Request<Streaming<CreateUploadRequest>>,
    ) -> Answer<CreateUploadResponse> {
        let (caller, header, ingest) = Ingest::open(request).await?;
        let creation = transfer_requests::upload(header).map_err(status::invalid)?;
        let (caller, id, wish) = creating(caller, creation);
        let created = self.transfers.create_upload(&caller, id, wish);
        let created = begun(within(&caller, async { Ok(created.await) }).await?)?;
        let Some(created) = created else {
            return Ok(Response::new(CreateUploadResponse::validated()));
        };
        let transfer = match created {
            Upload::Accepted(transfer) => *transfer,
            Upload::Receive(receiving) => receive(receiving, ingest, caller).await?,
            Upload::Compare(comparing) => compare(comparing, ingest, caller).await?,
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
        let (caller, header, ingest) = Ingest::open(request).await?;
        let (id, offset) = transfer_requests::resume(header).map_err(status::invalid)?;
        let receiving = within(&caller, self.transfers.resume_upload(&caller, id, offset)).await?;
        let transfer = receive(receiving, ingest, caller).await?;
        Ok(Response::new(ResumeUploadResponse {
            transfer: Some(transfer.into()),
        }))
    }

    async fn create_download(
        &self,
        request: Request<CreateDownloadRequest>,
    ) -> Answer<CreateDownloadResponse> {
        let caller = caller(&request)?;
        let creation =
            transfer_requests::download(request.into_inner()).map_err(status::invalid)?;
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
        let (caller, id) = self.one(request, "GetTransfer")?;
        let transfer = self
            .transfers
            .transfer(&caller, id)
            .map_err(status::refused)?;
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
            transfer_requests::list(request.into_inner()).map_err(status::invalid)?;
        let whose = self.roles.admit(&caller, whose, "ListTransfers")?;
        let behind = page.behind.and_then(|behind| behind.key(&whose, &caller));
        // One more than asked for shows whether there are more.
        let mut found = self
            .transfers
            .list_transfers(&caller, &whose, behind.as_ref(), page.size + 1, |record| {
                filter.takes(record)
            })
            .map_err(status::refused)?;
        let more = found.len() > page.size;
        found.truncate(page.size);
        let last = found.last().filter(|_| more);
        let next_page_token = last.map(|last| transfer_requests::token(&last.record.key, &whose));
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
        let (caller, id) = self.one(request, "WatchTransfer")?;
        let watch = self
            .transfers
            .watch_transfer(&caller, id)
            .map_err(status::refused)?;
        let call = (caller, self.stop.clone());
        Ok(Response::new(Box::pin(follow(watch, call))))
    }

    type WatchTransfersStream = Answers<WatchTransfersResponse>;

    async fn watch_transfers(
        &self,
        request: Request<WatchTransfersRequest>,
    ) -> Answer<Self::WatchTransfersStream> {
        let caller = caller(&request)?;
        let (filter, whose) =
            transfer_requests::watch(request.into_inner()).map_err(status::invalid)?;
        let whose = self.roles.admit(&caller, whose, "WatchTransfers")?;
        let takes = move |record: &Record| filter.takes(record);
        let watching = self.transfers.watch_transfers(&caller, &whose, takes);
        let watching = watching.map_err(status::refused)?;
        let roles = self.roles.clone();
        let may = {
            let caller = caller.clone();
            move || roles.check(&caller, &whose, "WatchTransfers")
        };
        let call = (caller, self.stop.clone());
        Ok(Response::new(Box::pin(follow_all(watching, call, may))))
    }

    type ReadTransferStream = Answers<ReadTransferResponse>;

    async fn read_transfer(
        &self,
        request: Request<ReadTransferRequest>,
    ) -> Answer<Self::ReadTransferStream> {
        let caller = caller(&request)?;
        let (id, offset) =
            transfer_requests::read(request.into_inner()).map_err(status::invalid)?;
        let reading = within(&caller, self.transfers.read_transfer(&caller, id, offset)).await?;
        let call = (caller, self.stop.clone());
        Ok(Response::new(Box::pin(read(reading, call))))
    }

    async fn retry_transfer(
        &self,
        request: Request<RetryTransferRequest>,
    ) -> Answer<RetryTransferResponse> {
        let (caller, id) = self.one(request, "RetryTransfer")?;
        let transfer = within(&caller, self.transfers.retry_transfer(&caller, id)).await?;
        Ok(Response::new(RetryTransferResponse {
            transfer: Some(transfer.into()),
        }))
    }

    async fn cancel_transfer(
        &self,
        request: Request<CancelTransferRequest>,
    ) -> Answer<CancelTransferResponse> {
        let (caller, id) = self.one(request, "CancelTransfer")?;
        let transfer = within(&caller, self.transfers.cancel_transfer(&caller, id)).await?;
        Ok(Response::new(CancelTransferResponse {
            transfer: Some(transfer.into()),
        }))
    }

    async fn delete_transfer(
        &self,
        request: Request<DeleteTransferRequest>,
    ) -> Answer<DeleteTransferResponse> {
        let (caller, id) = self.one(request, "DeleteTransfer")?;
        within(&caller, self.transfers.delete_transfer(&caller, id)).await?;
        Ok(Response::new(DeleteTransferResponse {}))
    }
}

/// The caller, the id and the header of a transfer that is to be created.
fn creating(caller: Caller, creation: Creation) -> (Caller, TransferId, Wish) {
    let options = Options {
        validate_only: creation.validate_only,
        ..Options::default()
    };
    (Caller { options, ..caller }, creation.id, creation.wish)
}
