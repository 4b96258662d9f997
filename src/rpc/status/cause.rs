//! The table of the broker's causes and what each means to a client. The match has no `_`: a new cause does not
//! compile until somebody has decided what it means.

use std::io;

use tonic::Code;
use tonic_types::FieldViolation;

use super::meaning::{Meaning, RETRY};
use crate::broker::disk::is_short_of_descriptors;
use crate::broker::terms::Cause;
use crate::broker::terms::{Exhausted, Trouble};
use crate::proto::Reason;

impl Meaning {
    /// What a cause means.
    pub(super) fn of_cause(cause: &Cause) -> Self {
        match cause {
            Cause::QueueFull { retry_after, .. } => Self {
                retry: Some(*retry_after),
                ..Self::new(Code::ResourceExhausted, Reason::QueueFull, "")
            },
            Cause::TooManySessions { own } => Self::full(
                *own,
                Reason::TooManySessions,
                "close sessions that are no longer used",
            ),
            // The services answer the first with success.
            Cause::OnlyValidated | Cause::WrongAnswer => Self::new(
                Code::Internal,
                Reason::WrongAnswer,
                "this is a defect of cellftpd",
            ),
            Cause::RequestIdUsed => Self::new(
                Code::AlreadyExists,
                Reason::RequestIdUsed,
                "give this one another, or send the first again as it was",
            ),
            Cause::RequestRunning => Self {
                retry: Some(RETRY),
                ..Self::new(
                    Code::Aborted,
                    Reason::RequestRunning,
                    "GetOperation tells how far it is; send the request again to have its answer",
                )
            },
            Cause::TooManyWatchers { own } => Self::full(
                *own,
                Reason::TooManyWatchers,
                "one WatchEvents tells everything; end those that nobody reads",
            ),
            Cause::DataBudget(exceeded) => Self {
                retry: exceeded.retry_after,
                ..Self::new(
                    Code::ResourceExhausted,
                    Reason::DataBudget,
                    "the daemon's configuration sets this limit; GetUsage tells what was used",
                )
            },
            Cause::Expired => Self::new(Code::DeadlineExceeded, Reason::DeadlinePassed, ""),
            Cause::Stopping => Self::stopping(),
            Cause::ReaderTooSlow => Self::reader_too_slow(),
            Cause::WriterTooSlow => Self::writer_too_slow(),
            Cause::ProfileNotFound(_) => Self::new(
                Code::NotFound,
                Reason::ProfileNotFound,
                "profiles are the [servers.NAME] sections of the daemon's configuration",
            ),
            Cause::ProfileNotAllowed { .. } => Self::new(
                Code::PermissionDenied,
                Reason::ProfileNotAllowed,
                "access.NAME of the daemon's configuration says who may use it",
            ),
            Cause::SessionNotFound => Self::new(
                Code::NotFound,
                Reason::SessionNotFound,
                "it was closed, its lease ran out, or it belongs to someone else; open a new one",
            ),
            Cause::OperationNotFound => Self::new(
                Code::NotFound,
                Reason::OperationNotFound,
                "it has ended, never was, or belongs to someone else",
            ),
            Cause::TransfersOff => Self::new(
                Code::FailedPrecondition,
                Reason::TransfersOff,
                "set durable.directory in its configuration, and make the directory",
            ),
            Cause::TransferNotFound => Self::new(
                Code::NotFound,
                Reason::TransferNotFound,
                "it was deleted, grew old, never was, belongs to someone else, or was lost with a damaged \
                 store, of which GetStatus tells",
            ),
            Cause::TransferExists => Self::new(
                Code::AlreadyExists,
                Reason::TransferExists,
                "choose another, or send the same header to have the same transfer",
            ),
            Cause::TransferBusy => Self {
                retry: Some(RETRY),
                ..Self::new(Code::Aborted, Reason::TransferBusy, "")
            },
            Cause::TooManyTransfers { own } => Self::full(
                *own,
                Reason::TooManyTransfers,
                "delete those that are no longer needed",
            ),
            Cause::SpoolFull { .. } => Self {
                retry: Some(RETRY),
                ..Self::new(
                    Code::ResourceExhausted,
                    Reason::SpoolFull,
                    "wait until some are delivered, or delete those that are no longer needed",
                )
            },
            Cause::WrongState(_) => Self::new(Code::FailedPrecondition, Reason::WrongState, ""),
            Cause::WrongOffset { .. } => Self::new(Code::OutOfRange, Reason::WrongOffset, ""),
            Cause::SourceChanged => Self::new(Code::Aborted, Reason::SourceChanged, ""),
            Cause::NameTaken(_) => Self::new(
                Code::Aborted,
                Reason::NameTakenOver,
                "send it again if it is the one that should be there",
            ),
            Cause::NameBusy(_) => Self::new(
                Code::AlreadyExists,
                Reason::AlreadyExists,
                "try again when that one has ended",
            ),
            Cause::TransferEnded => Self::new(Code::Aborted, Reason::TransferEnded, ""),
            Cause::GaveUp { exhausted, .. } => Self::new(
                Code::Aborted,
                match exhausted {
                    Exhausted::Attempts => Reason::GaveUpAttempts,
                    Exhausted::Time => Reason::GaveUpTime,
                    Exhausted::Bytes => Reason::GaveUpBytes,
                },
                "",
            ),
            Cause::TransferExpired(_) => Self::new(
                Code::DeadlineExceeded,
                Reason::Expired,
                "RetryTransfer tries it again and gives it the same time anew",
            ),
            Cause::Interrupted => Self::new(Code::Unavailable, Reason::Interrupted, ""),
            Cause::SpoolLost => Self::new(Code::DataLoss, Reason::SpoolLost, ""),
            Cause::Unverified { .. } => Self::new(
                Code::Aborted,
                Reason::Unverified,
                "it was left where it is; VERIFY_BEST_EFFORT accepts this",
            ),
            Cause::Indeterminate => Self::new(Code::Unknown, Reason::Indeterminate, ""),
            Cause::SentinelUnknown => Self::new(Code::Unknown, Reason::SentinelIndeterminate, ""),
            Cause::InlineNotAllowed => Self::new(
                Code::PermissionDenied,
                Reason::InlineServersDisabled,
                "use a profile of the daemon's configuration, or set \
                 transfers.allow_inline_servers there",
            ),
            Cause::AtCommandsNotAllowed => Self::new(
                Code::PermissionDenied,
                Reason::AtCommandsDisabled,
                "they need module.allow_at_commands in the daemon's configuration",
            ),
            Cause::InvalidPath(rule) => Self {
                field: Some(FieldViolation::new("path", rule.to_string())),
                ..Self::new(Code::InvalidArgument, Reason::InvalidFields, "")
            },
            Cause::OwnSentinel => Self {
                field: Some(FieldViolation::new(
                    "header.sentinel",
                    "names the file itself, which it would replace",
                )),
                ..Self::new(Code::InvalidArgument, Reason::InvalidFields, "name another")
            },
            Cause::DirectoryNotEmpty => Self::new(
                Code::FailedPrecondition,
                Reason::DirectoryNotEmpty,
                "delete what is in it first",
            ),
            Cause::NotADirectory => Self::new(
                Code::FailedPrecondition,
                Reason::NotADirectory,
                "DeleteFile deletes a file or a link",
            ),
            Cause::NotAddressable(_) => Self::new(
                Code::FailedPrecondition,
                Reason::NotAddressable,
                "rename it on the server",
            ),
            Cause::TreeIncomplete { .. } => Self::new(Code::Aborted, Reason::TreeIncomplete, ""),
            Cause::TreeTooLarge => Self::new(
                Code::ResourceExhausted,
                Reason::TreeTooLarge,
                "take it in parts",
            ),
            Cause::RootOfTree => Self {
                field: Some(FieldViolation::new(
                    "path",
                    "names a root or a place to stand in; name a directory by its own name",
                )),
                ..Self::new(Code::InvalidArgument, Reason::InvalidFields, "")
            },
            Cause::NoVerifyInAscii => Self {
                field: Some(FieldViolation::new(
                    "header.verify",
                    "cannot be met in an ASCII session, which takes NONE and BEST_EFFORT",
                )),
                ..Self::new(Code::InvalidArgument, Reason::InvalidFields, "")
            },
            Cause::UnusableDirectory(_) => {
                Self::new(Code::FailedPrecondition, Reason::UnusableDirectory, "")
            }
            Cause::SizeMismatch { .. } => Self::new(Code::Aborted, Reason::SizeMismatch, ""),
            Cause::HashMismatch(_) => Self::new(Code::Aborted, Reason::HashMismatch, ""),
            Cause::Cancelled(_) => Self::new(Code::Cancelled, Reason::Cancelled, ""),
            Cause::Spool(error) => Self::of_spool(error),
            Cause::Store(trouble) => Self::of_store(trouble),
            Cause::RecordDamaged => Self::new(
                Code::DataLoss,
                Reason::RecordDamaged,
                "look at what the server has; RetryTransfer tries it again, from the bytes that are kept",
            ),
            Cause::Modem(error) => Self::of_modem(error),
        }
    }

