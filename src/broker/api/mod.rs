//! The calls of [`Broker`](crate::broker::Broker), except those of its flows.

mod files;
mod gauges;
mod once;
mod queue;
mod service;
mod sessions;
mod status;
mod upkeep;
mod usage;
mod watching;

pub use queue::{Found, Queue};
pub use status::{Repairs, Status};
pub use watching::{Heard, Watcher};
