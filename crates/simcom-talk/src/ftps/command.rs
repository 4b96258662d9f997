//! The commands of the FTPS service, typed.

use std::sync::Arc;

use super::command_name::CommandName;
use super::response_form::{ResponseForm, Timing};
use super::storage::Storage;
use super::value::{Drive, Offset, RemotePath, Server, TransferType};

/// A command of the FTPS service with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Starts the service and activates the PDP context (SIMCom manual L1201).
    Start,
    /// Stops the service (L1202).
    Stop,
    /// Logs in (L1203). The server type is always sent: its default is implicit FTPS.
    Login(Arc<Server>),
    /// Logs out (L1204).
    Logout,
    /// Creates a directory (L1205).
    MakeDirectory(RemotePath),
    /// Removes a directory (L1206).
    RemoveDirectory(RemotePath),
    /// Deletes a file (L1207).
    DeleteFile(RemotePath),
    /// Changes the current directory (L1208).
    ChangeDirectory(RemotePath),
    /// Asks for the current directory (L1209).
    WorkingDirectory,
    /// Sets the representation type (L1210).
    Type(TransferType),
    /// Lists a directory (L1211). It is sent from within, without a path.
    List(Option<RemotePath>),
    /// Lists what the server takes this path for (L1211).
    ListPath(RemotePath),
    /// Reads a file to the port (L1214), pushed in frames.
    Get(RemotePath, Offset),
    /// Reads a file to the module's cache (L1214 b).
    GetToCache(RemotePath, Offset),
    /// Asks how many bytes the cache holds (L1217).
    CacheLength,
    /// Reads the next bytes out of the cache (L1217).
    CacheRead,
    /// Writes a file from the port (L1215).
    Put(RemotePath, PutForm),
    /// Reads a file to a drive of the module (L1212).
    GetFile(ModuleFile),
    /// Writes a file from a drive of the module (L1213).
    PutFile(ModuleFile),
    /// Asks for the address of data connections (L1216).
    ReadSingleIp,
    /// Sets the address of data connections (L1216).
    SingleIp(bool),
    /// Ends what is under way, logs out and drops the PDP context (L1218).
    Abort,
    /// Asks for the size of a file (L1219).
    Size(RemotePath),
    /// Of the module's own file system.
    Storage(Storage),
}

impl Command {
    /// Whether it writes or deletes a file of the server.
    #[must_use]
    pub const fn changes_a_file(&self) -> bool {
        matches!(self, Self::Put(..) | Self::PutFile(_) | Self::DeleteFile(_))
    }

    /// Which command it is.
    #[must_use]
    pub const fn name(&self) -> CommandName {
        match self {
            Self::Start => CommandName::Start,
            Self::Stop => CommandName::Stop,
            Self::Login(_) => CommandName::Login,
            Self::Logout => CommandName::Logout,
            Self::MakeDirectory(_) => CommandName::MakeDirectory,
            Self::RemoveDirectory(_) => CommandName::RemoveDirectory,
            Self::DeleteFile(_) => CommandName::DeleteFile,
            Self::ChangeDirectory(_) => CommandName::ChangeDirectory,
            Self::WorkingDirectory => CommandName::WorkingDirectory,
            Self::Type(_) => CommandName::Type,
            Self::List(_) | Self::ListPath(_) => CommandName::List,
            Self::Get(..) | Self::GetToCache(..) => CommandName::Get,
            Self::CacheLength | Self::CacheRead => CommandName::CacheRead,
            Self::Put(..) => CommandName::Put,
            Self::GetFile(_) => CommandName::GetFile,
            Self::PutFile(_) => CommandName::PutFile,
            Self::ReadSingleIp => CommandName::ReadSingleIp,
            Self::SingleIp(_) => CommandName::SingleIp,
            Self::Abort => CommandName::Abort,
            Self::Size(_) => CommandName::Size,
            Self::Storage(storage) => CommandName::Storage(storage.name()),
        }
    }

    /// How long the parts of the command may take.
    #[must_use]
    pub fn timing(&self) -> Timing {
        match self {
            Self::GetFile(file) | Self::PutFile(file) => Timing::of_module_file(file.bytes),
            other => other.name().timing(),
        }
    }

    /// Bytes of content that the command announces and then takes behind its prompt.
    #[must_use]
    pub const fn literal(&self) -> Option<u64> {
        match self {
            Self::Storage(Storage::Write(_, len)) => Some(*len as u64),
            _ => None,
        }
    }

    /// What answers the command, and what ends it.
    #[must_use]
    pub const fn response_form(&self) -> ResponseForm {
        match self {
            Self::GetToCache(..) => ResponseForm::Cached,
            Self::CacheRead => ResponseForm::CacheRead,
            _ => self.name().response_form(),
        }
    }

    /// Whose reports answer the command: what is read out of the cache comes under the name of
    /// the download that filled it (L1217).
    #[must_use]
    pub const fn reporter(&self) -> CommandName {
        match self {
            Self::CacheRead => CommandName::Get,
            _ => self.name(),
        }
    }

    /// The path that the command is about.
    #[must_use]
    pub const fn path(&self) -> Option<&RemotePath> {
        match self {
            Self::MakeDirectory(path)
            | Self::RemoveDirectory(path)
            | Self::DeleteFile(path)
            | Self::ChangeDirectory(path)
            | Self::List(Some(path))
            | Self::ListPath(path)
            | Self::Get(path, _)
            | Self::GetToCache(path, _)
            | Self::Put(path, _)
            | Self::Size(path) => Some(path),
            _ => None,
        }
    }

    /// The same command about another path; itself, where it is about none.
    #[must_use]
    pub fn with_path(&self, path: RemotePath) -> Self {
        match self {
            Self::MakeDirectory(_) => Self::MakeDirectory(path),
            Self::RemoveDirectory(_) => Self::RemoveDirectory(path),
            Self::DeleteFile(_) => Self::DeleteFile(path),
            Self::ChangeDirectory(_) => Self::ChangeDirectory(path),
            Self::List(Some(_)) => Self::List(Some(path)),
            Self::ListPath(_) => Self::ListPath(path),
            Self::Get(_, offset) => Self::Get(path, *offset),
            Self::GetToCache(_, offset) => Self::GetToCache(path, *offset),
            Self::Put(_, form) => Self::Put(path, *form),
            Self::Size(_) => Self::Size(path),
            other => other.clone(),
        }
    }
}

/// A file that goes between the server and a drive of the module, where it has the last
/// component of the remote path as its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleFile {
    /// On the server.
    pub path: RemotePath,
    /// On the module.
    pub drive: Drive,
    /// The byte to go on at.
    pub offset: Offset,
    /// Bytes to be moved, where known: the module says nothing until it is done.
    pub bytes: Option<u64>,
}

/// How the content of an upload is handed over (L1215).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutForm {
    /// One escaped stream from the start of the file, ended by Ctrl-Z. The grammar has no
    /// `<rest_size>` without a `<data_len>`.
    Stream,
    /// So many literal bytes, written at an offset.
    Block {
        /// Bytes to come, 1 to 2048.
        len: u16,
        /// Where they go.
        offset: Offset,
    },
}
