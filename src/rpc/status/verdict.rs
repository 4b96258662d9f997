//! What causes come to.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use super::DOMAIN;
use crate::broker::disk::is_short_of_descriptors;
use crate::broker::failure::{self, Failure, Finding, Stage};
use crate::broker::transfers::{Exhausted, Trouble};
use crate::broker::{Cause, modem};
use crate::ftps::errcode::ErrCode;

/// Where a name cannot be held against a number: how long a caller should wait before it tries
/// again. Bringing a module up takes 5 to 20 s, so a shorter wait would mostly be in vain.
const RETRY: Duration = Duration::from_secs(5);

/// Longest message, in bytes: it may repeat what a server or a client has said, and trailers are bounded
/// by the other side, which ends the connection where they are longer.
const MESSAGE: usize = 1024;

/// What an error comes to.
pub(super) struct Verdict {
    code: Code,
    reason: &'static str,
    /// What a person can do, or what is behind it; may be empty.
    pub(super) advice: &'static str,
    retry: Option<Duration>,
    field: Option<FieldViolation>,
}

impl Verdict {
    pub(super) fn new(code: Code, reason: &'static str, advice: &'static str) -> Self {
        Self {
            code,
            reason,
            advice,
            retry: None,
            field: None,
        }
    }

    /// UNAVAILABLE, and worth another try.
    pub(super) fn unavailable(reason: &'static str, advice: &'static str) -> Self {
        Self {
            retry: Some(RETRY),
            ..Self::new(Code::Unavailable, reason, advice)
        }
    }

    /// The daemon ends; the next one may serve soon.
    fn stopping() -> Self {
        Self::unavailable("STOPPING", "call again when it is back")
    }

