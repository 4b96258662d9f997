//! Moves files to FTP and FTPS servers over the AT port of a SIMCom cellular module.
//!
//! The floors, each importing only downward: `modem`, `broker`, `transfers`, `rpc` beside `client`; above them the
//! entrance. The conversation with the module, below them, is a package of its own (`simcom-talk`). `ARCHITECTURE.md`
//! tells why.

pub mod broker;
mod certificates;
pub mod client;
pub mod config;
pub mod daemon;
#[cfg(feature = "demo")]
pub mod demo;
pub mod doctor;
pub mod manual;
pub mod modem;
pub mod outbox;
pub mod proto;
pub mod rpc;
pub mod telemetry;
pub mod transfers;
