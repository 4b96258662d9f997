//! Targets of operations: server profiles, paths on the servers, sessions of clients.

mod location;
mod servers;
mod session;

pub(crate) use location::{Location, ServerProfile};
pub use servers::{Changes, ProfileInfo, Servers};
pub use session::{Limits, OpenSession, SessionInfo, SessionRequest};
pub(crate) use session::{SessionUse, Sessions};
