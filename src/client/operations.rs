//! Operations of the daemon, and the events that it reports.

use tonic::Streaming;

use super::connection::Client;
use super::error::Error;
use super::limit::Limit;
use crate::proto::{
    CancelOperationRequest, CancelOperationResponse, ListOperationsRequest, ListOperationsResponse,
    WatchEventsRequest, WatchEventsResponse,
};

/// An open watch. A drop ends it.
#[derive(Debug)]
pub struct Events {
    stream: Streaming<WatchEventsResponse>,
    limit: Limit,
}

impl Client {
    /// The operation on the link and all that wait.
    ///
    /// # Errors
    /// Those of every call ([`Client`]).
    pub async fn queue(&self) -> Result<ListOperationsResponse, Error> {
        let mut all = ListOperationsResponse::default();
        loop {
            let request = self.request(ListOperationsRequest {
                page_token: all.next_page_token,
                principal: self.principal.clone(),
                ..Default::default()
            });
            let mut operations = self.operations.clone();
            let page = self.unary(operations.list_operations(request)).await?;
            all.operations.extend(page.operations);
            all.costs = page.costs;
            all.next_page_token = page.next_page_token;
            if all.next_page_token.is_empty() {
                return Ok(all);
            }
        }
    }

    /// Ends an operation, and tells how it was ended.
    ///
    /// # Errors
    /// Those of every call ([`Client`]).
    pub async fn cancel(&self, operation_id: &str) -> Result<CancelOperationResponse, Error> {
        let request = CancelOperationRequest {
            operation_id: operation_id.into(),
            principal: self.principal.clone(),
        };
        self.unary(
            self.operations
                .clone()
                .cancel_operation(self.request(request)),
        )
        .await
    }

    /// Watches events from now on; as [`Client::with_principal`] says, those of others too. The sessions do not expire
    /// meanwhile.
    ///
    /// # Errors
    /// Those of every call ([`Client`]).
    pub async fn events(&self, session_ids: Vec<String>) -> Result<Events, Error> {
        let request = self.request(WatchEventsRequest {
            session_ids,
            principal: self.principal.clone(),
        });
        let mut operations = self.operations.clone();
        let limit = Limit::of(self.timeout);
        let stream = self.unary(operations.watch_events(request)).await?;
        Ok(Events { stream, limit })
    }
}

impl Events {
    /// Waits for the next event, or for the number of events that were lost. `None`: the watch is over.
    /// Cancel-safe.
    ///
    /// # Errors
    /// [`Error::Refused`] where the daemon ends the watch, with the reason `STOPPING` as it stops.
    /// [`Error::Lost`] where the connection ended. [`Error::Timeout`] where the time limit passed.
    pub async fn next(&mut self) -> Result<Option<WatchEventsResponse>, Error> {
        self.limit.hold(self.stream.message()).await
    }
}
