//! Errors as clients see them. The tables below give each error a reason; each reason has one status code
//! (`reason.rs`).
//!
//! Every error carries `google.rpc.ErrorInfo` with a reason for programs; `RetryInfo` where
//! waiting helps; `BadRequest` where fields of the request break rules.

mod call;
mod cause;
mod failure;
mod meaning;

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::convert::response;
use crate::broker::terms::{Cause, Error, LimitUse, Period, Scope};
use crate::modem::chain;
use crate::proto::Failure;
use crate::transfers::ToldError;
pub(super) use call::*;
pub use meaning::DOMAIN;
use meaning::Meaning;
pub(super) use meaning::cut;
use simcom_talk::dialogue::Rung;

/// The status that a client gets for an error.
///
/// The code says what class of error it is, and only UNAVAILABLE and RESOURCE_EXHAUSTED invite a retry. The
/// reason says exactly what happened. The message tells a person what is known and what can be done.
#[must_use]
pub fn of(error: &Error) -> Status {
    let meaning = Meaning::of_cause(&error.cause);
    let mut metadata = HashMap::new();
    if let Some(failure) = error.failure() {
        metadata.insert("stage".into(), failure.stage.name().into());
        metadata.insert("attempt".into(), failure.attempt.to_string());
        if let Some(command) = failure.command {
            metadata.insert("command".into(), command.to_string());
        }
        if let Some(code) = error.errcode() {
            metadata.insert("errcode".into(), code.to_string());
        }
        if !failure.repairs.is_empty() {
            metadata.insert("repairs".into(), names(&failure.repairs, ","));
        }
    }
    if let Cause::DataBudget(exceeded) = &error.cause {
        metadata.insert("limit".into(), limit(&exceeded.limit_use).into());
        metadata.insert("left".into(), exceeded.limit_use.left().to_string());
        metadata.insert("needed".into(), exceeded.needed.to_string());
    }
    if let Cause::SizeMismatch { expected, found } = &error.cause {
        metadata.insert("expected".into(), expected.to_string());
        metadata.insert("found".into(), found.to_string());
    }
    if let Some(bytes) = error.committed {
        metadata.insert("committed_size".into(), bytes.to_string());
    }
    if let Some(operation) = &error.operation {
        metadata.insert("operation_id".into(), operation.as_str().into());
    }
    let mut message = sentence(meaning.advice, error);
    if let Some(failure) = error
        .failure()
        .filter(|failure| !failure.repairs.is_empty())
    {
        message += ". It did not help to repair the link: ";
        message += &names(&failure.repairs, ", ");
    }
    if error.left_behind {
        metadata.insert("left_behind".into(), "true".into());
        message += ". A file is still on the server under this name: it could not be deleted, or could not be \
                    shown to be what this upload wrote";
    }
    meaning.status(message, metadata)
}

/// The same, for `map_err`.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature that map_err takes"
)]
pub(super) fn refused(error: Error) -> Status {
    of(&error)
}

/// The same, for a message.
pub(super) fn failure(error: &Error) -> Failure {
    let status = of(error);
    let details = status.get_error_details();
    let info = details.error_info().cloned();
    let (reason, metadata) = info
        .map(|info| (info.reason, info.metadata))
        .unwrap_or_default();
    Failure {
        code: status.code().into(),
        reason,
        message: status.message().into(),
        metadata,
        retry_after: details
            .retry_info()
            .and_then(|retry| retry.retry_delay)
            .map(response::duration),
    }
}

/// The error of a transfer, as it is kept: no call is there to get it.
#[must_use]
pub fn told(error: &Error) -> ToldError {
    let status = of(error);
    let info = status.get_details_error_info();
    let (reason, metadata) = info
        .map(|info| (info.reason, info.metadata))
        .unwrap_or_default();
    ToldError {
        reason,
        message: status.message().into(),
        metadata: metadata.into_iter().collect(),
    }
}

/// The status of a call that comes while the daemon is stopping.
pub(super) fn stopping() -> Status {
    of(&Cause::Stopping.into())
}

