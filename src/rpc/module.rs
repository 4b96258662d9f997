//! `ModemService`.

use tonic::{Request, Response, Status};

use super::call::caller;
use super::role::Roles;
use super::{once, options};
use crate::broker::Broker;
use crate::proto::modem_service_server::ModemService;
use crate::proto::*;
use crate::transfers::Transfers;

type Answer<T> = Result<Response<T>, Status>;

/// The module itself.
#[derive(Debug, Clone)]
pub(super) struct Module {
    broker: Broker,
    transfers: Transfers,
    roles: Roles,
}

impl Module {
    pub(super) const fn new(broker: Broker, transfers: Transfers, roles: Roles) -> Self {
        Self {
            broker,
            transfers,
            roles,
        }
    }
}

#[tonic::async_trait]
impl ModemService for Module {
    async fn get_status(
        &self,
        request: Request<GetStatusRequest>,
    ) -> Result<Response<GetStatusResponse>, Status> {
        let caller = caller(&request)?;
        let mut status = self.broker.status();
        let sees = self.roles.sees_servers_of(&caller.principal, &self.broker);
        status.health.logged_in = status.health.logged_in.filter(sees);
        Ok(Response::new((status, &self.transfers).into()))
    }

    async fn get_usage(&self, request: Request<GetUsageRequest>) -> Answer<GetUsageResponse> {
        let caller = caller(&request)?;
        Ok(Response::new(self.broker.usage(&caller).into()))
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
        let (call, StartFtpsRequest { .. }) = options::read(request)?;
        let (caller, ()) = call.with(Ok(()))?;
        let broker = self.broker.clone();
        once::answer(&self.broker, caller, move |caller| async move {
            broker.start_ftps(&caller).await?;
            Ok(StartFtpsResponse::default())
        })
        .await
    }

    async fn stop_ftps(&self, request: Request<StopFtpsRequest>) -> Answer<StopFtpsResponse> {
        let (call, StopFtpsRequest { .. }) = options::read(request)?;
        let (caller, ()) = call.with(Ok(()))?;
        let broker = self.broker.clone();
        once::answer(&self.broker, caller, move |caller| async move {
            broker.stop_ftps(&caller).await?;
            Ok(StopFtpsResponse::default())
        })
        .await
    }

    async fn reset(&self, request: Request<ResetRequest>) -> Answer<ResetResponse> {
        let (call, ResetRequest { .. }) = options::read(request)?;
        let (caller, ()) = call.with(Ok(()))?;
        let broker = self.broker.clone();
        once::answer(&self.broker, caller, move |caller| async move {
            broker.reset(&caller).await?;
            Ok(ResetResponse::default())
        })
        .await
    }
}
