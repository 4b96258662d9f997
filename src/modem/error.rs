//! Why a job could not be done, as far as the owner of the port can tell.

use std::io;
use std::sync::Arc;

use crate::dialogue::failure::Failure;

/// A job that was not done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The serial device is not there.
    #[error("the serial device {device} is not there")]
    DeviceAbsent {
        /// Path of the device.
        device: String,
        /// What the system said.
        #[source]
        source: Arc<io::Error>,
    },
    /// Another program holds the port.
    #[error("the serial device {device} is held by another program{}", by(.holder))]
    PortHeld {
        /// Path of the device.
        device: String,
        /// Name and process id of the program, where they could be found.
        holder: Option<String>,
    },
    /// The port was open and failed.
    #[error("the serial port failed")]
    Io(#[source] Arc<io::Error>),
    /// The module cannot serve now; this is what bringing it up said last.
    #[error("the module is not ready")]
    NotReady(#[source] Failure),
    /// The daemon is shutting down.
    #[error("the daemon is stopping")]
    Stopping,
    /// The job ran and failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

fn by(holder: &Option<String>) -> String {
    holder
        .as_ref()
        .map(|name| format!(": {name}"))
        .unwrap_or_default()
}
