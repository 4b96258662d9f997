//! Transfers that outlive their caller, through the daemon.

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::get::check;
use super::limit::Limit;
use super::options::{TransferFilter, unless};
use super::path::require;
use super::put::{READ_AHEAD, Stop, read_chunk};
use super::{Client, Error, ServerPath};
use crate::proto::create_upload_request::Message as Create;
use crate::proto::read_transfer_response::Message as Read;
use crate::proto::resume_upload_request::Message as Resume;
use crate::proto::{
    CancelTransferRequest, CreateDownloadRequest, CreateUploadRequest, DeleteTransferRequest,
    GetTransferRequest, ListTransfersRequest, PutFinish, ReadTransferRequest, ReadTransferResult,
    ResumeHeader, ResumeUploadRequest, RetryTransferRequest, Transfer, UploadHeader,
    WatchTransferRequest, WatchTransferResponse, WatchTransfersRequest, WatchTransfersResponse,
    watch_transfers_response,
};

/// A transfer that is watched.
#[derive(Debug)]
pub struct TransferWatch {
    stream: Streaming<WatchTransferResponse>,
    limit: Limit,
}

impl TransferWatch {
    /// The transfer at once, and then when it has changed; `None` after it was over.
    ///
    /// # Errors
    /// The call failed, or the client's time limit has passed.
    pub async fn next(&mut self) -> Result<Option<Transfer>, Error> {
        match self.limit.hold(self.stream.message()).await? {
            Some(response) => some(response.transfer).map(Some),
            None => Ok(None),
        }
    }
}

/// All transfers of somebody, watched.
#[derive(Debug)]
pub struct TransfersWatch {
    stream: Streaming<WatchTransfersResponse>,
    limit: Limit,
}

impl TransfersWatch {
    /// The next thing that is told: those that there are, that these were all, and what changes. `None`: the daemon
    /// has ended the stream.
    ///
    /// # Errors
    /// The call failed, or the client's time limit has passed.
    pub async fn next(&mut self) -> Result<Option<watch_transfers_response::Event>, Error> {
        loop {
            match self.limit.hold(self.stream.message()).await? {
                // What a later daemon tells is passed over.
                Some(response) if response.event.is_none() => {}
                Some(response) => return Ok(response.event),
                None => return Ok(None),
            }
        }
    }
}

impl Client {
    /// Hands a file to the daemon, which delivers it later, and tells `taken` how many bytes went
    /// to it. Returns when they are safe there. The urgency is the header's.
    ///
    /// # Errors
    /// The source failed, or the call did: [`Client::resume_upload`] goes on.
    pub async fn create_upload(
        &self,
        header: UploadHeader,
        source: &mut (impl AsyncRead + Unpin),
        taken: impl FnMut(u64),
    ) -> Result<Transfer, Error> {
        let (requests, outgoing) = mpsc::channel(READ_AHEAD);
        let mut request = self.request(ReceiverStream::new(outgoing));
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
        self.limited(async {
            let answer = async {
                let response = transfers.create_upload(request).await?.into_inner();
                unless(response.validated, ())?;
                some(response.transfer)
            };
            let parts = Parts {
                skip: 0,
                chunk: |chunk| wrap(Create::Chunk(chunk)),
                finish: |finish| wrap(Create::Finish(finish)),
            };
            exchange(answer, feed(wrap(header), parts, source, requests, taken)).await
        })
        .await
    }

    /// Sends the rest of an upload that broke off: `source` is the whole file again, of which the
    /// daemon's part is read and not sent.
    ///
    /// # Errors
    /// The source failed, or the call did: it can be resumed again.
    pub async fn resume_upload(
        &self,
        transfer_id: &str,
        source: &mut (impl AsyncRead + Unpin),
        taken: impl FnMut(u64),
    ) -> Result<Transfer, Error> {
        let offset = self.transfer(transfer_id).await?.committed_size;
        let (requests, outgoing) = mpsc::channel(READ_AHEAD);
        let request = self.request(ReceiverStream::new(outgoing));
        let mut transfers = self.transfers.clone();
        let header = Resume::Header(ResumeHeader {
            transfer_id: transfer_id.into(),
            offset,
        });
        let wrap = |message| ResumeUploadRequest {
            message: Some(message),
        };
        self.limited(async {
            let answer = async {
                let response = transfers.resume_upload(request).await?;
                some(response.into_inner().transfer)
            };
            let parts = Parts {
                skip: u64::try_from(offset).unwrap_or_default(),
                chunk: |chunk| wrap(Resume::Chunk(chunk)),
                finish: |finish| wrap(Resume::Finish(finish)),
            };
            exchange(answer, feed(wrap(header), parts, source, requests, taken)).await
        })
        .await
    }

