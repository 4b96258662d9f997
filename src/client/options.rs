//! What calls ask for beside what they do.

use std::collections::HashMap;

use tonic::Request;

use super::path::require;
use super::{Client, Error};
use crate::proto::{CallOptions, TransferOptions, TransferState};

/// Which transfers are meant. The default are all of them.
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
    /// The features that a daemon must have: it would drop what it does not know, and mean more than was asked for.
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

impl Client {
    /// The same connection, with these options for each call that has the module do something: a name under which
    /// it is carried out once, labels, or the wish that it is only checked, to which the answer is
    /// [`Error::Validated`]. A daemon that does not know them refuses the call.
    #[must_use]
    pub fn with_options(mut self, options: CallOptions) -> Self {
        self.options = options;
        self
    }

    /// The same connection, for the transfers, operations and sessions of another principal, which needs the role
    /// `administer`; `-` in lists and watches: of all. Empty: one's own.
    #[must_use]
    pub fn with_principal(mut self, principal: String) -> Self {
        self.principal = principal;
        self
    }

    /// The same connection, with these options for each transfer that it creates.
    #[must_use]
    pub fn with_transfer_options(mut self, options: TransferOptions) -> Self {
        self.transfer_options = options;
        self
    }

    /// For a request.
    pub(super) fn options(&self) -> Option<CallOptions> {
        Some(self.options.clone()).filter(|options| *options != CallOptions::default())
    }

    /// For a request that creates a transfer: labels and name are the transfer's.
    pub(super) fn creating(&self) -> Option<CallOptions> {
        self.options.validate_only.then(|| CallOptions {
            validate_only: true,
            ..CallOptions::default()
        })
    }

    /// Likewise.
    pub(super) fn terms(&self) -> Option<TransferOptions> {
        let mut terms = self.transfer_options.clone();
        if terms.labels.is_empty() {
            terms.labels.clone_from(&self.options.labels);
        }
        Some(terms).filter(|terms| *terms != TransferOptions::default())
    }

    /// Names what a daemon must know to carry out the calls of this connection.
    pub(super) fn guard<T>(&self, request: &mut Request<T>) {
        if self.options != CallOptions::default() {
            require(request, "call_options");
        }
        if !self.principal.is_empty() {
            require(request, "principal");
        }
        if self.terms().is_some() {
            require(request, "transfer_options");
        }
    }
}

/// What a call was answered, unless it was only checked.
pub(super) fn unless<T>(validated: bool, answer: T) -> Result<T, Error> {
    if validated {
        return Err(Error::Validated);
    }
    Ok(answer)
}
