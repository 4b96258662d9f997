//! Files on the module.

mod moving;
mod writing;

use super::get::{Deliver, Reading};
use crate::broker::Broker;
use crate::broker::terms::{Caller, Cause, Error, Priority, Target};
pub use moving::{ModuleProgress, Moving, TransferResult};
use simcom_talk::dialogue::operation::{ModuleTransfer, Output, Standing, Task, WriteModuleFile};
use simcom_talk::ftps::storage::{DriveSpace, ModuleEntry, ModulePath};
use simcom_talk::ftps::value::{Drive, Offset, RemotePath, TransferType};
pub use writing::{WritingToModule, Written};

/// A file transfer between the server and a drive of the module. On the module, the file has the
/// last component of the remote path as its name.
#[derive(Debug, Clone)]
pub struct Transfer {
    /// The server.
    pub target: Target,
    /// Path on the server.
    pub path: RemotePath,
    /// Drive of the module.
    pub drive: Drive,
    /// The byte to resume at.
    pub offset: Offset,
    /// Fail a fetch, without touching the file, if the module has a file of the name.
    pub must_be_new: bool,
}

impl Broker {
    /// Admits the reading of a server's file to a drive of the module. Returns at once. The bytes
    /// that came stay on the module, however the operation ends.
    ///
    /// # Errors
    /// The target and admission causes of [`Broker`], and [`Cause::InvalidPath`]; nothing has
    /// reached the module.
    pub fn fetch_to_module(&self, caller: &Caller, transfer: Transfer) -> Result<Moving, Error> {
        self.move_file(caller, "FetchToModule", transfer, Task::Fetch)
    }

    /// Admits the writing of a file of the server from a drive of the module. Returns at once. If
    /// it fails, the server may have a part of the file.
    ///
    /// # Errors
    /// The target and admission causes of [`Broker`], and [`Cause::InvalidPath`]; nothing has
    /// reached the module.
    pub fn send_from_module(&self, caller: &Caller, transfer: Transfer) -> Result<Moving, Error> {
        self.move_file(caller, "SendFromModule", transfer, Task::Send)
    }

    /// The names in a directory of the module, and the size of each file if the module tells.
    ///
    /// # Errors
    /// The admission and link causes of [`Broker`].
    pub async fn list_module_files(
        &self,
        caller: &Caller,
        directory: ModulePath,
    ) -> Result<Vec<(ModuleEntry, Option<u64>)>, Error> {
        let task = Task::ListModule(directory);
        match self.on_storage(caller, "ListModuleFiles", task).await? {
            Output::ModuleFiles(files) => Ok(files),
            _ => Err(Cause::WrongAnswer.into()),
        }
    }

    /// Deletes a file of the module.
    ///
    /// # Errors
    /// The admission and link causes of [`Broker`].
    pub async fn delete_module_file(&self, caller: &Caller, file: ModulePath) -> Result<(), Error> {
        let (method, priority) = ("DeleteModuleFile", Priority::Interactive);
        let operation = self.admit_at(caller, method, priority, None, None)?;
        operation.is_about(&file);
        let task = Task::DeleteModuleFile(file);
        self.run(operation, Standing::Ready, task).await.map(drop)
    }

    /// Admits the reading of a file of the module. Returns at once.
    ///
    /// # Errors
    /// The admission causes of [`Broker`]; nothing has reached the module.
    pub fn read_module_file(&self, caller: &Caller, file: ModulePath) -> Result<Reading, Error> {
        let operation = self.admit_at(caller, "ReadModuleFile", Priority::Normal, None, None)?;
        operation.is_about(&file);
        let job = Deliver {
            standing: Standing::Ready,
            task: Task::ReadModuleFile(file),
            insists: false,
        };
        let spools = &self.shared.spools;
        Ok(Reading::begin(operation, job, spools, self.patience()))
    }

    /// Admits the writing of a file of the module. Returns at once; the bytes follow through
    /// [`WritingToModule`].
    ///
    /// # Errors
    /// The admission causes of [`Broker`]; nothing has reached the module.
    pub fn write_module_file(
        &self,
        caller: &Caller,
        what: WriteModuleFile,
    ) -> Result<WritingToModule, Error> {
        let operation = self.admit_at(caller, "WriteModuleFile", Priority::Normal, None, None)?;
        operation.is_about(&what.file);
        Ok(WritingToModule::new(operation, what))
    }

    /// Free space on a drive of the module, or on all its drives.
    ///
    /// # Errors
    /// The admission and link causes of [`Broker`].
    pub async fn module_space(
        &self,
        caller: &Caller,
        drive: Option<Drive>,
    ) -> Result<Vec<DriveSpace>, Error> {
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
        self.on_module(caller, method, Standing::Ready, task).await
    }

    fn move_file(
        &self,
        caller: &Caller,
        method: &'static str,
        transfer: Transfer,
        task: fn(ModuleTransfer) -> Task,
    ) -> Result<Moving, Error> {
        let (location, session) = self.locate(caller, &transfer.target)?;
        let (mut standing, path) = location.locate(&transfer.path)?;
        // Binary, because sizes are compared, and an offset must mean the same byte on both sides.
        if let Standing::LoggedIn(place) = &mut standing {
            place.transfer_type = TransferType::Binary;
        }
        let name = path.file_name().unwrap_or_default();
        let file = ModulePath::of_remote(transfer.drive, name).map_err(Cause::InvalidPath)?;
        let location = location.about(&path);
        let task = task(ModuleTransfer {
            path,
            file: file.clone(),
            offset: transfer.offset,
            must_be_new: transfer.must_be_new,
            limit: None,
        });
        let operation = self.admit_at(caller, method, Priority::Normal, Some(location), session)?;
        Ok(Moving::begin(operation, standing, task, file))
    }
}
