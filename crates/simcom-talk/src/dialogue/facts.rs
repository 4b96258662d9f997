//! What the module says about itself at bring-up.

use crate::ftps::ModuleProfile;
use crate::ftps::profile::Probe;

/// Who made the module, and the state of its SIM and network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Who made it.
    pub identity: Identity,
    /// SIM and network.
    pub registration: Registration,
    /// What it can do.
    pub capabilities: Capabilities,
}

/// What the module can do, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// The profile that holds: the family's, refined by the test commands, with the quirks over it.
    pub profile: ModuleProfile,
    /// Names of the quirks.
    pub quirks: Vec<String>,
    /// The answer to each test command. `None`: the module refused it, or did not answer.
    pub answers: Vec<(Probe, Option<String>)>,
}

impl Default for Capabilities {
    /// The abilities of a module of which nothing is known.
    fn default() -> Self {
        Self::of_model("")
    }
}

impl Capabilities {
    /// The abilities of a model whose test commands were not sent.
    pub(crate) fn of_model(model: &str) -> Self {
        Self {
            profile: ModuleProfile::of_model(model),
            quirks: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// Takes the answer to a test command.
    pub(crate) fn heed(&mut self, probe: Probe, answer: Option<&str>) {
        self.profile.heed(probe, answer);
        self.answers.push((probe, answer.map(str::to_owned)));
    }
}

/// Who made the module. All texts are empty until the module was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// `AT+CGMI`.
    pub manufacturer: String,
    /// `AT+CGMM`.
    pub model: String,
    /// `AT+CGMR`.
    pub firmware: String,
}

/// SIM and network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registration {
    /// `AT+CPIN?`.
    pub sim: Sim,
    /// Whether the module is registered, at home or roaming, in any of the networks asked for
    /// (`AT+CEREG?`, `AT+CGREG?`, `AT+CREG?`). `None` where the module tells nothing.
    pub registered: Option<bool>,
    /// The module is registered in a foreign network.
    pub roaming: bool,
    /// Received signal strength in dBm (`AT+CSQ`); `None` where unknown.
    pub rssi_dbm: Option<i32>,
    /// Name of the network (`AT+COPS?`).
    pub operator: String,
}

/// State of the SIM.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sim {
    /// It was not asked yet, or there was no answer.
    #[default]
    Unknown,
    /// It is usable.
    Ready,
    /// It asks for a PIN or PUK.
    Locked,
    /// It is missing.
    Missing,
}

/// Signal strength in dBm from the first number of `+CSQ:` (3GPP 27.007 §8.5; 100 to 191 are
/// the TD-SCDMA scale of SIMCom modules).
pub(crate) fn rssi_dbm(csq: &str) -> Option<i32> {
    match csq.split(',').next()?.trim().parse::<i32>().ok()? {
        value @ 0..=31 => Some(2 * value - 113),
        value @ 100..=191 => Some(value - 216),
        _ => None,
    }
}

/// Registered and roaming, from the answer to a read command of the `+CREG` family
/// (3GPP 27.007 §7.2): `<n>,<stat>[,…]`.
pub(crate) fn registration(answer: &str) -> Option<(bool, bool)> {
    let stat: u8 = answer.split(',').nth(1)?.trim().parse().ok()?;
    Some((matches!(stat, 1 | 5), stat == 5))
}

/// The name of the network, from the answer to `AT+COPS?` (3GPP 27.007 §7.3).
pub(crate) fn operator(answer: &str) -> Option<String> {
    let quoted = answer.split('"').nth(1)?;
    Some(quoted.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        assert_eq!(rssi_dbm(" 23,0"), Some(-67));
        assert_eq!(rssi_dbm("99,99"), None);
        assert_eq!(rssi_dbm("147,99"), Some(-69));
        assert_eq!(registration(" 0,1"), Some((true, false)));
        assert_eq!(registration("2,5,\"1A2B\",\"0\",7"), Some((true, true)));
        assert_eq!(registration("0,2"), Some((false, false)));
        assert_eq!(registration("1"), None);
        assert_eq!(
            operator(" 0,0,\"Example Net\",7"),
            Some("Example Net".into())
        );
        assert_eq!(operator("0"), None);
    }
}
