//! Files on the module.

mod writing;

use std::time::Duration;

use super::Broker;
use super::caller::{Caller, Target};
use super::error::{Cause, Error};
use super::get::{Deliver, Reading};
use super::scheduler::Priority;
use crate::ftps::storage::{Drive, Entry, ModulePath, Space};
use crate::ftps::value::{Offset, RemotePath, TransferType};
pub use crate::modem::operation::WriteModuleFile;
use crate::modem::operation::{ModuleTransfer, Moved, Output, Standing, Task};
pub use writing::{WritingToModule, Written};

/// A file that goes between the server and a drive of the module, where it has the last component
/// of the remote path as its name.
#[derive(Debug, Clone)]
pub struct Transfer {
    /// The server.
    pub target: Target,
    /// On the server.
    pub path: RemotePath,
    /// On the module.
    pub drive: Drive,
    /// The byte to go on at.
    pub offset: Offset,
    /// Refuse to fetch, without touching it, where the module holds a file of the name.
    pub must_be_new: bool,
}

/// A file that was moved between server and module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferResult {
    /// On the module.
    pub file: ModulePath,
    /// Its size there.
    pub size: u64,
    /// The server names the same size; `false` where it does not tell.
    pub verified: bool,
    /// How often the link broke and the transfer went on.
    pub resumes: u32,
    /// Time on the link, without waiting in the queue.
    pub elapsed: Duration,
}

impl Broker {
    /// Reads a file of the server to a drive of the module.
    ///
    /// # Errors
    /// Why it is not there. What came stays on the module.
    pub async fn fetch_to_module(
        &self,
        caller: &Caller,
        transfer: Transfer,
    ) -> Result<TransferResult, Error> {
        self.move_file(caller, "FetchToModule", transfer, Task::Fetch)
            .await
    }

    /// Writes a file of the server from a drive of the module.
    ///
    /// # Errors
    /// Why the server does not have it. It may have a part of it.
    pub async fn send_from_module(
        &self,
        caller: &Caller,
        transfer: Transfer,
    ) -> Result<TransferResult, Error> {
        self.move_file(caller, "SendFromModule", transfer, Task::Send)
            .await
    }

    /// The names in a directory of the module, and the size of each file where it is told.
    ///
    /// # Errors
    /// Why they are not known.
    pub async fn list_module_files(
        &self,
        caller: &Caller,
        directory: ModulePath,
    ) -> Result<Vec<(Entry, Option<u64>)>, Error> {
        let task = Task::ListModule(directory);
        match self.on_storage(caller, "ListModuleFiles", task).await? {
            Output::ModuleFiles(files) => Ok(files),
            _ => Err(Cause::WrongAnswer.into()),
        }
    }

    /// Deletes a file of the module.
    ///
    /// # Errors
    /// Why it was not deleted.
    pub async fn delete_module_file(&self, caller: &Caller, file: ModulePath) -> Result<(), Error> {
        let task = Task::DeleteModuleFile(file);
        self.on_storage(caller, "DeleteModuleFile", task)
            .await
            .map(drop)
    }

    /// Reads a file of the module. Returns when the transfer begins on the link.
    ///
    /// # Errors
    /// Why the transfer did not begin.
    pub async fn read_module_file(
        &self,
        caller: &Caller,
        file: ModulePath,
    ) -> Result<Reading, Error> {
        let operation = self.admit_at(caller, "ReadModuleFile", Priority::Normal, None, None)?;
        let job = Deliver {
            standing: Standing::Attached,
            task: Task::ReadModuleFile(file),
        };
        self.read(operation, job).await
    }

    /// Admits the writing of a file of the module. Returns at once; the bytes follow through
    /// [`WritingToModule`].
    ///
    /// # Errors
    /// Why it was not admitted. Nothing of it reaches the module.
    pub fn write_module_file(
        &self,
        caller: &Caller,
        what: WriteModuleFile,
    ) -> Result<WritingToModule, Error> {
        let operation = self.admit_at(caller, "WriteModuleFile", Priority::Normal, None, None)?;
        Ok(WritingToModule::new(operation, what))
    }

    /// Room on a drive of the module, or on all there are.
    ///
    /// # Errors
    /// Why it is not known.
    pub async fn module_space(
        &self,
        caller: &Caller,
        drive: Option<Drive>,
    ) -> Result<Vec<Space>, Error> {
        let task = Task::Space(drive);
        match self.on_storage(caller, "GetModuleSpace", task).await? {
            Output::Space(space) => Ok(space),
            _ => Err(Cause::WrongAnswer.into()),
        }
    }

    async fn on_storage(
        &self,
        caller: &Caller,
        method: &'static str,
        task: Task,
    ) -> Result<Output, Error> {
        self.on_module(caller, method, Standing::Attached, task)
            .await
    }

    async fn move_file(
        &self,
        caller: &Caller,
        method: &'static str,
        transfer: Transfer,
        task: fn(ModuleTransfer) -> Task,
    ) -> Result<TransferResult, Error> {
        let (location, session) = self.locate(caller, &transfer.target)?;
        let (mut standing, path) = location.locate(&transfer.path)?;
        // Sizes are compared, and an offset here must be one there.
        if let Standing::LoggedIn(place) = &mut standing {
            place.transfer_type = TransferType::Binary;
        }
        let name = path.file_name().unwrap_or_default();
        let file = ModulePath::of_remote(transfer.drive, name).map_err(Cause::InvalidPath)?;
        let task = task(ModuleTransfer {
            path,
            file: file.clone(),
            offset: transfer.offset,
            must_be_new: transfer.must_be_new,
        });
        let operation = self.admit_at(caller, method, Priority::Normal, Some(location), session)?;
        let timed = std::sync::Arc::clone(&operation);
        match self.run(operation, standing, task).await? {
            Output::Moved(Moved {
                size,
                confirmed,
                resumes,
            }) => Ok(TransferResult {
                file,
                size,
                verified: confirmed.is_some(),
                resumes,
                elapsed: timed.on_link(),
            }),
            _ => Err(timed.error(Cause::WrongAnswer)),
        }
    }
}
