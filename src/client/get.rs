//! Reading a file through the daemon.

use std::fmt;

use bytes::Bytes;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tonic::{Request, Streaming};

use super::connection::{Client, Target};
use super::error::{Error, unless_validated};
use super::limit::Limit;
use super::path::{ServerPath, require};
use super::tally::Tally;
use crate::proto::get_response::Message;
use crate::proto::{GetInfo, GetRequest, GetResponse, GetResult, OperationProgress};

/// A file that arrives. A drop cancels the operation.
#[derive(Debug)]
pub struct Download {
    operation_id: String,
    info: GetInfo,
    stream: Streaming<GetResponse>,
    arrived: Tally,
    limit: Limit,
    result: Option<GetResult>,
    queued: Queued,
}

/// The callback while a transfer waits for the link.
struct Queued(Box<dyn FnMut(&OperationProgress) + Send>);

impl fmt::Debug for Queued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Queued")
    }
}

impl Client {
    /// Begins to read a file from `offset` on. Returns when the transfer begins on the link.
    ///
    /// # Errors
    /// Those of [`Client::get_telling`].
    pub async fn get(
        &self,
        target: &Target,
        path: impl Into<ServerPath>,
        offset: u64,
    ) -> Result<Download, Error> {
        self.get_telling(target, path, offset, |_| ()).await
    }

    /// As [`Client::get`], and calls `queued` with the progress while the transfer waits for the link, at first
    /// or after it has yielded to others.
    ///
    /// # Errors
    /// Those of every call ([`Client`]), and [`Error::Validated`]. [`Error::Incomplete`] or
    /// [`Error::Protocol`] where the stream does not begin as the contract says.
    pub async fn get_telling(
        &self,
        target: &Target,
        path: impl Into<ServerPath>,
        offset: u64,
        queued: impl FnMut(&OperationProgress) + Send + 'static,
    ) -> Result<Download, Error> {
        let mut queued = Queued(Box::new(queued));
        let mut request = self.request_at(path, |path, raw_path| GetRequest {
            target: Some(target.to_proto()),
            path,
            raw_path,
            // An offset beyond i64 is beyond the daemon's limit too, and the daemon names it.
            offset: i64::try_from(offset).unwrap_or(i64::MAX),
            priority: self.priority.into(),
            yield_policy: self.yields.into(),
            growth: self.growth.into(),
            tail: self.tail.clone(),
            length: self
                .length
                .map_or(0, |length| i64::try_from(length.get()).unwrap_or(i64::MAX)),
            options: self.options(),
            ..Default::default()
        });
        guard(&mut request);
        let limit = Limit::with_grace(self.timeout);
        let mut ftps = self.ftps.clone();
        let mut operation_id = String::new();
        let (stream, info) = self
            .limited(async {
                let mut stream = ftps.get(request).await?.into_inner();
                loop {
                    let response = stream.message().await?;
                    unless_validated(response.as_ref().is_some_and(|r| r.validated), ())?;
                    match response.and_then(|response| response.message) {
                        Some(Message::Progress(progress)) => {
                            (queued.0)(&progress);
                            operation_id = progress.operation_id;
                        }
                        Some(Message::Info(info)) => return Ok((stream, info)),
                        Some(_) => {
                            let what = "a stream that does not begin with info";
                            return Err(Error::Protocol(what.into()));
                        }
                        None => return Err(Error::Incomplete),
                    }
                }
            })
            .await?;
        Ok(Download {
            operation_id,
            info,
            stream,
            arrived: Tally::default(),
            limit,
            result: None,
            queued,
        })
    }
}

/// Names the features that a daemon must have for a request. One that drops the length would send too much, and one
/// that drops the tail might send what is not the rest of the caller's file.
fn guard(request: &mut Request<GetRequest>) {
    if request.get_ref().length != 0 {
        require(request, "get_length");
    }
    if !request.get_ref().tail.is_empty() {
        require(request, "get_guards");
    }
}

impl Download {
    /// The id of the operation.
    #[must_use]
    pub fn operation_id(&self) -> &str {
        &self.operation_id
    }

    /// What was known when the transfer began.
    #[must_use]
    pub fn info(&self) -> &GetInfo {
        &self.info
    }

    /// The daemon's result of the transfer, once [`Download::chunk`] has returned `None`.
    #[must_use]
    pub fn result(&self) -> Option<&GetResult> {
        self.result.as_ref()
    }

    /// The next bytes; `None` when all have arrived, and their number and SHA-256 are those of the daemon's
    /// result.
    ///
    /// # Errors
    /// Those of every call ([`Client`]). [`Error::Incomplete`] where the stream ended before its result.
    /// [`Error::Mismatch`] where number or SHA-256 of the bytes is not that of the result. The chunks
    /// before are then no whole file.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        if self.result.is_some() {
            return Ok(None);
        }
        let message = loop {
            let message = self.limit.hold(self.stream.message()).await?;
            match message.and_then(|response| response.message) {
                Some(Message::Progress(progress)) => (self.queued.0)(&progress),
                message => break message,
            }
        };
        match message {
            Some(Message::Chunk(chunk)) => {
                self.arrived.add(&chunk);
                Ok(Some(chunk))
            }
            Some(Message::Result(result)) => {
                self.arrived
                    .check(result.chunk_size, &result.chunk_sha256)?;
                self.result = Some(result);
                Ok(None)
            }
            Some(Message::Info(_) | Message::Progress(_)) => {
                Err(Error::Protocol("a second info".into()))
            }
            None => Err(Error::Incomplete),
        }
    }

    /// Writes the rest of the file to `sink`, and calls `arrived` with the number of bytes after each chunk.
    ///
    /// # Errors
    /// Those of [`Download::chunk`], and [`Error::Write`] where the sink fails. What the sink took is then
    /// incomplete.
    pub async fn copy_to(
        mut self,
        sink: &mut (impl AsyncWrite + Unpin),
        mut arrived: impl FnMut(u64),
    ) -> Result<GetResult, Error> {
        while let Some(chunk) = self.chunk().await? {
            sink.write_all(&chunk).await.map_err(Error::Write)?;
            arrived(self.arrived.bytes());
        }
        sink.flush().await.map_err(Error::Write)?;
        self.result.ok_or(Error::Incomplete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_that_does_not_know_the_length_or_the_tail_refuses_the_request() {
        let required = |message: GetRequest| {
            let mut request = Request::new(message);
            guard(&mut request);
            let features = request.metadata().get_all("cellftp-require").into_iter();
            features
                .map(|feature| feature.to_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert!(required(GetRequest::default()).is_empty());
        let tail = GetRequest {
            tail: Bytes::from_static(b"end"),
            ..GetRequest::default()
        };
        assert_eq!(required(tail.clone()), ["get_guards"]);
        let both = GetRequest { length: 1, ..tail };
        assert_eq!(required(both), ["get_length", "get_guards"]);
    }
}
