//! Why an operation did not succeed, as far as the dialogue can tell.

use std::fmt;

use strum::{Display, IntoStaticStr};

use super::rung::Rung;
use crate::at::line::ErrorCode;
use crate::ftps::command_name::CommandName;
use crate::ftps::errcode::ErrCode;
use crate::ftps::value::ValueError;

/// An operation that did not succeed: what happened, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{cause}", Prefix(self.command))]
pub struct Failure {
    /// What happened.
    #[source]
    pub cause: Cause,
    /// The AT command under way, without arguments, for example `AT+CFTPSGET`.
    pub command: Option<CommandName>,
    /// How far the operation had come.
    pub stage: Stage,
    /// Which attempt failed. The first is 1.
    pub attempt: u32,
    /// Bytes of content that have surely arrived: a download delivered them, or the server named them
    /// for an upload.
    pub committed: Option<u64>,
    /// What an inquiry into the failure found.
    pub finding: Option<Finding>,
    /// The file on the server may have changed: a command that writes or deletes a file was sent, and
    /// the server did not refuse it before it took content.
    pub touched: bool,
    /// The rungs of the repair ladder that the operation tried, in order.
    pub repairs: Vec<Rung>,
}

impl Failure {
    /// A failure of the first attempt, without a finding.
    #[must_use]
    pub const fn new(cause: Cause, command: Option<CommandName>, stage: Stage) -> Self {
        Self {
            cause,
            command,
            stage,
            attempt: 1,
            committed: None,
            finding: None,
            touched: false,
            repairs: Vec::new(),
        }
    }
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The module refused the command: `ERROR` or `+CME ERROR`, without an FTPS error code.
    #[error("the module refused the command{}", Detail(.0))]
    Refused(Option<ErrorCode>),
    /// The module reported an error code.
    #[error("the module reported {0}")]
    Reported(ErrCode),
    /// An answer did not come in time.
    #[error("no {0} in time")]
    Timeout(Awaited),
    /// An answer came that the command cannot have.
    #[error("unexpected answer: {0}")]
    OutOfOrder(String),
    /// What came was not a line.
    #[error("garbage on the line")]
    Garbled,
    /// The module restarted.
    #[error("the module restarted")]
    Rebooted,
    /// The port was lost.
    #[error("the port was lost")]
    PortLost,
    /// The module announced that the connection to the server is gone.
    #[error("the connection to the server was closed")]
    Disconnected,
    /// The data connection of the module to the network went down.
    #[error("the module lost its data connection to the network")]
    NetworkLost,
    /// The SIM is missing.
    #[error("there is no SIM")]
    SimMissing,
    /// The SIM asks for a PIN or PUK.
    #[error("the SIM is locked")]
    SimLocked,
    /// The module is not registered with a network.
    #[error("not registered with a network")]
    NotRegistered,
    /// The caller cancelled, or has gone.
    #[error("cancelled")]
    Cancelled(Ending),
    /// The source of an upload closed before its end.
    #[error("the source ended before it was complete")]
    SourceGone,
    /// The source of an upload does not hold bytes any more that would have to be sent again.
    #[error("the source does not hold the beginning any more")]
    SourceForgotten,
    /// The source of an upload sent nothing for too long.
    #[error("the source sent nothing for too long")]
    SourceStalled,
    /// The receiver of a download took nothing for too long.
    #[error("the receiver took nothing for too long")]
    ReceiverStalled,
    /// The name exists, and the caller asked not to touch an existing file.
    #[error("the name exists")]
    Exists,
    /// The module does not hold the file, or has no such directory or drive.
    #[error("the module has no such file or directory")]
    NotOnModule,
    /// The drive of the module has too little room.
    #[error("the file of {size} bytes does not fit: {free} bytes are free on the drive")]
    DriveFull {
        /// Bytes of the file.
        size: u64,
        /// Bytes free on the drive.
        free: u64,
    },
    /// The sizes before and after do not agree.
    #[error("the size is {found} bytes, not {expected}")]
    SizeMismatch {
        /// Bytes that there should be.
        expected: u64,
        /// Bytes that there are.
        found: u64,
    },
    /// The file on the server is not the one that the transfer began with.
    #[error("the file on the server is another one now")]
    SourceChanged,
    /// More bytes would be moved than the operation may move.
    #[error("{size} bytes are to be moved, and {limit} are allowed")]
    OverLimit {
        /// Bytes to be moved.
        size: u64,
        /// Bytes that may be moved.
        limit: u64,
    },
    /// The answer may be a size or an error code, and the listing does not tell which.
    #[error("the module answered {0}, which may be a size or an error code")]
    Undecided(u64),
    /// The server prints listings in an unknown form, so that a name cannot be looked for. This is one
    /// line, without characters that a terminal obeys.
    #[error("the server's listing could not be read, for example this line: {0}")]
    ListingUnread(String),
    /// The module does not take this value.
    #[error("the value {0}")]
    Unsuitable(#[source] ValueError),
}

/// What an inquiry into a failure found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// The parent directory does not list the name.
    NameAbsent,
    /// The parent directory lists the name.
    NamePresent,
    /// The parent directory does not exist: the directory above does not list it.
    DirectoryAbsent,
    /// A file is still on the server: deleting the partial file failed, or nothing could prove that the
    /// file is this upload's.
    LeftBehind,
}

/// How far an operation had come when it failed.
#[derive(Debug, IntoStaticStr, Clone, Copy, PartialEq, Eq, Hash)]
#[strum(serialize_all = "lowercase")]
pub enum Stage {
    /// The module or its port.
    Device,
    /// The SIM.
    Sim,
    /// Registration and the data connection to the network.
    Network,
    /// Name resolution.
    Dns,
    /// Connecting to the server.
    Tcp,
    /// The TLS handshake.
    Tls,
    /// User name and password.
    Login,
    /// Names and directories.
    Directory,
    /// The data connection.
    Data,
    /// Checking the result.
    Commit,
}

impl Stage {
    /// The name in error details.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// What did not come in time.
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq)]
#[strum(serialize_all = "lowercase")]
pub enum Awaited {
    /// `OK`, after the result or without it.
    #[strum(to_string = "final result code")]
    FinalCode,
    /// The result, after `OK`.
    Result,
    /// The prompt for data.
    Prompt,
    /// The next bytes of a transfer.
    Data,
    /// The rest of a counted block.
    #[strum(to_string = "rest of a data block")]
    Block,
    /// Room for more bytes on the port.
    #[strum(to_string = "room on the port")]
    PortWrite,
}

/// How a cancelled operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The operation had not reached the module.
    BeforeItBegan,
    /// The rest was taken from the module and thrown away, or the upload was closed where it was.
    Drained,
    /// `AT+CFTPSABORT` (SIMCom manual L1218).
    Aborted,
}

struct Prefix(Option<CommandName>);

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(command) => write!(f, "{command}: "),
            None => Ok(()),
        }
    }
}

struct Detail<'a>(&'a Option<ErrorCode>);

impl fmt::Display for Detail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(code) => write!(f, ": {code}"),
            None => Ok(()),
        }
    }
}
