//! What causes come to.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use super::DOMAIN;
use crate::broker::Cause;
use crate::broker::disk::is_short_of_descriptors;
use crate::broker::transfers::{Exhausted, Trouble};
use crate::modem;
use crate::proto::Reason;
use simcom_talk::dialogue::failure::{self, Failure, Finding, Stage};
use simcom_talk::ftps::CommandName;
use simcom_talk::ftps::errcode::ErrCode;

/// Where a name cannot be held against a number: how long a caller should wait before it tries
/// again. Bringing a module up takes 5 to 20 s, so a shorter wait would mostly be in vain.
const RETRY: Duration = Duration::from_secs(5);

/// Longest value of the metadata, in bytes. There are at most ten.
const VALUE: usize = 128;

/// What an error comes to.
pub(super) struct Verdict {
    code: Code,
    reason: Reason,
    /// What a person can do, or what is behind it; may be empty.
    pub(super) advice: &'static str,
    retry: Option<Duration>,
    field: Option<FieldViolation>,
}

impl Verdict {
    pub(super) fn new(code: Code, reason: Reason, advice: &'static str) -> Self {
        Self {
            code,
            reason,
            advice,
            retry: None,
            field: None,
        }
    }

    /// UNAVAILABLE, and worth another try.
    pub(super) fn unavailable(reason: Reason, advice: &'static str) -> Self {
        Self {
            retry: Some(RETRY),
            ..Self::new(Code::Unavailable, reason, advice)
        }
    }

    /// There are too many of something. Where they are not all the caller's `own`, others may let go of
    /// theirs.
    fn full(own: bool, reason: Reason, advice: &'static str) -> Self {
        Self {
            retry: (!own).then_some(RETRY),
            ..Self::new(Code::ResourceExhausted, reason, advice)
        }
    }

    /// The daemon ends; the next one may serve soon.
    fn stopping() -> Self {
        Self::unavailable(Reason::Stopping, "call again when it is back")
    }

    pub(super) fn status(self, message: String, metadata: HashMap<String, String>) -> Status {
        let message = super::shortened(message, super::LONGEST);
        let metadata: HashMap<_, _> = metadata
            .into_iter()
            .map(|(key, value)| (key, super::shortened(value, VALUE)))
            .collect();
        let mut details = ErrorDetails::new();
        details.set_error_info(super::name(self.reason), DOMAIN, metadata);
        if self.retry.is_some() {
            details.set_retry_info(self.retry);
        }
        if let Some(field) = self.field {
            details.set_bad_request(vec![field]);
        }
        Status::with_error_details(self.code, message, details)
    }

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
            // The face answers this with success.
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
            Cause::ReaderTooSlow => Self::new(
                Code::ResourceExhausted,
                Reason::ReaderTooSlow,
                "others wait for the link; read faster, or go on later from an offset",
            ),
            Cause::WriterTooSlow => Self::new(
                Code::ResourceExhausted,
                Reason::WriterTooSlow,
                "others wait for the link; have the data at hand before the call",
            ),
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

