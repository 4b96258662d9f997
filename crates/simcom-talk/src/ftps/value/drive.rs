//! The drives of a module.

use super::error::ValueError;

/// A drive of the module (SIMCom manual, "AT Commands for File System").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Drive {
    /// Local storage.
    C,
    /// Memory card.
    D,
    /// Multimedia storage of the SIM7600.
    E,
    /// Cache of the SIM7600.
    F,
}

impl Drive {
    /// Every drive that a family has.
    pub const ALL: [Self; 4] = [Self::C, Self::D, Self::E, Self::F];

    /// Reads `F:` or `F:/`, the letter in either case.
    ///
    /// # Errors
    /// [`ValueError::NoDrive`] for any other text.
    pub fn new(text: &str) -> Result<Self, ValueError> {
        let name = text.strip_suffix('/').unwrap_or(text);
        Self::ALL
            .into_iter()
            .find(|drive| drive.name().eq_ignore_ascii_case(name))
            .ok_or(ValueError::NoDrive)
    }

    /// The name that people use: `F:`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::C => "C:",
            Self::D => "D:",
            Self::E => "E:",
            Self::F => "F:",
        }
    }
}