    pub(super) fn status(self, message: String, metadata: HashMap<String, String>) -> Status {
        let message = match super::cut(&message, MESSAGE) {
            whole if whole.len() == message.len() => message,
            beginning => format!("{beginning} ..."),
        };
        let mut details = ErrorDetails::new();
        details.set_error_info(self.reason, DOMAIN, metadata);
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
                ..Self::new(Code::ResourceExhausted, "QUEUE_FULL", "")
            },
            Cause::TooManySessions { .. } => Self::new(
                Code::ResourceExhausted,
                "TOO_MANY_SESSIONS",
                "close sessions that are no longer used",
            ),
            Cause::TooManyWatchers { .. } => Self::new(
                Code::ResourceExhausted,
                "TOO_MANY_WATCHERS",
                "one WatchEvents tells everything; end those that nobody reads",
            ),
            Cause::DataBudget(exceeded) => Self {
                retry: exceeded.retry_after,
                ..Self::new(
                    Code::ResourceExhausted,
                    "DATA_BUDGET",
                    "the daemon's configuration sets this limit; GetUsage tells what was used",
                )
            },
            Cause::Expired => Self::new(Code::DeadlineExceeded, "DEADLINE_PASSED", ""),
            Cause::Stopping => Self::stopping(),
            Cause::ReaderTooSlow => Self::new(
                Code::ResourceExhausted,
                "READER_TOO_SLOW",
                "others wait for the link; read faster, or go on later from an offset",
            ),
            Cause::WriterTooSlow => Self::new(
                Code::ResourceExhausted,
                "WRITER_TOO_SLOW",
                "others wait for the link; have the data at hand before the call",
            ),
            Cause::ProfileNotFound(_) => Self::new(
                Code::NotFound,
                "PROFILE_NOT_FOUND",
                "profiles are the [servers.NAME] sections of the daemon's configuration",
            ),
            Cause::ProfileNotAllowed { .. } => Self::new(
                Code::PermissionDenied,
                "PROFILE_NOT_ALLOWED",
                "access.NAME of the daemon's configuration says who may use it",
            ),
            Cause::SessionNotFound => Self::new(
                Code::NotFound,
                "SESSION_NOT_FOUND",
                "it was closed, its lease ran out, or it belongs to someone else; open a new one",
            ),
            Cause::OperationNotFound => Self::new(
                Code::NotFound,
                "OPERATION_NOT_FOUND",
                "it has ended, never was, or belongs to someone else",
            ),
            Cause::TransfersOff => Self::new(
                Code::FailedPrecondition,
                "TRANSFERS_OFF",
                "set durable.directory in its configuration, and make the directory",
            ),
            Cause::TransferNotFound => Self::new(
                Code::NotFound,
                "TRANSFER_NOT_FOUND",
                "it was deleted, grew old, never was, belongs to someone else, or was lost with a damaged \
                 store, of which GetStatus tells",
            ),
            Cause::TransferExists => Self::new(
                Code::AlreadyExists,
                "TRANSFER_EXISTS",
                "choose another, or send the same header to have the same transfer",
            ),
            Cause::TransferBusy => Self::new(Code::Aborted, "TRANSFER_BUSY", ""),
            Cause::TooManyTransfers { .. } => Self::new(
                Code::ResourceExhausted,
                "TOO_MANY_TRANSFERS",
                "delete those that are no longer needed",
            ),
            Cause::SpoolFull { .. } => Self {
                retry: Some(RETRY),
                ..Self::new(
                    Code::ResourceExhausted,
                    "SPOOL_FULL",
                    "wait until some are delivered, or delete those that are no longer needed",
                )
            },
            Cause::WrongState(_) => Self::new(Code::FailedPrecondition, "WRONG_STATE", ""),
            Cause::WrongOffset { .. } => Self::new(Code::OutOfRange, "WRONG_OFFSET", ""),
            Cause::SourceChanged => Self::new(Code::Aborted, "SOURCE_CHANGED", ""),
            Cause::NameTaken(_) => Self::new(
                Code::Aborted,
                "NAME_TAKEN_OVER",
                "send it again if it is the one that should be there",
            ),
            Cause::TransferEnded => Self::new(Code::Aborted, "TRANSFER_ENDED", ""),
            Cause::GaveUp { exhausted, .. } => Self::new(
                Code::Aborted,
                match exhausted {
                    Exhausted::Attempts => "GAVE_UP_ATTEMPTS",
                    Exhausted::Time => "GAVE_UP_TIME",
                    Exhausted::Bytes => "GAVE_UP_BYTES",
                },
                "",
            ),
            Cause::Interrupted => Self::new(Code::Unavailable, "INTERRUPTED", ""),
            Cause::SpoolLost => Self::new(Code::DataLoss, "SPOOL_LOST", ""),
            Cause::Indeterminate => Self::new(Code::Unknown, "INDETERMINATE", ""),
            Cause::SentinelUnknown => Self::new(Code::Unknown, "SENTINEL_INDETERMINATE", ""),
            Cause::InlineNotAllowed => Self::new(
                Code::PermissionDenied,
                "INLINE_SERVERS_DISABLED",
                "use a profile of the daemon's configuration, or set \
                 transfers.allow_inline_servers there",
            ),
            Cause::AtCommandsNotAllowed => Self::new(
                Code::PermissionDenied,
                "AT_COMMANDS_DISABLED",
                "they need module.allow_at_commands in the daemon's configuration",
            ),
            Cause::InvalidPath(rule) => Self {
                field: Some(FieldViolation::new("path", rule.to_string())),
                ..Self::new(Code::InvalidArgument, "INVALID_FIELDS", "")
            },
            Cause::OwnSentinel => Self {
                field: Some(FieldViolation::new(
                    "header.sentinel",
                    "names the file itself, which it would replace",
                )),
                ..Self::new(Code::InvalidArgument, "INVALID_FIELDS", "name another")
            },
            Cause::UnusableDirectory(_) => {
                Self::new(Code::FailedPrecondition, "UNUSABLE_DIRECTORY", "")
            }
            Cause::SizeMismatch { .. } => Self::new(Code::Aborted, "SIZE_MISMATCH", ""),
            Cause::HashMismatch(_) => Self::new(Code::Aborted, "HASH_MISMATCH", ""),
            Cause::Cancelled(_) => Self::new(Code::Cancelled, "CANCELLED", ""),
            Cause::Spool(error) => Self::of_spool(error),
            Cause::Store(trouble) => Self::of_store(trouble),
            Cause::RecordDamaged => Self::new(
                Code::DataLoss,
                "RECORD_DAMAGED",
                "look at what the server has; RetryTransfer tries it again, from the bytes that are kept",
            ),
            Cause::Modem(error) => Self::of_modem(error),
            Cause::WrongAnswer => Self::new(
                Code::Internal,
                "WRONG_ANSWER",
                "this is a defect of cellftpd",
            ),
        }
    }

    fn of_spool(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self {
                retry: Some(RETRY),
                ..Self::new(
                    Code::ResourceExhausted,
                    "SPOOL_FULL",
                    "the daemon's disk is full",
                )
            },
            io::ErrorKind::ReadOnlyFilesystem => Self::new(
                Code::FailedPrecondition,
                "SPOOL_READ_ONLY",
                "the daemon's disk is read-only",
            ),
            _ if is_short_of_descriptors(error) => Self::too_many_files(),
            _ => Self::new(Code::Internal, "SPOOL_FAILED", ""),
        }
    }

    fn too_many_files() -> Self {
        Self::unavailable(
            "TOO_MANY_FILES",
            "the daemon may open no more files now (LimitNOFILE=, ulimit -n)",
        )
    }

    fn of_store(trouble: &Trouble) -> Self {
        match trouble {
            Trouble::Damaged { .. } => Self::new(
                Code::FailedPrecondition,
                "STORE_DAMAGED",
                "nothing of it was thrown away; the daemon's log says what to do",
            ),
            Trouble::Newer { .. } => Self::new(
                Code::FailedPrecondition,
                "STORE_NEWER",
                "run that later version of cellftpd again",
            ),
            Trouble::Unreadable(_) => Self::unavailable(
                "STORE_UNREADABLE",
                "it is tried again within a minute; the daemon's log says what to do",
            ),
            Trouble::Replaced => Self::new(
                Code::FailedPrecondition,
                "STORE_REPLACED",
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
                "DEVICE_ABSENT",
                "check the module's power and cable, and module.device in the configuration",
            ),
            modem::Error::PortHeld { .. } => Self::new(
                Code::FailedPrecondition,
                "PORT_HELD",
                "end that program, or have it leave the port alone",
            ),
            modem::Error::Io(_) => Self::unavailable("PORT_FAILED", "the port is being reopened"),
            modem::Error::NotReady(failure) => {
                let verdict = Self::of_failure(failure);
                // What keeps the module from coming up is its own business unless a person has
                // to do something about it.
                if verdict.code == Code::FailedPrecondition || verdict.code == Code::Unavailable {
                    verdict
                } else {
                    Self::unavailable("MODEM_NOT_READY", "the module is being brought up")
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
                "TLS_SETUP_REFUSED",
                "the module does not take what TLS must prove, so it was not let log in; does its \
                 firmware have this setting, and its memory room for a certificate?",
            ),
            C::Refused(_) => Self::of_refusal(failure),
            C::Reported(code) => Self::of_report(*code, failure),
            C::Timeout(_) => {
                Self::unavailable("MODEM_SILENT", "the module is being brought back to order")
            }
            C::OutOfOrder(_) | C::Garbled => Self::new(
                Code::Internal,
                "MODEM_GARBLED",
                "the module answered against its own manual; does another program use the port, or \
                 does the line change bytes (software flow control, 7 bits, a wrong baud rate)?",
            ),
            C::Undecided(_) => Self::new(
                Code::Internal,
                "SIZE_UNDECIDED",
                "the directory's listing does not tell either",
            ),
            C::ListingUnread(_) => Self::new(
                Code::FailedPrecondition,
                "LISTING_UNREADABLE",
                "the server tells no size of the name either, so nobody can say whether it is there; a \
                 transfer of it does not need the listing",
            ),
            C::Rebooted => Self::unavailable("MODEM_REBOOTED", ""),
            C::PortLost => Self::unavailable("PORT_LOST", "the port is being reopened"),
            C::Disconnected => Self::unavailable("SERVER_CLOSED", ""),
            C::NetworkLost => Self::unavailable("NETWORK", ""),
            C::SimMissing => Self::new(
                Code::FailedPrecondition,
                "SIM_MISSING",
                "put a SIM into the module",
            ),
            C::SimLocked => Self::new(
                Code::FailedPrecondition,
                "SIM_LOCKED",
                "unlock it: cellftpd does not enter PINs",
            ),
            C::NotRegistered => {
                Self::unavailable("NOT_REGISTERED", "check antenna, coverage and subscription")
            }
            C::Cancelled(_) => Self::new(Code::Cancelled, "CANCELLED", ""),
            C::SourceGone => Self::new(Code::Cancelled, "UNFINISHED", ""),
            C::SourceForgotten => Self::new(
                Code::Aborted,
                "TRANSFER_FAILED",
                "it would have to start over, and the beginning is not kept: send it again",
            ),
            C::SourceChanged => Self::new(Code::Aborted, "SOURCE_CHANGED", ""),
            C::SourceStalled => Self::of_cause(&Cause::WriterTooSlow),
            C::ReceiverStalled => Self::of_cause(&Cause::ReaderTooSlow),
            C::Exists => Self::new(Code::AlreadyExists, "ALREADY_EXISTS", ""),
            C::NotOnModule => Self::new(
                Code::NotFound,
                "FILE_NOT_FOUND",
                "ListModuleFiles shows what the drives of the module hold",
            ),
            C::DriveFull { .. } => Self::new(
                Code::FailedPrecondition,
                "MODULE_FULL",
                "delete files of the module, or take another drive",
            ),
            C::SizeMismatch { .. } => Self::new(Code::Aborted, "SIZE_MISMATCH", ""),
            C::OverLimit { .. } => Self::new(Code::ResourceExhausted, "DATA_BUDGET", ""),
            C::Unsuitable(rule) => {
                let field = match failure.command {
                    Some("AT+CFTPSLOGIN") => "target",
                    _ => "path",
                };
                Self {
                    field: Some(FieldViolation::new(field, rule.to_string())),
                    ..Self::new(
                        Code::InvalidArgument,
                        "BAD_PARAMETER",
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
                "TLS_ALERT",
                "the login went well, so the TLS of the data connection is the likely cause: does \
                 the server insist on TLS session reuse (vsftpd's require_ssl_reuse), which these \
                 modules do not do?",
            ),
            ErrCode::SSL_ALERT => Self::new(
                Code::FailedPrecondition,
                "TLS_ALERT",
                "the server did not prove who it is, or the two have no TLS version in common: \
                 check the certificate that it is verified by (`ca_file`), its host name, \
                 `security` and `tls_floor`",
            ),
            ErrCode::UNKNOWN => Self::new(Code::Unknown, "MODEM_UNKNOWN", ""),
            ErrCode::BUSY => Self::unavailable("MODEM_BUSY", ""),
            ErrCode::CLOSED_BY_SERVER => Self::unavailable("SERVER_CLOSED", ""),
            ErrCode::SSL_CLOSED => Self::unavailable("TLS_CLOSED", ""),
            ErrCode::SERVER_TIMEOUT => Self::unavailable("SERVER_TIMEOUT", ""),
            ErrCode::TIMEOUT => Self::unavailable("LINK_TIMEOUT", ""),
            ErrCode::TRANSFER_FAILED => Self::new(Code::Aborted, "TRANSFER_FAILED", ""),
            ErrCode::MEMORY | ErrCode::FILE if absent => Self::file_not_found(),
            ErrCode::MEMORY => Self::new(Code::Internal, "MODULE_MEMORY", ""),
            ErrCode::FILE => Self::new(Code::Internal, "MODULE_FILE", ""),
            ErrCode::PARAMETER => Self::new(Code::InvalidArgument, "BAD_PARAMETER", ""),
            ErrCode::REJECTED => Self::of_rejection(failure),
            ErrCode::NETWORK => Self::unavailable(
                "NETWORK",
                "check the APN and the subscription's data volume",
            ),
            ErrCode::DNS => Self::unavailable("DNS", "check the profile's host name"),
            ErrCode::CREATE_SOCKET | ErrCode::CLOSE_SOCKET => Self::unavailable("SOCKET", ""),
            ErrCode::CONNECT_SOCKET if failure.stage == Stage::Data => Self::unavailable(
                "CONNECT",
                "the login went well, so it is the data connection: check that a firewall lets it \
                 through; with implicit TLS, modules report a data connection whose TLS fails in \
                 the same way, so check also whether the server insists on TLS session reuse \
                 (vsftpd's require_ssl_reuse), which they do not do",
            ),
            ErrCode::CONNECT_SOCKET => Self::unavailable("CONNECT", "check host and port"),
            ErrCode::STATE => Self::new(Code::Internal, "MODEM_STATE", ""),
            _ => Self::new(Code::Unknown, "MODEM_UNKNOWN", ""),
        }
    }

    /// Code 9 is any 4xx or 5xx reply of the server (RFC 959 §4.2.1): what it means depends on
    /// what was asked.
    fn of_rejection(failure: &Failure) -> Self {
        // Commands that make the name: its absence is no reason for a refusal.
        let creates = matches!(failure.command, Some("AT+CFTPSMKD" | "AT+CFTPSPUT"));
        match (failure.stage, failure.finding) {
            (Stage::Login, _) => Self::new(
                Code::PermissionDenied,
                "LOGIN_REFUSED",
                "check user name and password; a login that has not worked lately is not repeated, since \
                 servers lock accounts; one that has may be refused while the server still counts a \
                 session that was cut",
            ),
            (_, Some(Finding::NameAbsent | Finding::DirectoryAbsent)) if !creates => {
                Self::file_not_found()
            }
            (_, Some(Finding::DirectoryAbsent)) => Self::new(
                Code::NotFound,
                "DIRECTORY_NOT_FOUND",
                "the directory that the name would be in does not exist",
            ),
            (_, Some(Finding::NamePresent)) if failure.command == Some("AT+CFTPSMKD") => {
                Self::new(Code::AlreadyExists, "ALREADY_EXISTS", "")
            }
            _ => Self::new(
                Code::PermissionDenied,
                "SERVER_REFUSED",
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
                "MODEM_ERROR",
                "check user name, password, host and port: the module does not say more",
            ),
            _ => Self::new(Code::Internal, "MODEM_ERROR", ""),
        }
    }

    fn file_not_found() -> Self {
        Self::new(
            Code::NotFound,
            "FILE_NOT_FOUND",
            "the directory does not list the name",
        )
    }
}
