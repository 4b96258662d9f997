//! The table of the broker's causes and what each means to a client. The match has no `_`: a new cause does not
//! compile until somebody has decided what it means.

use std::io;

use tonic_types::FieldViolation;

use super::meaning::{Meaning, RETRY};
use crate::broker::disk::is_short_of_descriptors;
use crate::broker::terms::{Cause, Exhausted, Trouble};
use crate::proto::Reason;

impl Meaning {
    /// What a cause means.
    pub(super) fn of_cause(cause: &Cause) -> Self {
        match cause {
            Cause::QueueFull { retry_after, .. } => Self {
                retry: Some(*retry_after),
                ..Self::new(Reason::QueueFull, "")
            },
            Cause::TooManySessions { own } => Self::full(
                *own,
                Reason::TooManySessions,
                "close sessions that are no longer used",
            ),
            // The services answer the first with success.
            Cause::OnlyValidated | Cause::WrongAnswer => {
                Self::new(Reason::WrongAnswer, "this is a defect of cellftpd")
            }
            Cause::RequestIdUsed => Self::new(
                Reason::RequestIdUsed,
                "give this one another, or send the first again as it was",
            ),
            Cause::RequestRunning => Self {
                retry: Some(RETRY),
                ..Self::new(
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
                    Reason::DataBudget,
                    "the daemon's configuration sets this limit; GetUsage tells what was used",
                )
            },
            Cause::Expired => Self::new(Reason::DeadlinePassed, ""),
            Cause::Stopping => Self::stopping(),
            Cause::ReaderTooSlow => Self::reader_too_slow(),
            Cause::WriterTooSlow => Self::writer_too_slow(),
            Cause::ProfileNotFound(_) => Self::new(
                Reason::ProfileNotFound,
                "profiles are the [servers.NAME] sections of the daemon's configuration",
            ),
            Cause::ProfileNotAllowed { .. } => Self::new(
                Reason::ProfileNotAllowed,
                "access.NAME of the daemon's configuration says who may use it",
            ),
            Cause::SessionNotFound => Self::new(
                Reason::SessionNotFound,
                "it was closed, its lease ran out, or it belongs to someone else; open a new one",
            ),
            Cause::OperationNotFound => Self::new(
                Reason::OperationNotFound,
                "it has ended, never was, or belongs to someone else",
            ),
            Cause::TransfersOff => Self::new(
                Reason::TransfersOff,
                "set durable.directory in its configuration, and make the directory",
            ),
            Cause::TransferNotFound => Self::new(
                Reason::TransferNotFound,
                "it was deleted, grew old, never was, belongs to someone else, or was lost with a damaged \
                 store, of which GetStatus tells",
            ),
            Cause::TransferExists => Self::new(
                Reason::TransferExists,
                "choose another, or send the same header to have the same transfer",
            ),
            Cause::TransferBusy => Self {
                retry: Some(RETRY),
                ..Self::new(Reason::TransferBusy, "")
            },
            Cause::TooManyTransfers { own } => Self::full(
                *own,
                Reason::TooManyTransfers,
                "delete those that are no longer needed",
            ),
            Cause::SpoolFull { .. } => Self {
                retry: Some(RETRY),
                ..Self::new(
                    Reason::SpoolFull,
                    "wait until some are delivered, or delete those that are no longer needed",
                )
            },
            Cause::WrongState(_) => Self::new(Reason::WrongState, ""),
            Cause::WrongOffset { .. } => Self::new(Reason::WrongOffset, ""),
            Cause::SourceChanged => Self::new(Reason::SourceChanged, ""),
            Cause::NameTaken(_) => Self::new(
                Reason::NameTakenOver,
                "send it again if it is the one that should be there",
            ),
            Cause::NameBusy(_) => {
                Self::new(Reason::AlreadyExists, "try again when that one has ended")
            }
            Cause::TransferEnded => Self::new(Reason::TransferEnded, ""),
            Cause::GaveUp { exhausted, .. } => Self::new(
                match exhausted {
                    Exhausted::Attempts => Reason::GaveUpAttempts,
                    Exhausted::Time => Reason::GaveUpTime,
                    Exhausted::Bytes => Reason::GaveUpBytes,
                },
                "",
            ),
            Cause::TransferExpired(_) => Self::new(
                Reason::Expired,
                "RetryTransfer tries it again and gives it the same time anew",
            ),
            Cause::Interrupted => Self::new(Reason::Interrupted, ""),
            Cause::SpoolLost => Self::new(Reason::SpoolLost, ""),
            Cause::Unverified { .. } => Self::new(
                Reason::Unverified,
                "it was left where it is; VERIFY_BEST_EFFORT accepts this",
            ),
            Cause::Indeterminate => Self::new(Reason::Indeterminate, ""),
            Cause::SentinelUnknown => Self::new(Reason::SentinelIndeterminate, ""),
            Cause::InlineNotAllowed => Self::new(
                Reason::InlineServersDisabled,
                "use a profile of the daemon's configuration, or set \
                 transfers.allow_inline_servers there",
            ),
            Cause::AtCommandsNotAllowed => Self::new(
                Reason::AtCommandsDisabled,
                "they need module.allow_at_commands in the daemon's configuration",
            ),
            Cause::InvalidPath(rule) => Self {
                field: Some(FieldViolation::new("path", rule.to_string())),
                ..Self::new(Reason::InvalidFields, "")
            },
            Cause::OwnSentinel => Self {
                field: Some(FieldViolation::new(
                    "header.sentinel",
                    "names the file itself, which it would replace",
                )),
                ..Self::new(Reason::InvalidFields, "name another")
            },
            Cause::DirectoryNotEmpty => {
                Self::new(Reason::DirectoryNotEmpty, "delete what is in it first")
            }
            Cause::NotADirectory => {
                Self::new(Reason::NotADirectory, "DeleteFile deletes a file or a link")
            }
            Cause::NotAddressable(_) => {
                Self::new(Reason::NotAddressable, "rename it on the server")
            }
            Cause::TreeIncomplete { .. } => Self::new(Reason::TreeIncomplete, ""),
            Cause::TreeTooLarge => Self::new(Reason::TreeTooLarge, "take it in parts"),
            Cause::RootOfTree => Self {
                field: Some(FieldViolation::new(
                    "path",
                    "names a root or a place to stand in; name a directory by its own name",
                )),
                ..Self::new(Reason::InvalidFields, "")
            },
            Cause::NoVerifyInAscii => Self {
                field: Some(FieldViolation::new(
                    "header.verify",
                    "cannot be met in an ASCII session, which takes NONE and BEST_EFFORT",
                )),
                ..Self::new(Reason::InvalidFields, "")
            },
            Cause::UnusableDirectory(_) => Self::new(Reason::UnusableDirectory, ""),
            Cause::SizeMismatch { .. } => Self::new(Reason::SizeMismatch, ""),
            Cause::HashMismatch(_) => Self::new(Reason::HashMismatch, ""),
            Cause::Cancelled(_) => Self::new(Reason::Cancelled, ""),
            Cause::Spool(error) => Self::of_spool(error),
            Cause::Store(trouble) => Self::of_store(trouble),
            Cause::RecordDamaged => Self::new(
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
                ..Self::new(Reason::SpoolFull, "the daemon's disk is full")
            },
            io::ErrorKind::ReadOnlyFilesystem => {
                Self::new(Reason::SpoolReadOnly, "the daemon's disk is read-only")
            }
            _ if is_short_of_descriptors(error) => Self::too_many_files(),
            _ => Self::new(Reason::SpoolFailed, ""),
        }
    }

    fn of_store(trouble: &Trouble) -> Self {
        match trouble {
            Trouble::Damaged { .. } => Self::new(
                Reason::StoreDamaged,
                "nothing of it was thrown away; the daemon's log says what to do",
            ),
            Trouble::Newer { .. } => Self::new(
                Reason::StoreNewer,
                "run that later version of cellftpd again",
            ),
            Trouble::Unreadable(_) => Self::unavailable(
                Reason::StoreUnreadable,
                "it is tried again within a minute; the daemon's log says what to do",
            ),
            Trouble::Replaced => Self::new(
                Reason::StoreReplaced,
                "put it back where it was, or restart the daemon",
            ),
        }
    }
}