    /// Has the daemon bring a file of a server to its disk, for [`Client::read_transfer`].
    ///
    /// # Errors
    /// The call failed.
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
        unless(response.validated, ())?;
        some(response.transfer)
    }

    /// A transfer as it is now.
    ///
    /// # Errors
    /// The call failed.
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
    /// The call failed.
    pub async fn transfers(&self) -> Result<Vec<Transfer>, Error> {
        self.transfers_where(&TransferFilter::default()).await
    }

    /// Those of them that are meant.
    ///
    /// # Errors
    /// The call failed.
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

    /// Watches a transfer.
    ///
    /// # Errors
    /// The call failed.
    pub async fn watch_transfer(&self, transfer_id: &str) -> Result<TransferWatch, Error> {
        let request = self.request(WatchTransferRequest {
            transfer_id: transfer_id.into(),
            principal: self.principal.clone(),
        });
        let mut transfers = self.transfers.clone();
        let limit = Limit::of(self.timeout);
        let stream = self.unary(transfers.watch_transfer(request)).await?;
        Ok(TransferWatch { stream, limit })
    }

    /// Watches all of the caller's transfers that are meant.
    ///
    /// # Errors
    /// The call failed.
    pub async fn watch_transfers(&self, filter: &TransferFilter) -> Result<TransfersWatch, Error> {
        let request = self.request(WatchTransfersRequest {
            states: filter.numbers(),
            transfer_id_prefix: filter.prefix.clone(),
            labels: filter.labels.clone(),
            principal: self.principal.clone(),
        });
        let mut transfers = self.transfers.clone();
        let limit = Limit::of(self.timeout);
        let stream = self.unary(transfers.watch_transfers(request)).await?;
        Ok(TransfersWatch { stream, limit })
    }

    /// Writes the whole of a download to `sink`, as it arrives where it is still under way, and
    /// tells `arrived` how much there was.
    ///
    /// # Errors
    /// The call failed, the sink did, or what arrived is not what was sent. What the sink took is
    /// then incomplete.
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
            let (mut received, mut hash) = (0, Sha256::new());
            while let Some(response) = stream.message().await? {
                match response.message {
                    Some(Read::Chunk(chunk)) => {
                        hash.update(&chunk);
                        sink.write_all(&chunk).await.map_err(Error::Write)?;
                        received += chunk.len() as u64;
                        arrived(received);
                    }
                    Some(Read::Result(result)) => {
                        check(received, hash, result.file_size, &result.file_sha256)?;
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

    /// Has a transfer that failed, or that waits, tried at once.
    ///
    /// # Errors
    /// The call failed.
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
    /// The call failed.
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

    /// Forgets a transfer that has ended.
    ///
    /// # Errors
    /// The call failed.
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

fn some(transfer: Option<Transfer>) -> Result<Transfer, Error> {
    transfer.ok_or_else(|| Error::Protocol("an answer without the transfer".into()))
}

/// How the parts of a file become messages.
struct Parts<C, F> {
    /// Bytes of the source that are there already.
    skip: u64,
    chunk: C,
    finish: F,
}

/// Waits for the answer while the source is sent.
async fn exchange(
    answer: impl Future<Output = Result<Transfer, Error>>,
    fed: impl Future<Output = Result<(), Stop>>,
) -> Result<Transfer, Error> {
    tokio::pin!(answer);
    tokio::select! {
        // The answer can come before the source is read: a refusal ends the call, and so does
        // a transfer that was accepted before.
        result = &mut answer => result,
        fed = fed => match fed {
            Ok(()) | Err(Stop::CallEnded) => answer.await,
            Err(Stop::Failed(error)) => Err(error),
        },
    }
}

async fn feed<R>(
    header: R,
    parts: Parts<impl Fn(Bytes) -> R, impl Fn(PutFinish) -> R>,
    source: &mut (impl AsyncRead + Unpin),
    requests: mpsc::Sender<R>,
    mut taken: impl FnMut(u64),
) -> Result<(), Stop> {
    let send = async |message| requests.send(message).await.map_err(|_| Stop::CallEnded);
    send(header).await?;
    let mut hash = Sha256::new();
    let mut read = 0;
    while let Some(mut chunk) = read_chunk(source).await.map_err(Stop::Failed)? {
        hash.update(&chunk);
        let known = parts.skip.saturating_sub(read).min(chunk.len() as u64);
        read += chunk.len() as u64;
        let rest = chunk.split_off(usize::try_from(known).unwrap_or(usize::MAX));
        if !rest.is_empty() {
            send((parts.chunk)(rest)).await?;
        }
        taken(read);
    }
    let sha256 = Bytes::copy_from_slice(&hash.finalize());
    send((parts.finish)(PutFinish { sha256 })).await
}
