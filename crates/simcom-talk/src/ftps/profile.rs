//! What a module can do: a row of data for each family, refined by what the module itself says.

use super::command_name::{CommandName, StorageCommandName};
use super::value::Drive;

/// The limits and abilities of a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleProfile {
    /// The name, for people.
    pub name: &'static str,
    /// Longest path argument, in bytes between the quotation marks.
    pub max_path: usize,
    /// Longest host, user name or password, in bytes.
    pub max_credential: usize,
    /// Longest command line, in characters without the CR.
    pub max_line: usize,
    /// Has `AT+CFTPSABORT`.
    pub abort: bool,
    /// Reads files through a cache: `<using_cache>` of `AT+CFTPSGET`, and `AT+CFTPSCACHERD`.
    pub cache: bool,
    /// Writes files in blocks: `<data_len>` and `<rest_size>` of `AT+CFTPSPUT`.
    pub blocks: bool,
    /// Has `AT+CFTPSMODE`, which chooses between passive and active data connections.
    pub mode: bool,
    /// Longest path on a drive of the module, in bytes.
    pub max_module_path: usize,
    /// Drives that GETFILE and PUTFILE reach, by their `<dir>` number. The first is the default
    /// of the commands.
    pub drives: &'static [(Drive, u8)],
    /// SSL contexts of the FTPS service.
    pub tls_contexts: &'static [u8],
    /// Has `AT+CFTPSSLCFG`, which binds a context to control and data connections.
    pub binds_tls: bool,
    /// Takes names outside ASCII as `{non-ascii}"<hex>"`, where the command has that form.
    pub non_ascii: bool,
    /// Takes names of files on its drives in the same form.
    pub non_ascii_files: bool,
}

/// Commands that the SIM7500/SIM7600 manual documents with `{non-ascii}` (L1206 to L1215).
pub const NON_ASCII: [CommandName; 8] = [
    CommandName::RemoveDirectory,
    CommandName::DeleteFile,
    CommandName::ChangeDirectory,
    CommandName::List,
    CommandName::GetFile,
    CommandName::PutFile,
    CommandName::Get,
    CommandName::Put,
];

/// Commands of the module's file system that take `{non-ascii}` on the SIM7500/SIM7600 (SIMCom
/// manual L1212, L2011, and "AT Commands for File System").
pub const NON_ASCII_FILES: [StorageCommandName; 5] = [
    StorageCommandName::Enter,
    StorageCommandName::Delete,
    StorageCommandName::Attributes,
    StorageCommandName::Write,
    StorageCommandName::Read,
];

impl ModuleProfile {
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
            cache: true,
            blocks: true,
            mode: false,
            max_module_path: 254,
            drives: &[(Drive::F, 1), (Drive::D, 2), (Drive::E, 3)],
            // TODO-correctness: no document says which of the ten contexts the service uses.
            // SIMCom's other services begin with the first. A login with a wrong CA, which must
            // fail, tells on hardware.
            tls_contexts: &[0],
            binds_tls: false,
            non_ascii: true,
            non_ascii_files: true,
        }
    }

    /// A76xx (A76XX AT manual V1.09 §17): shorter strings, no abort, no cache.
    #[must_use]
    pub const fn a76xx() -> Self {
        Self {
            name: "A76xx",
            max_path: 112,
            max_credential: 128,
            max_line: 559,
            abort: false,
            cache: false,
            blocks: true,
            mode: true,
            max_module_path: 115,
            drives: &[(Drive::C, 1), (Drive::D, 2)],
            tls_contexts: &[0],
            binds_tls: true,
            non_ascii: false,
            // Only `AT+CFTRANRX` has the form there (§13). A file written with it could neither be
            // listed nor deleted, and its size could not be asked for.
            non_ascii_files: false,
        }
    }

    /// An unknown module: the lengths that all documents allow for strings, and no ability that
    /// only some families have. Names outside ASCII are the exception: a module that cannot take
    /// them refuses them.
    #[must_use]
    pub const fn careful() -> Self {
        Self {
            name: "unknown",
            mode: false,
            non_ascii: true,
            // The one number on which all families agree.
            drives: &[(Drive::D, 2)],
            ..Self::a76xx()
        }
    }

    /// The profile of a model, by the answer to `AT+CGMM`.
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

    /// Takes the answer to a test command.
    ///
    /// An answer says what there is. `ERROR` says that `AT+CFTPSMODE` is missing, and nothing about
    /// the other commands: the manual shows no test form for some commands that exist (L1217,
    /// L1218).
    pub fn heed(&mut self, probe: Probe, answer: Option<&str>) {
        match (probe, answer) {
            // The command exists, and its parameters are not told.
            (Probe::Get | Probe::Put, Some("")) => {}
            (Probe::Get, Some(grammar)) => {
                self.cache = grammar.contains("(0,1)");
                self.non_ascii = grammar.contains("{non-ascii}");
            }
            (Probe::Put, Some(grammar)) => {
                self.blocks = grammar.contains("<data_len>") && grammar.contains("<rest_size>");
            }
            (Probe::Abort, Some(_)) => self.abort = true,
            (Probe::Mode, answer) => self.mode = answer.is_some(),
            (Probe::TlsContexts, Some(_)) => self.binds_tls = true,
            // A family that binds its contexts keeps that ability: otherwise a login that must be
            // verified would be made without verification.
            (Probe::Get | Probe::Put | Probe::Abort | Probe::TlsContexts, None) => {}
        }
    }

    /// The `<dir>` number of a drive.
    #[must_use]
    pub fn drive_number(&self, drive: Drive) -> Option<u8> {
        let row = self.drives.iter().find(|(known, _)| *known == drive);
        row.map(|(_, number)| *number)
    }

    /// Whether a command takes names outside ASCII.
    #[must_use]
    pub fn takes_non_ascii(&self, name: CommandName) -> bool {
        self.non_ascii && NON_ASCII.contains(&name)
    }
}

