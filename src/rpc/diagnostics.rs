//! `DiagnosticsService`.

use tonic::{Request, Response, Status};

use super::call::{caller, within};
use super::convert::storage::{at_command, single_ip};
use super::status;
use crate::broker::Broker;
use crate::proto::diagnostics_service_server::DiagnosticsService;
use crate::proto::*;

type Answer<T> = Result<Response<T>, Status>;

/// Questions to the module for finding faults.
#[derive(Debug, Clone)]
pub(super) struct Diagnostics {
    broker: Broker,
}

impl Diagnostics {
    pub(super) fn new(broker: Broker) -> Self {
        Self { broker }
    }
}

#[tonic::async_trait]
impl DiagnosticsService for Diagnostics {
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
