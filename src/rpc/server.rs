//! The server: the services behind the doors, and a graceful end.

use std::future::pending;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::closing::Closing;
use super::diagnostics::Diagnostics;
use super::doors::Doors;
use super::ftps::Ftps;
use super::gate::Gate;
use super::health;
use super::limits::{METADATA, RESET_STREAMS, STREAMS};
use super::metrics::Counting;
use super::module::Module;
use super::operations::Operations;
use super::role::Roles;
use super::server_info::ServerInfo;
use super::storage::ModuleStorage;
use super::transfers::Kept;
use super::turnstile::Turnstile;
use crate::broker::Broker;
use crate::proto::FILE_DESCRIPTOR_SET;
use crate::proto::diagnostics_service_server::DiagnosticsServiceServer;
use crate::proto::ftps_service_server::FtpsServiceServer;
use crate::proto::modem_service_server::ModemServiceServer;
use crate::proto::module_storage_service_server::ModuleStorageServiceServer;
use crate::proto::operation_service_server::OperationServiceServer;
use crate::proto::server_service_server::ServerServiceServer;
use crate::proto::transfer_service_server::TransferServiceServer;
use crate::transfers::Transfers;

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

/// How long calls that have begun may go on after the wish to stop. systemd waits 90 s before it kills
/// (`DefaultTimeoutStopSec=`); the rest of that is for putting things in order. A megabyte has passed
/// by then at 460800 baud, and what is longer can be gone on with, or is a transfer that is kept.
pub const GRACE: Duration = Duration::from_secs(20);

/// How long what was broken off after that has to be put in order before its caller is told without:
/// for an abort, or the end of an upload with SIZE and DELE, in a network that is neither good nor bad.
pub const IN_ORDER: Duration = Duration::from_secs(10);

/// How long callers have to hear the last word. It is a frame of some hundred bytes; who has not taken
/// it by then does not read.
pub const LAST_WORD: Duration = Duration::from_secs(1);

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

/// What is served, and to whom.
#[derive(Debug)]
pub struct Served {
    /// The link that all share.
    pub broker: Broker,
    /// The transfers that outlive their callers.
    pub transfers: Transfers,
    /// Where clients come in.
    pub doors: Doors,
    /// Who may call what.
    pub roles: Roles,
}

/// The end of the service, step by step.
#[derive(Debug, Clone, Default)]
pub struct End {
    /// No more work is taken.
    pub stop: CancellationToken,
    /// Nothing is waited for any more.
    pub hurry: CancellationToken,
    /// Whoever delivers transfers has suspended them.
    pub suspended: CancellationToken,
}

/// Serves until `end.stop` is cancelled; then takes no more work and ends what runs.
///
/// New calls are told at once that the daemon is stopping, and so are those that have not begun.
/// Transfers that are kept are suspended by whoever delivers them, who then cancels `end.suspended`. The rest has
/// [`GRACE`]; what has not ended by then, or when `end.hurry` is cancelled, is broken off, and has [`IN_ORDER`] to put module and server in order and to
/// tell its caller. Then whoever still waits is told, and the connections are closed.
///
/// # Errors
/// The services could not be set up, or the transport failed.
pub async fn serve(served: Served, end: End) -> Result<(), Error> {
    let Served {
        broker,
        transfers,
        doors,
        roles,
    } = served;
    let End {
        stop,
        hurry,
        suspended,
    } = end;
    let (reporter, health) = tonic_health::server::health_reporter();
    let keeping = transfers.keeping();
    let follow = health::follow(reporter, broker.health(), keeping, stop.clone());
    let closing = Closing::new(stop.clone());
    let closed = CancellationToken::new();
    let server = tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(STREAMS)
        .http2_max_header_list_size(METADATA)
        .http2_max_pending_accept_reset_streams(Some(RESET_STREAMS))
        .layer(Counting::new())
        .layer(Gate::new(roles.clone(), closing.clone()))
        .layer(Turnstile::new(&doors.limits))
        .add_service(
            FtpsServiceServer::new(Ftps::new(broker.clone(), roles.clone()))
                .max_decoding_message_size(MAX_MESSAGE),
        )
        .add_service(
            ModemServiceServer::new(Module::new(
                broker.clone(),
                transfers.clone(),
                roles.clone(),
            ))
            .max_decoding_message_size(MAX_MESSAGE),
        )
        .add_service(
            OperationServiceServer::new(Operations::new(
                broker.clone(),
                roles.clone(),
                stop.clone(),
            ))
            .max_decoding_message_size(MAX_MESSAGE),
        )
        .add_service(
            DiagnosticsServiceServer::new(Diagnostics::new(broker.clone()))
                .max_decoding_message_size(MAX_MESSAGE),
        )
        .add_service(
            ServerServiceServer::new(ServerInfo::new(
                broker.clone(),
                transfers.clone(),
                roles.clone(),
            ))
            .max_decoding_message_size(MAX_MESSAGE),
        )
        .add_service(
            ModuleStorageServiceServer::new(ModuleStorage::new(broker.clone()))
                .max_decoding_message_size(MAX_MESSAGE),
        )
        .add_service(
            TransferServiceServer::new(Kept::new(transfers, roles.clone(), stop.clone()))
                .max_decoding_message_size(MAX_MESSAGE),
        )
        .add_service(health)
        // Old and new clients ask for reflection by different names.
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?)
        .serve_with_incoming_shutdown(
            doors.connections(stop.clone()),
            closed.clone().cancelled_owned(),
        );
    let work = async { tokio::join!(server, suspended.cancelled()).0 };
    let end = async {
        stop.cancelled().await;
        broker.stop();
        closing.calls.close();
        within(GRACE, &hurry, closing.calls.wait()).await;
        broker.break_off();
        let settled = async { tokio::join!(closing.calls.wait(), suspended.cancelled()) };
        within(IN_ORDER, &hurry, settled).await;
        closing.last_word.cancel();
        closed.cancel();
        tokio::time::sleep(LAST_WORD).await;
    };
    tokio::select! {
        served = work => Ok(served?),
        () = async { follow.await; pending().await } => Ok(()),
        () = end => {
            tracing::warn!("some callers do not read; their connections are closed");
            Ok(())
        }
    }
}

/// Waits for something, for so long at most, and not in a hurry.
async fn within<T>(limit: Duration, hurry: &CancellationToken, what: impl Future<Output = T>) {
    tokio::select! {
        _ = what => {}
        () = tokio::time::sleep(limit) => {}
        () = hurry.cancelled() => {}
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
