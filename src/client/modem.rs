//! The module itself, through the daemon.

use super::connection::Client;
use super::error::{Error, unless_validated};
use crate::proto::{
    CommandForm, DataAddressMode, GetCapabilitiesRequest, GetCapabilitiesResponse,
    GetDataAddressModeRequest, GetStatusRequest, GetStatusResponse, GetUsageRequest,
    GetUsageResponse, ListCommandFormsRequest, ResetRequest, SendAtCommandRequest,
    SendAtCommandResponse, SetDataAddressModeRequest, StartFtpsRequest, StopFtpsRequest,
};

impl Client {
    /// What the daemon knows of the module. Never waits for a transfer.
    ///
    /// # Errors
    /// Those of every call ([`Client`]).
    pub async fn status(&self) -> Result<GetStatusResponse, Error> {
        let mut modem = self.modem.clone();
        self.unary(modem.get_status(self.request(GetStatusRequest {})))
            .await
    }

    /// The data volume of all principals and of this caller, and the limits.
    ///
    /// # Errors
    /// Those of every call ([`Client`]).
    pub async fn usage(&self) -> Result<GetUsageResponse, Error> {
        let mut modem = self.modem.clone();
        self.unary(modem.get_usage(self.request(GetUsageRequest {})))
            .await
    }

    /// Resets the module, and waits until it is back.
    ///
    /// # Errors
    /// Those of every call ([`Client`]), and [`Error::Validated`].
    pub async fn reset(&self) -> Result<(), Error> {
        let request = self.request(ResetRequest {
            options: self.options(),
        });
        let done = self.unary(self.modem.clone().reset(request)).await?;
        unless_validated(done.validated, ())
    }

    /// Starts the module's FTPS service.
    ///
    /// # Errors
    /// Those of every call ([`Client`]), and [`Error::Validated`].
    pub async fn start_ftps(&self) -> Result<(), Error> {
        let request = self.request(StartFtpsRequest {
            options: self.options(),
        });
        let mut modem = self.modem.clone();
        let done = self.unary(modem.start_ftps(request)).await?;
        unless_validated(done.validated, ())
    }

    /// Logs the module out and stops its FTPS service.
    ///
    /// # Errors
    /// Those of every call ([`Client`]), and [`Error::Validated`].
    pub async fn stop_ftps(&self) -> Result<(), Error> {
        let request = self.request(StopFtpsRequest {
            options: self.options(),
        });
        let mut modem = self.modem.clone();
        let done = self.unary(modem.stop_ftps(request)).await?;
        unless_validated(done.validated, ())
    }

    /// Where the module's data connections go.
    ///
    /// # Errors
    /// Those of every call ([`Client`]), and [`Error::Validated`].
    pub async fn data_address_mode(&self) -> Result<DataAddressMode, Error> {
        let request = self.request(GetDataAddressModeRequest {
            options: self.options(),
        });
        let mut diagnostics = self.diagnostics.clone();
        let response = self
            .unary(diagnostics.get_data_address_mode(request))
            .await?;
        unless_validated(response.validated, response.mode())
    }

    /// Sets where the module's data connections go, until the next login sets it.
    ///
    /// # Errors
    /// Those of every call ([`Client`]), and [`Error::Validated`].
    pub async fn set_data_address_mode(&self, mode: DataAddressMode) -> Result<(), Error> {
        let request = self.request(SetDataAddressModeRequest {
            mode: mode.into(),
            options: self.options(),
        });
        let mut diagnostics = self.diagnostics.clone();
        let done = self
            .unary(diagnostics.set_data_address_mode(request))
            .await?;
        unless_validated(done.validated, ())
    }

    /// What the module can do, as far as the daemon knows. Never waits for a transfer.
    ///
    /// # Errors
    /// Those of every call ([`Client`]).
    pub async fn capabilities(&self) -> Result<GetCapabilitiesResponse, Error> {
        let request = self.request(GetCapabilitiesRequest {});
        self.unary(self.modem.clone().get_capabilities(request))
            .await
    }

    /// The answers of the module to the test commands of its FTPS service.
    ///
    /// # Errors
    /// Those of every call ([`Client`]), and [`Error::Validated`].
    pub async fn command_forms(&self) -> Result<Vec<CommandForm>, Error> {
        let request = self.request(ListCommandFormsRequest {
            options: self.options(),
        });
        let mut diagnostics = self.diagnostics.clone();
        let response = self.unary(diagnostics.list_command_forms(request)).await?;
        unless_validated(response.validated, response.forms)
    }

    /// Passes a command line on to the module, where the daemon's configuration allows it.
    ///
    /// # Errors
    /// Those of every call ([`Client`]), and [`Error::Validated`]. A final result code that refuses the
    /// command is no error: the answer tells it.
    pub async fn at_command(&self, line: &str) -> Result<SendAtCommandResponse, Error> {
        let request = self.request(SendAtCommandRequest {
            line: line.into(),
            options: self.options(),
        });
        let mut diagnostics = self.diagnostics.clone();
        let response = self.unary(diagnostics.send_at_command(request)).await?;
        unless_validated(response.validated, response)
    }
}