/// A test command whose answer changes the profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// `AT+CFTPSGET=?`: the cache, and names outside ASCII.
    Get,
    /// `AT+CFTPSPUT=?`: blocks.
    Put,
    /// `AT+CFTPSABORT=?`.
    Abort,
    /// `AT+CFTPSMODE=?`.
    Mode,
    /// `AT+CFTPSSLCFG=?`.
    TlsContexts,
}

impl Probe {
    /// Every probe.
    pub const ALL: [Self; 5] = [
        Self::Get,
        Self::Put,
        Self::Abort,
        Self::Mode,
        Self::TlsContexts,
    ];

    /// The command as it is typed, without `=?`.
    #[must_use]
    pub const fn command(self) -> &'static str {
        match self {
            Self::Get => CommandName::Get.as_str(),
            Self::Put => CommandName::Put.as_str(),
            Self::Abort => CommandName::Abort.as_str(),
            Self::Mode => "AT+CFTPSMODE",
            Self::TlsContexts => "AT+CFTPSSLCFG",
        }
    }

    /// The text before the grammar in the answer.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Get => "+CFTPSGET:",
            Self::Put => "+CFTPSPUT:",
            Self::Abort => "+CFTPSABORT:",
            Self::Mode => "+CFTPSMODE:",
            Self::TlsContexts => "+CFTPSSLCFG:",
        }
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
            assert_eq!(ModuleProfile::of_model(model).name, family, "{model}");
        }
    }

    #[test]
    fn a_module_is_believed_about_itself() {
        let mut profile = ModuleProfile::careful();
        let grammar = "[{non-ascii}]\"FILEPATH\"[,<rest_size>[,(0,1)]]";
        profile.heed(Probe::Get, Some(grammar));
        profile.heed(Probe::Abort, Some(""));
        profile.heed(Probe::Get, Some(""));
        assert!(profile.cache && profile.abort && profile.non_ascii);
        profile.heed(Probe::Get, Some("\"FILEPATH\"[,<rest_size>]"));
        profile.heed(Probe::Put, Some("\"FILEPATH\""));
        assert!(!profile.cache && !profile.non_ascii && !profile.blocks);
    }

    #[test]
    fn a_refused_question_proves_little() {
        let mut profile = ModuleProfile::sim7600();
        for probe in Probe::ALL {
            profile.heed(probe, None);
        }
        assert_eq!(profile, ModuleProfile::sim7600());
        let mut profile = ModuleProfile::a76xx();
        profile.heed(Probe::Mode, None);
        assert!(!profile.mode);
    }
}
