//! `ModemService`.

use tonic::{Request, Response, Status};

use super::call::caller;
use crate::broker::Broker;
use crate::proto::modem_service_server::ModemService;
use crate::proto::{
    GetCapabilitiesRequest, GetCapabilitiesResponse, GetStatusRequest, GetStatusResponse,
};

/// The module itself.
#[derive(Debug, Clone)]
pub(super) struct Module {
    broker: Broker,
}

impl Module {
    pub(super) fn new(broker: Broker) -> Self {
        Self { broker }
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

    async fn get_capabilities(
        &self,
        request: Request<GetCapabilitiesRequest>,
    ) -> Result<Response<GetCapabilitiesResponse>, Status> {
        caller(&request)?;
        let (identity, capabilities) = self.broker.capabilities();
        Ok(Response::new((identity, &*capabilities).into()))
    }
}
