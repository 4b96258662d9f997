//! Names on a server.

use super::connection::{Client, Target};
use super::error::{Error, unless_validated};
use super::path::ServerPath;
use crate::proto::{
    DeleteFileRequest, Entry, GetSizeRequest, ListRequest, MakeDirectoryRequest,
    RemoveDirectoryRequest,
};

impl Client {
    /// The size of a file in bytes.
    ///
    /// # Errors
    /// Those of every call ([`Client`]), and [`Error::Validated`]. [`Error::Protocol`] where the daemon
    /// tells a negative size.
    pub async fn size(&self, target: &Target, path: impl Into<ServerPath>) -> Result<u64, Error> {
        let request = self.request_at(path, |path, raw_path| GetSizeRequest {
            target: Some(target.to_proto()),
            path,
            raw_path,
            options: self.options(),
        });
        let response = self.unary(self.ftps.clone().get_size(request)).await?;
        unless_validated(response.validated, ())?;
        u64::try_from(response.size)
            .map_err(|_| Error::Protocol(format!("a size of {} bytes", response.size)))
    }

    /// The entries of a directory in the server's order. An empty `path` is the session's or the login
    /// directory.
    ///
    /// # Errors
    /// Those of every call ([`Client`]), and [`Error::Validated`]. Entries that came before an error are
    /// lost, so that no list is incomplete.
    pub async fn list(
        &self,
        target: &Target,
        path: impl Into<ServerPath>,
    ) -> Result<Vec<Entry>, Error> {
        let request = self.request_at(path, |path, raw_path| ListRequest {
            target: Some(target.to_proto()),
            path,
            raw_path,
            options: self.options(),
        });
        let mut ftps = self.ftps.clone();
        self.limited(async {
            let mut stream = ftps.list(request).await?.into_inner();
            let mut entries = Vec::new();
            while let Some(response) = stream.message().await? {
                unless_validated(response.validated, ())?;
                entries.extend(response.entries);
            }
            Ok(entries)
        })
        .await
    }

    /// Makes a directory.
    ///
    /// # Errors
    /// Those of every call ([`Client`]), and [`Error::Validated`].
    pub async fn make_directory(
        &self,
        target: &Target,
        path: impl Into<ServerPath>,
    ) -> Result<(), Error> {
        let request = self.request_at(path, |path, raw_path| MakeDirectoryRequest {
            target: Some(target.to_proto()),
            path,
            raw_path,
            options: self.options(),
        });
        let mut ftps = self.ftps.clone();
        let done = self.unary(ftps.make_directory(request)).await?;
        unless_validated(done.validated, ())
    }

    /// Removes a directory that is empty.
    ///
    /// # Errors
    /// Those of every call ([`Client`]), and [`Error::Validated`].
    pub async fn remove_directory(
        &self,
        target: &Target,
        path: impl Into<ServerPath>,
    ) -> Result<(), Error> {
        let request = self.request_at(path, |path, raw_path| RemoveDirectoryRequest {
            target: Some(target.to_proto()),
            path,
            raw_path,
            options: self.options(),
        });
        let mut ftps = self.ftps.clone();
        let done = self.unary(ftps.remove_directory(request)).await?;
        unless_validated(done.validated, ())
    }

    /// Deletes a file.
    ///
    /// # Errors
    /// Those of every call ([`Client`]), and [`Error::Validated`].
    pub async fn delete_file(
        &self,
        target: &Target,
        path: impl Into<ServerPath>,
    ) -> Result<(), Error> {
        let request = self.request_at(path, |path, raw_path| DeleteFileRequest {
            target: Some(target.to_proto()),
            path,
            raw_path,
            options: self.options(),
        });
        let mut ftps = self.ftps.clone();
        let done = self.unary(ftps.delete_file(request)).await?;
        unless_validated(done.validated, ())
    }
}
