//! Watches of transfers, and the filter of lists and watches.

use std::collections::HashMap;

use tonic::{Request, Streaming};

use super::connection::Client;
use super::error::Error;
use super::limit::Limit;
use super::path::require;
use crate::proto::{
    Transfer, TransferState, WatchTransferRequest, WatchTransferResponse, WatchTransfersRequest,
    WatchTransfersResponse, watch_transfers_response,
};

/// Which transfers a list or a watch has. The default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TransferFilter {
    /// Only those in one of these states; empty: in any.
    pub states: Vec<TransferState>,
    /// Only those whose id begins so; empty: all.
    pub prefix: String,
    /// Only those that have all of these labels.
    pub labels: HashMap<String, String>,
}

impl TransferFilter {
    /// Names the features that a daemon must have: it would drop fields that it does not know, and list more
    /// than was asked for.
    pub(super) fn guard<T>(&self, mut request: Request<T>) -> Request<T> {
        if !self.states.is_empty() || !self.prefix.is_empty() {
            require(&mut request, "list_filters");
        }
        if !self.labels.is_empty() {
            require(&mut request, "list_labels");
        }
        request
    }

    pub(super) fn numbers(&self) -> Vec<i32> {
        self.states.iter().map(|state| (*state).into()).collect()
    }
}

/// An open watch of one transfer.
#[derive(Debug)]
pub struct TransferWatch {
    stream: Streaming<WatchTransferResponse>,
    limit: Limit,
}

impl TransferWatch {
    /// The transfer at once, and then when it has changed; `None` after its end.
    ///
    /// # Errors
    /// Those of every call ([`Client`]).
    pub async fn next(&mut self) -> Result<Option<Transfer>, Error> {
        match self.limit.hold(self.stream.message()).await? {
            Some(response) => some(response.transfer).map(Some),
            None => Ok(None),
        }
    }
}

/// An open watch of all transfers of a principal.
#[derive(Debug)]
pub struct TransfersWatch {
    stream: Streaming<WatchTransfersResponse>,
    limit: Limit,
}

impl TransfersWatch {
    /// The next event: the transfers that there are, a mark that these were all, and then each change. `None`:
    /// the daemon has ended the stream.
    ///
    /// # Errors
    /// Those of every call ([`Client`]).
    pub async fn next(&mut self) -> Result<Option<watch_transfers_response::Event>, Error> {
        loop {
            match self.limit.hold(self.stream.message()).await? {
                // An event that this client does not know is skipped.
                Some(response) if response.event.is_none() => {}
                Some(response) => return Ok(response.event),
                None => return Ok(None),
            }
        }
    }
}

impl Client {
    /// Watches a transfer.
    ///
    /// # Errors
    /// Those of every call ([`Client`]).
    pub async fn watch_transfer(&self, transfer_id: &str) -> Result<TransferWatch, Error> {
        let request = self.request(WatchTransferRequest {
            transfer_id: transfer_id.into(),
            principal: self.principal.clone(),
        });
        let mut transfers = self.transfers.clone();
        let limit = Limit::of(self.timeout);
        let stream = self.unary(transfers.watch_transfer(request)).await?;
        Ok(TransferWatch { stream, limit })
    }

    /// Watches all of the caller's transfers that match a filter.
    ///
    /// # Errors
    /// Those of every call ([`Client`]).
    pub async fn watch_transfers(&self, filter: &TransferFilter) -> Result<TransfersWatch, Error> {
        let request = self.request(WatchTransfersRequest {
            states: filter.numbers(),
            transfer_id_prefix: filter.prefix.clone(),
            labels: filter.labels.clone(),
            principal: self.principal.clone(),
        });
        let mut transfers = self.transfers.clone();
        let limit = Limit::of(self.timeout);
        let stream = self.unary(transfers.watch_transfers(request)).await?;
        Ok(TransfersWatch { stream, limit })
    }
}

/// The transfer of an answer.
///
/// # Errors
/// [`Error::Protocol`] where the answer has none.
pub(super) fn some(transfer: Option<Transfer>) -> Result<Transfer, Error> {
    transfer.ok_or_else(|| Error::Protocol("an answer without the transfer".into()))
}
