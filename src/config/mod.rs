//! The configuration: defaults, then the file and its drop-ins, then the environment, each over the one before.

mod access;
mod budget;
mod document;
mod durable;
mod duration;
mod env;
mod error;
mod fault;
mod file;
mod files;
mod host;
mod key;
mod known;
mod limits;
mod listen;
mod load;
mod log;
mod metrics;
mod module;
mod nearest;
mod optional;
mod outbox;
mod place;
mod print;
mod reader;
mod repair;
mod roles;
mod root;
#[cfg(all(test, feature = "emulator"))]
mod schema;
mod server;
mod size;
mod takeover;
mod tls;
mod transfers;
mod tree;

pub use self::metrics::Metrics;
pub use access::Access;
pub use budget::Budget;
pub use durable::Durable;
pub use error::{Error, Problem, Severity};
pub use files::{DEFAULT_PATH, DROP_INS};
pub use key::Key;
pub use limits::{Queue, Sessions};
pub use listen::{Listen, Mode, TcpAddress};
pub use load::{Loaded, load, load_again, parse};
pub use log::{Format, Log};
#[cfg(feature = "emulator")]
pub use module::Emulator;
pub use module::{Device, FlowControl, Module, Network};
pub use outbox::{Check, Outbox, Sent};
pub use place::Place;
pub use repair::{Bound, Highest, Repair};
pub use roles::Roles;
pub use root::Config;
pub use server::{Floor, Priority, Secret, Security, ServerProfile, Verification, Yields};
pub use takeover::Takeover;
pub use tls::Tls;
pub use transfers::{Download, Transfers, Upload};

/// The JSON schema of the configuration, for editors.
pub const SCHEMA: &str = include_str!("../../config/cellftpd.schema.json");