    fn of_spool(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self {
                retry: Some(RETRY),
                ..Self::new(
                    Code::ResourceExhausted,
                    Reason::SpoolFull,
                    "the daemon's disk is full",
                )
            },
            io::ErrorKind::ReadOnlyFilesystem => Self::new(
                Code::FailedPrecondition,
                Reason::SpoolReadOnly,
                "the daemon's disk is read-only",
            ),
            _ if is_short_of_descriptors(error) => Self::too_many_files(),
            _ => Self::new(Code::Internal, Reason::SpoolFailed, ""),
        }
    }

    fn of_store(trouble: &Trouble) -> Self {
        match trouble {
            Trouble::Damaged { .. } => Self::new(
                Code::FailedPrecondition,
                Reason::StoreDamaged,
                "nothing of it was thrown away; the daemon's log says what to do",
            ),
            Trouble::Newer { .. } => Self::new(
                Code::FailedPrecondition,
                Reason::StoreNewer,
                "run that later version of cellftpd again",
            ),
            Trouble::Unreadable(_) => Self::unavailable(
                Reason::StoreUnreadable,
                "it is tried again within a minute; the daemon's log says what to do",
            ),
            Trouble::Replaced => Self::new(
                Code::FailedPrecondition,
                Reason::StoreReplaced,
                "put it back where it was, or restart the daemon",
            ),
        }
    }
}
