//! Why an operation did not succeed, at the level of the shared link.

use std::sync::Arc;
use std::time::Duration;
use std::{error, fmt, io};

use tokio::task::JoinError;

use crate::broker::terms::{Exceeded, Exhausted, PutResult, Trouble};
use crate::modem::{self, JobId};
use simcom_talk::dialogue::failure::{self, Ending, Failure, Finding};
use simcom_talk::ftps::value::ValueError;

/// An operation that did not succeed.
#[derive(Debug, Clone)]
pub struct Error {
    /// What happened.
    pub cause: Cause,
    /// The operation; `None` where the daemon admitted none.
    pub operation: Option<JobId>,
    /// Bytes known to have arrived: with the caller for a Get, on the server for a Put.
    pub committed: Option<u64>,
    /// A file is still on the server under the name: the daemon could not delete it, or could not
    /// show that this operation wrote it.
    pub left_behind: bool,
    /// The result of a Put that does not meet the request: the module took all bytes, and the
    /// daemon leaves the file in place.
    pub reached: Option<Box<PutResult>>,
}

impl Error {
    /// The error of an operation whose task ended without an answer: by a panic, or because
    /// the daemon is stopping.
    pub(crate) fn lost(operation: &JobId, how: &JoinError) -> Self {
        let cause = if how.is_panic() {
            Cause::WrongAnswer
        } else {
            Cause::Modem(Box::new(modem::Error::Stopping))
        };
        Self {
            operation: Some(operation.clone()),
            ..cause.into()
        }
    }
}

impl Error {
    /// The failure on the link, if that is the cause.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        let Cause::Modem(error) = &self.cause else {
            return None;
        };
        match error.as_ref() {
            modem::Error::Failed(failure) | modem::Error::NotReady(failure) => Some(failure),
            _ => None,
        }
    }

    /// The error code that the module reported, if that is the cause.
    #[must_use]
    pub fn errcode(&self) -> Option<u16> {
        match self.failure()?.cause {
            failure::Cause::Reported(code) => Some(code.get()),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.cause.source()
    }
}

impl From<Cause> for Error {
    fn from(cause: Cause) -> Self {
        Self {
            cause,
            operation: None,
            committed: None,
            left_behind: false,
            reached: None,
        }
    }
}

impl From<modem::Error> for Error {
    fn from(error: modem::Error) -> Self {
        let modem::Error::Failed(failure) = &error else {
            return Cause::Modem(Box::new(error)).into();
        };
        let (committed, finding) = (failure.committed, failure.finding);
        let cause = match failure.cause {
            failure::Cause::Cancelled(ending) => Cause::Cancelled(ending),
            failure::Cause::ReceiverStalled => Cause::ReaderTooSlow,
            failure::Cause::SourceStalled => Cause::WriterTooSlow,
            failure::Cause::SizeMismatch { expected, found } => {
                Cause::SizeMismatch { expected, found }
            }
            _ => Cause::Modem(Box::new(error)),
        };
        let left_behind = finding == Some(Finding::LeftBehind);
        Self {
            committed,
            left_behind,
            ..cause.into()
        }
    }
}

