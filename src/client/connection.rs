//! The connection to the daemon, and what its calls have in common.

use std::num::NonZeroU64;
use std::time::Duration;

use bytes::Bytes;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::health_client::HealthClient;

use super::address::Address;
use super::credentials::Credentials;
use super::error::{self, Error, Refusal};
use super::limit::GRACE;
use super::path::{ServerPath, require};
use crate::proto::diagnostics_service_client::DiagnosticsServiceClient;
use crate::proto::ftps_service_client::FtpsServiceClient;
use crate::proto::modem_service_client::ModemServiceClient;
use crate::proto::module_storage_service_client::ModuleStorageServiceClient;
use crate::proto::operation_service_client::OperationServiceClient;
use crate::proto::server_service_client::ServerServiceClient;
use crate::proto::target::Destination;
use crate::proto::transfer_service_client::TransferServiceClient;
use crate::proto::{self, CallOptions, Growth, Priority, TransferOptions, YieldPolicy};

/// How long the daemon may take to accept a connection. It is on this machine, or near.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How often the daemon is asked for a sign of life over TCP while a call waits for it: a host that has lost its power
/// or its network closes no connection.
const ASK: Duration = Duration::from_secs(30);

/// How long the daemon may take for that sign. It answers at once, and the network may lose a packet or two.
const ANSWER: Duration = Duration::from_secs(20);

/// A connection to the daemon. Cheap to clone; clones share the connection.
///
/// # Errors of every call
/// [`Error::Refused`] where the daemon answers with an error status: its reason says why, and the contract names the
/// reasons of each method. [`Error::Timeout`] where the time limit passed. [`Error::Lost`], [`Error::Closed`] or
/// [`Error::Certificate`] where the connection ended.
///
/// [`Error::Validated`] stands beside them for a method that takes [`CallOptions`]: the options asked for a check
/// only, the request would be taken on, and nothing was done.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) ftps: FtpsServiceClient<Channel>,
    pub(super) modem: ModemServiceClient<Channel>,
    pub(super) operations: OperationServiceClient<Channel>,
    pub(super) diagnostics: DiagnosticsServiceClient<Channel>,
    pub(super) server: ServerServiceClient<Channel>,
    pub(super) storage: ModuleStorageServiceClient<Channel>,
    pub(super) transfers: TransferServiceClient<Channel>,
    pub(super) health: HealthClient<Channel>,
    pub(super) timeout: Option<Duration>,
    pub(super) priority: Priority,
    pub(super) yields: YieldPolicy,
    pub(super) growth: Growth,
    pub(super) length: Option<NonZeroU64>,
    pub(super) tail: Bytes,
    pub(super) options: CallOptions,
    pub(super) transfer_options: TransferOptions,
    pub(super) principal: String,
}

/// The server of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A server profile of the daemon's configuration.
    Profile(String),
    /// An open session, by its id.
    Session(String),
}

impl Client {
    /// Connects to the daemon at an address without TLS.
    ///
    /// # Errors
    /// [`Error::Connect`] where nothing answers at the address within five seconds;
    /// [`Error::Address`] where it needs [`Credentials`].
    pub async fn connect(address: &Address) -> Result<Self, Error> {
        Self::connect_with(address, None).await
    }

    /// Connects to the daemon at any address. Credentials are used with TLS alone.
    ///
    /// # Errors
    /// As [`Client::connect`], and [`Error::Credentials`].
    pub async fn connect_with(
        address: &Address,
        credentials: Option<&Credentials>,
    ) -> Result<Self, Error> {
        let failed = |source: tonic::transport::Error| match error::alert(&source) {
            Some(alert) => Error::Certificate { alert },
            None => Error::Connect {
                address: address.to_string(),
                source: Box::new(source),
            },
        };
        let mut endpoint = Endpoint::from_shared(address.uri())
            .map_err(failed)?
            .connect_timeout(CONNECT_TIMEOUT);
        if matches!(address, Address::Tls(_)) {
            let credentials = credentials.ok_or_else(|| Error::Address {
                address: address.to_string(),
                why: "TLS needs a CA, a certificate of one's own, and its key",
            })?;
            endpoint = endpoint
                .tls_config(credentials.config())
                .map_err(|source| Error::Credentials(Box::new(source)))?;
        }
        if !matches!(address, Address::Unix(_)) {
            endpoint = endpoint
                .http2_keep_alive_interval(ASK)
                .keep_alive_timeout(ANSWER);
        }
        let channel = endpoint.connect().await.map_err(failed)?;
        Ok(Self {
            ftps: FtpsServiceClient::new(channel.clone()),
            modem: ModemServiceClient::new(channel.clone()),
            operations: OperationServiceClient::new(channel.clone()),
            diagnostics: DiagnosticsServiceClient::new(channel.clone()),
            server: ServerServiceClient::new(channel.clone()),
            storage: ModuleStorageServiceClient::new(channel.clone()),
            transfers: TransferServiceClient::new(channel.clone()),
            health: HealthClient::new(channel),
            timeout: None,
            priority: Priority::Unspecified,
            yields: YieldPolicy::Unspecified,
            growth: Growth::Unspecified,
            length: None,
            tail: Bytes::new(),
            options: CallOptions::default(),
            transfer_options: TransferOptions::default(),
            principal: String::new(),
        })
    }

