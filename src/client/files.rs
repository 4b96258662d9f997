//! Names on a server.

use super::options::unless;
use super::{Client, Error, ServerPath, Target};
use crate::proto::{DeleteFileRequest, MakeDirectoryRequest, RemoveDirectoryRequest};

impl Client {
    /// Makes a directory.
    ///
    /// # Errors
    /// The call failed, or was only checked.
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
        unless(done.validated, ())
    }

    /// Removes a directory that is empty.
    ///
    /// # Errors
    /// The call failed, or was only checked.
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
        unless(done.validated, ())
    }

    /// Deletes a file.
    ///
    /// # Errors
    /// The call failed, or was only checked.
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
        unless(done.validated, ())
    }
}
