//! Calls that are refused before they become an operation.

use std::collections::HashMap;

use tonic::codegen::http::HeaderMap;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use super::meaning::{DOMAIN, LONGEST, Meaning, shortened};
use crate::broker::terms::Principal;
use crate::proto::Reason;
use crate::rpc::convert::fields::Invalid;
use crate::rpc::limits::{CHUNK, FIRST_MESSAGE, MESSAGE, SHORT, SHORT_A_SECOND, SHORT_AT_ONCE};
use crate::rpc::reason::name;
use crate::rpc::role::Role;

/// Most fields that one status names, and bytes of what is said of each: the whole status has at most
/// 4 KiB, as the contract says.
const VIOLATIONS: usize = 16;
const FIELD: usize = 64;
const RULE: usize = 128;

/// How tonic begins the message of a status for a request that it could not decode.
const UNREADABLE: &str = "failed to decode Protobuf message";

/// A request with fields that break rules.
pub(in crate::rpc) fn invalid(Invalid(mut violations): Invalid) -> Status {
    // A list may have the same error a hundred times, and clients bound the size of trailers.
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
    // The details have what is cut off.
    let message = shortened(message, LONGEST / 2);
    Status::with_error_details(Code::InvalidArgument, message, details)
}

/// A message that may not come at this place of a stream.
pub(in crate::rpc) fn out_of_order(field: &str, rule: &str) -> Status {
    invalid(Invalid(vec![FieldViolation::new(field, rule)]))
}

/// Metadata that cannot be read.
pub(in crate::rpc) fn bad_metadata(name: &str, rule: &str) -> Status {
    invalid(Invalid(vec![FieldViolation::new(name, rule)]))
}

/// A caller that has no principal.
pub(in crate::rpc) fn no_identity(why: &str) -> Status {
    simple(Reason::NoIdentity, why)
}

/// A caller without the role that a method needs.
pub(in crate::rpc) fn role_required(principal: &Principal, method: &str, role: Role) -> Status {
    let role = role.name();
    let message = format!(
        "{principal} may not call {method}, which needs the role `{role}`; roles.{role} of the \
         daemon's configuration says who has it"
    );
    let metadata = [("principal", principal.as_str()), ("role", role)];
    let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
    Meaning::new(Reason::RoleRequired, "").status(message, metadata.into())
}

/// A call that needs a feature which this daemon does not have.
pub(in crate::rpc) fn feature_unknown(feature: &str) -> Status {
    let message = format!(
        "the call needs `{feature}`, which this daemon does not have; GetServerInfo names what it has"
    );
    let metadata = [("feature".to_owned(), feature.to_owned())];
    Meaning::new(Reason::FeatureUnknown, "").status(message, metadata.into())
}

/// A path that is no method's.
pub(in crate::rpc) fn no_such_method() -> Status {
    Status::unimplemented("there is no such method")
}

/// An upload whose stream ended before `finish`.
pub(in crate::rpc) fn unfinished() -> Status {
    simple(
        Reason::Unfinished,
        "the stream ended without `finish`, so the file is not completed",
    )
}

/// Whether a status is that of [`unfinished`].
pub(in crate::rpc) fn is_unfinished(status: &Status) -> bool {
    let info = status.get_details_error_info();
    info.is_some_and(|info| info.reason == name(Reason::Unfinished))
}

/// A message that did not begin, or did not end, in time.
pub(in crate::rpc) fn late_message(first: bool) -> Status {
    let message = if first {
        format!("the call's first message did not come within {FIRST_MESSAGE:?}")
    } else {
        format!("a message that had begun was not whole within {MESSAGE:?}")
    };
    simple(Reason::MessageTooLate, &message)
}

/// A message that is longer than its method needs.
pub(in crate::rpc) fn too_long(len: u32, bound: u32) -> Status {
    let message = format!(
        "the message has {len} bytes, the method takes {bound}; send a file in chunks of at most \
         {CHUNK} bytes"
    );
    simple(Reason::MessageTooLong, &message)
}

/// Too many short chunks.
pub(in crate::rpc) fn short_chunks() -> Status {
    let message = format!(
        "too many chunks are shorter than {SHORT} bytes: {SHORT_AT_ONCE} may be, and \
         {SHORT_A_SECOND} more in a second; send longer ones, best of 64 KiB"
    );
    simple(Reason::ChunksTooShort, &message)
}

/// A request that is no message of Protocol Buffers in gRPC's framing.
pub(in crate::rpc) fn malformed(how: &str) -> Status {
    let message = format!("the request cannot be read: {how}");
    simple(Reason::MalformedMessage, &message)
}

/// Changes tonic's INTERNAL for a message that cannot be decoded to `MALFORMED_MESSAGE`, since the client has
/// sent it.
pub(in crate::rpc) fn tell_malformed(headers: &mut HeaderMap) {
    let Some(status) = Status::from_header_map(headers) else {
        return;
    };
    if status.code() == Code::Internal && status.message().starts_with(UNREADABLE) {
        let told = malformed(status.message());
        // This does not fail: the message has the same characters.
        let _ = told.add_header(headers);
    }
}

/// A connection beyond the bound.
pub(in crate::rpc) fn too_many_connections(own: bool) -> Status {
    let whose = if own { "this client has" } else { "there are" };
    let message = format!("{whose} too many connections; close some, or come again later");
    Meaning::unavailable(Reason::TooManyConnections, "").status(message, HashMap::new())
}

/// A call beyond the bound.
pub(in crate::rpc) fn too_many_calls(own: bool) -> Status {
    let whose = if own { "this client has" } else { "there are" };
    let message = format!("{whose} too many calls at once; wait until some have ended");
    Meaning::unavailable(Reason::TooManyCalls, "").status(message, HashMap::new())
}

fn simple(reason: Reason, message: &str) -> Status {
    Meaning::new(reason, "").status(message.into(), HashMap::new())
}
