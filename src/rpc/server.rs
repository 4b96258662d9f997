//! The gRPC server: its services, and its graceful end.

use std::future::pending;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::call_limits::CallLimits;
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
use super::transfers::KeptTransfers;
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

/// Largest message that is accepted, in bytes. [`super::bounded_body`] has the bound of each method.
const MAX_MESSAGE: usize = 256 * 1024;

/// How often a silent connection gets a ping, and how long its client may take to answer: a client that
/// vanished holds its place in the queue for 40 s at most.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// Bytes of a call that the transport buffers before a service reads them. The spools do not count these bytes,
/// so that they must be few: HTTP/2's own default (RFC 9113 §6.9.2), above what the link moves in half a
/// second.
const STREAM_WINDOW: u32 = 65_535;

/// The same for all calls of a connection: sixteen uploads that wait for the link leave room for more.
const CONNECTION_WINDOW: u32 = 1 << 20;

/// How long calls that have begun may go on after shutdown begins. systemd waits 90 s before it kills
/// (`DefaultTimeoutStopSec=`); the rest of that time is for cleaning up. A megabyte takes this long at 460800
/// baud. A longer transfer can be resumed, or is one that is kept.
pub const GRACE: Duration = Duration::from_secs(20);

/// How long the clean-up of a call that was broken off may take before its caller gets an answer without it:
/// time for an abort, or for the end of an upload with SIZE and DELE, in an average network.
pub const IN_ORDER: Duration = Duration::from_secs(10);

/// How long callers have to read the last status. It is a frame of some hundred bytes; a caller who has not
/// read it by then does not read.
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
    /// Cancelled: no more work is accepted.
    pub stop: CancellationToken,
    /// Cancelled: nothing is waited for any more.
    pub hurry: CancellationToken,
    /// Cancelled by whoever delivers transfers, when they are suspended.
    pub suspended: CancellationToken,
}

/// Serves until `end.stop` is cancelled; then accepts no more work and ends what runs.
///
/// New calls, and those that have not begun, end at once with a status which says that the daemon is stopping.
/// Whoever delivers kept transfers suspends them. Other calls have [`GRACE`]. A call that has not ended by then, or
/// when `end.hurry` is cancelled, is broken off, and has [`IN_ORDER`] to clean up module and server and to answer.
/// Then every open call gets a status, and the connections are closed.
///
/// # Errors
/// [`Error::Reflection`] where the descriptors of the contract cannot be read, [`Error::Transport`] where the
/// transport failed.
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
    let mut conditions = transfers.conditions();
    // Before the first caller asks.
    health::tell(&reporter, &conditions.now()).await;
    let follow = health::follow(reporter, conditions);
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
        .layer(CallLimits::new(&doors.limits))
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
            TransferServiceServer::new(KeptTransfers::new(transfers, roles.clone(), stop.clone()))
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

/// Waits for `what`, but not beyond `limit`, and not once `hurry` is cancelled.
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
