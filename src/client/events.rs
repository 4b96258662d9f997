//! What happens at the daemon, as it happens.

use tonic::Streaming;

use super::Error;
use super::limit::Limit;
use crate::proto::WatchEventsResponse;

/// A watch that is open. Dropping it ends it.
#[derive(Debug)]
pub struct Events {
    stream: Streaming<WatchEventsResponse>,
    limit: Limit,
}

impl Events {
    pub(super) fn new(stream: Streaming<WatchEventsResponse>, limit: Limit) -> Self {
        Self { stream, limit }
    }

    /// Waits for the next event, or for word of those that were lost. `None`: the watch is over.
    /// Cancel-safe.
    ///
    /// # Errors
    /// The watch ended: the daemon is stopping, the connection is lost, or the client's time limit has
    /// passed.
    pub async fn next(&mut self) -> Result<Option<WatchEventsResponse>, Error> {
        self.limit.hold(self.stream.message()).await
    }
}
