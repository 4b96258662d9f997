//! A login that is refused while somebody waits, and that has worked before.

use std::time::Duration;

use tokio::time::sleep;

use super::Operation;
use crate::broker::error::{Cause, Error};
use crate::modem;
use crate::modem::clock;
use crate::modem::health::LoggedIn;
use simcom_talk::dialogue::failure::{self, Ending, Stage};
use simcom_talk::dialogue::operation::{Output, Standing};
use simcom_talk::ftps::errcode::ErrCode;

impl Operation {
    /// Waits while the login is not tried, since another call was refused it a moment ago. A caller who does not
    /// wait so long has it tried at once.
    ///
    /// # Errors
    /// The caller left.
    pub(in crate::broker) async fn until_login_is_tried(
        &self,
        standing: &Standing,
    ) -> Result<(), Error> {
        let Standing::LoggedIn(place) = standing else {
            return Ok(());
        };
        match self.link.login_closed(&LoggedIn::from(&*place.server)) {
            Some(pause) if self.has(pause) => self.wait(pause).await,
            _ => Ok(()),
        }
    }

    /// After a failure: waits until the login is tried again, where that is what failed and the login has worked
    /// before. See [`crate::broker::logins`].
    ///
    /// # Errors
    /// Gives the failure back, where no other try follows or the caller does not wait for it.
    pub(in crate::broker) async fn until_login_is_tried_again(
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

    /// Whether the caller waits for longer than that.
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

/// Whether a job ended where the module was logged in, as far as its answer tells.
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

/// Whether the server refused the login, before anything of the server was touched.
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
