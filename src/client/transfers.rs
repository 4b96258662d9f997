//! Transfers that outlive their caller, through the daemon.

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::connection::Client;
use super::error::{Error, unless_validated};
use super::path::{ServerPath, require};
use super::tally::Tally;
use super::upload::{self, Upload};
use super::watch::{TransferFilter, some};
use crate::proto::create_upload_request::Message as Create;
use crate::proto::read_transfer_response::Message as Read;
use crate::proto::resume_upload_request::Message as Resume;
use crate::proto::{
    CancelTransferRequest, CreateDownloadRequest, CreateUploadRequest, DeleteTransferRequest,
    GetTransferRequest, ListTransfersRequest, ReadTransferRequest, ReadTransferResult,
    ResumeHeader, ResumeUploadRequest, RetryTransferRequest, Transfer, UploadHeader,
};

impl Client {
    /// Sends a file to the daemon, which delivers it later. Calls `taken` with the number of bytes that were
    /// sent. Returns when the daemon has them on disk. The priority is the header's.
    ///
    /// # Errors
    /// Those of every call ([`Client`]), and [`Error::Validated`]. [`Error::Read`] where the source failed.
    /// [`Client::resume_upload`] goes on with what the daemon has.
    pub async fn create_upload(
        &self,
        header: UploadHeader,
        source: &mut (impl AsyncRead + Unpin),
        taken: impl FnMut(u64),
    ) -> Result<Transfer, Error> {
        let (requests, outgoing) = upload::channel();
        let mut request = self.request(outgoing);
        if !header.raw_path.is_empty() || !header.raw_sentinel.is_empty() {
            require(&mut request, "raw_path");
        }
        if header.transfer_options.is_some() {
            require(&mut request, "transfer_options");
        }
        let mut transfers = self.transfers.clone();
        let header = Create::Header(UploadHeader {
            options: self.creating(),
            transfer_options: header.transfer_options.clone().or_else(|| self.terms()),
            ..header
        });
        let wrap = |message| CreateUploadRequest {
            message: Some(message),
        };
        let answer = async {
            let response = transfers.create_upload(request).await?.into_inner();
            unless_validated(response.validated, ())?;
            some(response.transfer)
        };
        let upload = Upload {
            header: wrap(header),
            chunk: |chunk| wrap(Create::Chunk(chunk)),
            finish: |finish| wrap(Create::Finish(finish)),
            skip: 0,
        };
        self.limited(upload.send(source, requests, taken, answer))
            .await
    }

    /// Sends the rest of an upload that broke off. `source` is the whole file again: the part that the daemon
    /// has is read and not sent.
    ///
    /// # Errors
    /// Those of every call ([`Client`]), and [`Error::Read`] where the source failed. The upload can be
    /// resumed again.
    pub async fn resume_upload(
        &self,
        transfer_id: &str,
        source: &mut (impl AsyncRead + Unpin),
        taken: impl FnMut(u64),
    ) -> Result<Transfer, Error> {
        let offset = self.transfer(transfer_id).await?.committed_size;
        let (requests, outgoing) = upload::channel();
        let request = self.request(outgoing);
        let mut transfers = self.transfers.clone();
        let header = Resume::Header(ResumeHeader {
            transfer_id: transfer_id.into(),
            offset,
        });
        let wrap = |message| ResumeUploadRequest {
            message: Some(message),
        };
        let answer = async {
            let response = transfers.resume_upload(request).await?;
            some(response.into_inner().transfer)
        };
        let upload = Upload {
            header: wrap(header),
            chunk: |chunk| wrap(Resume::Chunk(chunk)),
            finish: |finish| wrap(Resume::Finish(finish)),
            skip: u64::try_from(offset).unwrap_or_default(),
        };
        self.limited(upload.send(source, requests, taken, answer))
            .await
    }

    /// Has the daemon download a file of a server to its disk, for [`Client::read_transfer`].
    ///
    /// # Errors
    /// Those of every call ([`Client`]), and [`Error::Validated`]. [`Error::Protocol`] where the answer has
    /// no transfer.
    pub async fn create_download(
        &self,
        transfer_id: &str,
        profile: &str,
        path: impl Into<ServerPath>,
    ) -> Result<Transfer, Error> {
        let request = self.request_at(path, |path, raw_path| CreateDownloadRequest {
            transfer_id: transfer_id.into(),
            profile: profile.into(),
            path,
            raw_path,
            priority: self.priority.into(),
            transfer_options: self.terms(),
            options: self.creating(),
        });
        let mut transfers = self.transfers.clone();
        let response = self.unary(transfers.create_download(request)).await?;
        unless_validated(response.validated, ())?;
        some(response.transfer)
    }

