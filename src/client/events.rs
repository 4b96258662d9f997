//! What happens at the daemon, as it happens.

use tonic::Streaming;

use super::Error;
use crate::proto::WatchEventsResponse;

/// A watch that is open. Dropping it ends it.
#[derive(Debug)]
pub struct Events {
    stream: Streaming<WatchEventsResponse>,
}

impl Events {
    pub(super) fn new(stream: Streaming<WatchEventsResponse>) -> Self {
        Self { stream }
    }

    /// Waits for the next event, or for word of those that were lost. `None`: the watch is over.
    /// Cancel-safe.
    ///
    /// # Errors
    /// The watch ended: the daemon is stopping, or the connection is lost.
    pub async fn next(&mut self) -> Result<Option<WatchEventsResponse>, Error> {
        Ok(self.stream.message().await?)
    }
}
