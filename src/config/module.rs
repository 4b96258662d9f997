//! `[module]`: the cellular module and its port.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::{Error, Problem};
use super::file::{self, Pipes};
use crate::broker::limits::Upkeep;
#[cfg(feature = "emulator")]
use simcom_emulator::{Family, Knobs};
use simcom_talk::dialogue::Apn;
use simcom_talk::ftps::Quirks;

/// The module, and how it is reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Module {
    /// The AT port.
    #[cfg_attr(test, schemars(with = "String"))]
    pub device: Device,
    /// Bits per second of a UART; a USB port takes any.
    pub baud: u32,
    /// The flow control of a UART.
    pub flow_control: FlowControl,
    /// The module logs out after this time without work; 0: never.
    #[serde(with = "super::duration")]
    #[cfg_attr(test, schemars(schema_with = "super::schema::time"))]
    pub idle_logout: Duration,
    /// How often an idle module sends the server a command that keeps the login alive; 0: never.
    #[serde(with = "super::duration")]
    #[cfg_attr(test, schemars(schema_with = "super::schema::time"))]
    pub keep_alive: Duration,
    /// File with quirks of single models and firmware; empty: none.
    pub quirks: PathBuf,
    /// Clients may send AT commands.
    pub allow_at_commands: bool,
    /// The connection to the network.
    pub network: Network,
    /// The emulated module.
    #[cfg(feature = "emulator")]
    #[cfg_attr(test, schemars(schema_with = "super::schema::emulator"))]
    pub emulator: Emulator,
}

impl Default for Module {
    fn default() -> Self {
        let upkeep = Upkeep::default();
        Self {
            device: Device::default(),
            // The factory setting of SIM7500/SIM7600 and A76xx modules.
            baud: 115_200,
            flow_control: FlowControl::default(),
            idle_logout: upkeep.idle_logout,
            keep_alive: upkeep.keep_alive,
            quirks: PathBuf::new(),
            allow_at_commands: false,
            network: Network::default(),
            #[cfg(feature = "emulator")]
            emulator: Emulator::default(),
        }
    }
}

impl Module {
    /// The quirks.
    ///
    /// # Errors
    /// [`Error::Problems`] where the file cannot be read, or something in it is wrong.
    pub fn quirks(&self) -> Result<Quirks, Error> {
        self.read_quirks()
            .map_err(|problem| Error::Problems(vec![problem]))
    }

    fn read_quirks(&self) -> Result<Quirks, Problem> {
        if self.quirks.as_os_str().is_empty() {
            return Ok(Quirks::default());
        }
        let refused = |error: &dyn std::error::Error| {
            let mut rule = format!("{}: {error}", self.quirks.display());
            if let Some(cause) = error.source() {
                rule = format!("{rule}: {cause}");
            }
            Problem::new("module.quirks", rule.trim_end())
        };
        let text = file::read(&self.quirks, Pipes::Refused).map_err(|error| refused(&error))?;
        let text = str::from_utf8(&text).map_err(|error| refused(&error))?;
        Quirks::parse(text).map_err(|error| refused(&error))
    }

    pub(super) fn check(&self, problems: &mut Vec<Problem>) {
        problems.extend(self.read_quirks().err());
        // `AT+IPR` accepts 300 to 3686400 (SIM7500/SIM7600 UART application note V2.00); the note for the
        // newest firmware says 4000000.
        if !(300..=4_000_000).contains(&self.baud) {
            problems.push(Problem::new(
                "module.baud",
                format!("is {}, the range is 300 to 4000000", self.baud),
            ));
        }
        if !self.network.apn.is_empty() && self.network.apn().is_none() {
            problems.push(Problem::new(
                "module.network.apn",
                format!(
                    "is `{}`; allowed: letters, digits, `.` and `-`",
                    self.network.apn
                ),
            ));
        }
    }
}

/// A serial device, or the emulator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Device {
    /// A serial device by its path.
    Serial(PathBuf),
    /// The emulated module, inside the daemon. A program that was built without it (feature `emulator`) refuses
    /// this value.
    Emulator,
}

impl Default for Device {
    /// The link to the AT port that this package's udev rules make.
    fn default() -> Self {
        Self::Serial("/dev/simcom-at".into())
    }
}

impl Device {
    /// Whether it is the emulated module.
    #[must_use]
    pub fn is_emulated(&self) -> bool {
        matches!(self, Self::Emulator)
    }
}

impl TryFrom<String> for Device {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "emulator" if cfg!(feature = "emulator") => Ok(Self::Emulator),
            "emulator" => Err(
                "is `emulator`, and this cellftpd was built without the emulated module; allowed: the absolute path \
                 of a serial device"
                    .into(),
            ),
            path if path.starts_with('/') => Ok(Self::Serial(text.into())),
            _ => Err(format!(
                "is `{text}`; allowed: the absolute path of a serial device, or `emulator`"
            )),
        }
    }
}

impl From<Device> for String {
    fn from(device: Device) -> Self {
        device.to_string()
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serial(path) => path.display().fmt(f),
            Self::Emulator => f.write_str("emulator"),
        }
    }
}

/// How a UART keeps either side from being overrun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum FlowControl {
    /// None; right for USB ports, which have their own.
    #[default]
    None,
    /// RTS and CTS.
    Hardware,
}

/// The connection to the network.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// Access point name; empty: the module keeps its own.
    pub apn: String,
}

impl Network {
    /// The access point name, where one is configured.
    #[must_use]
    pub fn apn(&self) -> Option<Apn> {
        Apn::new(&self.apn)
    }
}

/// The emulated module; used where `module.device` is `emulator`.
#[cfg(feature = "emulator")]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Emulator {
    /// The family of modules that it behaves like.
    pub family: Family,
    /// Differences of firmware.
    pub knobs: Knobs,
}
