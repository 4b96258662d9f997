//! `grpc.health.v1`: whether each service can do its job now.

use tokio::sync::watch;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use super::ftps::Ftps;
use super::module::Module;
use crate::broker::health::{Health, Link};
use crate::proto::ftps_service_server::FtpsServiceServer;
use crate::proto::modem_service_server::ModemServiceServer;

/// Follows the module until nobody reports on it any more. `FtpsService` serves while the module
/// does; `ModemService` always does, since its status tells why the other does not.
pub(super) async fn follow(reporter: HealthReporter, mut health: watch::Receiver<Health>) {
    reporter.set_serving::<ModemServiceServer<Module>>().await;
    loop {
        let status = status(&health.borrow_and_update().link);
        let name = <FtpsServiceServer<Ftps> as tonic::server::NamedService>::NAME;
        reporter.set_service_status(name, status).await;
        if health.changed().await.is_err() {
            reporter
                .set_service_status(name, ServingStatus::NotServing)
                .await;
            return;
        }
    }
}

fn status(link: &Link) -> ServingStatus {
    match link {
        Link::Ready => ServingStatus::Serving,
        Link::Absent(_) | Link::BringingUp | Link::Fault(_) => ServingStatus::NotServing,
    }
}
