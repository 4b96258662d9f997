//! The configuration: defaults, then the file, then the environment, each over the one before.

mod access;
mod budget;
mod durable;
mod env;
mod error;
mod file;
mod limits;
mod listen;
mod load;
mod log;
mod metrics;
mod module;
mod optional;
mod repair;
mod roles;
mod root;
mod server;
mod tls;
mod transfers;

pub use self::metrics::Metrics;
pub use access::Access;
pub use budget::Budget;
pub use durable::Durable;
pub use error::{Error, Problem};
pub use limits::{Queue, Sessions};
pub use listen::{Listen, Mode, TcpAddress};
pub use load::{DEFAULT_PATH, load, parse};
pub use log::{Format, Log};
#[cfg(feature = "emulator")]
pub use module::Emulator;
pub use module::{Device, FlowControl, Module, Network};
pub use repair::{Bound, Highest, Repair};
pub use roles::Roles;
pub use root::Config;
pub use server::{Floor, Priority, Secret, Security, ServerProfile, Verification, Yields};
pub use tls::Tls;
pub use transfers::{Download, Transfers, Upload};