    /// The same connection with a time limit for each call, from its beginning to its end. An operation that
    /// has not begun by then never reaches the module.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The same connection with a priority for each Get and Put, instead of the one of the server profile.
    #[must_use]
    pub fn with_priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// The same connection with a policy for when each Get and Put yields the link before its end, instead of
    /// the one of the server profile.
    #[must_use]
    pub fn with_yields(mut self, yields: YieldPolicy) -> Self {
        self.yields = yields;
        self
    }

    /// The same connection, with a policy for files that grow while Get reads them.
    #[must_use]
    pub fn with_growth(mut self, growth: Growth) -> Self {
        self.growth = growth;
        self
    }

    /// The same connection, with at most `length` bytes for each Get; `None`: to the end of the file. A daemon
    /// that does not know this option refuses the call.
    #[must_use]
    pub fn with_length(mut self, length: Option<NonZeroU64>) -> Self {
        self.length = length;
        self
    }

    /// The same connection, for a Get that goes on at an offset: these are the bytes right before it, at most
    /// 512. Where the file has others there, the Get is refused with the reason `SOURCE_CHANGED`. A daemon that
    /// does not know this option refuses the call.
    #[must_use]
    pub fn with_tail(mut self, tail: Bytes) -> Self {
        self.tail = tail;
        self
    }

    /// The same connection, with these options for each call that has the module do something: a name under
    /// which the call is carried out once, labels, or a check only, to which the answer is
    /// [`Error::Validated`]. A daemon that does not know them refuses the call.
    #[must_use]
    pub fn with_options(mut self, options: CallOptions) -> Self {
        self.options = options;
        self
    }

    /// The same connection, for the transfers, operations and sessions of another principal, which needs the
    /// role `administer`; `-` in lists and watches: of all principals. Empty: the caller's own.
    #[must_use]
    pub fn with_principal(mut self, principal: String) -> Self {
        self.principal = principal;
        self
    }

    /// The same connection, with these options for each transfer that it creates.
    #[must_use]
    pub fn with_transfer_options(mut self, options: TransferOptions) -> Self {
        self.transfer_options = options;
        self
    }

    pub(super) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(timeout) = self.timeout {
            request.set_timeout(timeout);
        }
        self.guard(&mut request);
        request
    }

    /// A request with a path of a server, in text or in bytes.
    pub(super) fn request_at<T>(
        &self,
        path: impl Into<ServerPath>,
        message: impl FnOnce(String, Bytes) -> T,
    ) -> Request<T> {
        let path = path.into();
        let (text, bytes) = path.fields();
        path.guard(self.request(message(text, bytes)))
    }

    /// The call options of a request.
    pub(super) fn options(&self) -> Option<CallOptions> {
        Some(self.options.clone()).filter(|options| *options != CallOptions::default())
    }

    /// The call options of a request that creates a transfer. Labels and name are options of the transfer.
    pub(super) fn creating(&self) -> Option<CallOptions> {
        self.options.validate_only.then(|| CallOptions {
            validate_only: true,
            ..CallOptions::default()
        })
    }

    /// The transfer options of a request that creates a transfer.
    pub(super) fn terms(&self) -> Option<TransferOptions> {
        let mut terms = self.transfer_options.clone();
        if terms.labels.is_empty() {
            terms.labels.clone_from(&self.options.labels);
        }
        Some(terms).filter(|terms| *terms != TransferOptions::default())
    }

    /// Names the features that a daemon must have for the calls of this connection.
    fn guard<T>(&self, request: &mut Request<T>) {
        if self.options != CallOptions::default() {
            require(request, "call_options");
        }
        if !self.principal.is_empty() {
            require(request, "principal");
        }
        if self.terms().is_some() {
            require(request, "transfer_options");
        }
    }

    pub(super) async fn unary<T>(
        &self,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Error> {
        self.limited(async { Ok(call.await?.into_inner()) }).await
    }

    /// Ends a call at the time limit. Tonic's own limit covers only the headers of a response; this one covers
    /// a whole stream.
    pub(super) async fn limited<T>(
        &self,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let Some(limit) = self.timeout else {
            return call.await;
        };
        match tokio::time::timeout(limit.saturating_add(GRACE), call).await {
            Ok(Err(Error::Refused(refusal))) if is_local_timeout(&refusal) => {
                Err(Error::Timeout(limit))
            }
            Ok(outcome) => outcome,
            Err(_) => Err(Error::Timeout(limit)),
        }
    }
}

/// Whether tonic ended a call by itself: it then says CANCELLED, as if the caller had cancelled it.
fn is_local_timeout(refusal: &Refusal) -> bool {
    refusal.code == Code::Cancelled && refusal.reason.is_empty()
}

impl Target {
    pub(super) fn to_proto(&self) -> proto::Target {
        proto::Target {
            destination: Some(match self {
                Self::Profile(name) => Destination::Profile(name.clone()),
                Self::Session(id) => Destination::SessionId(id.clone()),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn a_daemon_that_has_gone_without_a_word_ends_the_call() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut silent, _) = listener.accept().await.unwrap();
            // It takes what comes and says nothing.
            while silent.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
            std::future::pending::<()>().await;
        });
        let address = format!("http://127.0.0.1:{port}").parse().unwrap();
        let client = Client::connect(&address).await.unwrap();
        tokio::time::pause();
        let limit = (ASK + ANSWER) * 3;
        let ended = tokio::time::timeout(limit, client.profiles()).await;
        assert!(ended.expect("it waits for ever").is_err());
    }
}
