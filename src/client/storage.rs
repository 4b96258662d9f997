//! Files on the module, through the daemon.

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::connection::{Client, Target};
use super::error::{Error, unless_validated};
use super::path::ServerPath;
use super::stream;
use super::tally::Tally;
use super::upload::{self, Upload};
use crate::proto::fetch_to_module_response::Message as Fetched;
use crate::proto::read_module_file_response::Message as Read;
use crate::proto::send_from_module_response::Message as Sent;
use crate::proto::write_module_file_request::Message as Write;
use crate::proto::write_module_file_response::Message as Stored;
use crate::proto::{
    DeleteModuleFileRequest, FetchToModuleRequest, FetchToModuleResult, GetModuleSpaceRequest,
    IfExists, ListModuleFilesRequest, ModuleEntry, ModuleSpace, OperationProgress,
    ReadModuleFileRequest, ReadModuleFileResult, SendFromModuleRequest, SendFromModuleResult,
    WriteModuleFileHeader, WriteModuleFileRequest, WriteModuleFileResult,
};

/// The progress of a read of a module file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModuleReadProgress {
    /// Bytes that arrived.
    pub arrived: u64,
    /// Bytes of the file.
    pub size: u64,
}

impl Client {
    /// The names in a directory of the module, for example `F:`.
    ///
    /// # Errors
    /// Those of every call ([`Client`]), and [`Error::Validated`].
    pub async fn list_module_files(&self, directory: &str) -> Result<Vec<ModuleEntry>, Error> {
        let request = self.request(ListModuleFilesRequest {
            directory: directory.into(),
            options: self.options(),
        });
        let mut storage = self.storage.clone();
        self.limited(async {
            let mut stream = storage.list_module_files(request).await?.into_inner();
            let mut entries = Vec::new();
            while let Some(response) = stream.message().await? {
                unless_validated(response.validated, ())?;
                entries.extend(response.entries);
            }
            Ok(entries)
        })
        .await
    }

    /// Deletes a file of the module.
    ///
    /// # Errors
    /// Those of every call ([`Client`]), and [`Error::Validated`].
    pub async fn delete_module_file(&self, path: &str) -> Result<(), Error> {
        let request = self.request(DeleteModuleFileRequest {
            path: path.into(),
            options: self.options(),
        });
        let mut storage = self.storage.clone();
        let done = self.unary(storage.delete_module_file(request)).await?;
        unless_validated(done.validated, ())
    }

    /// Space on a drive of the module; on all drives where `drive` is empty.
    ///
    /// # Errors
    /// Those of every call ([`Client`]), and [`Error::Validated`].
    pub async fn module_space(&self, drive: &str) -> Result<Vec<ModuleSpace>, Error> {
        let request = self.request(GetModuleSpaceRequest {
            drive: drive.into(),
            options: self.options(),
        });
        let mut storage = self.storage.clone();
        let response = self.unary(storage.get_module_space(request)).await?;
        unless_validated(response.validated, response.drives)
    }

    /// Has the module download a file of the server to one of its drives, from `offset` on, where the module
    /// has this many bytes of it. Calls `progress` with the daemon's reports.
    ///
    /// # Errors
    /// Those of every call ([`Client`]), and [`Error::Validated`]. [`Error::Incomplete`] where the stream
    /// ended before its result. What came stays on the module.
    pub async fn fetch_to_module(
        &self,
        target: &Target,
        (path, drive): (impl Into<ServerPath>, &str),
        offset: u64,
        if_exists: IfExists,
        mut progress: impl FnMut(&OperationProgress),
    ) -> Result<FetchToModuleResult, Error> {
        let request = self.request_at(path, |path, raw_path| FetchToModuleRequest {
            target: Some(target.to_proto()),
            path,
            raw_path,
            drive: drive.into(),
            offset: i64::try_from(offset).unwrap_or(i64::MAX),
            if_exists: if_exists.into(),
            options: self.options(),
        });
        let mut storage = self.storage.clone();
        self.limited(async {
            let answers = storage.fetch_to_module(request).await?.into_inner();
            stream::first_result(answers, |response| {
                unless_validated(response.validated, ())?;
                match response.message {
                    Some(Fetched::Progress(report)) => progress(&report),
                    Some(Fetched::Result(result)) => return Ok(Some(result)),
                    None => {}
                }
                Ok(None)
            })
            .await
        })
        .await
    }

