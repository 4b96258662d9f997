//! Floor 4, sharing: many clients, one link.
//!
//! The rooms, from below: [`terms`], [`disk`], [`spool`], [`usage`], [`scheduler`], `link`,
//! [`watch`], [`catalogue`], `names`, [`operation`], [`limits`], `shared` with the [`Broker`],
//! [`flow`], [`api`]. Each imports only earlier ones.

pub mod api;
pub mod catalogue;
pub mod disk;
pub mod flow;
pub mod limits;
pub mod link;
pub mod names;
pub mod operation;
pub mod scheduler;
mod shared;
pub mod spool;
pub mod terms;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub mod usage;
pub mod watch;

pub use limits::Limits;
pub use shared::Broker;
