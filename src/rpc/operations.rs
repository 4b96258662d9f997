//! `OperationService`.

use std::pin::Pin;

use futures_util::stream::try_unfold;
use tokio_stream::Stream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::call::{Answer, caller, given_up, within};
use super::convert::fields::both;
use super::convert::operation::{self, Sought};
use super::convert::options::{one, whose};
use super::convert::{events, response, session};
use super::role::Roles;
use super::status;
use crate::broker::Broker;
use crate::broker::api::Watcher;
use crate::broker::terms::{Caller, Cause, Error, Whose};
use crate::modem::{self, JobId};
use crate::proto::operation_service_server::OperationService;
use crate::proto::*;
use simcom_talk::dialogue::failure::Ending;

/// The operations of all clients.
#[derive(Debug, Clone)]
pub(super) struct Operations {
    broker: Broker,
    roles: Roles,
    /// The daemon is stopping: watches end.
    stop: CancellationToken,
}

impl Operations {
    pub(super) fn new(broker: Broker, roles: Roles, stop: CancellationToken) -> Self {
        Self {
            broker,
            roles,
            stop,
        }
    }
}

#[tonic::async_trait]
impl OperationService for Operations {
    async fn list_operations(
        &self,
        request: Request<ListOperationsRequest>,
    ) -> Answer<ListOperationsResponse> {
        let caller = caller(&request)?;
        let (page, whose) = operation::page(request.into_inner()).map_err(status::invalid)?;
        let whose = self.roles.admit(&caller, whose, "ListOperations")?;
        Ok(Response::new(events::queue(
            self.broker.queue(&caller, &whose),
            page,
        )))
    }

    async fn get_operation(
        &self,
        request: Request<GetOperationRequest>,
    ) -> Answer<GetOperationResponse> {
        let caller = caller(&request)?;
        let (sought, whose) = operation::sought(request.into_inner()).map_err(status::invalid)?;
        let caller = self.roles.acting(caller, whose, "GetOperation")?;
        let found = match sought {
            Sought::Operation(id) => self.broker.operation(&caller, &id),
            Sought::Request(id) => self.broker.operation_of_request(&caller, &id),
        };
        let found = found.map_err(|error| status::of(&error))?;
        Ok(Response::new(found.into()))
    }

    async fn cancel_operation(
        &self,
        request: Request<CancelOperationRequest>,
    ) -> Answer<CancelOperationResponse> {
        let caller = caller(&request)?;
        let CancelOperationRequest {
            operation_id,
            principal,
        } = request.into_inner();
        let (id, whose) =
            both(operation::operation(operation_id), one(principal)).map_err(status::invalid)?;
        let caller = self.roles.acting(caller, whose, "CancelOperation")?;
        let cancelled = within(&caller, self.broker.cancel(&caller, &JobId::new(id))).await?;
        let ending = match cancelled.ending {
            Ending::BeforeItBegan => CancelEnding::BeforeItBegan,
            Ending::Drained => CancelEnding::Drained,
            Ending::Aborted => CancelEnding::Aborted,
        };
        Ok(Response::new(CancelOperationResponse {
            ending: ending.into(),
            cost: Some(response::duration(cancelled.cost)),
        }))
    }

    type WatchEventsStream =
        Pin<Box<dyn Stream<Item = Result<WatchEventsResponse, Status>> + Send>>;

    async fn watch_events(
        &self,
        request: Request<WatchEventsRequest>,
    ) -> Result<Response<Self::WatchEventsStream>, Status> {
        let caller = caller(&request)?;
        let WatchEventsRequest {
            session_ids,
            principal,
        } = request.into_inner();
        let (sessions, whose) =
            both(session::sessions(session_ids), whose(principal)).map_err(status::invalid)?;
        let whose = self.roles.admit(&caller, whose, "WatchEvents")?;
        let watcher = self
            .broker
            .watch(&caller, whose.clone(), &sessions)
            .map_err(|error| status::of(&error))?;
        let events = watch(self.clone(), watcher, caller, whose);
        Ok(Response::new(Box::pin(events)))
    }
}

fn watch(
    service: Operations,
    watcher: Watcher,
    caller: Caller,
    whose: Whose,
) -> impl Stream<Item = Result<WatchEventsResponse, Status>> + Send {
    try_unfold((service, watcher, caller, whose), async |mut state| {
        let (service, watcher, caller, whose) = &mut state;
        let heard = tokio::select! {
            biased;
            () = service.stop.cancelled() => return Err(stopping()),
            () = given_up(caller) => return Err(status::of(&Cause::Expired.into())),
            heard = watcher.next() => heard.ok_or_else(stopping)?,
        };
        // The role may have been taken away since the call began.
        service.roles.check(caller, whose, "WatchEvents")?;
        let response = {
            let sees = service
                .roles
                .sees_servers_of(&caller.principal, &service.broker);
            events::heard(heard, |server| {
                sees(server).then(|| service.broker.profile_of(server))
            })
        };
        Ok(Some((response, state)))
    })
}

fn stopping() -> Status {
    status::of(&Error::from(modem::Error::Stopping))
}
