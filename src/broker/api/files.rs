//! Calls on files and directories of a server.

use crate::broker::Broker;
use crate::broker::catalogue::Location;
use crate::broker::flow::get::{Deliver, Next, Reading};
use crate::broker::flow::put::{self, PutHeader, Writing};
use crate::broker::terms::{Caller, Cause, Error, Target, Verify};
use crate::modem::JobId;
use simcom_talk::dialogue::failure::Finding;
use simcom_talk::dialogue::operation::{Download, Output, Task};
use simcom_talk::ftps::listing::Lines;
use simcom_talk::ftps::value::{Offset, RemotePath};

impl Broker {
    /// Lists a directory; without a path, the session's (or the login directory). The chunks are
    /// the server's unchanged text. Returns when the listing begins on the link.
    ///
    /// # Errors
    /// The target, admission and link causes of [`Broker`]; [`Cause::InvalidPath`];
    /// [`Cause::ReaderTooSlow`] and [`Cause::Spool`] where the listing ended before it began to
    /// deliver.
    pub async fn list(
        &self,
        caller: &Caller,
        target: &Target,
        path: Option<&RemotePath>,
    ) -> Result<Reading, Error> {
        let (location, session) = self.locate(caller, target)?;
        let (standing, path) = match path {
            Some(path) => location
                .locate(path)
                .map(|(standing, path)| (standing, Some(path)))?,
            None => location.here(),
        };
        let operation = self.admit(caller, "List", named(location, path.as_ref()), session)?;
        let job = Deliver {
            standing,
            task: Task::List(path),
            insists: true,
        };
        self.read(operation, job).await
    }

    /// The size of a file in bytes.
    ///
    /// # Errors
    /// The target, admission and link causes of [`Broker`]; [`Cause::InvalidPath`].
    pub async fn size(
        &self,
        caller: &Caller,
        target: &Target,
        path: &RemotePath,
    ) -> Result<u64, Error> {
        match self
            .simple(caller, "GetSize", target, path, Task::Size)
            .await?
        {
            (_, Output::Size(size)) => Ok(size),
            (id, _) => Err(Error {
                operation: Some(id),
                ..Cause::WrongAnswer.into()
            }),
        }
    }

    /// Creates a directory.
    ///
    /// # Errors
    /// The target, admission and link causes of [`Broker`]; [`Cause::InvalidPath`].
    pub async fn make_directory(
        &self,
        caller: &Caller,
        target: &Target,
        path: &RemotePath,
    ) -> Result<(), Error> {
        self.simple(caller, "MakeDirectory", target, path, Task::MakeDirectory)
            .await
            .map(drop)
    }

    /// Removes a directory.
    ///
    /// # Errors
    /// The target, admission and link causes of [`Broker`]; [`Cause::InvalidPath`];
    /// [`Cause::DirectoryNotEmpty`]: the server refused, and its listing shows an entry.
    pub async fn remove_directory(
        &self,
        caller: &Caller,
        target: &Target,
        path: &RemotePath,
    ) -> Result<(), Error> {
        let removed = self.simple(
            caller,
            "RemoveDirectory",
            target,
            path,
            Task::RemoveDirectory,
        );
        let Err(refused) = removed.await else {
            return Ok(());
        };
        let is_there = refused
            .failure()
            .is_some_and(|failure| failure.finding == Some(Finding::NamePresent));
        // Servers give the same reply for every reason, so this looks for the most common one.
        if is_there && self.has_entries(caller, target, path).await {
            return Err(Error {
                cause: Cause::DirectoryNotEmpty,
                ..refused
            });
        }
        Err(refused)
    }

    /// Whether the listing of a directory shows an entry.
    async fn has_entries(&self, caller: &Caller, target: &Target, path: &RemotePath) -> bool {
        let Ok(mut reading) = self.list(caller, target, Some(path)).await else {
            return false;
        };
        let mut lines = Lines::new();
        loop {
            let (entries, last) = match reading.next().await {
                Ok(Next::Chunk(chunk)) => (lines.push(&chunk), false),
                Ok(Next::End(_)) => (lines.finish(), true),
                Err(_) => return false,
            };
            let mut names = entries
                .into_iter()
                .filter_map(|entry| Some(entry.facts?.name));
            if names.any(|name| name != "." && name != "..") {
                return true;
            }
            if last {
                return false;
            }
        }
    }