/// The status of a call that was broken off because the daemon is stopping, and whose operation has not ended
/// by the time at which its caller must get an answer.
pub(super) fn cut_off() -> Status {
    let error = Error::from(Cause::Stopping);
    let meaning = Meaning::of_cause(&error.cause);
    let message = sentence(meaning.advice, &error)
        + ". It did not wait for the end of the operation, so that a part of a file that was being \
           written may be left on the server";
    meaning.status(message, HashMap::new())
}

/// The name of the code of a call that succeeded.
pub(super) const OK: &str = "OK";

/// The name of the code of a call that its caller cancelled.
pub(super) const CANCELLED: &str = "Canceled";

/// The name of a code (`grpc-status`) as gRPC's servers in Go write it, since monitoring expects those names.
pub(super) fn code_name(sent: &[u8]) -> &'static str {
    match Code::from_bytes(sent) {
        Code::Ok => OK,
        Code::Cancelled => CANCELLED,
        Code::Unknown => "Unknown",
        Code::InvalidArgument => "InvalidArgument",
        Code::DeadlineExceeded => "DeadlineExceeded",
        Code::NotFound => "NotFound",
        Code::AlreadyExists => "AlreadyExists",
        Code::PermissionDenied => "PermissionDenied",
        Code::ResourceExhausted => "ResourceExhausted",
        Code::FailedPrecondition => "FailedPrecondition",
        Code::Aborted => "Aborted",
        Code::OutOfRange => "OutOfRange",
        Code::Unimplemented => "Unimplemented",
        Code::Internal => "Internal",
        Code::Unavailable => "Unavailable",
        Code::DataLoss => "DataLoss",
        Code::Unauthenticated => "Unauthenticated",
    }
}

fn names(rungs: &[Rung], separator: &str) -> String {
    let names: Vec<_> = rungs.iter().map(|rung| rung.name()).collect();
    names.join(separator)
}

fn sentence(advice: &str, error: &Error) -> String {
    let what = chain(error);
    if advice.is_empty() {
        what
    } else {
        format!("{what}; {advice}")
    }
}

/// Names a limit of the data budget.
const fn limit(limit_use: &LimitUse) -> &'static str {
    match (limit_use.scope, limit_use.period) {
        (Scope::Module, Period::Day) => "per_day",
        (Scope::Module, Period::Month) => "per_month",
        (Scope::Profile, Period::Day) => "profile_per_day",
        (Scope::Profile, Period::Month) => "profile_per_month",
        (Scope::Client, Period::Day) => "client_per_day",
        (Scope::Client, Period::Month) => "client_per_month",
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::FieldViolation;

    use super::*;
    use crate::broker::terms::Principal;
    use crate::proto::Reason;
    use crate::rpc::convert::fields::Invalid;
    use crate::rpc::reason::name;
    use crate::rpc::role::Role;

    /// Bytes of the status as it is sent: what HTTP/2 has of it is a third longer (base64).
    fn bytes(status: &Status) -> usize {
        status.details().len()
    }

    #[test]
    fn the_longest_status_has_four_kib() {
        let long = "\u{e9}".repeat(40_000);
        let error = Error {
            operation: Some(crate::modem::JobId::new("x".repeat(36))),
            committed: Some(u64::MAX),
            left_behind: true,
            ..Cause::ProfileNotFound(long.clone()).into()
        };
        assert!(bytes(&of(&error)) <= 4096, "{}", bytes(&of(&error)));
        let violation = FieldViolation::new(long.clone(), long.clone());
        let status = invalid(Invalid(vec![violation; 1000]));
        assert!(bytes(&status) <= 4096, "{}", bytes(&status));
        let who = Principal::new(long.as_str());
        let status = role_required(&who, &long, Role::Transfer);
        assert!(bytes(&status) <= 4096, "{}", bytes(&status));
        let status = feature_unknown(&long);
        assert!(bytes(&status) <= 4096, "{}", bytes(&status));
    }

    #[test]
    fn every_reason_can_be_told_from_its_name() {
        for number in 1..200 {
            if let Ok(reason) = Reason::try_from(number) {
                let name = name(reason);
                // As google.rpc.ErrorInfo demands of a reason.
                assert!(name.len() <= 63 && !name.starts_with("REASON"), "{name}");
            }
        }
    }
}
