//! Why an operation did not succeed, as far as those who share the link can tell.

use std::error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinError;

use super::put::PutResult;
use super::transfers::{Exhausted, Trouble};
use super::usage::Exceeded;
use crate::modem;
use crate::modem::JobId;
use simcom_talk::dialogue::failure::{self, Ending, Failure, Finding};
use simcom_talk::ftps::value::ValueError;

/// An operation that did not succeed.
#[derive(Debug, Clone)]
pub struct Error {
    /// What happened.
    pub cause: Cause,
    /// The operation; `None` where none was admitted.
    pub operation: Option<JobId>,
    /// Bytes known to have arrived: with the caller for a Get, on the server for a Put.
    pub committed: Option<u64>,
    /// A file is still on the server under the name: it could not be deleted, or could not be shown
    /// to be what the operation had written.
    pub left_behind: bool,
    /// What a Put has reached that is not as it was asked for: all bytes were handed over, and the file
    /// is left where it is.
    pub reached: Option<Box<PutResult>>,
}

impl Error {
    /// The error of an operation whose task ended without an answer: by a panic, or because
    /// the daemon is stopping.
    pub(super) fn lost(operation: &JobId, how: &JoinError) -> Self {
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
    /// What failed on the link, where that is the cause.
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

    /// The error code that the module reported, where that is the cause.
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
/// The failures of the module that mean one of these are turned into it; [`Cause::Modem`] holds
/// the rest.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Cause {
    /// No more operations are admitted now.
    #[error("{} full", scope(*.own, "operations"))]
    QueueFull {
        /// The bound of the caller's own principal was met, not the one of all together.
        own: bool,
        /// When a place may be free.
        retry_after: Duration,
    },
    /// No more sessions are opened now.
    #[error("{} full", scope(*.own, "sessions"))]
    TooManySessions {
        /// The bound of the caller's own principal was met, not the one of all together.
        own: bool,
    },
    /// Not a failure: the caller wished to know whether it would be admitted, and it would.
    #[error("the request was checked, and nothing of it was done")]
    OnlyValidated,
    /// The caller has given another request the same name.
    #[error("another request has this request_id")]
    RequestIdUsed,
    /// The request of this name still runs.
    #[error("the request with this request_id still runs")]
    RequestRunning,
    /// No more watchers are taken now.
    #[error("{} full", scope(*.own, "watchers"))]
    TooManyWatchers {
        /// The bound of the caller's own principal was met, not the one of all together.
        own: bool,
    },
    /// More would go over the air than the configuration allows.
    #[error("{0}")]
    DataBudget(Exceeded),
    /// The caller's deadline passed.
    #[error("the caller's deadline passed")]
    Expired,
    /// The daemon is stopping: the operation was not begun any more, or was broken off.
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
    /// Another transfer of the principal has the name.
    #[error("another transfer has this id")]
    TransferExists,
    /// Somebody else sends or changes the transfer now.
    #[error("another call is at work on the transfer")]
    TransferBusy,
    /// No more transfers are kept.
    #[error("{} full", scope(*.own, "transfers"))]
    TooManyTransfers {
        /// The bound of the caller's own principal was met, not the one of all together.
        own: bool,
    },
    /// The files of transfers take all that they may.
    #[error("the files of {} take all the room that they may", whose(*.own))]
    SpoolFull {
        /// The bound of the caller's own principal was met, not the one of all together.
        own: bool,
    },
    /// The transfer is in a state in which this cannot be done.
    #[error("the transfer is {0}")]
    WrongState(&'static str),
    /// The bytes do not go on there.
    #[error("there are {committed} bytes")]
    WrongOffset {
        /// Bytes it has.
        committed: u64,
    },
    /// The file on the server is another one than before.
    #[error("the file on the server has changed")]
    SourceChanged,
    /// Another operation has written or deleted the file that an upload had begun.
    #[error("{0}: another operation wrote or deleted this file since; this upload does not go on")]
    NameTaken(String),
    /// Another upload of this daemon has begun to write a file that is to be new, and has not ended.
    #[error("{0}: another upload of this daemon has begun to write this file")]
    NameBusy(String),
    /// The transfer ended before it was whole.
    #[error("the transfer failed or was cancelled before it was whole")]
    TransferEnded,
    /// What the attempts of a transfer may cost was used up.
    #[error("given up, since all {exhausted} were used up{}", after(.last))]
    GaveUp {
        /// What was used up.
        exhausted: Exhausted,
        /// The error of the last attempt; may be empty.
        last: String,
    },
    /// The time that a transfer had was over.
    #[error("the transfer expired: its lifetime of {} s passed before it was done", .0.as_secs_f64())]
    TransferExpired(Duration),
    /// The daemon ended while it was under way.
    #[error("the daemon ended in the middle of an attempt")]
    Interrupted,
    /// The bytes of a transfer are no longer on the disk.
    #[error("the bytes are no longer on the daemon's disk")]
    SpoolLost,
    /// The module reported success, and nothing could confirm it as it was asked for.
    #[error("the module reported success, and the server does not let it be verified: {evidence}")]
    Unverified {
        /// What is known, in words.
        evidence: String,
    },
    /// All was sent, the outcome was lost, and the server does not tell.
    #[error("the outcome was lost, and the server does not tell")]
    Indeterminate,
    /// The file is there; the outcome of its sentinel was lost, and the server does not tell.
    #[error(
        "the outcome of the sentinel was lost, and the server does not tell; the file is there"
    )]
    SentinelUnknown,
    /// The configuration does not allow servers named by callers.
    #[error("servers named in a request are not allowed")]
    InlineNotAllowed,
    /// A line for the module, and the configuration forbids them.
    #[error("lines of callers are not passed on to the module")]
    AtCommandsNotAllowed,
    /// The path, read from the session's directory, breaks a rule.
    #[error("the path {0}")]
    InvalidPath(#[source] ValueError),
    /// The sentinel of a file is that file, once the session's directory is known.
    #[error("the sentinel is the file itself, which it would replace")]
    OwnSentinel,
    /// A directory that is to be removed holds something.
    #[error("the directory is not empty")]
    DirectoryNotEmpty,
    /// A directory is wanted, and the name is a file or a link.
    #[error("it is no directory")]
    NotADirectory,
    /// A tree that is to be removed begins with a root, or with the directory that somebody stands in.
    #[error("a tree is removed by its name, and this names a root or a place to stand in")]
    RootOfTree,
    /// A name in a listing that cannot be given in a command.
    #[error("{0:?}: no command of this module can say this name as the server prints it")]
    NotAddressable(String),
    /// A tree has more directories, or more of them in one another, than are kept in mind.
    #[error("the tree has too many directories, or too many in one another")]
    TreeTooLarge,
    /// Parts of a tree were not reached or not removed; each was told.
    #[error("{failed} names of the tree failed, and each was told")]
    TreeIncomplete {
        /// How many.
        failed: u64,
    },
    /// A verification that ASCII transfers do not have: line ends may be rewritten on the way, so that
    /// neither sizes nor bytes compare (RFC 3659 §4.1).
    #[error("in an ASCII session neither sizes nor bytes compare")]
    NoVerifyInAscii,
    /// The server named its directory in a way that no later command could carry.
    #[error("the server's name of the directory {0}")]
    UnusableDirectory(#[source] ValueError),
    /// Sizes that must agree do not.
    #[error("the size is {found} bytes, not {expected}")]
    SizeMismatch {
        /// Bytes there should be.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// The bytes do not have the SHA-256 that they should have.
    #[error("the SHA-256 of {0} does not agree")]
    HashMismatch(Hashed),
    /// The operation was cancelled by call.
    #[error("cancelled")]
    Cancelled(Ending),
    /// The spool failed.
    #[error("the spool failed")]
    Spool(#[source] Arc<io::Error>),
    /// The store of transfers cannot be used.
    #[error(transparent)]
    Store(Trouble),
    /// What was last known of a transfer was damaged on the disk. An older state of it is known.
    #[error(
        "the record of the transfer was damaged on the daemon's disk, and an older one is known"
    )]
    RecordDamaged,
    /// The module, or the one who owns its port, failed.
    #[error(transparent)]
    Modem(Box<modem::Error>),
    /// An answer that cannot be: of another kind than the task has, or none at all.
    #[error("no right answer came, which is a defect of this program")]
    WrongAnswer,
}

impl Cause {
    /// Whether the caller ended the operation, by wish or by its deadline.
    pub(super) const fn is_the_callers(&self) -> bool {
        matches!(self, Self::Cancelled(_) | Self::Expired)
    }
}

/// Which bytes a hash was taken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hashed {
    /// What the caller sent, against what the caller said.
    Sent,
    /// What was read back from the server, against what the caller sent.
    ReadBack,
}

impl fmt::Display for Hashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sent => "the bytes that were sent",
            Self::ReadBack => "the bytes that were read back",
        })
    }
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