    /// A transfer as it is now.
    ///
    /// # Errors
    /// Those of every call ([`Client`]). [`Error::Protocol`] where the answer has no transfer.
    pub async fn transfer(&self, transfer_id: &str) -> Result<Transfer, Error> {
        let request = self.request(GetTransferRequest {
            transfer_id: transfer_id.into(),
            principal: self.principal.clone(),
        });
        let mut transfers = self.transfers.clone();
        some(self.unary(transfers.get_transfer(request)).await?.transfer)
    }

    /// All of the caller's transfers, in the order of their ids.
    ///
    /// # Errors
    /// Those of every call ([`Client`]).
    pub async fn transfers(&self) -> Result<Vec<Transfer>, Error> {
        self.transfers_where(&TransferFilter::default()).await
    }

    /// The transfers that match a filter, in the order of their ids.
    ///
    /// # Errors
    /// Those of every call ([`Client`]).
    pub async fn transfers_where(&self, filter: &TransferFilter) -> Result<Vec<Transfer>, Error> {
        let mut all = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = filter.guard(self.request(ListTransfersRequest {
                page_token,
                states: filter.numbers(),
                transfer_id_prefix: filter.prefix.clone(),
                labels: filter.labels.clone(),
                principal: self.principal.clone(),
                ..Default::default()
            }));
            let mut transfers = self.transfers.clone();
            let page = self.unary(transfers.list_transfers(request)).await?;
            all.extend(page.transfers);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(all);
            }
        }
    }

    /// Writes the whole of a download to `sink`, even while it still arrives, and calls `arrived` with the
    /// number of bytes after each chunk.
    ///
    /// # Errors
    /// Those of every call ([`Client`]). [`Error::Write`] where the sink fails. [`Error::Mismatch`] where
    /// what arrived is not what was sent, [`Error::Incomplete`] where the stream ended before its result.
    /// What the sink took is then incomplete.
    pub async fn read_transfer(
        &self,
        transfer_id: &str,
        sink: &mut (impl AsyncWrite + Unpin),
        mut arrived: impl FnMut(u64),
    ) -> Result<ReadTransferResult, Error> {
        let request = self.request(ReadTransferRequest {
            transfer_id: transfer_id.into(),
            offset: 0,
        });
        let mut transfers = self.transfers.clone();
        self.limited(async {
            let mut stream = transfers.read_transfer(request).await?.into_inner();
            let mut tally = Tally::default();
            while let Some(response) = stream.message().await? {
                match response.message {
                    Some(Read::Chunk(chunk)) => {
                        sink.write_all(&chunk).await.map_err(Error::Write)?;
                        arrived(tally.add(&chunk));
                    }
                    Some(Read::Result(result)) => {
                        tally.check(result.file_size, &result.file_sha256)?;
                        sink.flush().await.map_err(Error::Write)?;
                        return Ok(result);
                    }
                    None => {}
                }
            }
            Err(Error::Incomplete)
        })
        .await
    }

    /// Has a transfer that failed, or that waits, tried again at once.
    ///
    /// # Errors
    /// Those of every call ([`Client`]). [`Error::Protocol`] where the answer has no transfer.
    pub async fn retry_transfer(&self, transfer_id: &str) -> Result<Transfer, Error> {
        let request = self.request(RetryTransferRequest {
            transfer_id: transfer_id.into(),
            principal: self.principal.clone(),
        });
        let mut transfers = self.transfers.clone();
        some(
            self.unary(transfers.retry_transfer(request))
                .await?
                .transfer,
        )
    }

    /// Ends a transfer.
    ///
    /// # Errors
    /// Those of every call ([`Client`]). [`Error::Protocol`] where the answer has no transfer.
    pub async fn cancel_transfer(&self, transfer_id: &str) -> Result<Transfer, Error> {
        let request = self.request(CancelTransferRequest {
            transfer_id: transfer_id.into(),
            principal: self.principal.clone(),
        });
        let mut transfers = self.transfers.clone();
        some(
            self.unary(transfers.cancel_transfer(request))
                .await?
                .transfer,
        )
    }

    /// Deletes a transfer that has ended.
    ///
    /// # Errors
    /// Those of every call ([`Client`]).
    pub async fn delete_transfer(&self, transfer_id: &str) -> Result<(), Error> {
        let request = self.request(DeleteTransferRequest {
            transfer_id: transfer_id.into(),
            principal: self.principal.clone(),
        });
        let mut transfers = self.transfers.clone();
        self.unary(transfers.delete_transfer(request)).await?;
        Ok(())
    }
}
