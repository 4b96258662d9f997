//! Writing a file through the daemon.

use bytes::Bytes;
use tokio::io::AsyncRead;

use super::connection::{Client, Target};
use super::error::{Error, unless_validated};
use super::path::{ServerPath, require};
use super::upload::{self, Upload};
use crate::proto::put_request::Message;
use crate::proto::{
    IfExists, OnFailure, OperationProgress, PutHeader, PutRequest, PutResult, Verify, put_response,
};

/// How a file is to be written. The default is the daemon's: overwrite, compare the size, delete a file that
/// could not be written whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PutOptions {
    /// What happens where the name exists.
    pub if_exists: IfExists,
    /// How the result is verified.
    pub verify: Verify,
    /// What becomes of a file that could not be written whole.
    pub on_failure: OnFailure,
    /// Bytes of the source, where known: the daemon then notices if the source changes meanwhile.
    pub size: Option<u64>,
    /// SHA-256 of the content, where it is known before.
    pub sha256: Option<[u8; 32]>,
    /// Name of a second file, written after the first is verified; empty: none.
    pub sentinel: ServerPath,
}

impl Client {
    /// Writes all of `source` to `path`, and calls `progress` with the daemon's reports.
    ///
    /// The daemon gets the SHA-256 of what was read, so that it stores what the source gave. A drop of the
    /// future cancels the operation.
    ///
    /// # Errors
    /// Those of every call ([`Client`]), and [`Error::Validated`]. [`Error::Read`] where the source failed.
    /// [`Error::Incomplete`] where the stream ended before its result. What the server then holds is said
    /// by [`PutOptions::on_failure`] and by the error. [`Error::Unmet`]: all bytes were handed over, and
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
        let (requests, outgoing) = upload::channel();
        let mut ftps = self.ftps.clone();
        let answer = async {
            let request = whole.guard(self.request(outgoing));
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
                unless_validated(response.validated, ())?;
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
        let wrap = |message| PutRequest {
            message: Some(message),
        };
        let upload = Upload {
            header: wrap(Message::Header(header)),
            chunk: |chunk| wrap(Message::Chunk(chunk)),
            finish: |finish| wrap(Message::Finish(finish)),
            skip: 0,
        };
        self.limited(upload.send(source, requests, |_| (), answer))
            .await
    }
}
