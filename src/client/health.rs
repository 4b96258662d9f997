//! The health of the daemon's services.

use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;

use super::connection::Client;
use super::error::Error;

impl Client {
    /// Whether a service does its job now (`grpc.health.v1`), for example `cellftp.v1.FtpsService`; an empty name: the
    /// daemon as a whole.
    ///
    /// # Errors
    /// Those of every call ([`Client`]); NOT_FOUND: there is no such service.
    pub async fn serves(&self, service: &str) -> Result<bool, Error> {
        let request = self.request(HealthCheckRequest {
            service: service.into(),
        });
        let answer = self.unary(self.health.clone().check(request)).await?;
        Ok(answer.status() == ServingStatus::Serving)
    }
}
