//! The time limit of a call whose stream its caller reads.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Sleep, sleep};
use tonic::Status;

use super::error::Error;

/// Added to the caller's time limit before the client ends a call by itself: the daemon knows the limit too,
/// and its answer says what was under way.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// A time limit that has begun, or none.
#[derive(Debug)]
pub(super) struct Limit(Option<(Duration, Pin<Box<Sleep>>)>);

impl Limit {
    /// Begins now. For a watch: the daemon has nothing to say at its end.
    pub(super) fn of(limit: Option<Duration>) -> Self {
        Self(limit.map(|limit| (limit, Box::pin(sleep(limit)))))
    }

    /// Begins now, and includes the time in which the daemon may say what was under way.
    pub(super) fn with_grace(limit: Option<Duration>) -> Self {
        Self(limit.map(|limit| (limit, Box::pin(sleep(limit.saturating_add(GRACE))))))
    }

    /// Waits for a message, but not beyond the limit. Cancel-safe where the message is.
    ///
    /// # Errors
    /// [`Error::Timeout`] where the limit passed, else what the status of the stream says.
    pub(super) async fn hold<T>(
        &mut self,
        message: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, Error> {
        match &mut self.0 {
            None => Ok(message.await?),
            Some((limit, passed)) => tokio::select! {
                message = message => Ok(message?),
                () = passed => Err(Error::Timeout(*limit)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::timeout;

    #[tokio::test(start_paused = true)]
    async fn a_watch_ends_with_its_time() {
        let seconds = Duration::from_secs;
        let mut limit = Limit::of(Some(seconds(10)));
        limit.hold(async { Ok(()) }).await.unwrap();
        let mut next = async || limit.hold(std::future::pending::<Result<(), _>>()).await;
        let before = timeout(seconds(9), next()).await;
        assert!(before.is_err(), "it has a second left");
        let ended = timeout(seconds(2), next()).await.unwrap();
        assert!(matches!(ended, Err(Error::Timeout(limit)) if limit == seconds(10)));
    }
}
