//! The reasons of errors, and the status code of each.

use tonic::Code;

use crate::proto::Reason;

/// The status code of a reason, as `proto/cellftp/v1/errors.proto` says it.
pub(super) const fn code(reason: Reason) -> Code {
    match reason {
        Reason::Unspecified
        | Reason::Indeterminate
        | Reason::SentinelIndeterminate
        | Reason::ModemUnknown => Code::Unknown,
        Reason::InvalidFields
        | Reason::BadParameter
        | Reason::MessageTooLong
        | Reason::MalformedMessage
        | Reason::ChunksTooShort => Code::InvalidArgument,
        Reason::Unfinished | Reason::Cancelled => Code::Cancelled,
        Reason::FeatureUnknown => Code::Unimplemented,
        Reason::NoIdentity => Code::Unauthenticated,
        Reason::RoleRequired
        | Reason::ProfileNotAllowed
        | Reason::InlineServersDisabled
        | Reason::AtCommandsDisabled => Code::PermissionDenied,
        Reason::TooManyConnections
        | Reason::TooManyCalls
        | Reason::TooManyFiles
        | Reason::Stopping
        | Reason::ServerClosed
        | Reason::TlsClosed
        | Reason::ServerTimeout
        | Reason::Dns
        | Reason::Connect
        | Reason::StoreUnreadable
        | Reason::Interrupted
        | Reason::DeviceAbsent
        | Reason::PortFailed
        | Reason::PortLost
        | Reason::ModemNotReady
        | Reason::ModemSilent
        | Reason::ModemRebooted
        | Reason::ModemBusy
        | Reason::NotRegistered
        | Reason::Network
        | Reason::Socket
        | Reason::LinkTimeout => Code::Unavailable,
        Reason::TooManyWatchers
        | Reason::TooManySessions
        | Reason::QueueFull
        | Reason::DataBudget
        | Reason::ReaderTooSlow
        | Reason::WriterTooSlow
        | Reason::TreeTooLarge
        | Reason::TooManyTransfers
        | Reason::SpoolFull => Code::ResourceExhausted,
        Reason::DeadlinePassed | Reason::MessageTooLate | Reason::Expired => Code::DeadlineExceeded,
        Reason::RequestIdUsed | Reason::AlreadyExists | Reason::TransferExists => {
            Code::AlreadyExists
        }
        Reason::RequestRunning
        | Reason::TreeIncomplete
        | Reason::TransferFailed
        | Reason::SourceChanged
        | Reason::SizeMismatch
        | Reason::HashMismatch
        | Reason::NameTakenOver
        | Reason::Unverified
        | Reason::TransferBusy
        | Reason::TransferEnded
        | Reason::GaveUpAttempts
        | Reason::GaveUpTime
        | Reason::GaveUpBytes => Code::Aborted,
        Reason::ProfileNotFound
        | Reason::SessionNotFound
        | Reason::OperationNotFound
        | Reason::FileNotFound
        | Reason::DirectoryNotFound
        | Reason::TransferNotFound => Code::NotFound,
        Reason::LoginRefused
        | Reason::ServerRefused
        | Reason::TlsAlert
        | Reason::TlsSetupRefused
        | Reason::ListingUnreadable
        | Reason::UnusableDirectory
        | Reason::DirectoryNotEmpty
        | Reason::NotADirectory
        | Reason::NotAddressable
        | Reason::WrongState
        | Reason::SpoolReadOnly
        | Reason::TransfersOff
        | Reason::StoreDamaged
        | Reason::StoreNewer
        | Reason::StoreReplaced
        | Reason::PortHeld
        | Reason::SimMissing
        | Reason::SimLocked
        | Reason::ModuleFull => Code::FailedPrecondition,
        Reason::SizeUndecided
        | Reason::SpoolFailed
        | Reason::ModemGarbled
        | Reason::ModemError
        | Reason::ModemState
        | Reason::ModuleMemory
        | Reason::ModuleFile
        | Reason::WrongAnswer => Code::Internal,
        Reason::WrongOffset => Code::OutOfRange,
        Reason::SpoolLost | Reason::RecordDamaged => Code::DataLoss,
    }
}

/// The status code of a reason by its name. A name that this daemon does not know is that of a later one.
pub(super) fn code_of(name: &str) -> Code {
    Reason::from_str_name(&format!("REASON_{name}")).map_or(Code::Unknown, code)
}

/// The name of a reason, as it is sent.
pub(super) fn name(reason: Reason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("REASON_").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_tells_the_code_of_each_reason() {
        let contract = include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/proto/cellftp/v1/errors.proto"
        ));
        let (mut told, mut reasons) = (None, 0);
        for line in contract.lines().map(str::trim) {
            if let Some(comment) = line.strip_prefix("// ") {
                told = told.or_else(|| comment.split_once(['.', ',']).map(|(code, _)| code));
            } else {
                let reason = line
                    .strip_prefix("REASON_")
                    .and_then(|line| line.split_once(" ="));
                if let Some((name, _)) = reason.filter(|(name, _)| *name != "UNSPECIFIED") {
                    let code = format!("{:?}", code_of(name)).to_uppercase();
                    assert_eq!(told.unwrap_or_default().replace('_', ""), code, "{name}");
                    reasons += 1;
                }
                told = None;
            }
        }
        assert!(reasons > 100, "{reasons}");
    }
}
