//! `grpc.health.v1`: whether each service can do its job now.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use super::ftps::Ftps;
use super::module::Module;
use super::storage::ModuleStorage;
use super::transfers::KeptTransfers;
use crate::modem::health::{Health, LinkState};
use crate::proto::ftps_service_server::FtpsServiceServer;
use crate::proto::modem_service_server::ModemServiceServer;
use crate::proto::module_storage_service_server::ModuleStorageServiceServer;
use crate::proto::transfer_service_server::TransferServiceServer;
use crate::transfers::Keeping;

/// Reports the health of each service until the module's task ends, or the daemon stops. `FtpsService` and
/// `ModuleStorageService` serve while the module is ready. `ModemService` always serves, since its status tells
/// why the others do not. `TransferService` serves while transfers are kept, since it accepts work for later.
pub(super) async fn follow(
    reporter: HealthReporter,
    mut health: watch::Receiver<Health>,
    mut keeping: watch::Receiver<Keeping>,
    stop: CancellationToken,
) {
    reporter.set_serving::<ModemServiceServer<Module>>().await;
    let transfers = <TransferServiceServer<KeptTransfers> as NamedService>::NAME;
    loop {
        let kept = match *keeping.borrow_and_update() {
            Keeping::On => ServingStatus::Serving,
            Keeping::Off | Keeping::Waiting(_) | Keeping::Unusable(_) => ServingStatus::NotServing,
        };
        reporter.set_service_status(transfers, kept).await;
        let status = status(&health.borrow_and_update().link);
        set(&reporter, status).await;
        tokio::select! {
            () = stop.cancelled() => {
                set(&reporter, ServingStatus::NotServing).await;
                reporter.set_not_serving::<ModemServiceServer<Module>>().await;
                reporter.set_service_status(transfers, ServingStatus::NotServing).await;
                return;
            }
            changed = health.changed() => if changed.is_err() {
                set(&reporter, ServingStatus::NotServing).await;
                return;
            },
            Ok(()) = keeping.changed() => {}
        }
    }
}

async fn set(reporter: &HealthReporter, status: ServingStatus) {
    let names = [
        <FtpsServiceServer<Ftps> as NamedService>::NAME,
        <ModuleStorageServiceServer<ModuleStorage> as NamedService>::NAME,
    ];
    for name in names {
        reporter.set_service_status(name, status).await;
    }
}

fn status(link: &LinkState) -> ServingStatus {
    match link {
        LinkState::Ready => ServingStatus::Serving,
        LinkState::Absent(_) | LinkState::BringingUp | LinkState::Fault(_) => {
            ServingStatus::NotServing
        }
    }
}
