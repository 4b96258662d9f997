//! Why a job was not done, at the level of the port.

use std::io;
use std::sync::Arc;

use simcom_talk::dialogue::failure::Failure;

/// A job that was not done. Its message names no path of this machine; only the log gets the path.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The serial device does not exist.
    #[error("the serial device (module.device) is not there")]
    DeviceAbsent {
        /// Path of the device.
        device: String,
        /// What the system said.
        #[source]
        source: Arc<io::Error>,
    },
    /// Another program holds the port.
    #[error("the serial device (module.device) is held by another program{}", by(.holder))]
    PortHeld {
        /// Path of the device.
        device: String,
        /// Name and process id of the program, if the system shows them.
        holder: Option<String>,
    },
    /// The port was open and failed.
    #[error("the serial port failed")]
    Io(#[source] Arc<io::Error>),
    /// The module cannot serve now; the failure is the last one of its bring-up.
    #[error("the module is not ready")]
    NotReady(#[source] Failure),
    /// The daemon is shutting down.
    #[error("the daemon is stopping")]
    Stopping,
    /// The job ran and failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Error {
    /// Whether the serial device itself is what is wrong, and not the module behind it.
    #[must_use]
    pub const fn is_of_the_device(&self) -> bool {
        match self {
            Self::DeviceAbsent { .. } | Self::PortHeld { .. } | Self::Io(_) => true,
            Self::NotReady(_) | Self::Stopping | Self::Failed(_) => false,
        }
    }

    /// Path of the device, if the error concerns it.
    #[must_use]
    pub fn device(&self) -> Option<&str> {
        match self {
            Self::DeviceAbsent { device, .. } | Self::PortHeld { device, .. } => Some(device),
            Self::Io(_) | Self::NotReady(_) | Self::Stopping | Self::Failed(_) => None,
        }
    }
}

/// An error with all its causes, on one line; none is told twice.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

fn by(holder: &Option<String>) -> String {
    holder
        .as_ref()
        .map(|name| format!(": {name}"))
        .unwrap_or_default()
}
