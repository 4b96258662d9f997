//! Floor 6, beside the face: a client of the daemon for Rust programs, and all that `cellftp`
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
mod connection;
mod credentials;
mod error;
mod files;
mod get;
mod health;
mod limit;
mod many;
mod modem;
mod operations;
mod path;
mod put;
mod server_info;
mod session;
mod storage;
mod stream;
mod tally;
mod transfers;
mod tree;
mod upload;
mod watch;

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
    TreeFailure, UploadHeader, Verify, WalkedEntries, WatchEventsResponse, WriteModuleFileResult,
    YieldPolicy, YieldReason, operation_event, watch_events_response, watch_transfers_response,
};
pub use address::Address;
pub use connection::{Client, Target};
pub use credentials::Credentials;
pub use error::{Error, Refusal};
pub use get::Download;
pub use many::{GetFilesItem, PutFilesOptions, SmallFile, small_files};
pub use operations::Events;
pub use path::ServerPath;
pub use put::PutOptions;
pub use storage::ModuleReadProgress;
pub use tonic::Code;
pub use tree::Branch;
pub use watch::{TransferFilter, TransferWatch, TransfersWatch};