    /// Has the module upload a file from one of its drives to the server, from `offset` on, where the server
    /// has this many bytes of it. Calls `progress` with the daemon's reports.
    ///
    /// # Errors
    /// Those of every call ([`Client`]), and [`Error::Validated`]. [`Error::Incomplete`] where the stream
    /// ended before its result. The server may have a part of the file.
    pub async fn send_from_module(
        &self,
        target: &Target,
        (path, drive): (impl Into<ServerPath>, &str),
        offset: u64,
        mut progress: impl FnMut(&OperationProgress),
    ) -> Result<SendFromModuleResult, Error> {
        let request = self.request_at(path, |path, raw_path| SendFromModuleRequest {
            target: Some(target.to_proto()),
            path,
            raw_path,
            drive: drive.into(),
            offset: i64::try_from(offset).unwrap_or(i64::MAX),
            options: self.options(),
        });
        let mut storage = self.storage.clone();
        self.limited(async {
            let answers = storage.send_from_module(request).await?.into_inner();
            stream::first_result(answers, |response| {
                unless_validated(response.validated, ())?;
                match response.message {
                    Some(Sent::Progress(report)) => progress(&report),
                    Some(Sent::Result(result)) => return Ok(Some(result)),
                    None => {}
                }
                Ok(None)
            })
            .await
        })
        .await
    }

    /// Writes a file of the module to `sink`, and calls `progress` after each chunk.
    ///
    /// # Errors
    /// Those of every call ([`Client`]), and [`Error::Validated`]. [`Error::Write`] where the sink fails.
    /// [`Error::Mismatch`] where what arrived is not what was sent, [`Error::Incomplete`] where the stream
    /// ended before its result. What the sink took is then incomplete.
    pub async fn read_module_file(
        &self,
        path: &str,
        sink: &mut (impl AsyncWrite + Unpin),
        mut progress: impl FnMut(ModuleReadProgress),
    ) -> Result<ReadModuleFileResult, Error> {
        let request = self.request(ReadModuleFileRequest {
            path: path.into(),
            options: self.options(),
        });
        let mut storage = self.storage.clone();
        self.limited(async {
            let mut stream = storage.read_module_file(request).await?.into_inner();
            let mut size = 0;
            let mut tally = Tally::default();
            while let Some(response) = stream.message().await? {
                unless_validated(response.validated, ())?;
                match response.message {
                    Some(Read::Info(info)) => {
                        size = u64::try_from(info.size).unwrap_or_default();
                    }
                    Some(Read::Chunk(chunk)) => {
                        sink.write_all(&chunk).await.map_err(Error::Write)?;
                        let arrived = tally.add(&chunk);
                        progress(ModuleReadProgress { arrived, size });
                    }
                    Some(Read::Result(result)) => {
                        tally.check(result.size, &result.sha256)?;
                        sink.flush().await.map_err(Error::Write)?;
                        return Ok(result);
                    }
                    Some(Read::Progress(_)) | None => {}
                }
            }
            Err(Error::Incomplete)
        })
        .await
    }

    /// Writes the `size` bytes of `source` to a file of the module, and calls `progress` with the daemon's
    /// reports.
    ///
    /// # Errors
    /// Those of every call ([`Client`]), and [`Error::Validated`]. [`Error::Read`] where the source failed.
    /// [`Error::Incomplete`] where the stream ended before its result. The module is then left without the
    /// file.
    pub async fn write_module_file(
        &self,
        path: &str,
        size: u64,
        if_exists: IfExists,
        source: &mut (impl AsyncRead + Unpin),
        mut progress: impl FnMut(&OperationProgress),
    ) -> Result<WriteModuleFileResult, Error> {
        let header = WriteModuleFileHeader {
            path: path.into(),
            // A size beyond i64 is beyond the daemon's limit too, and the daemon names it.
            size: i64::try_from(size).unwrap_or(i64::MAX),
            if_exists: if_exists.into(),
            options: self.options(),
        };
        let (requests, outgoing) = upload::channel();
        let request = self.request(outgoing);
        let mut storage = self.storage.clone();
        let answer = async {
            let answers = storage.write_module_file(request).await?.into_inner();
            stream::first_result(answers, |response| {
                unless_validated(response.validated, ())?;
                match response.message {
                    Some(Stored::Progress(report)) => progress(&report),
                    Some(Stored::Result(result)) => return Ok(Some(result)),
                    None => {}
                }
                Ok(None)
            })
            .await
        };
        let wrap = |message| WriteModuleFileRequest {
            message: Some(message),
        };
        let upload = Upload {
            header: wrap(Write::Header(header)),
            chunk: |chunk| wrap(Write::Chunk(chunk)),
            finish: |finish| wrap(Write::Finish(finish)),
            skip: 0,
        };
        self.limited(upload.send(source, requests, |_| (), answer))
            .await
    }
}
