//! `ModemService`.

use std::pin::Pin;

use futures_util::stream::try_unfold;
use tokio_stream::Stream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::call::{caller, given_up, within};
use super::convert::request;
use super::convert::storage::{at_command, single_ip};
use super::status;
use crate::broker::events::Watcher;
use crate::broker::{Broker, Caller, Cause, Error, modem};
use crate::proto::modem_service_server::ModemService;
use crate::proto::*;

type Answer<T> = Result<Response<T>, Status>;

/// The module itself.
#[derive(Debug, Clone)]
pub(super) struct Module {
    broker: Broker,
    /// The daemon ends: nobody can watch it any longer.
    stop: CancellationToken,
}

impl Module {
    pub(super) fn new(broker: Broker, stop: CancellationToken) -> Self {
        Self { broker, stop }
    }
}

#[tonic::async_trait]
impl ModemService for Module {
    async fn get_status(
        &self,
        request: Request<GetStatusRequest>,
    ) -> Result<Response<GetStatusResponse>, Status> {
        caller(&request)?;
        Ok(Response::new(self.broker.status().into()))
    }

    async fn get_usage(&self, request: Request<GetUsageRequest>) -> Answer<GetUsageResponse> {
        let caller = caller(&request)?;
        Ok(Response::new(self.broker.usage(&caller).into()))
    }

    async fn list_queue(
        &self,
        request: Request<ListQueueRequest>,
    ) -> Result<Response<ListQueueResponse>, Status> {
        let caller = caller(&request)?;
        Ok(Response::new(self.broker.queue(&caller).into()))
    }

    type WatchEventsStream =
        Pin<Box<dyn Stream<Item = Result<WatchEventsResponse, Status>> + Send>>;

    async fn watch_events(
        &self,
        request: Request<WatchEventsRequest>,
    ) -> Result<Response<Self::WatchEventsStream>, Status> {
        let caller = caller(&request)?;
        let sessions =
            request::sessions(request.into_inner().session_ids).map_err(status::invalid)?;
        let watcher = self
            .broker
            .watch(&caller, &sessions)
            .map_err(|error| status::of(&error))?;
        let events = watch(watcher, caller, self.stop.clone());
        Ok(Response::new(Box::pin(events)))
    }

    async fn get_capabilities(
        &self,
        request: Request<GetCapabilitiesRequest>,
    ) -> Result<Response<GetCapabilitiesResponse>, Status> {
        caller(&request)?;
        let (identity, capabilities) = self.broker.capabilities();
        Ok(Response::new((identity, &*capabilities).into()))
    }

    async fn start_ftps(&self, request: Request<StartFtpsRequest>) -> Answer<StartFtpsResponse> {
        let caller = caller(&request)?;
        within(&caller, self.broker.start_ftps(&caller)).await?;
        Ok(Response::new(StartFtpsResponse {}))
    }

    async fn stop_ftps(&self, request: Request<StopFtpsRequest>) -> Answer<StopFtpsResponse> {
        let caller = caller(&request)?;
        within(&caller, self.broker.stop_ftps(&caller)).await?;
        Ok(Response::new(StopFtpsResponse {}))
    }

    async fn reset(&self, request: Request<ResetRequest>) -> Answer<ResetResponse> {
        let caller = caller(&request)?;
        within(&caller, self.broker.reset(&caller)).await?;
        Ok(Response::new(ResetResponse {}))
    }

    async fn get_data_address_mode(
        &self,
        request: Request<GetDataAddressModeRequest>,
    ) -> Answer<GetDataAddressModeResponse> {
        let caller = caller(&request)?;
        let mode = if within(&caller, self.broker.single_ip(&caller)).await? {
            DataAddressMode::SameAsControl
        } else {
            DataAddressMode::FromReply
        };
        Ok(Response::new(GetDataAddressModeResponse {
            mode: mode.into(),
        }))
    }

    async fn set_data_address_mode(
        &self,
        request: Request<SetDataAddressModeRequest>,
    ) -> Answer<SetDataAddressModeResponse> {
        let caller = caller(&request)?;
        let on = single_ip(request.into_inner().mode).map_err(status::invalid)?;
        within(&caller, self.broker.set_single_ip(&caller, on)).await?;
        Ok(Response::new(SetDataAddressModeResponse {}))
    }

    async fn list_command_forms(
        &self,
        request: Request<ListCommandFormsRequest>,
    ) -> Answer<ListCommandFormsResponse> {
        let caller = caller(&request)?;
        let answers = within(&caller, self.broker.command_forms(&caller)).await?;
        let forms = answers.into_iter().map(|answer| CommandForm {
            command: answer.line,
            lines: answer.info,
            result: answer.result,
        });
        Ok(Response::new(ListCommandFormsResponse {
            forms: forms.collect(),
        }))
    }

    async fn send_at_command(
        &self,
        request: Request<SendAtCommandRequest>,
    ) -> Answer<SendAtCommandResponse> {
        let caller = caller(&request)?;
        let line = at_command(&request.into_inner().line).map_err(status::invalid)?;
        let answer = within(&caller, self.broker.at_command(&caller, line)).await?;
        Ok(Response::new(SendAtCommandResponse {
            lines: answer.info,
            result: answer.result,
        }))
    }
}

fn watch(
    watcher: Watcher,
    caller: Caller,
    stop: CancellationToken,
) -> impl Stream<Item = Result<WatchEventsResponse, Status>> + Send {
    try_unfold((watcher, caller, stop), async |mut state| {
        let (watcher, caller, stop) = &mut state;
        let heard = tokio::select! {
            biased;
            () = stop.cancelled() => return Err(stopping()),
            () = given_up(caller) => return Err(status::of(&Cause::Expired.into())),
            heard = watcher.next() => heard.ok_or_else(stopping)?,
        };
        Ok(Some((heard.into(), state)))
    })
}

fn stopping() -> Status {
    status::of(&Error::from(modem::Error::Stopping))
}
