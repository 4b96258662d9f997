//! The rungs of the repair ladder.

use strum::{Display, IntoStaticStr};

/// A way to repair what is broken between host and server. The later ones repair more and cost
/// more.
#[derive(Debug, Display, IntoStaticStr, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[strum(serialize_all = "lowercase")]
pub enum Rung {
    /// Waits for a quiet line, and asks a question whose answer cannot be mistaken.
    Resynchronise,
    /// LOGOUT and LOGIN.
    Login,
    /// STOP and START of the FTPS service, and a new login.
    Service,
    /// The PDP context of the data connection is deactivated and activated
    /// (`AT+CGACT`, 3GPP 27.007 §10.1.10).
    Context,
    /// The radio is switched off and on (`AT+CFUN`, 3GPP 27.007 §8.2), and the module registers
    /// with a network again.
    Radio,
    /// The module restarts (`AT+CRESET`). It loses all that it holds in memory.
    Reset,
    /// The port is closed and opened again.
    Reopen,
}

impl Rung {
    /// From the lowest to the highest.
    pub const ALL: [Self; 7] = [
        Self::Resynchronise,
        Self::Login,
        Self::Service,
        Self::Context,
        Self::Radio,
        Self::Reset,
        Self::Reopen,
    ];

    /// What happens on it, for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Resynchronise => "the module is asked a question whose answer cannot be mistaken",
            Self::Login => "a new login",
            Self::Service => "the FTPS service is stopped and started",
            Self::Context => "the data connection is closed and opened again",
            Self::Radio => "the radio is switched off and on",
            Self::Reset => "the module starts anew",
            Self::Reopen => "the port is closed and opened again",
        }
    }

    /// The name in logs, errors and the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}