    fn too_many_files() -> Self {
        Self::unavailable(
            Reason::TooManyFiles,
            "the daemon may open no more files now (LimitNOFILE=, ulimit -n)",
        )
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

    fn of_modem(error: &modem::Error) -> Self {
        match error {
            // The port is there, and it is not the module's fault.
            modem::Error::DeviceAbsent { source, .. } if is_short_of_descriptors(source) => {
                Self::too_many_files()
            }
            modem::Error::DeviceAbsent { .. } => Self::unavailable(
                Reason::DeviceAbsent,
                "check the module's power and cable, and module.device in the configuration",
            ),
            modem::Error::PortHeld { .. } => Self::new(
                Code::FailedPrecondition,
                Reason::PortHeld,
                "end that program, or have it leave the port alone",
            ),
            modem::Error::Io(_) => {
                Self::unavailable(Reason::PortFailed, "the port is being reopened")
            }
            modem::Error::NotReady(failure) => {
                let verdict = Self::of_failure(failure);
                // What keeps the module from coming up is its own business unless a person has
                // to do something about it.
                if verdict.code == Code::FailedPrecondition || verdict.code == Code::Unavailable {
                    verdict
                } else {
                    Self::unavailable(Reason::ModemNotReady, "the module is being brought up")
                }
            }
            modem::Error::Stopping => Self::stopping(),
            modem::Error::Failed(failure) => Self::of_failure(failure),
        }
    }

    fn of_failure(failure: &Failure) -> Self {
        use failure::Cause as C;
        match &failure.cause {
            C::Refused(_) if failure.stage == Stage::Tls => Self::new(
                Code::FailedPrecondition,
                Reason::TlsSetupRefused,
                "the module does not take what TLS must prove, so it was not let log in; does its \
                 firmware have this setting, and its memory room for a certificate?",
            ),
            C::Refused(_) => Self::of_refusal(failure),
            C::Reported(code) => Self::of_report(*code, failure),
            C::Timeout(_) => Self::unavailable(
                Reason::ModemSilent,
                "the module is being brought back to order",
            ),
            C::OutOfOrder(_) | C::Garbled => Self::new(
                Code::Internal,
                Reason::ModemGarbled,
                "the module answered against its own manual; does another program use the port, or \
                 does the line change bytes (software flow control, 7 bits, a wrong baud rate)?",
            ),
            C::Undecided(_) => Self::new(
                Code::Internal,
                Reason::SizeUndecided,
                "the directory's listing does not tell either",
            ),
            C::ListingUnread(_) => Self::new(
                Code::FailedPrecondition,
                Reason::ListingUnreadable,
                "the server tells no size of the name either, so nobody can say whether it is there; a \
                 transfer of it does not need the listing",
            ),
            C::Rebooted => Self::unavailable(Reason::ModemRebooted, ""),
            C::PortLost => Self::unavailable(Reason::PortLost, "the port is being reopened"),
            C::Disconnected => Self::unavailable(Reason::ServerClosed, ""),
            C::NetworkLost => Self::unavailable(Reason::Network, ""),
            C::SimMissing => Self::new(
                Code::FailedPrecondition,
                Reason::SimMissing,
                "put a SIM into the module",
            ),
            C::SimLocked => Self::new(
                Code::FailedPrecondition,
                Reason::SimLocked,
                "unlock it: cellftpd does not enter PINs",
            ),
            C::NotRegistered => Self::unavailable(
                Reason::NotRegistered,
                "check antenna, coverage and subscription",
            ),
            C::Cancelled(_) => Self::new(Code::Cancelled, Reason::Cancelled, ""),
            C::SourceGone => Self::new(Code::Cancelled, Reason::Unfinished, ""),
            C::SourceForgotten => Self::new(
                Code::Aborted,
                Reason::TransferFailed,
                "it would have to start over, and the beginning is not kept: send it again",
            ),
            C::SourceChanged => Self::new(Code::Aborted, Reason::SourceChanged, ""),
            C::SourceStalled => Self::of_cause(&Cause::WriterTooSlow),
            C::ReceiverStalled => Self::of_cause(&Cause::ReaderTooSlow),
            C::Exists => Self::new(Code::AlreadyExists, Reason::AlreadyExists, ""),
            C::NotOnModule => Self::new(
                Code::NotFound,
                Reason::FileNotFound,
                "ListModuleFiles shows what the drives of the module hold",
            ),
            C::DriveFull { .. } => Self::new(
                Code::FailedPrecondition,
                Reason::ModuleFull,
                "delete files of the module, or take another drive",
            ),
            C::SizeMismatch { .. } => Self::new(Code::Aborted, Reason::SizeMismatch, ""),
            C::OverLimit { .. } => Self::new(Code::ResourceExhausted, Reason::DataBudget, ""),
            C::Unsuitable(rule) => {
                let field = match failure.command {
                    Some(CommandName::Login) => "target",
                    _ => "path",
                };
                Self {
                    field: Some(FieldViolation::new(field, rule.to_string())),
                    ..Self::new(
                        Code::InvalidArgument,
                        Reason::BadParameter,
                        "this command takes no more on this module",
                    )
                }
            }
        }
    }

    /// SIMCom's table of codes (SIM7500/SIM7600 AT manual V3.00 §12.3.1), read by where the
    /// operation stood and what a look at the server has shown.
    fn of_report(code: ErrCode, failure: &Failure) -> Self {
        let absent = matches!(
            failure.finding,
            Some(Finding::NameAbsent | Finding::DirectoryAbsent)
        );
        match code {
            ErrCode::SSL_ALERT if failure.stage == Stage::Data => Self::new(
                Code::FailedPrecondition,
                Reason::TlsAlert,
                "the login went well, so the TLS of the data connection is the likely cause: does \
                 the server insist on TLS session reuse (vsftpd's require_ssl_reuse), which these \
                 modules do not do?",
            ),
            ErrCode::SSL_ALERT => Self::new(
                Code::FailedPrecondition,
                Reason::TlsAlert,
                "the server did not prove who it is, or the two have no TLS version in common: \
                 check the certificate that it is verified by (`ca_file`), its host name, \
                 `security` and `tls_floor`",
            ),
            ErrCode::UNKNOWN => Self::new(Code::Unknown, Reason::ModemUnknown, ""),
            ErrCode::BUSY => Self::unavailable(Reason::ModemBusy, ""),
            ErrCode::CLOSED_BY_SERVER => Self::unavailable(Reason::ServerClosed, ""),
            ErrCode::SSL_CLOSED => Self::unavailable(Reason::TlsClosed, ""),
            ErrCode::SERVER_TIMEOUT => Self::unavailable(Reason::ServerTimeout, ""),
            ErrCode::TIMEOUT => Self::unavailable(Reason::LinkTimeout, ""),
            ErrCode::TRANSFER_FAILED => Self::new(Code::Aborted, Reason::TransferFailed, ""),
            ErrCode::MEMORY | ErrCode::FILE if absent => Self::file_not_found(),
            ErrCode::MEMORY => Self::new(Code::Internal, Reason::ModuleMemory, ""),
            ErrCode::FILE => Self::new(Code::Internal, Reason::ModuleFile, ""),
            ErrCode::PARAMETER => Self::new(Code::InvalidArgument, Reason::BadParameter, ""),
            ErrCode::REJECTED => Self::of_rejection(failure),
            ErrCode::NETWORK => Self::unavailable(
                Reason::Network,
                "check the APN and the subscription's data volume",
            ),
            ErrCode::DNS => Self::unavailable(Reason::Dns, "check the profile's host name"),
            ErrCode::CREATE_SOCKET | ErrCode::CLOSE_SOCKET => Self::unavailable(Reason::Socket, ""),
            ErrCode::CONNECT_SOCKET if failure.stage == Stage::Data => Self::unavailable(
                Reason::Connect,
                "the login went well, so it is the data connection: check that a firewall lets it \
                 through; with implicit TLS, modules report a data connection whose TLS fails in \
                 the same way, so check also whether the server insists on TLS session reuse \
                 (vsftpd's require_ssl_reuse), which they do not do",
            ),
            ErrCode::CONNECT_SOCKET => Self::unavailable(Reason::Connect, "check host and port"),
            ErrCode::STATE => Self::new(Code::Internal, Reason::ModemState, ""),
            _ => Self::new(Code::Unknown, Reason::ModemUnknown, ""),
        }
    }

    /// Code 9 is any 4xx or 5xx reply of the server (RFC 959 §4.2.1): what it means depends on
    /// what was asked.
    fn of_rejection(failure: &Failure) -> Self {
        // Commands that make the name: its absence is no reason for a refusal.
        let creates = matches!(
            failure.command,
            Some(CommandName::MakeDirectory | CommandName::Put)
        );
        match (failure.stage, failure.finding) {
            (Stage::Login, _) => Self::new(
                Code::FailedPrecondition,
                Reason::LoginRefused,
                "check user name and password; a login that has not worked lately is not repeated, since \
                 servers lock accounts; one that has may be refused while the server still counts a \
                 session that was cut",
            ),
            (_, Some(Finding::NameAbsent | Finding::DirectoryAbsent)) if !creates => {
                Self::file_not_found()
            }
            (_, Some(Finding::DirectoryAbsent)) => Self::new(
                Code::NotFound,
                Reason::DirectoryNotFound,
                "the directory that the name would be in does not exist",
            ),
            (_, Some(Finding::NamePresent))
                if failure.command == Some(CommandName::MakeDirectory) =>
            {
                Self::new(Code::AlreadyExists, Reason::AlreadyExists, "")
            }
            _ => Self::new(
                Code::FailedPrecondition,
                Reason::ServerRefused,
                "check the path, and that the user may do this",
            ),
        }
    }

    /// A refusal without a code of the service, which some firmware gives for a reply of the server
    /// as well: what a look at the server has shown is told.
    fn of_refusal(failure: &Failure) -> Self {
        let verdict = Self::of_rejection(failure);
        match (verdict.code, failure.stage) {
            (Code::NotFound | Code::AlreadyExists, _) => verdict,
            (_, Stage::Login) => Self::new(
                Code::Internal,
                Reason::ModemError,
                "check user name, password, host and port: the module does not say more",
            ),
            _ => Self::new(Code::Internal, Reason::ModemError, ""),
        }
    }

    fn file_not_found() -> Self {
        Self::new(
            Code::NotFound,
            Reason::FileNotFound,
            "the directory does not list the name",
        )
    }
}
