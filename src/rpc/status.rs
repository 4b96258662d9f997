//! Errors as clients see them: the only room that knows gRPC's status codes.
//!
//! Every error carries `google.rpc.ErrorInfo` with a reason for programs; `RetryInfo` where
//! waiting helps; `BadRequest` where fields of the request break rules.

mod verdict;

use std::collections::HashMap;

use tonic::codegen::http::HeaderMap;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use super::convert::request::Invalid;
use super::convert::response;
use super::limits::{CHUNK, FIRST_MESSAGE, MESSAGE, SHORT, SHORT_A_SECOND, SHORT_AT_ONCE};
use super::role::Role;
use crate::broker::transfers::Told;
use crate::broker::usage::{Period, Scope, Standing};
use crate::broker::{Cause, Error, Principal};
use crate::modem::chain;
use crate::proto::{Failure, Reason};
use simcom_talk::dialogue::Rung;
use verdict::Verdict;

/// The `domain` of every `google.rpc.ErrorInfo`.
pub const DOMAIN: &str = "cellftp";

/// The status that a client gets for an error.
///
/// The code says what class of trouble it is and only UNAVAILABLE and RESOURCE_EXHAUSTED invite
/// a retry; the reason says exactly what happened; the message tells a person, with what is
/// known and what can be done.
#[must_use]
pub fn of(error: &Error) -> Status {
    let verdict = Verdict::of_cause(&error.cause);
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
        metadata.insert("limit".into(), limit(&exceeded.standing).into());
        metadata.insert("left".into(), exceeded.standing.left().to_string());
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
    let mut message = sentence(verdict.advice, error);
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
    verdict.status(message, metadata)
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

/// What is kept of an error that no call is there to be told of.
#[must_use]
pub fn told(error: &Error) -> Told {
    let status = of(error);
    let info = status.get_details_error_info();
    let (reason, metadata) = info
        .map(|info| (info.reason, info.metadata))
        .unwrap_or_default();
    Told {
        code: status.code().into(),
        reason,
        message: status.message().into(),
        metadata: metadata.into_iter().collect(),
    }
}

/// A call that comes while the daemon is stopping.
pub(super) fn stopping() -> Status {
    of(&Cause::Stopping.into())
}

/// A call that was broken off because the daemon is stopping, and whose operation has not ended by
/// the time at which its caller must be told.
pub(super) fn cut_off() -> Status {
    let error = Error::from(Cause::Stopping);
    let verdict = Verdict::of_cause(&error.cause);
    let message = sentence(verdict.advice, &error)
        + ". It did not wait for the end of the operation, so that a part of a file that was being \
           written may be left on the server";
    verdict.status(message, HashMap::new())
}
/// Most fields that one status names, and bytes of what is said of each: the whole status has at most
/// 4 KiB, as the contract says.
const VIOLATIONS: usize = 16;
const FIELD: usize = 64;
const RULE: usize = 128;

/// A request with fields that break rules.
pub(super) fn invalid(Invalid(mut violations): Invalid) -> Status {
    // A list may have the same mistake a hundred times; trailers are bounded by the other side.
    violations.truncate(VIOLATIONS);
    for violation in &mut violations {
        violation.field = shortened(std::mem::take(&mut violation.field), FIELD);
        violation.description = shortened(std::mem::take(&mut violation.description), RULE);
    }
    let fields: Vec<String> = violations
        .iter()
        .map(|v| format!("{} {}", v.field, v.description))
        .collect();
    let mut details = ErrorDetails::new();
    details.set_error_info(name(Reason::InvalidFields), DOMAIN, HashMap::new());
    details.set_bad_request(violations);
    let message = format!("the request is not valid: {}", fields.join("; "));
    // What it would say is in the details.
    let message = shortened(message, LONGEST / 2);
    Status::with_error_details(Code::InvalidArgument, message, details)
}

/// A message of a stream that may not come there.
pub(super) fn out_of_order(field: &str, rule: &str) -> Status {
    invalid(Invalid(vec![FieldViolation::new(field, rule)]))
}

/// Metadata that cannot be read.
pub(super) fn bad_metadata(name: &str, rule: &str) -> Status {
    invalid(Invalid(vec![FieldViolation::new(name, rule)]))
}

/// A caller of whom nothing is known.
pub(super) fn no_identity(why: &str) -> Status {
    simple(Code::Unauthenticated, Reason::NoIdentity, why)
}

/// A caller without the role that a method needs.
pub(super) fn role_required(principal: &Principal, method: &str, role: Role) -> Status {
    let role = role.name();
    let message = format!(
        "{principal} may not call {method}, which needs the role `{role}`; roles.{role} of the \
         daemon's configuration says who has it"
    );
    let metadata = [("principal", principal.as_str()), ("role", role)];
    let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
    Verdict::new(Code::PermissionDenied, Reason::RoleRequired, "").status(message, metadata.into())
}

/// A call that needs what this daemon does not have.
pub(super) fn feature_unknown(feature: &str) -> Status {
    let message = format!(
        "the call needs `{feature}`, which this daemon does not have; GetServerInfo names what it has"
    );
    let metadata = [("feature".to_owned(), feature.to_owned())];
    Verdict::new(Code::Unimplemented, Reason::FeatureUnknown, "").status(message, metadata.into())
}

/// A path that is no method's.
pub(super) fn no_such_method() -> Status {
    Status::unimplemented("there is no such method")
}

/// An upload whose stream ended before `finish`.
pub(super) fn unfinished() -> Status {
    simple(
        Code::Cancelled,
        Reason::Unfinished,
        "the stream ended without `finish`, so the file is not completed",
    )
}

/// Whether it is that.
pub(super) fn is_unfinished(status: &Status) -> bool {
    let info = status.get_details_error_info();
    info.is_some_and(|info| info.reason == name(Reason::Unfinished))
}

/// A message that did not come in time, or not to its end.
pub(super) fn late_message(first: bool) -> Status {
    let message = if first {
        format!("the call's first message did not come within {FIRST_MESSAGE:?}")
    } else {
        format!("a message that had begun was not whole within {MESSAGE:?}")
    };
    simple(Code::DeadlineExceeded, Reason::MessageTooLate, &message)
}

/// A message that is longer than its method needs.
pub(super) fn too_long(len: u32, bound: u32) -> Status {
    let message = format!(
        "the message has {len} bytes, the method takes {bound}; send a file in chunks of at most \
         {CHUNK} bytes"
    );
    simple(Code::InvalidArgument, Reason::MessageTooLong, &message)
}

/// Too many chunks that cost more than they bring.
pub(super) fn short_chunks() -> Status {
    let message = format!(
        "too many chunks are shorter than {SHORT} bytes: {SHORT_AT_ONCE} may be, and \
         {SHORT_A_SECOND} more in a second; send longer ones, best of 64 KiB"
    );
    simple(Code::InvalidArgument, Reason::ChunksTooShort, &message)
}

/// A request that is no message of Protocol Buffers as gRPC frames it.
pub(super) fn malformed(how: &str) -> Status {
    let message = format!("the request cannot be read: {how}");
    simple(Code::InvalidArgument, Reason::MalformedMessage, &message)
}

/// Says `MALFORMED_MESSAGE` where the library says that it could not read a message, which is INTERNAL
/// there: it cannot know whose fault it is.
pub(super) fn tell_malformed(headers: &mut HeaderMap) {
    let Some(status) = Status::from_header_map(headers) else {
        return;
    };
    if status.code() == Code::Internal && status.message().starts_with(UNREADABLE) {
        let told = malformed(status.message());
        // It can be written: its message has the same characters.
        let _ = told.add_header(headers);
    }
}

/// Longest message, in bytes: it may repeat what a server or a client has said.
const LONGEST: usize = 1024;

/// How the library begins to say that.
const UNREADABLE: &str = "failed to decode Protobuf message";

/// A client for whose connection there is no room.
pub(super) fn too_many_connections(own: bool) -> Status {
    let whose = if own { "this client has" } else { "there are" };
    let message = format!("{whose} too many connections; close some, or come again later");
    Verdict::unavailable(Reason::TooManyConnections, "").status(message, HashMap::new())
}

/// A client that has too many calls at once.
pub(super) fn too_many_calls(own: bool) -> Status {
    let whose = if own { "this client has" } else { "there are" };
    let message = format!("{whose} too many calls at once; wait until some have ended");
    Verdict::unavailable(Reason::TooManyCalls, "").status(message, HashMap::new())
}

/// The beginning of a text: at most so many bytes.
pub(super) fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// The beginning of a text that says that it is not all.
fn shortened(text: String, most: usize) -> String {
    match cut(&text, most) {
        whole if whole.len() == text.len() => text,
        beginning => format!("{beginning} ..."),
    }
}

fn simple(code: Code, reason: Reason, message: &str) -> Status {
    Verdict::new(code, reason, "").status(message.into(), HashMap::new())
}

/// The name of the code of a call that its caller gave up.
pub(super) const CANCELLED: &str = "Canceled";

/// The name of a code as it is sent (`grpc-status`), in the manner of gRPC's servers in Go, which
/// monitoring goes by.
pub(super) fn code_name(sent: &[u8]) -> &'static str {
    match Code::from_bytes(sent) {
        Code::Ok => "OK",
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

/// The name of a reason, as it is sent.
fn name(reason: Reason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("REASON_").unwrap_or(name)
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
const fn limit(standing: &Standing) -> &'static str {
    match (standing.scope, standing.period) {
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
    use super::*;

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
