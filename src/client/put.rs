//! Writing a file through the daemon.

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::options::unless;
use super::path::require;
use super::{CHUNK, Client, Error, ServerPath, Target};
use crate::proto::put_request::Message;
use crate::proto::{
    IfExists, OnFailure, OperationProgress, PutFinish, PutHeader, PutRequest, PutResult, Verify,
    put_response,
};

/// Chunks read ahead of the connection: enough to keep it busy, little enough that a progress
/// bar does not run ahead of the link.
pub(super) const READ_AHEAD: usize = 2;

/// How a file is to be written. The default is the daemon's: overwrite, compare the size, delete
/// what could not be written whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PutOptions {
    /// What happens where the name exists.
    pub if_exists: IfExists,
    /// How the result is made sure of.
    pub verify: Verify,
    /// What becomes of a file that could not be written whole.
    pub on_failure: OnFailure,
    /// Bytes to come, where known: the daemon then notices a source that changes meanwhile.
    pub size: Option<u64>,
    /// SHA-256 of the content, where it is known before.
    pub sha256: Option<[u8; 32]>,
    /// Name of a second file, written after the first is verified; empty: none.
    pub sentinel: ServerPath,
}

impl Client {
    /// Writes all that `source` holds to `path`, and tells `progress` what the daemon reports.
    ///
    /// The daemon gets the SHA-256 of what was read, so what it stores is what the source gave.
    /// Dropping the future cancels the operation.
    ///
    /// # Errors
    /// The source failed, or the call did. What the server then holds is said by
    /// [`PutOptions::on_failure`] and by the error. [`Error::Unmet`]: all bytes were handed over, and
    /// [`PutOptions::verify`] or the sentinel is not as it was asked for; the file is left where it is.
    pub async fn put(
        &self,
        target: &Target,
        path: impl Into<ServerPath>,
        options: &PutOptions,
        source: &mut (impl AsyncRead + Unpin),
        mut progress: impl FnMut(&OperationProgress),
    ) -> Result<PutResult, Error> {
        let whole = path.into();
        let (path, raw_path) = whole.fields();
        let (sentinel, raw_sentinel) = options.sentinel.fields();
        let header = PutHeader {
            target: Some(target.to_proto()),
            path,
            raw_path,
            if_exists: options.if_exists.into(),
            verify: options.verify.into(),
            on_failure: options.on_failure.into(),
            size: options
                .size
                .map(|size| i64::try_from(size).unwrap_or(i64::MAX)),
            sentinel,
            raw_sentinel,
            priority: self.priority.into(),
            yield_policy: self.yields.into(),
            sha256: options
                .sha256
                .map(|hash| Bytes::copy_from_slice(&hash))
                .unwrap_or_default(),
            options: self.options(),
        };
        let (requests, outgoing) = mpsc::channel(READ_AHEAD);
        let mut ftps = self.ftps.clone();
        let answer = async {
            let request = whole.guard(self.request(ReceiverStream::new(outgoing)));
            let mut request = options.sentinel.guard(request);
            if options.if_exists == IfExists::SkipSame {
                require(&mut request, "skip_same");
            }
            let mut stream = ftps.put(request).await?.into_inner();
            let mut reached = None;
            loop {
                // A result counts once the stream has ended well.
                let response = match (stream.message().await, reached) {
                    (Ok(Some(response)), _) => response,
                    (Ok(None), Some(result)) => return Ok(result),
                    (Ok(None), None) => return Err(Error::Incomplete),
                    (Err(status), None) => return Err(status.into()),
                    (Err(status), Some(result)) => {
                        return Err(match Error::from(status) {
                            Error::Refused(refusal) => Error::Unmet {
                                result: Box::new(result),
                                refusal,
                            },
                            error => error,
                        });
                    }
                };
                unless(response.validated, ())?;
                reached = match response.message {
                    Some(put_response::Message::Progress(report)) => {
                        progress(&report);
                        None
                    }
                    Some(put_response::Message::Result(result)) => Some(result),
                    None => None,
                };
            }
        };
        self.limited(async {
            tokio::pin!(answer);
            tokio::select! {
                // The answer can come before the source is read: a refusal ends the call.
                result = &mut answer => result,
                fed = feed(header, source, requests) => match fed {
                    Ok(()) => answer.await,
                    Err(error) => Err(error),
                },
            }
        })
        .await
    }
}

/// Sends header, chunks and finish. Stops quietly where the call has ended: its answer tells why.
async fn feed(
    header: PutHeader,
    source: &mut (impl AsyncRead + Unpin),
    requests: mpsc::Sender<PutRequest>,
) -> Result<(), Error> {
    let send = async |message| {
        requests
            .send(PutRequest {
                message: Some(message),
            })
            .await
            .map_err(|_| Stop::CallEnded)
    };
    let all = async {
        send(Message::Header(header)).await?;
        let mut hash = Sha256::new();
        while let Some(chunk) = read_chunk(source).await.map_err(Stop::Failed)? {
            hash.update(&chunk);
            send(Message::Chunk(chunk)).await?;
        }
        let sha256 = Bytes::copy_from_slice(&hash.finalize());
        send(Message::Finish(PutFinish { sha256 })).await
    };
    match all.await {
        Ok(()) | Err(Stop::CallEnded) => Ok(()),
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// Why a source is read no further.
pub(super) enum Stop {
    /// The call has ended: its answer tells why.
    CallEnded,
    /// The source failed.
    Failed(Error),
}

/// What the source has now, as a chunk; `None` at its end. A source that trickles is passed on as
/// it comes: waiting for a full chunk would look to the daemon like one that stands still.
pub(super) async fn read_chunk(
    source: &mut (impl AsyncRead + Unpin),
) -> Result<Option<Bytes>, Error> {
    let mut chunk = BytesMut::with_capacity(CHUNK);
    let read = source
        .take(CHUNK as u64)
        .read_buf(&mut chunk)
        .await
        .map_err(Error::Read)?;
    Ok((read > 0).then(|| chunk.freeze()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_chunk_is_what_the_source_has_and_never_too_large() {
        let content = vec![7; CHUNK + 5];
        let mut source = content.as_slice();
        let mut lengths = Vec::new();
        while let Some(chunk) = read_chunk(&mut source).await.unwrap() {
            lengths.push(chunk.len());
        }
        assert_eq!(lengths, [CHUNK, 5]);
    }
}
