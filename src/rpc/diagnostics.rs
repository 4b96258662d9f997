//! `DiagnosticsService`.

use tonic::Request;

use super::call::Answer;
use super::convert::storage::{at_command, single_ip};
use super::{once, options};
use crate::broker::Broker;
use crate::proto::diagnostics_service_server::DiagnosticsService;
use crate::proto::*;

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
        let (call, GetDataAddressModeRequest { .. }) = options::read(request)?;
        let (caller, ()) = call.with(Ok(()))?;
        let broker = self.broker.clone();
        once::answer(&self.broker, caller, move |caller| async move {
            let mode = if broker.single_ip(&caller).await? {
                DataAddressMode::SameAsControl
            } else {
                DataAddressMode::FromReply
            };
            Ok(GetDataAddressModeResponse {
                mode: mode.into(),
                ..Default::default()
            })
        })
        .await
    }

    async fn set_data_address_mode(
        &self,
        request: Request<SetDataAddressModeRequest>,
    ) -> Answer<SetDataAddressModeResponse> {
        let (call, request) = options::read(request)?;
        let (caller, on) = call.with(single_ip(request.mode))?;
        let broker = self.broker.clone();
        once::answer(&self.broker, caller, move |caller| async move {
            broker.set_single_ip(&caller, on).await?;
            Ok(SetDataAddressModeResponse::default())
        })
        .await
    }

    async fn list_command_forms(
        &self,
        request: Request<ListCommandFormsRequest>,
    ) -> Answer<ListCommandFormsResponse> {
        let (call, ListCommandFormsRequest { .. }) = options::read(request)?;
        let (caller, ()) = call.with(Ok(()))?;
        let broker = self.broker.clone();
        once::answer(&self.broker, caller, move |caller| async move {
            let answers = broker.command_forms(&caller).await?;
            let forms = answers.into_iter().map(|answer| CommandForm {
                command: answer.line,
                lines: answer.info,
                result: answer.result,
            });
            Ok(ListCommandFormsResponse {
                forms: forms.collect(),
                ..Default::default()
            })
        })
        .await
    }

    async fn send_at_command(
        &self,
        request: Request<SendAtCommandRequest>,
    ) -> Answer<SendAtCommandResponse> {
        let (call, request) = options::read(request)?;
        let (caller, line) = call.with(at_command(&request.line))?;
        let broker = self.broker.clone();
        once::answer(&self.broker, caller, move |caller| async move {
            let answer = broker.at_command(&caller, line).await?;
            Ok(SendAtCommandResponse {
                lines: answer.info,
                result: answer.result,
                ..Default::default()
            })
        })
        .await
    }
}
