//! The commands, by the document that describes them.

mod basic;
mod execute;
mod files;
mod ftps;
mod messages;
mod network;
mod outcome;
mod sim;
mod status;
mod tls;
mod transfer;
mod values;

pub(crate) use outcome::Outcome;
