//! Floor 5, beside the face: a client of the daemon for Rust programs, and all that `cellftp`
//! needs.
//!
//! ```no_run
//! # async fn example() -> Result<(), cellftp::client::Error> {
//! use cellftp::client::{Client, Target};
//!
//! let client = Client::connect(&"unix:/run/cellftpd/cellftpd.sock".parse()?).await?;
//! let size = client.size(&Target::Profile("office".into()), "/inbox/report.pdf").await?;
//! # let _ = size;
//! # Ok(())
//! # }
//! ```

mod address;
mod credentials;
mod error;
mod events;
mod files;
mod get;
mod limit;
mod many;
mod modem;
mod options;
mod path;
mod put;
mod storage;
mod transfers;
mod tree;

pub use crate::proto::{
    CallOptions, CancelEnding, CommandForm, DataAddressMode, DataLimit, DataPeriod, DataScope,
    DataUsage, DataVolume, DeleteFileResult, Entry, EntryKind, Failure, FetchToModuleResult,
    FilesSummary, GetCapabilitiesResponse, GetInfo, GetResult, GetServerInfoResponse,
    GetStatusResponse, GetUsageResponse, Growth, IfExists, LinkState, ListOperationsResponse,
    LostEvents, ModuleEntry, ModuleSpace, OnFailure, OperationInfo, OperationProgress,
    OperationState, Outcome, Priority, Profile, ProfileAccess, PutFileResult, PutResult, PutState,
    QueuedOperation, ReadModuleFileResult, ReadTransferResult, RegistrationState, Remnant,
    RemovedName, RepairEvent, Security, SendAtCommandResponse, SendFromModuleResult,
    ServerVerification, SessionChange, SimState, Stage, StatFileResult, Transfer,
    TransferDirection, TransferOptions, TransferRemoval, TransferState, TransferStorage,
    TreeFailure, UploadHeader, Verify, WatchEventsResponse, WriteModuleFileResult, YieldPolicy,
    YieldReason, operation_event, watch_events_response, watch_transfers_response,
};
pub use address::Address;
pub use credentials::Credentials;
pub use error::{Error, Refusal};
pub use events::Events;
pub use get::Download;
pub use many::{GetFilesItem, PutFilesOptions, SmallFile, small_files};
pub use options::TransferFilter;
pub use path::ServerPath;
pub use put::PutOptions;
pub use storage::ModuleReadProgress;
pub use tonic::Code;
pub use transfers::{TransferWatch, TransfersWatch};
pub use tree::Branch;

use std::num::NonZeroU64;
use std::time::Duration;

use bytes::Bytes;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status};

use limit::Limit;
use options::unless;

use crate::proto::diagnostics_service_client::DiagnosticsServiceClient;
use crate::proto::ftps_service_client::FtpsServiceClient;
use crate::proto::modem_service_client::ModemServiceClient;
use crate::proto::module_storage_service_client::ModuleStorageServiceClient;
use crate::proto::operation_service_client::OperationServiceClient;
use crate::proto::server_service_client::ServerServiceClient;
use crate::proto::transfer_service_client::TransferServiceClient;
use crate::proto::{self, target::Destination};

/// Largest piece of a file in one message. The daemon sends no larger ones, and its limit for a
/// message (4 MiB, gRPC's custom) stays far away.
const CHUNK: usize = 64 * 1024;

/// How long the daemon may take to accept a connection. It is on this machine, or near.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Added to the caller's time limit before the client gives up by itself: the daemon knows the
/// limit too, and its answer says what was under way.
const GRACE: Duration = Duration::from_secs(2);

/// A connection to the daemon. Cheap to clone; clones share the connection.
#[derive(Debug, Clone)]
pub struct Client {
    ftps: FtpsServiceClient<Channel>,
    modem: ModemServiceClient<Channel>,
    operations: OperationServiceClient<Channel>,
    diagnostics: DiagnosticsServiceClient<Channel>,
    server: ServerServiceClient<Channel>,
    storage: ModuleStorageServiceClient<Channel>,
    transfers: TransferServiceClient<Channel>,
    timeout: Option<Duration>,
    priority: Priority,
    yields: YieldPolicy,
    growth: Growth,
    length: Option<NonZeroU64>,
    options: CallOptions,
    transfer_options: TransferOptions,
    principal: String,
}

