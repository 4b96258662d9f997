//! The vocabulary of all rooms of the broker: who calls, what for, and with what result.

mod access;
mod caller;
mod data_limit;
mod error;
mod labels;
mod lived;
mod priority;
mod request;
mod session_id;
pub mod share;
mod tally;
mod transfer;
mod work;
mod written;

pub use access::{Access, Rights, Who, WhoError};
pub(crate) use caller::Patience;
pub use caller::{Caller, Options, Principal, ServerChoice, Target, Whose};
pub use data_limit::{Exceeded, Limit, LimitUse, Period, Scope};
pub use error::{Cause, Error, Hashed};
pub use labels::{LabelError, Labels};
pub use lived::Lived;
pub(crate) use lived::Now;
pub use priority::{Priority, YieldReason, Yields};
pub use request::{Named, RequestId};
pub use session_id::SessionId;
pub(crate) use tally::Tally;
pub(crate) use transfer::Birth;
pub use transfer::{Exhausted, Key, TransferId, Trouble};
pub(crate) use work::{Load, Way};
pub use written::{PutResult, PutState, Verify};
