//! `[module]`: the cellular module and its port.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::{Error, Problem};
use crate::broker::upkeep;
#[cfg(feature = "emulator")]
use crate::emulator::{Family, Knobs};
use crate::ftps::Quirks;
use crate::modem::Apn;

/// The module, and how it is reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Module {
    /// The AT port.
    pub device: Device,
    /// Bits per second of a UART; a USB port takes any.
    pub baud: u32,
    /// How a UART keeps either side from being overrun.
    pub flow_control: FlowControl,
    /// After so long without work the module logs out; 0: never.
    #[serde(with = "humantime_serde")]
    pub idle_logout: Duration,
    /// While it is idle, the server hears from it so often; 0: never.
    #[serde(with = "humantime_serde")]
    pub keep_alive: Duration,
    /// File with quirks of single models and firmware; empty: none.
    pub quirks: PathBuf,
    /// Callers may send AT commands of their own.
    pub allow_at_commands: bool,
    /// The connection to the network.
    pub network: Network,
    /// The emulated module.
    #[cfg(feature = "emulator")]
    pub emulator: Emulator,
}

impl Default for Module {
    fn default() -> Self {
        let upkeep = upkeep::Limits::default();
        Self {
            device: Device::default(),
            // What SIM7500/SIM7600 and A76xx modules have when they leave the factory.
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
        let text = fs::read_to_string(&self.quirks).map_err(|error| refused(&error))?;
        Quirks::parse(&text).map_err(|error| refused(&error))
    }

    pub(super) fn check(&self, problems: &mut Vec<Problem>) {
        problems.extend(self.read_quirks().err());
        // `AT+IPR` of the modules goes from 300 to 3686400 (SIM7500/SIM7600 UART application
        // note V2.00), the note for the newest firmware to 4000000.
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
    /// The emulated module, inside the daemon. No configuration says so where the program was built without it
    /// (feature `emulator`).
    Emulator,
}

impl Default for Device {
    /// The link that the udev rules of the package make for the AT port.
    fn default() -> Self {
        Self::Serial("/dev/simcom-at".into())
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
#[serde(rename_all = "kebab-case")]
pub enum FlowControl {
    /// Nothing does; right for USB ports, which do it by themselves.
    #[default]
    None,
    /// RTS and CTS.
    Hardware,
}

/// The connection to the network.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// Access point name; empty: what the module has is left alone.
    pub apn: String,
}

impl Network {
    /// The access point name, where one is to be set.
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
    /// Which modules it behaves like.
    pub family: Family,
    /// What firmware does differently.
    pub knobs: Knobs,
}
