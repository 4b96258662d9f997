//! The parts of a response, their order, and how long each may take, as data.

use std::time::Duration;

use super::command_name::{CommandName, StorageCommandName};

/// The parts of a response, and which one ends it.
///
/// In every form `ERROR` may stand in place of `OK`. A report with an error code may come before it,
/// after it, or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseForm {
    /// A final result code, after any lines of information.
    Final,
    /// A final result code and one report, in either order.
    Report,
    /// The same as [`ResponseForm::Report`], with content in counted blocks before the report.
    Blocks,
    /// A final result code, and a line which says that content has come into the cache, or a report
    /// instead (SIMCom manual L1214 b). The report may also come later, under any command.
    Cached,
    /// Content in counted blocks, then a final result code. A report may come with it.
    CacheRead,
    /// A prompt for content. Once the content is handed over, the same as [`ResponseForm::Report`].
    Prompt,
    /// A prompt for as many bytes as the command announced. Then a final result code.
    Literal,
}

impl CommandName {
    /// The form of the response to this command.
    #[must_use]
    pub const fn response_form(self) -> ResponseForm {
        match self {
            Self::SingleIp | Self::ReadSingleIp | Self::Other(_) => ResponseForm::Final,
            Self::Storage(name) => name.response_form(),
            Self::List | Self::Get => ResponseForm::Blocks,
            Self::Put => ResponseForm::Prompt,
            Self::Start
            | Self::Stop
            | Self::Login
            | Self::Logout
            | Self::MakeDirectory
            | Self::RemoveDirectory
            | Self::DeleteFile
            | Self::ChangeDirectory
            | Self::WorkingDirectory
            | Self::Type
            | Self::Abort
            | Self::CacheRead
            | Self::GetFile
            | Self::PutFile
            | Self::Size => ResponseForm::Report,
        }
    }

    /// How long the parts of the command may take.
    #[must_use]
    pub const fn timing(self) -> Timing {
        // SIMCom's own figure (9 s for every command, A76XX AT manual V1.09 §17) is too short in the
        // field. These are the longest times that public logs and libraries show.
        let outcome = match self {
            // It activates the PDP context: 5 to 20 s were seen.
            Self::Start => 30,
            // Name resolution, connection, TLS handshake, password: 10 to 60 s were seen.
            Self::Login => 75,
            Self::Stop | Self::Logout | Self::Abort => 20,
            // Between two blocks, and from `OK` to the first block. The whole transfer has no limit.
            Self::List | Self::Get => 60,
            // From the last byte of content to the report: the module still sends what it
            // has buffered.
            Self::Put => 120,
            Self::Storage(name) => return name.timing(),
            // For files of unknown size. See [`Timing::of_module_file`].
            Self::GetFile | Self::PutFile => MODULE_FILE_LONGEST,
            _ => 30,
        };
        let trailing = match self {
            Self::Stop | Self::Logout => NOTHING_TO_END,
            _ => Timing::DEFAULT.trailing,
        };
        Timing {
            outcome: Duration::from_secs(outcome),
            trailing,
            ..Timing::DEFAULT
        }
    }
}

impl StorageCommandName {
    /// The form of the response to this command.
    #[must_use]
    pub const fn response_form(self) -> ResponseForm {
        match self {
            Self::Read => ResponseForm::Blocks,
            Self::Write => ResponseForm::Literal,
            _ => ResponseForm::Final,
        }
    }

    /// How long the parts of the command may take.
    #[must_use]
    pub const fn timing(self) -> Timing {
        match self {
            // No manual has figures. Flash memory that is being cleaned up can hold a write for seconds.
            // Anything over a minute is a fault.
            Self::Write | Self::Delete => Timing {
                accept: FLASH,
                outcome: FLASH,
                ..Timing::DEFAULT
            },
            _ => Timing::DEFAULT,
        }
    }
}

/// From the `ERROR` of LOGOUT and STOP to a report that may follow. Both are sent after each start,
/// where the answer is mostly a bare `ERROR`: there is nothing to end (as owners of SIM7600 boards see).
/// A report in the same burst has arrived by then, at any usual rate: it has 20 bytes. A later report
/// names its command, so it cannot be taken for an answer to the next one. It could only say that the
/// module is busy, and START says that again.
const NOTHING_TO_END: Duration = Duration::from_millis(100);

/// Longest wait for a file that the module moves by itself, in seconds: 60 to 900 s were seen in the
/// field.
const MODULE_FILE_LONGEST: u64 = 900;

/// Lowest rate at which a module moves files by itself, in bytes a second: that of a 2G network.
const MODULE_FILE_RATE: u64 = 10 * 1024;

/// Longest time for which flash memory that is being cleaned up may hold a write.
const FLASH: Duration = Duration::from_secs(60);

/// How long the parts of an exchange may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// From the command to the first part of its answer.
    pub accept: Duration,
    /// From the command to its prompt.
    pub prompt: Duration,
    /// From `OK` to the report, and between two blocks.
    pub outcome: Duration,
    /// From a report to the final result code that follows at once where it comes second. Also from
    /// `ERROR` to the report that may follow.
    pub trailing: Duration,
    /// Between two bytes of one counted block.
    pub block: Duration,
}

impl Timing {
    /// For commands that need no network.
    pub const DEFAULT: Self = Self {
        accept: Duration::from_secs(10),
        // By then the server has answered STOR, over a data connection that it accepted.
        prompt: Duration::from_secs(30),
        outcome: Duration::from_secs(10),
        // Half a second is ten times what the longest line takes at 9600 baud.
        trailing: Duration::from_millis(500),
        // The module has the bytes already. This is shorter than any restart, whose first lines would be
        // taken for the rest of the block.
        block: Duration::from_secs(3),
    };

    /// For GETFILE and PUTFILE, which report nothing until the whole file is moved: the time for the end
    /// of an upload, plus the time for this many bytes. Where the size is unknown, the longest time that
    /// was seen.
    #[must_use]
    pub fn of_module_file(bytes: Option<u64>) -> Self {
        let outcome = bytes.map_or(MODULE_FILE_LONGEST, |bytes| {
            (120 + bytes / MODULE_FILE_RATE).min(MODULE_FILE_LONGEST)
        });
        Self {
            outcome: Duration::from_secs(outcome),
            ..Self::DEFAULT
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_the_module_moves_has_the_time_of_its_size() {
        let seconds = |bytes| Timing::of_module_file(bytes).outcome.as_secs();
        assert_eq!(seconds(Some(0)), 120);
        assert_eq!(seconds(Some(1 << 20)), 222);
        assert_eq!(seconds(Some(1 << 40)), 900);
        assert_eq!(seconds(None), 900);
    }
}
