//! What a client does with its sessions.

use std::time::Duration;

use super::{OpenSession, SessionId};
use crate::broker::Broker;
use crate::broker::caller::{Caller, ServerChoice, Target, Whose};
use crate::broker::error::{Cause, Error};
use crate::broker::location::Location;
use crate::modem::clock;
use simcom_talk::dialogue::operation::{Output, Task};
use simcom_talk::ftps::value::{NameCode, RemotePath, TransferType};

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

/// A session that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionInfo {
    /// Names the session in later calls.
    pub id: SessionId,
    /// Its directory, as the server named it.
    pub directory: String,
    /// The code in which the server has its names.
    pub code: NameCode,
    /// The lease that was granted.
    pub lease: Duration,
}

impl Broker {
    /// Opens a virtual session: logs in and lets the server confirm the directory.
    ///
    /// # Errors
    /// Then no session exists.
    pub async fn open_session(
        &self,
        caller: &Caller,
        request: SessionRequest,
    ) -> Result<SessionInfo, Error> {
        let there = self.shared.servers.resolve(&request.server)?;
        self.sessions().room(&caller.principal, clock::now())?;
        let mut location = Location {
            transfer_type: request.transfer_type,
            ..there
        };
        let (standing, task) = match &request.directory {
            Some(directory) => {
                let (standing, path) = location.locate(directory)?;
                (standing, Task::ChangeDirectory(path))
            }
            None => (location.here().0, Task::WorkingDirectory),
        };
        let operation = self.admit(caller, "OpenSession", location.clone(), None)?;
        let id = operation.id.clone();
        let named = |cause: Cause| Error {
            operation: Some(id),
            ..cause.into()
        };
        match (
            self.run(operation, standing, task).await?,
            &request.directory,
        ) {
            (Output::Directory(name), Some(_)) => {
                location.enter(name).map_err(named.clone())?;
            }
            (Output::Directory(name), None) => location.learn(name),
            _ => return Err(named(Cause::WrongAnswer)),
        }
        let (directory, code) = (location.name.clone(), location.profile.code);
        let principal = caller.principal.clone();
        let opened = self
            .sessions()
            .open(principal, location, request.lease, clock::now());
        let (id, lease) = opened.map_err(named)?;
        Ok(SessionInfo {
            id,
            directory,
            code,
            lease,
        })
    }

    /// The sessions of whoever is meant, in the order of their ids.
    #[must_use]
    pub fn open_sessions(&self, caller: &Caller, whose: &Whose) -> Vec<OpenSession> {
        self.sessions().of(whose.one(caller), clock::now())
    }

    /// Ends a session. What it has queued or running goes on.
    ///
    /// # Errors
    /// [`Cause::SessionNotFound`].
    pub fn close_session(&self, caller: &Caller, id: &SessionId) -> Result<(), Error> {
        Ok(self.sessions().close(&caller.principal, id, clock::now())?)
    }

    /// Moves a session; answers the directory as the server named it.
    ///
    /// # Errors
    /// Then the session is where it was.
    pub async fn change_directory(
        &self,
        caller: &Caller,
        id: &SessionId,
        path: &RemotePath,
    ) -> Result<String, Error> {
        let target = Target::Session(id.clone());
        let (location, session) = self.locate(caller, &target)?;
        let (standing, path) = location.locate(path)?;
        let operation = self.admit(caller, "ChangeDirectory", location, session)?;
        let job = operation.id.clone();
        let named = |cause: Cause| Error {
            operation: Some(job),
            ..cause.into()
        };
        let Output::Directory(name) = self
            .run(operation, standing, Task::ChangeDirectory(path))
            .await?
        else {
            return Err(named(Cause::WrongAnswer));
        };
        let mut sessions = self.sessions();
        let location = sessions.location(&caller.principal, id, clock::now());
        location
            .and_then(|location| location.enter(name.clone()))
            .map_err(named)?;
        Ok(name)
    }

    /// The directory of a session, as the server named it.
    ///
    /// # Errors
    /// [`Cause::SessionNotFound`].
    pub fn working_directory(&self, caller: &Caller, id: &SessionId) -> Result<String, Error> {
        let mut sessions = self.sessions();
        Ok(sessions
            .location(&caller.principal, id, clock::now())?
            .name
            .clone())
    }

    /// Sets the transfer type of a session.
    ///
    /// # Errors
    /// [`Cause::SessionNotFound`].
    pub fn set_transfer_type(
        &self,
        caller: &Caller,
        id: &SessionId,
        to: TransferType,
    ) -> Result<(), Error> {
        let mut sessions = self.sessions();
        sessions
            .location(&caller.principal, id, clock::now())?
            .transfer_type = to;
        Ok(())
    }

    /// The transfer type of a session.
    ///
    /// # Errors
    /// [`Cause::SessionNotFound`].
    pub fn transfer_type(&self, caller: &Caller, id: &SessionId) -> Result<TransferType, Error> {
        let mut sessions = self.sessions();
        Ok(sessions
            .location(&caller.principal, id, clock::now())?
            .transfer_type)
    }
}
