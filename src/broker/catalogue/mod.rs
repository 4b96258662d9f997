//! Where operations go: servers by their profiles, paths in them, sessions of clients.

mod location;
mod servers;
mod session;

pub(crate) use location::{Location, Profile};
pub use servers::{ProfileInfo, Servers};
pub(crate) use session::SessionUse;
pub(crate) use session::Sessions;
pub use session::{Limits, OpenSession, SessionInfo, SessionRequest};
