//! The names of the commands.

/// Names of the commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
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
    Storage(StorageVerb),
}

/// Names of the commands of the file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StorageVerb {
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

impl Verb {
    /// Every verb that is answered by a report.
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
        Self::Storage(StorageVerb::Read),
    ];

    /// The command as it is typed, without arguments.
    #[must_use]
    pub const fn name(self) -> &'static str {
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
            Self::Storage(verb) => verb.name(),
        }
    }

    /// What stands before the colon of the command's reports, for example `+CFTPSGET`.
    #[must_use]
    pub fn report(self) -> &'static str {
        self.name().trim_start_matches("AT")
    }
}

impl StorageVerb {
    /// The command as it is typed, without arguments.
    #[must_use]
    pub const fn name(self) -> &'static str {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_has_its_report() {
        for verb in Verb::ALL {
            assert!(verb.report().starts_with("+CFT"), "{verb:?}");
        }
    }
}
