//! Floor 5, the face: the gRPC services, and nothing of what they do.

mod auth;
mod call;
mod certificate;
mod closing;
mod connection;
mod convert;
mod doors;
mod ftps;
mod gate;
mod get;
mod guests;
mod handshake;
mod health;
mod intake;
pub mod limits;
pub mod listen;
pub mod metrics;
mod module;
mod pace;
mod put;
mod report;
pub mod role;
pub mod server;
pub mod status;
mod storage;
mod stream;
pub mod tls;
mod transfers;
mod turnstile;
mod visit;

pub use doors::Doors;
pub use server::serve;
