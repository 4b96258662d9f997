//! Calls on a client's virtual sessions.

use crate::broker::Broker;
use crate::broker::catalogue::{Location, OpenSession, SessionInfo, SessionRequest};
use crate::broker::terms::{Caller, Cause, Error, SessionId, Target, Whose};
use crate::modem::clock;
use simcom_talk::dialogue::operation::{Output, Task};
use simcom_talk::ftps::value::{RemotePath, TransferType};

impl Broker {
    /// Opens a virtual session: logs in and has the server confirm the directory.
    ///
    /// # Errors
    /// The target, admission and link causes of [`Broker`]; [`Cause::TooManySessions`];
    /// [`Cause::InvalidPath`]; [`Cause::UnusableDirectory`]. No session exists then.
    pub async fn open_session(
        &self,
        caller: &Caller,
        request: SessionRequest,
    ) -> Result<SessionInfo, Error> {
        let there = self.servers().resolve(&request.server)?;
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

    /// The sessions of the principals that `whose` names, in the order of their ids.
    #[must_use]
    pub fn open_sessions(&self, caller: &Caller, whose: &Whose) -> Vec<OpenSession> {
        self.sessions().of(whose.one(caller), clock::now())
    }

    /// Closes a session. Its queued and running operations go on.
    ///
    /// # Errors
    /// [`Cause::SessionNotFound`].
    pub fn close_session(&self, caller: &Caller, id: &SessionId) -> Result<(), Error> {
        self.sessions().close(&caller.principal, id, clock::now())?;
        tracing::info!(principal = %caller.principal, session = id.as_str(), "a session was closed");
        Ok(())
    }

    /// Changes the directory of a session; returns the directory as the server named it.
    ///
    /// # Errors
    /// [`Cause::SessionNotFound`]; the admission and link causes of [`Broker`];
    /// [`Cause::InvalidPath`]; [`Cause::UnusableDirectory`]. The session keeps its directory then.
    pub async fn change_directory(
        &self,
        caller: &Caller,
        id: &SessionId,
        path: &RemotePath,
    ) -> Result<String, Error> {
        let target = Target::Session(id.clone());
        let (location, session) = self.locate(caller, &target)?;
        let (standing, path) = location.locate(path)?;
        let location = location.about(&path);
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
        let session = id.as_str();
        tracing::info!(principal = %caller.principal, session, ?to, "a session has another transfer type");
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
