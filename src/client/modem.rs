//! The module itself, through the daemon.

use super::options::unless;
use super::{Client, Error};
use crate::proto::{
    CommandForm, DataAddressMode, GetCapabilitiesRequest, GetCapabilitiesResponse,
    GetDataAddressModeRequest, ListCommandFormsRequest, SendAtCommandRequest,
    SendAtCommandResponse, SetDataAddressModeRequest, StartFtpsRequest, StopFtpsRequest,
};

impl Client {
    /// Starts the module's FTPS service.
    ///
    /// # Errors
    /// The call failed.
    pub async fn start_ftps(&self) -> Result<(), Error> {
        let request = self.request(StartFtpsRequest {
            options: self.options(),
        });
        let mut modem = self.modem.clone();
        let done = self.unary(modem.start_ftps(request)).await?;
        unless(done.validated, ())
    }

    /// Logs the module out and stops its FTPS service.
    ///
    /// # Errors
    /// The call failed.
    pub async fn stop_ftps(&self) -> Result<(), Error> {
        let request = self.request(StopFtpsRequest {
            options: self.options(),
        });
        let mut modem = self.modem.clone();
        let done = self.unary(modem.stop_ftps(request)).await?;
        unless(done.validated, ())
    }

    /// Where the module's data connections go.
    ///
    /// # Errors
    /// The call failed.
    pub async fn data_address_mode(&self) -> Result<DataAddressMode, Error> {
        let request = self.request(GetDataAddressModeRequest {
            options: self.options(),
        });
        let mut diagnostics = self.diagnostics.clone();
        let response = self
            .unary(diagnostics.get_data_address_mode(request))
            .await?;
        unless(response.validated, response.mode())
    }

    /// Sets where the module's data connections go, until the next login sets it.
    ///
    /// # Errors
    /// The call failed.
    pub async fn set_data_address_mode(&self, mode: DataAddressMode) -> Result<(), Error> {
        let request = self.request(SetDataAddressModeRequest {
            mode: mode.into(),
            options: self.options(),
        });
        let mut diagnostics = self.diagnostics.clone();
        let done = self
            .unary(diagnostics.set_data_address_mode(request))
            .await?;
        unless(done.validated, ())
    }

    /// What the module can do, as far as the daemon knows. Never waits for a transfer.
    ///
    /// # Errors
    /// The call failed.
    pub async fn capabilities(&self) -> Result<GetCapabilitiesResponse, Error> {
        let request = self.request(GetCapabilitiesRequest {});
        self.unary(self.modem.clone().get_capabilities(request))
            .await
    }

    /// What the module says of its FTPS commands.
    ///
    /// # Errors
    /// The call failed.
    pub async fn command_forms(&self) -> Result<Vec<CommandForm>, Error> {
        let request = self.request(ListCommandFormsRequest {
            options: self.options(),
        });
        let mut diagnostics = self.diagnostics.clone();
        let response = self.unary(diagnostics.list_command_forms(request)).await?;
        unless(response.validated, response.forms)
    }

    /// Passes a command line on to the module, where the daemon's configuration allows it.
    ///
    /// # Errors
    /// The call failed. A refusal by the module is an answer.
    pub async fn at_command(&self, line: &str) -> Result<SendAtCommandResponse, Error> {
        let request = self.request(SendAtCommandRequest {
            line: line.into(),
            options: self.options(),
        });
        let mut diagnostics = self.diagnostics.clone();
        let response = self.unary(diagnostics.send_at_command(request)).await?;
        unless(response.validated, response)
    }
}