/// What went wrong.
///
/// A failure of the module that means one of these causes becomes that cause; [`Cause::Modem`]
/// holds all other failures.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Cause {
    /// The queue of operations is full.
    #[error("{} full", scope(*.own, "operations"))]
    QueueFull {
        /// The principal's own bound was met, not the one of all principals together.
        own: bool,
        /// When the caller may try again.
        retry_after: Duration,
    },
    /// The table of sessions is full.
    #[error("{} full", scope(*.own, "sessions"))]
    TooManySessions {
        /// The principal's own bound was met, not the one of all principals together.
        own: bool,
    },
    /// Not a failure: the caller asked only whether the daemon would admit the request, and it
    /// would.
    #[error("the request was checked, and nothing of it was done")]
    OnlyValidated,
    /// The caller has given another request the same name.
    #[error("another request has this request_id")]
    RequestIdUsed,
    /// The request of this name is still running.
    #[error("the request with this request_id still runs")]
    RequestRunning,
    /// The table of watchers is full.
    #[error("{} full", scope(*.own, "watchers"))]
    TooManyWatchers {
        /// The principal's own bound was met, not the one of all principals together.
        own: bool,
    },
    /// More would go over the air than the configuration allows.
    #[error("{0}")]
    DataBudget(Exceeded),
    /// The caller's deadline passed.
    #[error("the caller's deadline passed")]
    Expired,
    /// The daemon is stopping: it did not begin the operation, or broke it off.
    #[error("the daemon is stopping")]
    Stopping,
    /// The caller stopped reading.
    #[error("the caller stopped reading")]
    ReaderTooSlow,
    /// The caller stopped sending.
    #[error("the caller stopped sending")]
    WriterTooSlow,
    /// The configuration has no such server profile.
    #[error("there is no server profile {0:?}")]
    ProfileNotFound(String),
    /// The principal may not use the profile for this.
    #[error("the server profile {profile:?} may not be used by this client for {method}")]
    ProfileNotAllowed {
        /// Its name.
        profile: String,
        /// The method.
        method: &'static str,
    },
    /// There is no such session, its lease ran out, or it is another principal's.
    #[error("there is no such session")]
    SessionNotFound,
    /// The operation has ended, never was, or is another principal's.
    #[error("there is no such operation")]
    OperationNotFound,
    /// This daemon keeps no transfers.
    #[error("this daemon keeps no transfers")]
    TransfersOff,
    /// There is no such transfer, or it is another principal's.
    #[error("there is no such transfer")]
    TransferNotFound,
    /// Another transfer of the principal has this id.
    #[error("another transfer has this id")]
    TransferExists,
    /// Another call sends or changes the transfer now.
    #[error("another call is at work on the transfer")]
    TransferBusy,
    /// The table of transfers is full.
    #[error("{} full", scope(*.own, "transfers"))]
    TooManyTransfers {
        /// The principal's own bound was met, not the one of all principals together.
        own: bool,
    },
    /// The files of transfers fill the space that the configuration allows them.
    #[error("the files of {} take all the room that they may", whose(*.own))]
    SpoolFull {
        /// The principal's own bound was met, not the one of all principals together.
        own: bool,
    },
    /// The state of the transfer does not allow this.
    #[error("the transfer is {0}")]
    WrongState(&'static str),
    /// The caller's next byte does not follow the last byte of the transfer.
    #[error("there are {committed} bytes")]
    WrongOffset {
        /// Bytes that the transfer has.
        committed: u64,
    },
    /// The file on the server has changed since the transfer began.
    #[error("the file on the server has changed")]
    SourceChanged,
    /// Another operation wrote or deleted the file that this upload had begun.
    #[error("{0}: another operation wrote or deleted this file since; this upload does not go on")]
    NameTaken(String),
    /// Another upload of this daemon began to write a file that must be new, and has not ended.
    #[error("{0}: another upload of this daemon has begun to write this file")]
    NameBusy(String),
    /// The transfer ended before all its bytes were there.
    #[error("the transfer failed or was cancelled before it was whole")]
    TransferEnded,
    /// The attempts of a transfer used up its budget.
    #[error("given up, since all {exhausted} were used up{}", after(.last))]
    GaveUp {
        /// The part of the budget that was used up.
        exhausted: Exhausted,
        /// The error of the last attempt; may be empty.
        last: String,
    },
    /// The transfer's lifetime passed.
    #[error("the transfer expired: its lifetime of {} s passed before it was done", .0.as_secs_f64())]
    TransferExpired(Duration),
    /// The daemon ended during the operation.
    #[error("the daemon ended in the middle of an attempt")]
    Interrupted,
    /// The bytes of a transfer are no longer on the disk.
    #[error("the bytes are no longer on the daemon's disk")]
    SpoolLost,
    /// The module reported success, and nothing could confirm it in the way that the caller asked
    /// for.
    #[error("the module reported success, and the server does not let it be verified: {evidence}")]
    Unverified {
        /// The evidence, in words.
        evidence: String,
    },
    /// The caller sent all bytes, the module's outcome was lost, and the server does not tell.
    #[error("the outcome was lost, and the server does not tell")]
    Indeterminate,
    /// The file is there; the outcome of its sentinel was lost, and the server does not tell.
    #[error(
        "the outcome of the sentinel was lost, and the server does not tell; the file is there"
    )]
    SentinelUnknown,
    /// The configuration does not allow a caller to name a server.
    #[error("servers named in a request are not allowed")]
    InlineNotAllowed,
    /// The caller sent an AT command, and the configuration forbids that.
    #[error("lines of callers are not passed on to the module")]
    AtCommandsNotAllowed,
    /// The path, relative to the session's directory, breaks a rule.
    #[error("the path {0}")]
    InvalidPath(#[source] ValueError),
    /// Relative to the session's directory, the sentinel and the file have the same path.
    #[error("the sentinel is the file itself, which it would replace")]
    OwnSentinel,
    /// The directory to remove is not empty.
    #[error("the directory is not empty")]
    DirectoryNotEmpty,
    /// The operation needs a directory, and the name is a file or a symlink.
    #[error("it is no directory")]
    NotADirectory,
    /// The path of the tree to remove is a root directory or the current directory.
    #[error("a tree is removed by its name, and this names a root or a place to stand in")]
    RootOfTree,
    /// No command can carry this name of a listing.
    #[error("{0:?}: no command of this module can say this name as the server prints it")]
    NotAddressable(String),
    /// The tree has more directories, or deeper ones, than the walk keeps in memory.
    #[error("the tree has too many directories, or too many in one another")]
    TreeTooLarge,
    /// The operation did not reach or remove parts of the tree; it reported each of them.
    #[error("{failed} names of the tree failed, and each was told")]
    TreeIncomplete {
        /// Number of these names.
        failed: u64,
    },
    /// The verification does not exist for ASCII transfers: a server may rewrite line ends, so
    /// neither sizes nor bytes compare (RFC 3659 §4.1).
    #[error("in an ASCII session neither sizes nor bytes compare")]
    NoVerifyInAscii,
    /// The server named its directory with characters that no later command can carry.
    #[error("the server's name of the directory {0}")]
    UnusableDirectory(#[source] ValueError),
    /// Two sizes that must agree differ.
    #[error("the size is {found} bytes, not {expected}")]
    SizeMismatch {
        /// Expected bytes.
        expected: u64,
        /// Bytes found.
        found: u64,
    },
    /// The SHA-256 of the bytes is not the expected one.
    #[error("the SHA-256 of {0} does not agree")]
    HashMismatch(Hashed),
    /// A call cancelled the operation.
    #[error("cancelled")]
    Cancelled(Ending),
    /// The spool failed.
    #[error("the spool failed")]
    Spool(#[source] Arc<io::Error>),
    /// The store of transfers cannot be used.
    #[error(transparent)]
    Store(Trouble),
    /// The last record of the transfer was damaged on the disk. The daemon knows an older one.
    #[error(
        "the record of the transfer was damaged on the daemon's disk, and an older one is known"
    )]
    RecordDamaged,
    /// The module or the actor of its port failed.
    #[error(transparent)]
    Modem(Box<modem::Error>),
    /// A defect: the answer is of another kind than the task, or there is none.
    #[error("no right answer came, which is a defect of this program")]
    WrongAnswer,
}

impl Cause {
    /// Whether the caller ended the operation, by cancelling it or by its deadline.
    pub(crate) const fn is_the_callers(&self) -> bool {
        matches!(self, Self::Cancelled(_) | Self::Expired)
    }
}

/// The bytes that a hash covers.
#[derive(Debug, strum::Display, Clone, Copy, PartialEq, Eq)]
pub enum Hashed {
    /// What the caller sent, against what the caller said.
    #[strum(to_string = "the bytes that were sent")]
    Sent,
    /// What was read back from the server, against what the caller sent.
    #[strum(to_string = "the bytes that were read back")]
    ReadBack,
}

fn after(last: &str) -> String {
    if last.is_empty() {
        String::new()
    } else {
        format!("; the last attempt: {last}")
    }
}

const fn whose(own: bool) -> &'static str {
    if own {
        "the caller's transfers"
    } else {
        "transfers"
    }
}

fn scope(own: bool, what: &str) -> String {
    if own {
        format!("the caller's share of {what} is")
    } else {
        format!("the {what} are")
    }
}
