//! The server: the doors, the services behind them, and a graceful end.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::unfold;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_stream::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;

use super::auth::Peer;
use super::ftps::Ftps;
use super::health;
use super::listen::UnixDoor;
use super::metrics::Counting;
use super::module::Module;
use super::storage::ModuleStorage;
use crate::broker::Broker;
use crate::proto::FILE_DESCRIPTOR_SET;
use crate::proto::ftps_service_server::FtpsServiceServer;
use crate::proto::modem_service_server::ModemServiceServer;
use crate::proto::module_storage_service_server::ModuleStorageServiceServer;

/// Largest message taken, in bytes: gRPC's custom. No chunk needs more.
const MAX_MESSAGE: usize = 4 * 1024 * 1024;

/// Silent connections are asked so often whether their caller is still there, and have as long to
/// answer: a caller that vanished holds its place in the queue for 40 s at most.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// Pause after a connection could not be accepted. The cause is mostly that all file descriptors
/// are in use, which passes as callers leave.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Where callers come in.
#[derive(Debug, Default)]
pub struct Doors {
    /// A unix socket.
    pub unix: Option<UnixDoor>,
    /// A loopback TCP port.
    pub tcp: Option<TcpListener>,
}

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

/// Serves until `stop` is cancelled; then takes no more calls and ends the running ones.
///
/// Calls that run are given until `grace` has passed; then their connections are closed, which
/// cancels them.
///
/// # Errors
/// The services could not be set up, or the transport failed.
pub async fn serve(
    broker: Broker,
    doors: Doors,
    stop: CancellationToken,
    grace: Duration,
) -> Result<(), Error> {
    let (reporter, health) = tonic_health::server::health_reporter();
    let follow = health::follow(reporter, broker.health());
    let server = tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .layer(Counting::new())
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
        .add_service(health)
        // Old and new clients ask for reflection by different names.
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?)
        .serve_with_incoming_shutdown(doors.connections(), stop.clone().cancelled_owned());
    let forced = async {
        stop.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        served = server => Ok(served?),
        () = async { tokio::join!(follow, broker.upkeep()); } => Ok(()),
        () = forced => {
            tracing::warn!("calls still ran after {grace:?}; their connections are closed");
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

impl Doors {
    /// Where they are, as clients write it.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        let unix = self
            .unix
            .iter()
            .map(|door| format!("unix:{}", door.path().display()));
        let tcp = self
            .tcp
            .iter()
            .filter_map(|listener| listener.local_addr().ok());
        unix.chain(tcp.map(|address| format!("http://{address}")))
            .collect()
    }

    fn connections(self) -> impl Stream<Item = io::Result<Connection>> {
        let unix = unfold(self.unix, async |door| {
            let door = door?;
            let connection = accept(|| async {
                let (stream, _) = door.listener().accept().await?;
                let peer = Peer::User(stream.peer_cred()?.uid());
                Ok(Connection {
                    stream: Either::Unix(stream),
                    peer,
                })
            })
            .await;
            Some((Ok(connection), Some(door)))
        });
        let tcp = unfold(self.tcp, async |listener| {
            let listener = listener?;
            let connection = accept(|| async {
                let (stream, _) = listener.accept().await?;
                // Small messages go out at once.
                stream.set_nodelay(true)?;
                Ok(Connection {
                    stream: Either::Tcp(stream),
                    peer: Peer::Tcp,
                })
            })
            .await;
            Some((Ok(connection), Some(listener)))
        });
        unix.merge(tcp)
    }
}

/// The next connection that can be accepted.
async fn accept<F: Future<Output = io::Result<Connection>>>(
    mut next: impl FnMut() -> F,
) -> Connection {
    loop {
        match next().await {
            Ok(connection) => return connection,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

/// A connection through either door, with the caller's identity.
#[derive(Debug)]
struct Connection {
    stream: Either,
    peer: Peer,
}

#[derive(Debug)]
enum Either {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Either::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
            Either::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Either::Unix(stream) => Pin::new(stream).poll_write(cx, buffer),
            Either::Tcp(stream) => Pin::new(stream).poll_write(cx, buffer),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Either::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Either::Tcp(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Either::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Either::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Either::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, buffers),
            Either::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, buffers),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Either::Unix(stream) => stream.is_write_vectored(),
            Either::Tcp(stream) => stream.is_write_vectored(),
        }
    }
}
