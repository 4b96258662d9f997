//! Retries of a refused login that has worked before, while a caller waits.

use std::time::Duration;

use tokio::time::sleep;

use super::Operation;
use crate::broker::terms::{Cause, Error};
use crate::modem::health::LoggedIn;
use crate::modem::{self, clock};
use simcom_talk::dialogue::failure::{self, Ending, Stage};
use simcom_talk::dialogue::operation::{Output, Standing};
use simcom_talk::ftps::errcode::ErrCode;

impl Operation {
    /// Waits while the login is closed because the server just refused it to another call. If the
    /// caller's deadline comes sooner, the operation tries at once.
    ///
    /// # Errors
    /// The error of [`Operation::ended_by_caller`]: the caller cancelled or left
    /// ([`Cause::Cancelled`]), its deadline passed ([`Cause::Expired`]), or the daemon is stopping
    /// ([`Cause::Stopping`]).
    pub(crate) async fn until_login_is_tried(&self, standing: &Standing) -> Result<(), Error> {
        let Standing::LoggedIn(place) = standing else {
            return Ok(());
        };
        match self.link.login_closed(&LoggedIn::from(&*place.server)) {
            Some(pause) if self.has(pause) => self.wait(pause).await,
            _ => Ok(()),
        }
    }

    /// After a failure: waits for the next try of the login, if the server refused the login and it
    /// has worked before. See [`crate::broker::link::logins`].
    ///
    /// # Errors
    /// The given `error`, if no other try follows or the caller's deadline comes sooner; else as
    /// [`Operation::until_login_is_tried`].
    pub(crate) async fn until_login_is_tried_again(
        &self,
        standing: &Standing,
        error: Error,
    ) -> Result<(), Error> {
        let Standing::LoggedIn(place) = standing else {
            return Err(error);
        };
        if !is_refused_login(&error) {
            return Err(error);
        }
        match self.link.login_refused(&LoggedIn::from(&*place.server)) {
            Some(pause) if self.has(pause) => {
                tracing::info!(operation = %self.id, %error, ?pause, "a login that has worked is tried again");
                self.wait(pause).await
            }
            _ => Err(error),
        }
    }

    /// Whether the caller's deadline is later than the pause.
    fn has(&self, pause: Duration) -> bool {
        let now = clock::now();
        self.deadline.is_none_or(|deadline| deadline > now + pause)
    }

    async fn wait(&self, pause: Duration) -> Result<(), Error> {
        tokio::select! {
            biased;
            () = self.cancelled() => Err(self.ended_by_caller(Ending::BeforeItBegan)),
            () = sleep(pause) => Ok(()),
        }
    }
}

/// Whether the answer shows that the module was logged in.
pub(super) fn has_logged_in(answer: &Result<Output, modem::Error>) -> bool {
    match answer {
        Ok(_) => true,
        Err(modem::Error::Failed(failure)) => {
            matches!(
                failure.stage,
                Stage::Directory | Stage::Data | Stage::Commit
            ) && matches!(failure.cause, failure::Cause::Reported(ErrCode::REJECTED))
        }
        Err(_) => false,
    }
}

/// Whether the server refused the login before the job touched any file.
fn is_refused_login(error: &Error) -> bool {
    let Cause::Modem(error) = &error.cause else {
        return false;
    };
    matches!(&**error, modem::Error::Failed(failure)
        if failure.stage == Stage::Login
            && matches!(failure.cause,
                failure::Cause::Reported(ErrCode::REJECTED | ErrCode::SERVER_TIMEOUT))
            && !failure.touched)
}
