//! What a module family can do: rows of data.

use super::command::Verb;

/// The limits and abilities of a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// For people.
    pub name: &'static str,
    /// Longest path argument, in bytes between the quotation marks.
    pub max_path: usize,
    /// Longest host, user name or password, in bytes.
    pub max_credential: usize,
    /// Longest command line, in characters without the CR.
    pub max_line: usize,
    /// Has `AT+CFTPSABORT`.
    pub abort: bool,
    /// SSL contexts of the FTPS service.
    pub tls_contexts: &'static [u8],
    /// Has `AT+CFTPSSLCFG`, which binds a context to control and data connections.
    pub binds_tls: bool,
    /// Verbs that take `{non-ascii}"<hex>"`.
    non_ascii: &'static [Verb],
}

/// Verbs that the SIM7500/SIM7600 manual documents with `{non-ascii}` (L1206 to L1215).
const NON_ASCII: &[Verb] = &[
    Verb::RemoveDirectory,
    Verb::DeleteFile,
    Verb::ChangeDirectory,
    Verb::List,
    Verb::Get,
    Verb::Put,
];

impl Profile {
    /// SIM7500 and SIM7600 (SIMCom manual L1201 to L1219; line limit: SIM7500/SIM7600 AT
    /// manual V3.00 §1.4.4).
    #[must_use]
    pub const fn sim7600() -> Self {
        Self {
            name: "SIM7600",
            max_path: 256,
            max_credential: 256,
            max_line: 559,
            abort: true,
            // TODO-correctness: which of the ten contexts the service uses is documented nowhere.
            // The first is what SIMCom's other services begin with; a login with a wrong CA, which
            // must fail, tells on hardware.
            tls_contexts: &[0],
            binds_tls: false,
            non_ascii: NON_ASCII,
        }
    }

    /// A76xx (A76XX AT manual V1.09 §17): shorter strings, no abort.
    #[must_use]
    pub const fn a76xx() -> Self {
        Self {
            name: "A76xx",
            max_path: 112,
            max_credential: 128,
            max_line: 559,
            abort: false,
            tls_contexts: &[0],
            binds_tls: true,
            non_ascii: &[],
        }
    }

    /// An unknown module: the lengths that all documents allow for strings, and nothing that
    /// only some families have but names outside ASCII, which a module without them refuses.
    #[must_use]
    pub const fn careful() -> Self {
        Self {
            name: "unknown",
            non_ascii: NON_ASCII,
            ..Self::a76xx()
        }
    }

    /// The profile of a model, by what `AT+CGMM` answers.
    #[must_use]
    pub fn of_model(model: &str) -> Self {
        let model = model.trim().to_ascii_uppercase();
        if ["SIM7600", "SIM7500", "SIMCOM_SIM7600", "SIMCOM_SIM7500"]
            .iter()
            .any(|prefix| model.starts_with(prefix))
        {
            Self::sim7600()
        } else if ["A76", "SIMCOM_A76"]
            .iter()
            .any(|prefix| model.starts_with(prefix))
        {
            Self::a76xx()
        } else {
            Self::careful()
        }
    }

    /// Whether a command takes names outside ASCII.
    #[must_use]
    pub fn takes_non_ascii(&self, verb: Verb) -> bool {
        self.non_ascii.contains(&verb)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_names_its_family() {
        for (model, family) in [
            ("SIMCOM_SIM7600E-H", "SIM7600"),
            ("SIM7500A", "SIM7600"),
            ("A7670E", "A76xx"),
            ("SIMCOM_A7672S", "A76xx"),
            ("SIM5320", "unknown"),
            ("", "unknown"),
        ] {
            assert_eq!(Profile::of_model(model).name, family, "{model}");
        }
    }
}
