//! Many files in one call.

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio_stream::{Stream, StreamExt as _, iter, once};
use tonic::Request;

use super::connection::{Client, Target};
use super::error::{Error, unless_validated};
use super::path::ServerPath;
use super::stream;
use crate::proto::{
    DeleteFileResult, DeleteFilesRequest, DeleteFilesResponse, FilesSummary, GetFilesRequest,
    GetFilesResponse, IfExists, OnFailure, OperationProgress, PutFile, PutFileResult,
    PutFilesHeader, PutFilesRequest, PutFilesResponse, StatFileResult, StatFilesRequest,
    StatFilesResponse, Verify, delete_files_response, get_files_response, put_files_request,
    put_files_response, stat_files_response,
};

/// How files are to be written by [`Client::put_files`]. The default is the daemon's: overwrite, compare the
/// sizes, delete a file that could not be written whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PutFilesOptions {
    /// What happens where a name exists.
    pub if_exists: IfExists,
    /// How the results are verified.
    pub verify: Verify,
    /// What becomes of a file that could not be written whole.
    pub on_failure: OnFailure,
}

/// A small file, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmallFile {
    /// Where it goes.
    pub path: ServerPath,
    /// At most 128 KiB.
    pub content: Bytes,
}

/// A part of the answer to [`Client::get_files`]. The files come one after the other.
pub use get_files_response::Item as GetFilesItem;

impl Client {
    /// Writes many small files, and calls `result` for each, in any order. The daemon gets the SHA-256 of each,
    /// so that it writes what `files` gave. A drop of the future cancels the operation; files that were written
    /// stay.
    ///
    /// # Errors
    /// Those of every call ([`Client`]), and [`Error::Validated`]. [`Error::Incomplete`] where the stream
    /// ended before its summary. A file of which nothing was told may be written or not. A file that failed
    /// is no error of the call: its result says why.
    pub async fn put_files(
        &self,
        target: &Target,
        options: PutFilesOptions,
        files: impl Stream<Item = SmallFile> + Send + 'static,
        mut progress: impl FnMut(&OperationProgress),
        mut result: impl FnMut(PutFileResult),
    ) -> Result<FilesSummary, Error> {
        let header = PutFilesHeader {
            target: Some(target.to_proto()),
            if_exists: options.if_exists.into(),
            verify: options.verify.into(),
            on_failure: options.on_failure.into(),
            priority: self.priority.into(),
            options: self.options(),
        };
        let header = put_files_request::Item::Header(header);
        let files = files.map(|file| {
            let (path, raw_path) = file.path.fields();
            put_files_request::Item::File(PutFile {
                path,
                raw_path,
                sha256: Bytes::copy_from_slice(&Sha256::digest(&file.content)),
                content: file.content,
            })
        });
        let messages = once(header).chain(files);
        let messages = messages.map(|item| PutFilesRequest { item: Some(item) });
        let mut ftps = self.ftps.clone();
        self.limited(async {
            let answers = ftps.put_files(self.request(messages)).await?.into_inner();
            stream::result(answers, |PutFilesResponse { item, validated }| {
                unless_validated(validated, ())?;
                match item {
                    Some(put_files_response::Item::Progress(report)) => progress(&report),
                    Some(put_files_response::Item::Result(of)) => result(of),
                    Some(put_files_response::Item::Summary(summary)) => return Ok(Some(summary)),
                    None => {}
                }
                Ok(None)
            })
            .await
        })
        .await
    }

    /// Reads many files, at most 1000, and calls `item` with each part, one file after the other. The index of
    /// a file is its place in `paths`. A drop of the future cancels the operation.
    ///
    /// # Errors
    /// Those of [`Client::put_files`], and what `item` answers, which ends the call.
    pub async fn get_files(
        &self,
        target: &Target,
        paths: impl IntoIterator<Item = impl Into<ServerPath>>,
        mut item: impl FnMut(GetFilesItem) -> Result<(), Error>,
    ) -> Result<FilesSummary, Error> {
        let paths = Paths::of(paths);
        let request = paths.guard(self.request(GetFilesRequest {
            target: Some(target.to_proto()),
            paths: paths.text.clone(),
            raw_paths: paths.bytes.clone(),
            priority: self.priority.into(),
            options: self.options(),
        }));
        let mut ftps = self.ftps.clone();
        self.limited(async {
            let answers = ftps.get_files(request).await?.into_inner();
            stream::result(answers, |response: GetFilesResponse| {
                unless_validated(response.validated, ())?;
                match response.item {
                    Some(GetFilesItem::Summary(summary)) => return Ok(Some(summary)),
                    Some(GetFilesItem::Info(mut info)) => {
                        info.index = paths.place(info.index);
                        item(GetFilesItem::Info(info))?;
                    }
                    Some(GetFilesItem::Result(mut result)) => {
                        result.index = paths.place(result.index);
                        item(GetFilesItem::Result(result))?;
                    }
                    Some(part) => item(part)?,
                    None => {}
                }
                Ok(None)
            })
            .await
        })
        .await
    }

