//! Brings the module from any state to one in which it serves.

mod answers;
mod card;
mod network;
mod procedure;
mod state;
mod steps;

pub(crate) use network::Network;
pub(crate) use state::BringUp;