    /// Deletes a file.
    ///
    /// # Errors
    /// The target, admission and link causes of [`Broker`]; [`Cause::InvalidPath`].
    pub async fn delete_file(
        &self,
        caller: &Caller,
        target: &Target,
        path: &RemotePath,
    ) -> Result<(), Error> {
        self.simple(caller, "DeleteFile", target, path, Task::DeleteFile)
            .await
            .map(drop)
    }

    /// Reads a file from `offset` on. Returns when the transfer begins on the link.
    ///
    /// # Errors
    /// As [`Broker::begin_get`] and [`Reading::began`].
    pub async fn get(
        &self,
        caller: &Caller,
        target: &Target,
        path: &RemotePath,
        offset: Offset,
    ) -> Result<Reading, Error> {
        let mut reading = self.begin_get(caller, target, path, offset)?;
        reading.began().await?;
        Ok(reading)
    }

    /// Admits the reading of a file from `offset` on. Returns at once.
    ///
    /// # Errors
    /// The target and admission causes of [`Broker`], and [`Cause::InvalidPath`]. Nothing has
    /// reached the module.
    pub fn begin_get(
        &self,
        caller: &Caller,
        target: &Target,
        path: &RemotePath,
        offset: Offset,
    ) -> Result<Reading, Error> {
        self.begin_download(caller, target, Download::of(path.clone(), offset), true)
    }

    /// Like [`Broker::begin_get`] for a [`Download`], which may resume what an earlier operation
    /// began: the earlier bytes are not delivered again. With `insists`, it retries a refused
    /// login; without, its caller does that.
    pub(crate) fn begin_download(
        &self,
        caller: &Caller,
        target: &Target,
        what: Download,
        insists: bool,
    ) -> Result<Reading, Error> {
        let (location, session) = self.locate(caller, target)?;
        let (standing, path) = location.locate(&what.path)?;
        let operation = self.admit(caller, "Get", location.about(&path), session)?;
        let task = Task::Download(Download { path, ..what });
        let job = Deliver {
            standing,
            task,
            insists,
        };
        let spools = &self.shared.spools;
        Ok(Reading::begin(operation, job, spools, self.patience()))
    }

    /// Admits the writing of a file. Returns at once; the bytes follow through [`Writing`].
    ///
    /// # Errors
    /// The target and admission causes of [`Broker`]; [`Cause::InvalidPath`];
    /// [`Cause::OwnSentinel`]; [`Cause::NoVerifyInAscii`]. Nothing has reached the module.
    pub fn put(&self, caller: &Caller, header: PutHeader) -> Result<Writing, Error> {
        let (location, session) = self.locate(caller, &header.target)?;
        if let Some(size) = header.size {
            let read_back = header.verify == Some(Verify::ReadBack);
            self.allowance(Some(&caller.principal), &location)
                .upload(size, read_back)?;
        }
        put::Place::of(&location, &header)?;
        let there = location.clone().about(&location.locate(&header.path)?.1);
        let operation = self.admit(caller, "Put", there, session)?;
        Ok(Writing::begin(
            operation,
            &location,
            &header,
            &self.shared.spools,
            self.patience(),
        )?)
    }

    /// Runs one job on one path and returns its only answer.
    async fn simple(
        &self,
        caller: &Caller,
        method: &'static str,
        target: &Target,
        path: &RemotePath,
        task: fn(RemotePath) -> Task,
    ) -> Result<(JobId, Output), Error> {
        let (location, session) = self.locate(caller, target)?;
        let (standing, path) = location.locate(path)?;
        let operation = self.admit(caller, method, location.about(&path), session)?;
        let id = operation.id.clone();
        self.run(operation, standing, task(path))
            .await
            .map(|output| (id, output))
    }
}

/// The location for an operation on a path, or on the directory itself.
fn named(location: Location, path: Option<&RemotePath>) -> Location {
    match path {
        Some(path) => location.about(path),
        None => location,
    }
}