    /// Deletes many files, at most 1000, and calls `result` for each. The index of a file is its place in
    /// `paths`.
    ///
    /// # Errors
    /// Those of [`Client::put_files`].
    pub async fn delete_files(
        &self,
        target: &Target,
        paths: impl IntoIterator<Item = impl Into<ServerPath>>,
        mut result: impl FnMut(DeleteFileResult),
    ) -> Result<FilesSummary, Error> {
        use delete_files_response::Item;
        let paths = Paths::of(paths);
        let request = paths.guard(self.request(DeleteFilesRequest {
            target: Some(target.to_proto()),
            paths: paths.text.clone(),
            raw_paths: paths.bytes.clone(),
            options: self.options(),
        }));
        let mut ftps = self.ftps.clone();
        self.limited(async {
            let answers = ftps.delete_files(request).await?.into_inner();
            stream::result(answers, |DeleteFilesResponse { item, validated }| {
                unless_validated(validated, ())?;
                match item {
                    Some(Item::Result(mut of)) => {
                        of.index = paths.place(of.index);
                        result(of);
                    }
                    Some(Item::Summary(summary)) => return Ok(Some(summary)),
                    Some(Item::Progress(_)) | None => {}
                }
                Ok(None)
            })
            .await
        })
        .await
    }

    /// Looks for many names, at most 1000, and calls `result` with what is known of each, in any order. The
    /// index of a name is its place in `paths`.
    ///
    /// # Errors
    /// Those of [`Client::put_files`].
    pub async fn stat_files(
        &self,
        target: &Target,
        paths: impl IntoIterator<Item = impl Into<ServerPath>>,
        mut result: impl FnMut(StatFileResult),
    ) -> Result<FilesSummary, Error> {
        use stat_files_response::Item;
        let paths = Paths::of(paths);
        let request = paths.guard(self.request(StatFilesRequest {
            target: Some(target.to_proto()),
            paths: paths.text.clone(),
            raw_paths: paths.bytes.clone(),
            options: self.options(),
        }));
        let mut ftps = self.ftps.clone();
        self.limited(async {
            let answers = ftps.stat_files(request).await?.into_inner();
            stream::result(answers, |StatFilesResponse { item, validated }| {
                unless_validated(validated, ())?;
                match item {
                    Some(Item::Result(mut of)) => {
                        of.index = paths.place(of.index);
                        result(of);
                    }
                    Some(Item::Summary(summary)) => return Ok(Some(summary)),
                    Some(Item::Progress(_)) | None => {}
                }
                Ok(None)
            })
            .await
        })
        .await
    }
}

/// Paths as messages have them: those in text first, then those in bytes.
#[derive(Debug, Default)]
struct Paths {
    text: Vec<String>,
    bytes: Vec<Bytes>,
    /// The place of each in the caller's order, in the same order as the paths.
    places: Vec<i32>,
    of_bytes: Vec<i32>,
}

impl Paths {
    fn of(paths: impl IntoIterator<Item = impl Into<ServerPath>>) -> Self {
        let mut all = Self::default();
        for (place, path) in (0_i32..).zip(paths) {
            match path.into().fields() {
                (text, bytes) if bytes.is_empty() => {
                    all.text.push(text);
                    all.places.push(place);
                }
                (_, bytes) => {
                    all.bytes.push(bytes);
                    all.of_bytes.push(place);
                }
            }
        }
        all.places.append(&mut all.of_bytes);
        all
    }

    /// The place in the caller's order of a path of the request.
    fn place(&self, index: i32) -> i32 {
        let at = usize::try_from(index).ok();
        at.and_then(|at| self.places.get(at))
            .copied()
            .unwrap_or(index)
    }

    /// As [`ServerPath::guard`].
    fn guard<T>(&self, request: Request<T>) -> Request<T> {
        match self.bytes.first() {
            Some(first) => ServerPath::from(first.to_vec()).guard(request),
            None => request,
        }
    }
}

/// A stream of files that are all in memory, for [`Client::put_files`].
pub fn small_files<P: Into<ServerPath>, C: Into<Bytes>>(
    files: impl IntoIterator<Item = (P, C), IntoIter: Send + 'static>,
) -> impl Stream<Item = SmallFile> + Send + 'static {
    iter(files.into_iter().map(|(path, content)| SmallFile {
        path: path.into(),
        content: content.into(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_in_bytes_have_the_places_that_they_were_given_at() {
        let given: [&[u8]; 4] = [b"a", b"\xE9", b"b", b"\xE8"];
        let paths = Paths::of(given.map(<[u8]>::to_vec));
        assert_eq!((paths.text.len(), paths.bytes.len()), (2, 2));
        let places: Vec<_> = (0..4).map(|index| paths.place(index)).collect();
        assert_eq!(places, [0, 2, 1, 3]);
        assert_eq!(paths.place(9), 9);
    }
}
