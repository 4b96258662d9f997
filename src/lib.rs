//! Moves files to FTP and FTPS servers over the AT port of a SIMCom cellular module.
//!
//! The floors, each importing only downward: `at`, `ftps`, `dialogue` beside `emulator`,
//! `modem`, `broker`, `rpc` beside `client`; above them the entrance. `ARCHITECTURE.md` tells why.

pub mod broker;
mod certificates;
pub mod client;
pub mod config;
pub mod daemon;
#[cfg(feature = "demo")]
pub mod demo;
pub mod doctor;
pub mod modem;
pub mod proto;
pub mod rpc;
pub mod telemetry;
pub mod transfers;
