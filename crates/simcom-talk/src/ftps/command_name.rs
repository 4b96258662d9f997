//! The names of the commands.

use std::fmt;

/// Names of the commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CommandName {
    /// `CFTPSSTART`
    Start,
    /// `CFTPSSTOP`
    Stop,
    /// `CFTPSLOGIN`
    Login,
    /// `CFTPSLOGOUT`
    Logout,
    /// `CFTPSMKD`
    MakeDirectory,
    /// `CFTPSRMD`
    RemoveDirectory,
    /// `CFTPSDELE`
    DeleteFile,
    /// `CFTPSCWD`
    ChangeDirectory,
    /// `CFTPSPWD`
    WorkingDirectory,
    /// `CFTPSTYPE`
    Type,
    /// `CFTPSLIST`
    List,
    /// `CFTPSGET`
    Get,
    /// `CFTPSPUT`
    Put,
    /// `CFTPSGETFILE`
    GetFile,
    /// `CFTPSPUTFILE`
    PutFile,
    /// `CFTPSSINGLEIP?`
    ReadSingleIp,
    /// `CFTPSSINGLEIP`
    SingleIp,
    /// `CFTPSABORT`
    Abort,
    /// `CFTPSCACHERD`
    CacheRead,
    /// `CFTPSSIZE`
    Size,
    /// One of the file system.
    Storage(StorageCommandName),
    /// Another command, as it is typed, without arguments.
    Other(&'static str),
}

/// Names of the commands of the file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StorageCommandName {
    /// `FSCD`
    Enter,
    /// `FSLS?`
    Count,
    /// `FSLS`
    List,
    /// `FSDEL`
    Delete,
    /// `FSATTRI`
    Attributes,
    /// `FSMEM`
    Space,
    /// `CFTRANRX`
    Write,
    /// `CFTRANTX`
    Read,
}

impl CommandName {
    /// `AT` alone, by which a module is called.
    pub const AT: Self = Self::Other("AT");

    /// Every command that is answered by a report.
    pub const ALL: [Self; 20] = [
        Self::Start,
        Self::Stop,
        Self::Login,
        Self::Logout,
        Self::MakeDirectory,
        Self::RemoveDirectory,
        Self::DeleteFile,
        Self::ChangeDirectory,
        Self::WorkingDirectory,
        Self::Type,
        Self::List,
        Self::Get,
        Self::Put,
        Self::GetFile,
        Self::PutFile,
        Self::SingleIp,
        Self::Abort,
        Self::CacheRead,
        Self::Size,
        Self::Storage(StorageCommandName::Read),
    ];

    /// The command as it is typed, without arguments.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "AT+CFTPSSTART",
            Self::Stop => "AT+CFTPSSTOP",
            Self::Login => "AT+CFTPSLOGIN",
            Self::Logout => "AT+CFTPSLOGOUT",
            Self::MakeDirectory => "AT+CFTPSMKD",
            Self::RemoveDirectory => "AT+CFTPSRMD",
            Self::DeleteFile => "AT+CFTPSDELE",
            Self::ChangeDirectory => "AT+CFTPSCWD",
            Self::WorkingDirectory => "AT+CFTPSPWD",
            Self::Type => "AT+CFTPSTYPE",
            Self::List => "AT+CFTPSLIST",
            Self::Get => "AT+CFTPSGET",
            Self::Put => "AT+CFTPSPUT",
            Self::GetFile => "AT+CFTPSGETFILE",
            Self::PutFile => "AT+CFTPSPUTFILE",
            Self::SingleIp | Self::ReadSingleIp => "AT+CFTPSSINGLEIP",
            Self::Abort => "AT+CFTPSABORT",
            Self::CacheRead => "AT+CFTPSCACHERD",
            Self::Size => "AT+CFTPSSIZE",
            Self::Storage(name) => name.as_str(),
            Self::Other(name) => name,
        }
    }

    /// Whether it is a command of the FTPS service with a variant of its own. What only the bring-up says of the
    /// service (`AT+CFTPSMODE`) is [`CommandName::Other`].
    #[must_use]
    pub const fn is_of_the_service(self) -> bool {
        !matches!(self, Self::Storage(_) | Self::Other(_))
    }

    /// What stands before the colon of the command's reports, for example `+CFTPSGET`.
    #[must_use]
    pub fn report(self) -> &'static str {
        self.as_str().trim_start_matches("AT")
    }
}

impl StorageCommandName {
    /// The command as it is typed, without arguments.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enter => "AT+FSCD",
            Self::Count | Self::List => "AT+FSLS",
            Self::Delete => "AT+FSDEL",
            Self::Attributes => "AT+FSATTRI",
            Self::Space => "AT+FSMEM",
            Self::Write => "AT+CFTRANRX",
            Self::Read => "AT+CFTRANTX",
        }
    }
}

impl fmt::Display for CommandName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The command that is typed so: one of [`CommandName::ALL`], and else [`CommandName::Other`].
impl From<&'static str> for CommandName {
    fn from(typed: &'static str) -> Self {
        let known = Self::ALL.into_iter().find(|name| name.as_str() == typed);
        known.unwrap_or(Self::Other(typed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_its_report() {
        for name in CommandName::ALL {
            assert!(name.report().starts_with("+CFT"), "{name:?}");
        }
    }

    #[test]
    fn a_typed_name_is_the_command_that_has_it() {
        for name in CommandName::ALL {
            assert_eq!(CommandName::from(name.as_str()), name);
        }
        assert_eq!(CommandName::from("AT"), CommandName::AT);
        assert!(!CommandName::from("AT+CPIN").is_of_the_service());
    }
}
