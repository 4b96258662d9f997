//! What the configuration wants of the module.

use crate::ftps::Quirks;

/// What the configuration wants of the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Setup {
    /// RTS/CTS on the UART (`AT+IFC=2,2`).
    pub hardware_flow_control: bool,
    /// Access point name for context 1. Without it, nothing is set.
    pub apn: Option<Apn>,
    /// How files are read.
    pub download: DownloadForm,
    /// How files are written.
    pub upload: UploadForm,
    /// What is known of single models and firmwares.
    pub quirks: Quirks,
}

/// How files are read, where the module has the choice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DownloadForm {
    /// The module pushes them. This is the quickest way, and every family has it.
    #[default]
    Push,
    /// Through the module's cache, piece by piece. The download can stop between two pieces, and
    /// the module never sends faster than it is asked.
    Pull,
}

/// How files are written, where the module has the choice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UploadForm {
    /// As one stream.
    #[default]
    Stream,
    /// In blocks, each with an FTP transfer of its own. A broken link costs one block. The server
    /// must be able to go on with a file (REST before STOR).
    Blocks,
}

/// An access point name: letters, digits, `.` and `-` (3GPP 23.003 §9.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apn(String);

impl Apn {
    /// Takes a name.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let good = !name.is_empty()
            && name.len() <= 100
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
        good.then(|| Self(name.to_owned()))
    }

    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}
