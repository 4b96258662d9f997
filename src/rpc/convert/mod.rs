//! Messages to values and back: the only place where both are known.

pub(super) mod choice;
pub(super) mod events;
pub(super) mod fields;
pub(super) mod operation;
pub(super) mod options;
pub(super) mod page;
pub(super) mod path;
pub(super) mod read;
mod repair;
pub(super) mod response;
pub(super) mod session;
pub(super) mod storage;
mod target;
mod transfer_message;
pub(super) mod transfer_requests;
mod usage;
pub(super) mod write;
