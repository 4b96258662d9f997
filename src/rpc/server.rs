//! The server: the services behind the doors, and a graceful end.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::doors::Doors;
use super::ftps::Ftps;
use super::gate::Gate;
use super::health;
use super::limits::{METADATA, RESET_STREAMS, STREAMS};
use super::metrics::Counting;
use super::module::Module;
use super::role::Roles;
use super::storage::ModuleStorage;
use super::transfers::Transfers;
use super::turnstile::Turnstile;
use crate::broker::Broker;
use crate::proto::FILE_DESCRIPTOR_SET;
use crate::proto::ftps_service_server::FtpsServiceServer;
use crate::proto::modem_service_server::ModemServiceServer;
use crate::proto::module_storage_service_server::ModuleStorageServiceServer;
use crate::proto::transfer_service_server::TransferServiceServer;

/// Largest message taken, in bytes. [`super::intake`] tells what each method takes.
const MAX_MESSAGE: usize = 256 * 1024;

/// Silent connections are asked so often whether their caller is still there, and have as long to
/// answer: a caller that vanished holds its place in the queue for 40 s at most.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// Bytes that the transport takes of a call before anybody reads them. The spools do not count them, so
/// that they are few: HTTP/2's own default (RFC 9113 §6.9.2), above what the link moves in half a second.
const STREAM_WINDOW: u32 = 65_535;

/// The same for all calls of a connection: sixteen uploads that wait for the link leave room for more.
const CONNECTION_WINDOW: u32 = 1 << 20;

/// Why the server does not serve.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The descriptors of the contract cannot be read.
    #[error("server reflection cannot be set up")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The transport failed.
    #[error("the gRPC server failed")]
    Transport(#[from] tonic::transport::Error),
}

/// Serves until `stop` is cancelled; then takes no more calls and ends the running ones. `roles`
/// says who may call what.
///
/// Calls that run are given until `grace` has passed or `hurry` is cancelled; then their connections
/// are closed, which cancels them.
///
/// # Errors
/// The services could not be set up, or the transport failed.
pub async fn serve(
    broker: Broker,
    doors: Doors,
    roles: Roles,
    stop: CancellationToken,
    hurry: CancellationToken,
    grace: Duration,
) -> Result<(), Error> {
    let (reporter, health) = tonic_health::server::health_reporter();
    let follow = health::follow(reporter, broker.health(), broker.keeping());
    let server = tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(STREAMS)
        .http2_max_header_list_size(METADATA)
        .http2_max_pending_accept_reset_streams(Some(RESET_STREAMS))
        .layer(Counting::new())
        .layer(Gate::new(roles))
        .layer(Turnstile::new(&doors.limits))
        .add_service(
            FtpsServiceServer::new(Ftps::new(broker.clone()))
                .max_decoding_message_size(MAX_MESSAGE),
        )
        .add_service(
            ModemServiceServer::new(Module::new(broker.clone(), stop.clone()))
                .max_decoding_message_size(MAX_MESSAGE),
        )
        .add_service(
            ModuleStorageServiceServer::new(ModuleStorage::new(broker.clone()))
                .max_decoding_message_size(MAX_MESSAGE),
        )
        .add_service(
            TransferServiceServer::new(Transfers::new(broker.clone(), stop.clone()))
                .max_decoding_message_size(MAX_MESSAGE),
        )
        .add_service(health)
        // Old and new clients ask for reflection by different names.
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?)
        .serve_with_incoming_shutdown(doors.connections(), stop.clone().cancelled_owned());
    let forced = async {
        stop.cancelled().await;
        // Either ends the wait.
        let _ = tokio::time::timeout(grace, hurry.cancelled()).await;
    };
    // Both end with `stop`: the one when its calls have ended, the other when what it had on the
    // link is suspended.
    let work = async { tokio::join!(server, broker.deliver(stop.clone())).0 };
    tokio::select! {
        served = work => Ok(served?),
        () = async { tokio::join!(follow, broker.upkeep()); } => Ok(()),
        () = forced => {
            tracing::warn!("calls still ran; their connections are closed");
            Ok(())
        }
    }
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        // So that clients can decode the details of errors.
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET)
        .include_reflection_service(false)
}
