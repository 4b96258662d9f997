//! Named requests, each carried out once.

use crate::broker::Broker;
use crate::broker::api::Found;
use crate::broker::operation::requests::{Begin, Known};
use crate::broker::terms::{Caller, Cause, Error, Named, RequestId};
use crate::modem::clock;

impl Broker {
    /// Begins a named request, or finds the result of an earlier call of it.
    ///
    /// # Errors
    /// [`Cause::RequestIdUsed`]; [`Cause::QueueFull`]: too many named requests of the caller still
    /// run.
    pub fn begin_once(&self, caller: &Caller, named: &Named) -> Result<Begin, Error> {
        let requests = &self.shared.operations.requests;
        Ok(requests.begin(&caller.principal, named, clock::now())?)
    }

    /// The latest operation of a caller's named request.
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
