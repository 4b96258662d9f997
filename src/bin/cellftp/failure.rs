//! Why a run failed, and which exit code that has.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use crate::exit::{PIPE, local_number, refusal_number};
use cellftp::client::{Code, Error, Refusal};

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line does not say enough.
    #[error("{0}")]
    Usage(String),
    /// The local file exists and must not be overwritten.
    #[error("{0} exists")]
    Exists(String),
    /// The local file cannot be opened, created or renamed.
    #[error("{path}: {source}")]
    Local {
        /// The file.
        path: String,
        #[source]
        source: io::Error,
    },
    /// The output cannot be written.
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
    /// The system refuses what every program needs.
    #[error("cannot start: {0}")]
    Start(#[source] io::Error),
    /// The call failed.
    #[error(transparent)]
    Call(#[from] Error),
    /// The call failed for one path among several.
    #[error("{path}: {source}")]
    For {
        /// The path on the server.
        path: String,
        #[source]
        source: Error,
    },
    /// A directory has the name where a file was meant.
    #[error("{path}: is a directory")]
    Directory {
        /// The name.
        path: String,
        /// Where: a profile, or `here`.
        place: String,
        /// What the person can write instead.
        instead: &'static str,
    },
    /// The files here and there do not fit together.
    #[error("{0}")]
    Other(String),
    /// Something was left as it is, because to change it could lose what somebody wants.
    #[error("{path}: {why}")]
    Left {
        /// The name.
        path: String,
        /// What could be lost, and what to do.
        why: String,
    },
    /// A name of the server is not there.
    #[error("{0}")]
    Absent(String),
    /// Some of several files failed. Each was told when it failed.
    #[error("{failed} of {all} failed")]
    Some {
        /// Those that failed.
        failed: usize,
        /// All of them.
        all: usize,
        /// Exit code: theirs where they have one, else 1.
        number: u8,
    },
    /// The transfer that was waited for was cancelled.
    #[error("{id}: the transfer was cancelled")]
    Cancelled {
        /// Of the transfer.
        id: String,
    },
    /// The daemon answers, and what was asked for does not serve now.
    #[error("{0}")]
    NotServing(String),
    /// Ctrl-C, or a signal of another program.
    #[error("cancelled{0}")]
    Interrupted(&'static str),
}

impl Failure {
    /// A local file that cannot be opened, created or renamed.
    pub(crate) fn local(path: &Path, source: io::Error) -> Self {
        Self::Local {
            path: path.display().to_string(),
            source,
        }
    }

    /// Something that is left as it is.
    pub(crate) fn left(path: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Left {
            path: path.into(),
            why: why.into(),
        }
    }

    /// The code that [`crate::exit::HELP`] promises.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.number())
    }

    /// The exit code.
    pub(crate) fn number(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Some { number, .. } => *number,
            Self::Absent(_) => 3,
            Self::NotServing(_) => 5,
            Self::Other(_) => 7,
            Self::Directory { .. } => 4,
            Self::Local { source, .. } => local_number(source),
            Self::Interrupted(_) | Self::Cancelled { .. } => 8,
            Self::Output(source) if source.kind() == io::ErrorKind::BrokenPipe => PIPE,
            Self::Exists(_) | Self::Left { .. } | Self::Output(_) | Self::Start(_) => 1,
            Self::Call(error) | Self::For { source: error, .. } => match error {
                Error::Address { .. } | Error::Credentials(_) => 2,
                Error::Connect { .. } | Error::Closed | Error::Lost { .. } => 5,
                Error::Certificate { .. } => 4,
                Error::Timeout(_) => 6,
                Error::Mismatch { .. } => 7,
                Error::Write(source) if source.kind() == io::ErrorKind::BrokenPipe => PIPE,
                Error::Read(source) | Error::Write(source) => local_number(source),
                // Commands with `--dry-run` handle the first before.
                Error::Validated | Error::Incomplete | Error::Protocol(_) => 1,
                Error::Refused(refusal) | Error::Unmet { refusal, .. } => refusal_number(refusal),
            },
        }
    }

    /// The daemon's word for programs; empty where there is none.
    pub(crate) fn reason(&self) -> &str {
        self.refusal().map_or("", |refusal| &refusal.reason)
    }

    /// Whether the other files of a command would fail for the same reason.
    pub(crate) fn ends_all(&self) -> bool {
        if matches!(self, Self::Local { .. }) {
            return false;
        }
        let of_all = matches!(
            self.reason(),
            "PROFILE_NOT_FOUND" | "PROFILE_NOT_ALLOWED" | "SESSION_NOT_FOUND" | "LOGIN_REFUSED"
        );
        of_all || matches!(self.number(), 5 | 6 | 8)
    }

    /// The daemon's error, where it is one.
    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Call(error) | Self::For { source: error, .. } => match error {
                Error::Refused(refusal) | Error::Unmet { refusal, .. } => Some(refusal),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The error that a message of the daemon tells.
pub(crate) fn told(failure: cellftp::client::Failure) -> Error {
    Error::Refused(Box::new(Refusal {
        code: Code::from_i32(failure.code),
        message: failure.message,
        reason: failure.reason,
        metadata: failure.metadata.into_iter().collect(),
        retry_after: None,
        violations: Vec::new(),
    }))
}
