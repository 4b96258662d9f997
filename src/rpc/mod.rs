//! Floor 5, the face: the gRPC services, and nothing of what they do.

mod auth;
mod call;
mod convert;
mod ftps;
mod get;
mod health;
pub mod listen;
pub mod metrics;
mod module;
mod put;
mod report;
pub mod server;
pub mod status;
mod storage;
mod stream;

pub use server::{Doors, serve};
