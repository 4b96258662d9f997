//! `ModemService`.

use tonic::{Request, Response, Status};

use super::call::{caller, within};
use super::convert::storage::single_ip;
use super::status;
use crate::broker::Broker;
use crate::proto::modem_service_server::ModemService;
use crate::proto::*;

type Answer<T> = Result<Response<T>, Status>;

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
}
