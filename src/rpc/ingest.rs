//! The upload of files as it comes in: a header, then the content. One loop takes header, chunks and finish of every
//! upload of one file; the calls differ in what takes the chunks.

use std::future::pending;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;
use tonic::{Request, Status, Streaming};

use super::call::caller;
use super::convert::write;
use super::status;
use crate::broker::flow::put::Writing;
use crate::broker::flow::storage::WritingToModule;
use crate::broker::terms::{Caller, Cause};
use crate::proto::{self, PutFinish};

/// How long a caller may send nothing while a module or a transfer waits for its upload. A Put has the broker's own
/// bound.
const STALL: Duration = Duration::from_secs(30);

/// A message of a stream that brings files. `C` is the content that comes behind the header.
pub(super) enum Part<H, C> {
    Header(H),
    Content(C),
    Finish(PutFinish),
    /// The message has nothing, or something that this daemon does not know.
    Nothing,
}

/// The messages of a method that takes an upload.
pub(super) trait Upload: Send + 'static {
    /// The first message.
    type Header: Send;
    /// What follows: chunks of one file, or whole files.
    type Content: Send;
    /// How long the caller may send nothing; `None`: the broker decides.
    const STALL: Option<Duration>;

    fn part(self) -> Part<Self::Header, Self::Content>;
}

/// What takes the chunks of a file.
pub(super) trait Sink {
    /// Takes the next chunk, which is not empty.
    ///
    /// # Errors
    /// Why the file is not taken on: it ends the upload.
    async fn push(&mut self, chunk: Bytes) -> Result<(), Status>;

    /// Completes when the sink takes nothing more, although the caller did not finish, and tells why. Cancel-safe.
    async fn failed(&mut self) -> Status {
        pending().await
    }
}

/// An upload whose header has come.
pub(super) struct Ingest<M> {
    messages: Streaming<M>,
}

impl<M: Upload> Ingest<M> {
    /// Reads who calls, and the header.
    ///
    /// # Errors
    /// `INVALID_FIELDS` where the first message is no header, `UNFINISHED` where there is none, and what
    /// [`Ingest::next`] says.
    pub(super) async fn open(
        request: Request<Streaming<M>>,
    ) -> Result<(Caller, M::Header, Self), Status> {
        let caller = caller(&request)?;
        let mut ingest = Self {
            messages: request.into_inner(),
        };
        match ingest.next().await? {
            Some(Part::Header(header)) => Ok((caller, header, ingest)),
            Some(Part::Content(_) | Part::Finish(_) | Part::Nothing) => {
                Err(status::out_of_order("header", "must be the first message"))
            }
            None => Err(status::unfinished()),
        }
    }

    /// The next message; `None` where the caller sends no more. Cancel-safe.
    ///
    /// # Errors
    /// `WRITER_TOO_SLOW` where none came in time, or the status of a stream that broke.
    pub(super) async fn next(&mut self) -> Result<Option<Part<M::Header, M::Content>>, Status> {
        let message = self.messages.message();
        let message = match M::STALL {
            None => message.await?,
            Some(stall) => timeout(stall, message)
                .await
                .map_err(|_| status::of(&Cause::WriterTooSlow.into()))??,
        };
        Ok(message.map(M::part))
    }
}

impl<M: Upload<Content = Bytes>> Ingest<M> {
    /// Hands chunks to `sink` until the caller finishes. Answers with the SHA-256 that the finish names.
    ///
    /// # Errors
    /// What the sink or [`Ingest::next`] says; `INVALID_FIELDS` where a message is neither chunk nor finish, or the
    /// SHA-256 is none; `UNFINISHED` where the stream ends before its finish.
    pub(super) async fn chunks(
        &mut self,
        sink: &mut impl Sink,
    ) -> Result<Option<[u8; 32]>, Status> {
        loop {
            let part = tokio::select! {
                biased;
                status = sink.failed() => return Err(status),
                part = self.next() => part?,
            };
            match part.ok_or_else(status::unfinished)? {
                Part::Content(chunk) if chunk.is_empty() => {}
                Part::Content(chunk) => sink.push(chunk).await?,
                Part::Finish(finish) => return write::put_finish(&finish).map_err(status::invalid),
                Part::Header(_) => {
                    return Err(status::out_of_order("header", "came a second time"));
                }
                Part::Nothing => {
                    let rule = "is neither chunk nor finish";
                    return Err(status::out_of_order("message", rule));
                }
            }
        }
    }

    /// Does what completes the file, unless the caller sends something behind its finish.
    ///
    /// # Errors
    /// `INVALID_FIELDS` where something comes behind the finish.
    pub(super) async fn finish<T>(mut self, work: impl Future<Output = T>) -> Result<T, Status> {
        let surplus = async {
            match self.messages.message().await {
                Ok(Some(_)) => status::out_of_order("message", "came after finish"),
                // The caller's side is closed, as it should be; or broken, which the answer will find out.
                Ok(None) | Err(_) => pending().await,
            }
        };
        tokio::select! {
            biased;
            status = surplus => Err(status),
            done = work => Ok(done),
        }
    }
}

impl Sink for Writing {
    async fn push(&mut self, chunk: Bytes) -> Result<(), Status> {
        let pushed = Self::push(self, chunk).await;
        pushed.map_err(status::refused)
    }

    async fn failed(&mut self) -> Status {
        status::of(&Self::failed(self).await)
    }
}

impl Sink for WritingToModule {
    async fn push(&mut self, chunk: Bytes) -> Result<(), Status> {
        let pushed = Self::push(self, chunk).await;
        pushed.map_err(status::refused)
    }
}

/// Requests whose message is a header, a chunk or a finish.
macro_rules! uploads {
    ($($request:ident, $message:ident, $header:ident, $stall:expr;)*) => {$(
        impl Upload for proto::$request {
            type Header = proto::$header;
            type Content = Bytes;
            const STALL: Option<Duration> = $stall;

            fn part(self) -> Part<Self::Header, Bytes> {
                use proto::$message::Message;
                match self.message {
                    Some(Message::Header(header)) => Part::Header(header),
                    Some(Message::Chunk(chunk)) => Part::Content(chunk),
                    Some(Message::Finish(finish)) => Part::Finish(finish),
                    None => Part::Nothing,
                }
            }
        }
    )*};
}

uploads! {
    PutRequest, put_request, PutHeader, None;
    WriteModuleFileRequest, write_module_file_request, WriteModuleFileHeader, Some(STALL);
    CreateUploadRequest, create_upload_request, UploadHeader, Some(STALL);
    ResumeUploadRequest, resume_upload_request, ResumeHeader, Some(STALL);
}

impl Upload for proto::PutFilesRequest {
    type Header = proto::PutFilesHeader;
    type Content = proto::PutFile;
    const STALL: Option<Duration> = None;

    fn part(self) -> Part<Self::Header, Self::Content> {
        use proto::put_files_request::Item;
        match self.item {
            Some(Item::Header(header)) => Part::Header(header),
            Some(Item::File(file)) => Part::Content(file),
            None => Part::Nothing,
        }
    }
}
