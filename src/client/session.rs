//! Sessions: a server and a directory on it, under an id.

use super::connection::Client;
use super::error::{Error, unless_validated};
use super::path::ServerPath;
use crate::proto::open_session_request::Destination;
use crate::proto::{CloseSessionRequest, OpenSessionRequest, OpenSessionResponse};

impl Client {
    /// Opens a session. It ends by [`Client::close_session`], or when it was not used for the daemon's lease.
    ///
    /// # Errors
    /// Those of every call ([`Client`]), and [`Error::Validated`].
    pub async fn open_session(
        &self,
        profile: &str,
        directory: impl Into<ServerPath>,
    ) -> Result<OpenSessionResponse, Error> {
        let request = self.request_at(directory, |directory, raw_directory| OpenSessionRequest {
            destination: Some(Destination::Profile(profile.into())),
            directory,
            raw_directory,
            options: self.options(),
            ..Default::default()
        });
        let opened = self.unary(self.ftps.clone().open_session(request)).await?;
        unless_validated(opened.validated, opened)
    }

    /// Ends a session.
    ///
    /// # Errors
    /// Those of every call ([`Client`]).
    pub async fn close_session(&self, session_id: &str) -> Result<(), Error> {
        let request = CloseSessionRequest {
            session_id: session_id.into(),
            principal: self.principal.clone(),
        };
        self.unary(self.ftps.clone().close_session(self.request(request)))
            .await
            .map(drop)
    }
}
