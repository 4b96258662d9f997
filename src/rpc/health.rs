//! `grpc.health.v1`: whether each service can do its job now.

use tonic::server::NamedService;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use super::ftps::Ftps;
use super::module::Module;
use super::storage::ModuleStorage;
use super::transfers::KeptTransfers;
use crate::proto::ftps_service_server::FtpsServiceServer;
use crate::proto::modem_service_server::ModemServiceServer;
use crate::proto::module_storage_service_server::ModuleStorageServiceServer;
use crate::proto::transfer_service_server::TransferServiceServer;
use crate::transfers::{Condition, Conditions};

/// Reports the health of each service until the module's task ends, or the daemon stops.
///
/// `FtpsService` serves while the module is ready and registered with a network, `ModuleStorageService` while the
/// module is up. `TransferService` serves while transfers are kept, since it accepts work for later. `ModemService`
/// and the daemon as a whole (the empty name) serve until the daemon stops, since the status tells why the others do
/// not.
pub(super) async fn follow(reporter: HealthReporter, mut conditions: Conditions) {
    while conditions.changed().await {
        tell(&reporter, &conditions.now()).await;
    }
}

/// Tells the health of each service in this condition. A service that was never told of is unknown to callers.
pub(super) async fn tell(reporter: &HealthReporter, condition: &Condition) {
    let services = [
        (
            <FtpsServiceServer<Ftps> as NamedService>::NAME,
            condition.moves_files(),
        ),
        (
            <ModuleStorageServiceServer<ModuleStorage> as NamedService>::NAME,
            condition.reaches_module_files(),
        ),
        (
            <TransferServiceServer<KeptTransfers> as NamedService>::NAME,
            condition.keeps_transfers(),
        ),
        (
            <ModemServiceServer<Module> as NamedService>::NAME,
            !condition.is_stopping,
        ),
        ("", !condition.is_stopping),
    ];
    for (name, serves) in services {
        let status = if serves {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        reporter.set_service_status(name, status).await;
    }
}
