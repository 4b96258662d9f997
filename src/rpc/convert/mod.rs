//! Messages to values and back: the only place where both are known.

pub(super) mod events;
mod module_file;
pub(super) mod options;
mod repair;
pub(super) mod request;
pub(super) mod response;
pub(super) mod storage;
mod tls;
pub(super) mod transfers;
mod usage;
