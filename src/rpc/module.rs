//! `ModemService`.

use tonic::{Request, Response, Status};

use super::call::{Answer, caller};
use super::once;
use super::options::{self, Optioned, Validated};
use super::role::Roles;
use crate::broker::Broker;
use crate::broker::terms::{Caller, Error};
use crate::proto::modem_service_server::ModemService;
use crate::proto::*;
use crate::transfers::Transfers;

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

    /// Does once what a request without fields asks of the module.
    async fn once<R, T, F>(
        &self,
        request: Request<R>,
        work: impl FnOnce(Broker, Caller) -> F + Send,
    ) -> Answer<T>
    where
        R: Optioned + Send,
        T: Validated,
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let (call, _) = options::read(request)?;
        let (caller, ()) = call.with(Ok(()))?;
        let broker = self.broker.clone();
        once::answer(&self.broker, caller, move |caller| {
            let work = work(broker, caller);
            async move { work.await.map(|()| T::default()) }
        })
        .await
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
        self.once(request, |broker, caller| async move {
            broker.start_ftps(&caller).await
        })
        .await
    }

    async fn stop_ftps(&self, request: Request<StopFtpsRequest>) -> Answer<StopFtpsResponse> {
        self.once(request, |broker, caller| async move {
            broker.stop_ftps(&caller).await
        })
        .await
    }

    async fn reset(&self, request: Request<ResetRequest>) -> Answer<ResetResponse> {
        self.once(request, |broker, caller| async move {
            broker.reset(&caller).await
        })
        .await
    }
}
