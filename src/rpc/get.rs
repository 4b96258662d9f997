//! A download as a stream of responses. The operation is cancelled when the stream is dropped because its
//! caller left.

use bytes::Bytes;
use futures_util::stream::try_unfold;
use tokio::time::timeout;
use tokio_stream::{Stream, StreamExt};
use tonic::Status;

use super::call::within;
use super::convert::response::{count, duration, signed};
use super::progress::{LOOK, ProgressMessages};
use crate::broker::flow::get::{GetResult, GetStage, Guarded, Next};
use crate::broker::terms::{Caller, Error};
use crate::proto::{
    GetInfo, GetResponse, OperationProgress, ReadModuleFileInfo, ReadModuleFileResponse,
    ReadModuleFileResult, get_response, read_module_file_response,
};
use simcom_talk::ftps::value::Offset;

/// A part of the stream.
pub(super) enum ReadPart {
    /// How far the operation is, while it waits.
    Progress(OperationProgress),
    /// The size of the file, where that is known, and the offset of the first byte to come.
    Info(Option<u64>, Offset),
    /// A chunk of the file.
    Chunk(Bytes),
    /// The result, after the last chunk.
    Result(GetResult),
}

/// A stream of progress, info, chunks and the result.
pub(super) fn run<R: From<ReadPart>>(
    reading: impl Into<Guarded>,
    caller: Caller,
    offset: Offset,
) -> impl Stream<Item = Result<R, Status>> + Send {
    let reading = reading.into();
    let stream = DownloadStream {
        messages: ProgressMessages::new(reading.operation(), None),
        reading,
        caller,
        offset,
        told: false,
        informed: false,
    };
    let parts = try_unfold(Some(stream), async |stream| {
        let Some(mut stream) = stream else {
            return Ok(None);
        };
        let part = stream.next().await?;
        let last = matches!(part, ReadPart::Result(_));
        Ok(Some((part, (!last).then_some(stream))))
    });
    parts.map(|part| part.map(R::from))
}

/// A download, and what its stream has told of it.
struct DownloadStream {
    reading: Guarded,
    messages: ProgressMessages,
    caller: Caller,
    offset: Offset,
    told: bool,
    informed: bool,
}

impl DownloadStream {
    async fn next(&mut self) -> Result<ReadPart, Status> {
        if !self.told {
            self.told = true;
            let progress = *self.reading.progress().borrow();
            if let Some(first) = self.messages.next(progress.into()) {
                return Ok(ReadPart::Progress(first));
            }
        }
        loop {
            let caller = self.caller.clone();
            match timeout(LOOK, within(&caller, self.work())).await {
                Ok(part) => return part,
                Err(_) => {
                    let progress = *self.reading.progress().borrow();
                    // A transfer that runs shows by its chunks how far it is.
                    if progress.stage == GetStage::Queued
                        && let Some(report) = self.messages.next(progress.into())
                    {
                        return Ok(ReadPart::Progress(report));
                    }
                }
            }
        }
    }

    /// Info first, then what the reading gives. Cancel-safe.
    async fn work(&mut self) -> Result<ReadPart, Error> {
        if !self.informed {
            self.reading.began().await?;
            self.informed = true;
            return Ok(ReadPart::Info(self.reading.size(), self.offset));
        }
        Ok(match self.reading.next().await? {
            Next::Chunk(chunk) => ReadPart::Chunk(chunk),
            Next::End(result) => ReadPart::Result(result),
        })
    }
}

impl From<ReadPart> for GetResponse {
    fn from(part: ReadPart) -> Self {
        use get_response::Message;
        let message = match part {
            ReadPart::Progress(progress) => Message::Progress(progress),
            ReadPart::Info(size, offset) => Message::Info(GetInfo {
                size: size.map(signed),
                offset: signed(offset.get()),
            }),
            ReadPart::Chunk(chunk) => Message::Chunk(chunk),
            ReadPart::Result(result) => Message::Result(crate::proto::GetResult {
                chunk_size: signed(result.size),
                chunk_sha256: Bytes::copy_from_slice(&result.sha256),
                resume_count: count(result.resumes),
                link_duration: Some(duration(result.elapsed)),
                grown_size: result.grown.map(signed),
            }),
        };
        Self {
            message: Some(message),
            ..Self::default()
        }
    }
}

impl From<ReadPart> for ReadModuleFileResponse {
    fn from(part: ReadPart) -> Self {
        use read_module_file_response::Message;
        let message = match part {
            ReadPart::Progress(progress) => Message::Progress(progress),
            ReadPart::Info(size, _) => Message::Info(ReadModuleFileInfo {
                size: signed(size.unwrap_or_default()),
            }),
            ReadPart::Chunk(chunk) => Message::Chunk(chunk),
            ReadPart::Result(result) => Message::Result(ReadModuleFileResult {
                size: signed(result.size),
                sha256: Bytes::copy_from_slice(&result.sha256),
                link_duration: Some(duration(result.elapsed)),
            }),
        };
        Self {
            message: Some(message),
            ..Self::default()
        }
    }
}
