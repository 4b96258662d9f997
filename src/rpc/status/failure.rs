//! The table of what can go wrong at the module, and what each means to a client.

use tonic::Code;
use tonic_types::FieldViolation;

use super::meaning::Meaning;
use crate::broker::disk::is_short_of_descriptors;
use crate::modem;
use crate::proto::Reason;
use simcom_talk::dialogue::failure::{self, Failure, Finding, Stage};
use simcom_talk::ftps::CommandName;
use simcom_talk::ftps::errcode::ErrCode;

impl Meaning {
    /// What an error of the module, or of the way to it, means.
    pub(super) fn of_modem(error: &modem::Error) -> Self {
        match error {
            // The port is there; the daemon has no descriptor for it.
            modem::Error::DeviceAbsent { source, .. } if is_short_of_descriptors(source) => {
                Self::too_many_files()
            }
            modem::Error::DeviceAbsent { .. } => Self::unavailable(
                Reason::DeviceAbsent,
                "check the module's power and cable, and module.device in the configuration",
            ),
            modem::Error::PortHeld { .. } => Self::new(
                Reason::PortHeld,
                "end that program, or have it leave the port alone",
            ),
            modem::Error::Io(_) => {
                Self::unavailable(Reason::PortFailed, "the port is being reopened")
            }
            modem::Error::NotReady(failure) => {
                let meaning = Self::of_failure(failure);
                // The client need not know why the module is not ready yet, unless a person has to act.
                if matches!(meaning.code(), Code::FailedPrecondition | Code::Unavailable) {
                    meaning
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
                Reason::ModemGarbled,
                "the module answered against its own manual; does another program use the port, or \
                 does the line change bytes (software flow control, 7 bits, a wrong baud rate)?",
            ),
            C::Undecided(_) => Self::new(
                Reason::SizeUndecided,
                "the directory's listing does not tell either",
            ),
            C::ListingUnread(_) => Self::new(
                Reason::ListingUnreadable,
                "the server tells no size of the name either, so nobody can say whether it is there; a \
                 transfer of it does not need the listing",
            ),
            C::Rebooted => Self::unavailable(Reason::ModemRebooted, ""),
            C::PortLost => Self::unavailable(Reason::PortLost, "the port is being reopened"),
            C::Disconnected => Self::unavailable(Reason::ServerClosed, ""),
            C::NetworkLost => Self::unavailable(Reason::Network, ""),
            C::SimMissing => Self::new(Reason::SimMissing, "put a SIM into the module"),
            C::SimLocked => Self::new(Reason::SimLocked, "unlock it: cellftpd does not enter PINs"),
            C::NotRegistered => Self::unavailable(
                Reason::NotRegistered,
                "check antenna, coverage and subscription",
            ),
            C::Cancelled(_) => Self::new(Reason::Cancelled, ""),
            C::SourceGone => Self::new(Reason::Unfinished, ""),
            C::SourceForgotten => Self::new(
                Reason::TransferFailed,
                "it would have to start over, and the beginning is not kept: send it again",
            ),
            C::SourceChanged => Self::new(Reason::SourceChanged, ""),
            C::SourceStalled => Self::writer_too_slow(),
            C::ReceiverStalled => Self::reader_too_slow(),
            C::Exists => Self::new(Reason::AlreadyExists, ""),
            C::NotOnModule => Self::new(
                Reason::FileNotFound,
                "ListModuleFiles shows what the drives of the module hold",
            ),
            C::DriveFull { .. } => Self::new(
                Reason::ModuleFull,
                "delete files of the module, or take another drive",
            ),
            C::SizeMismatch { .. } => Self::new(Reason::SizeMismatch, ""),
            C::OverLimit { .. } => Self::new(Reason::DataBudget, ""),
            C::Unsuitable(rule) => {
                let field = match failure.command {
                    Some(CommandName::Login) => "target",
                    _ => "path",
                };
                Self {
                    field: Some(FieldViolation::new(field, rule.to_string())),
                    ..Self::new(
                        Reason::BadParameter,
                        "this command takes no more on this module",
                    )
                }
            }
        }
    }

    /// SIMCom's table of codes (SIM7500/SIM7600 AT manual V3.00 §12.3.1). The stage of the operation and the
    /// listing of the directory decide what a code means.
    fn of_report(code: ErrCode, failure: &Failure) -> Self {
        let absent = matches!(
            failure.finding,
            Some(Finding::NameAbsent | Finding::DirectoryAbsent)
        );
        match code {
            ErrCode::SSL_ALERT if failure.stage == Stage::Data => Self::new(
                Reason::TlsAlert,
                "the login went well, so the TLS of the data connection is the likely cause: does \
                 the server insist on TLS session reuse (vsftpd's require_ssl_reuse), which these \
                 modules do not do?",
            ),
            ErrCode::SSL_ALERT => Self::new(
                Reason::TlsAlert,
                "the server did not prove who it is, or the two have no TLS version in common: \
                 check the certificate that it is verified by (`ca_file`), its host name, \
                 `security` and `tls_floor`",
            ),
            ErrCode::UNKNOWN => Self::new(Reason::ModemUnknown, ""),
            ErrCode::BUSY => Self::unavailable(Reason::ModemBusy, ""),
            ErrCode::CLOSED_BY_SERVER => Self::unavailable(Reason::ServerClosed, ""),
            ErrCode::SSL_CLOSED => Self::unavailable(Reason::TlsClosed, ""),
            ErrCode::SERVER_TIMEOUT => Self::unavailable(Reason::ServerTimeout, ""),
            ErrCode::TIMEOUT => Self::unavailable(Reason::LinkTimeout, ""),
            ErrCode::TRANSFER_FAILED => Self::new(Reason::TransferFailed, ""),
            ErrCode::MEMORY | ErrCode::FILE if absent => Self::file_not_found(),
            ErrCode::MEMORY => Self::new(Reason::ModuleMemory, ""),
            ErrCode::FILE => Self::new(Reason::ModuleFile, ""),
            ErrCode::PARAMETER => Self::new(Reason::BadParameter, ""),
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
            ErrCode::STATE => Self::new(Reason::ModemState, ""),
            _ => Self::new(Reason::ModemUnknown, ""),
        }
    }

    /// Code 9 is any 4xx or 5xx reply of the server (RFC 959 §4.2.1). Its meaning depends on the command.
    fn of_rejection(failure: &Failure) -> Self {
        // These commands create the name: its absence is no reason for a refusal.
        let creates = matches!(
            failure.command,
            Some(CommandName::MakeDirectory | CommandName::Put)
        );
        match (failure.stage, failure.finding) {
            (Stage::Login, _) => Self::new(
                Reason::LoginRefused,
                "check user name and password; a login that has not worked lately is not repeated, since \
                 servers lock accounts; one that has may be refused while the server still counts a \
                 session that was cut",
            ),
            (_, Some(Finding::NameAbsent | Finding::DirectoryAbsent)) if !creates => {
                Self::file_not_found()
            }
            (_, Some(Finding::DirectoryAbsent)) => Self::new(
                Reason::DirectoryNotFound,
                "the directory that the name would be in does not exist",
            ),
            (_, Some(Finding::NamePresent))
                if failure.command == Some(CommandName::MakeDirectory) =>
            {
                Self::new(Reason::AlreadyExists, "")
            }
            _ => Self::new(
                Reason::ServerRefused,
                "check the path, and that the user may do this",
            ),
        }
    }

    /// ERROR without a code. Some firmware answers so to a reply of the server as well: then what the listing
    /// has shown decides.
    fn of_refusal(failure: &Failure) -> Self {
        let meaning = Self::of_rejection(failure);
        match (meaning.code(), failure.stage) {
            (Code::NotFound | Code::AlreadyExists, _) => meaning,
            (_, Stage::Login) => Self::new(
                Reason::ModemError,
                "check user name, password, host and port: the module does not say more",
            ),
            _ => Self::new(Reason::ModemError, ""),
        }
    }

    fn file_not_found() -> Self {
        Self::new(Reason::FileNotFound, "the directory does not list the name")
    }
}
