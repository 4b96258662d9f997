//! Requests that are carried out once.

use crate::broker::Broker;
use crate::broker::api::Found;
use crate::broker::operation::requests::{Begin, Known};
use crate::broker::terms::{Caller, Cause, Error, Named, RequestId};
use crate::modem::clock;

impl Broker {
    /// Begins what a caller has named, or finds what it came to before.
    ///
    /// # Errors
    /// [`Cause::RequestIdUsed`], or too many of the caller's still run.
    pub fn begin_once(&self, caller: &Caller, named: &Named) -> Result<Begin, Error> {
        let requests = &self.shared.operations.requests;
        Ok(requests.begin(&caller.principal, named, clock::now())?)
    }

    /// The operation that a request of the caller's has made last.
    ///
    /// # Errors
    /// [`Cause::OperationNotFound`].
    pub fn operation_of_request(&self, caller: &Caller, id: &RequestId) -> Result<Found, Error> {
        let requests = &self.shared.operations.requests;
        match requests.operation(&caller.principal, id, clock::now()) {
            Some(Known::Ended(ended)) => Ok(Found::Ended(*ended)),
            Some(Known::Live(operation)) => self.operation(caller, &operation),
            None => Err(Cause::OperationNotFound.into()),
        }
    }
}