/// Where an operation goes.
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
        let channel = endpoint.connect().await.map_err(failed)?;
        Ok(Self {
            ftps: FtpsServiceClient::new(channel.clone()),
            modem: ModemServiceClient::new(channel.clone()),
            operations: OperationServiceClient::new(channel.clone()),
            diagnostics: DiagnosticsServiceClient::new(channel.clone()),
            server: ServerServiceClient::new(channel.clone()),
            storage: ModuleStorageServiceClient::new(channel.clone()),
            transfers: TransferServiceClient::new(channel),
            timeout: None,
            priority: Priority::Unspecified,
            yields: YieldPolicy::Unspecified,
            growth: Growth::Unspecified,
            length: None,
            options: CallOptions::default(),
            transfer_options: TransferOptions::default(),
            principal: String::new(),
        })
    }

    /// The same connection with a time limit for each call, from its beginning to its end. What
    /// has not begun when it passes never reaches the module.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The same connection with an urgency for each Get and Put, instead of the one of the server
    /// profile.
    #[must_use]
    pub fn with_priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// The same connection with a policy for when each Get and Put gives up the link before its end,
    /// instead of the one of the server profile.
    #[must_use]
    pub fn with_yields(mut self, yields: YieldPolicy) -> Self {
        self.yields = yields;
        self
    }

    /// The same connection, with what each Get brings of a file that grows while it is read.
    #[must_use]
    pub fn with_growth(mut self, growth: Growth) -> Self {
        self.growth = growth;
        self
    }

    /// The same connection, with so many bytes at most for each Get; `None`: to the end of the file. The
    /// daemon must know of it, or refuses the call.
    #[must_use]
    pub fn with_length(mut self, length: Option<NonZeroU64>) -> Self {
        self.length = length;
        self
    }

    /// What the daemon knows of the module. Never waits for a transfer.
    ///
    /// # Errors
    /// The call failed.
    pub async fn status(&self) -> Result<GetStatusResponse, Error> {
        let mut modem = self.modem.clone();
        self.unary(modem.get_status(self.request(proto::GetStatusRequest {})))
            .await
    }

    /// How much data has moved, for all and for this caller, and what is allowed.
    ///
    /// # Errors
    /// The call failed.
    pub async fn usage(&self) -> Result<GetUsageResponse, Error> {
        let mut modem = self.modem.clone();
        self.unary(modem.get_usage(self.request(proto::GetUsageRequest {})))
            .await
    }

    /// The operation on the link and all that wait.
    ///
    /// # Errors
    /// The call failed.
    pub async fn queue(&self) -> Result<ListOperationsResponse, Error> {
        let mut all = ListOperationsResponse::default();
        loop {
            let request = self.request(proto::ListOperationsRequest {
                page_token: all.next_page_token,
                principal: self.principal.clone(),
                ..Default::default()
            });
            let mut operations = self.operations.clone();
            let page = self.unary(operations.list_operations(request)).await?;
            all.operations.extend(page.operations);
            all.costs = page.costs;
            all.next_page_token = page.next_page_token;
            if all.next_page_token.is_empty() {
                return Ok(all);
            }
        }
    }

    /// Which daemon this is, what it can do, and who it takes this client for.
    ///
    /// # Errors
    /// The call failed.
    pub async fn server_info(&self) -> Result<GetServerInfoResponse, Error> {
        let mut server = self.server.clone();
        self.unary(server.get_server_info(self.request(proto::GetServerInfoRequest {})))
            .await
    }

    /// The server profiles that this client may use, in the order of their names.
    ///
    /// # Errors
    /// The call failed.
    pub async fn profiles(&self) -> Result<Vec<Profile>, Error> {
        let mut all = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = self.request(proto::ListProfilesRequest {
                page_token,
                ..Default::default()
            });
            let page = self
                .unary(self.server.clone().list_profiles(request))
                .await?;
            all.extend(page.profiles);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(all);
            }
        }
    }

    /// Resets the module, and waits until it is back.
    ///
    /// # Errors
    /// The call failed.
    pub async fn reset(&self) -> Result<(), Error> {
        let request = self.request(proto::ResetRequest {
            options: self.options(),
        });
        let done = self.unary(self.modem.clone().reset(request)).await?;
        unless(done.validated, ())
    }

    /// Watches what happens from now on. The sessions do not expire meanwhile.
    ///
    /// # Errors
    /// The call failed.
    pub async fn events(&self, session_ids: Vec<String>) -> Result<Events, Error> {
        let request = self.request(proto::WatchEventsRequest { session_ids });
        let mut operations = self.operations.clone();
        let limit = Limit::of(self.timeout);
        let events = self.unary(operations.watch_events(request)).await?;
        Ok(Events::new(events, limit))
    }

    /// Opens a session and tells its id and directory. It ends by [`Client::close_session`] or
    /// when it was not used for the daemon's lease.
    ///
    /// # Errors
    /// The call failed.
    pub async fn open_session(
        &self,
        profile: &str,
        directory: impl Into<ServerPath>,
    ) -> Result<proto::OpenSessionResponse, Error> {
        use proto::open_session_request::Destination;
        let request = self.request_at(directory, |directory, raw_directory| {
            proto::OpenSessionRequest {
                destination: Some(Destination::Profile(profile.into())),
                directory,
                raw_directory,
                options: self.options(),
                ..Default::default()
            }
        });
        let opened = self.unary(self.ftps.clone().open_session(request)).await?;
        unless(opened.validated, opened)
    }

    /// Ends a session.
    ///
    /// # Errors
    /// The call failed.
    pub async fn close_session(&self, session_id: &str) -> Result<(), Error> {
        let request = proto::CloseSessionRequest {
            session_id: session_id.into(),
            principal: self.principal.clone(),
        };
        self.unary(self.ftps.clone().close_session(self.request(request)))
            .await
            .map(drop)
    }

    /// The size of a file in bytes.
    ///
    /// # Errors
    /// The call failed.
    pub async fn size(&self, target: &Target, path: impl Into<ServerPath>) -> Result<u64, Error> {
        let request = self.request_at(path, |path, raw_path| proto::GetSizeRequest {
            target: Some(target.to_proto()),
            path,
            raw_path,
            options: self.options(),
        });
        let response = self.unary(self.ftps.clone().get_size(request)).await?;
        unless(response.validated, ())?;
        u64::try_from(response.size)
            .map_err(|_| Error::Protocol(format!("a size of {} bytes", response.size)))
    }

    /// The entries of a directory in the server's order; of the session's or the login
    /// directory where `path` is empty.
    ///
    /// # Errors
    /// The call failed. Entries that came before are lost: the list is incomplete.
    pub async fn list(
        &self,
        target: &Target,
        path: impl Into<ServerPath>,
    ) -> Result<Vec<Entry>, Error> {
        let request = self.request_at(path, |path, raw_path| proto::ListRequest {
            target: Some(target.to_proto()),
            path,
            raw_path,
            options: self.options(),
        });
        let mut ftps = self.ftps.clone();
        self.limited(async {
            let mut stream = ftps.list(request).await?.into_inner();
            let mut entries = Vec::new();
            while let Some(response) = stream.message().await? {
                unless(response.validated, ())?;
                entries.extend(response.entries);
            }
            Ok(entries)
        })
        .await
    }

    /// Ends an operation, and tells how it was ended.
    ///
    /// # Errors
    /// The call failed.
    pub async fn cancel(
        &self,
        operation_id: &str,
    ) -> Result<proto::CancelOperationResponse, Error> {
        let request = proto::CancelOperationRequest {
            operation_id: operation_id.into(),
            principal: self.principal.clone(),
        };
        self.unary(
            self.operations
                .clone()
                .cancel_operation(self.request(request)),
        )
        .await
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(timeout) = self.timeout {
            request.set_timeout(timeout);
        }
        self.guard(&mut request);
        request
    }

    /// A request with a path of a server, in text or in bytes.
    fn request_at<T>(
        &self,
        path: impl Into<ServerPath>,
        message: impl FnOnce(String, Bytes) -> T,
    ) -> Request<T> {
        let path = path.into();
        let (text, bytes) = path.fields();
        path.guard(self.request(message(text, bytes)))
    }

    async fn unary<T>(
        &self,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Error> {
        self.limited(async { Ok(call.await?.into_inner()) }).await
    }

    /// Tonic's own time limit ends with a response's headers; this one holds for a whole stream.
    async fn limited<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
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

/// Whether tonic ended a call by itself: it says CANCELLED, as if somebody had wished it.
fn is_local_timeout(refusal: &Refusal) -> bool {
    refusal.code == Code::Cancelled && refusal.reason.is_empty()
}

impl Target {
    fn to_proto(&self) -> proto::Target {
        proto::Target {
            destination: Some(match self {
                Self::Profile(name) => Destination::Profile(name.clone()),
                Self::Session(id) => Destination::SessionId(id.clone()),
            }),
        }
    }
}
