//! Floor 4, sharing: many clients, one link.

pub mod caller;
pub mod error;
pub mod get;
pub mod limits;
pub mod put;
pub mod scheduler;
pub mod servers;
pub mod session;
pub mod spool;
pub mod status;

pub use crate::modem::{self, JobId, failure, health};
pub use caller::{Caller, Principal, ServerChoice, Target};
pub use error::{Cause, Error};
pub use limits::Limits;
pub use servers::Servers;
pub use session::SessionId;
pub use status::Status;

use std::time::Duration;

use tokio::sync::watch;

use crate::ftps::value::{Offset, RemotePath, TransferType};
use crate::modem::failure::Ending;
use crate::modem::{Health, Modem};
use get::Reading;
use put::{PutHeader, Writing};

/// Shares one module among many callers. Cheap to clone.
///
/// Every operation is admitted or refused at once, waits for its turn, has the link to itself,
/// and gets exactly one answer. Dropping the future of a call, or the [`Reading`] or [`Writing`]
/// it gave, cancels the operation.
#[derive(Debug, Clone)]
pub struct Broker;

/// A session that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionInfo {
    /// Names the session in later calls.
    pub id: SessionId,
    /// Its directory, as the server named it.
    pub directory: String,
    /// The lease that was granted.
    pub lease: Duration,
}

/// What a new session shall be.
#[derive(Debug, Clone)]
pub struct SessionRequest {
    /// Its server.
    pub server: ServerChoice,
    /// Directory to begin in; `None`: the login directory.
    pub directory: Option<RemotePath>,
    /// Its transfer type.
    pub transfer_type: TransferType,
    /// How long it lives unused; `None`: the default. Cut to the maximum.
    pub lease: Option<Duration>,
}

/// An operation that was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancelled {
    /// How it ended.
    pub ending: Ending,
    /// Time from the wish to the free link.
    pub cost: Duration,
}

impl Broker {
    /// Shares a module. Needs a tokio runtime when it is first used.
    #[must_use]
    pub fn new(modem: Modem, servers: Servers, limits: Limits) -> Self {
        todo!("{modem:?} {servers:?} {limits:?}")
    }

    /// Opens a virtual session: logs in and lets the server confirm the directory.
    pub async fn open_session(
        &self,
        caller: &Caller,
        request: SessionRequest,
    ) -> Result<SessionInfo, Error> {
        todo!("{caller:?} {request:?}")
    }

    /// Ends a session. What it has queued or running goes on.
    pub fn close_session(&self, caller: &Caller, id: &SessionId) -> Result<(), Error> {
        todo!("{caller:?} {id:?}")
    }

    /// Moves a session; answers the directory as the server named it.
    pub async fn change_directory(
        &self,
        caller: &Caller,
        id: &SessionId,
        path: &RemotePath,
    ) -> Result<String, Error> {
        todo!("{caller:?} {id:?} {path:?}")
    }

    /// The directory of a session, as the server named it.
    pub fn working_directory(&self, caller: &Caller, id: &SessionId) -> Result<String, Error> {
        todo!("{caller:?} {id:?}")
    }

    /// Sets the transfer type of a session.
    pub fn set_transfer_type(
        &self,
        caller: &Caller,
        id: &SessionId,
        to: TransferType,
    ) -> Result<(), Error> {
        todo!("{caller:?} {id:?} {to:?}")
    }

    /// The transfer type of a session.
    pub fn transfer_type(&self, caller: &Caller, id: &SessionId) -> Result<TransferType, Error> {
        todo!("{caller:?} {id:?}")
    }

    /// Lists a directory, the session's (or the login directory) where there is no path. The
    /// chunks are the server's text as it is: `ftps::listing` reads it.
    pub async fn list(
        &self,
        caller: &Caller,
        target: &Target,
        path: Option<&RemotePath>,
    ) -> Result<Reading, Error> {
        todo!("{caller:?} {target:?} {path:?}")
    }

    /// The size of a file in bytes.
    pub async fn size(
        &self,
        caller: &Caller,
        target: &Target,
        path: &RemotePath,
    ) -> Result<u64, Error> {
        todo!("{caller:?} {target:?} {path:?}")
    }

    /// Creates a directory.
    pub async fn make_directory(
        &self,
        caller: &Caller,
        target: &Target,
        path: &RemotePath,
    ) -> Result<(), Error> {
        todo!("{caller:?} {target:?} {path:?}")
    }

    /// Removes a directory.
    pub async fn remove_directory(
        &self,
        caller: &Caller,
        target: &Target,
        path: &RemotePath,
    ) -> Result<(), Error> {
        todo!("{caller:?} {target:?} {path:?}")
    }

    /// Deletes a file.
    pub async fn delete_file(
        &self,
        caller: &Caller,
        target: &Target,
        path: &RemotePath,
    ) -> Result<(), Error> {
        todo!("{caller:?} {target:?} {path:?}")
    }

    /// Reads a file from `offset` on. Returns when the transfer begins on the link.
    pub async fn get(
        &self,
        caller: &Caller,
        target: &Target,
        path: &RemotePath,
        offset: Offset,
    ) -> Result<Reading, Error> {
        todo!("{caller:?} {target:?} {path:?} {offset:?}")
    }

    /// Admits the writing of a file. Returns at once; the bytes follow through [`Writing`].
    pub fn put(&self, caller: &Caller, header: PutHeader) -> Result<Writing, Error> {
        todo!("{caller:?} {header:?}")
    }

    /// Ends an operation of the same principal, waits until the link is free of it, and tells how
    /// it ended. Dropping this future does not take the wish back.
    pub async fn cancel(&self, caller: &Caller, operation: &JobId) -> Result<Cancelled, Error> {
        todo!("{caller:?} {operation:?}")
    }

    /// What is known now; never waits and never asks the module.
    #[must_use]
    pub fn status(&self) -> Status {
        todo!()
    }

    /// What is known of the module, now and at every change.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        todo!()
    }
}
