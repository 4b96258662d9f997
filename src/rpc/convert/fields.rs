//! The fields of a request. A request is read whole: every field that breaks a rule is named, not the
//! first alone.

use std::time::Duration;

use tonic_types::FieldViolation;

use simcom_talk::ftps::value::ValueError;

/// Longest name of a profile, a session or an operation, in bytes: as of a transfer. Those of sessions
/// and operations have 36.
const MAX_NAME: usize = 128;

/// Longest span of time of Protocol Buffers, about 10,000 years (duration.proto).
const MAX_SECONDS: u64 = 315_576_000_000;

/// Collects the fields that break a rule, while a request is read.
#[derive(Debug, Default)]
pub(in crate::rpc) struct Fields {
    violations: Vec<FieldViolation>,
}

/// A request that is refused, with every field that breaks a rule.
#[derive(Debug)]
pub(in crate::rpc) struct Invalid(pub(in crate::rpc) Vec<FieldViolation>);

impl Fields {
    /// Notes that a field breaks a rule. Always `None`, to stand for the value.
    pub(super) fn refuse<T>(&mut self, field: &str, rule: impl Into<String>) -> Option<T> {
        self.violations.push(FieldViolation::new(field, rule));
        None
    }

    /// The value, unless it breaks the rule that the error states.
    pub(super) fn check<T>(&mut self, field: &str, value: Result<T, ValueError>) -> Option<T> {
        match value {
            Ok(value) => Some(value),
            Err(error) => self.refuse(field, error.to_string()),
        }
    }

    /// The value, where nothing was refused.
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<T, Invalid> {
        match value {
            Some(value) if self.violations.is_empty() => Ok(value),
            _ => Err(Invalid(self.violations)),
        }
    }

    /// A name of 1 to [`MAX_NAME`] bytes.
    pub(super) fn named(&mut self, field: &str, name: String) -> Option<String> {
        if name.is_empty() {
            return self.refuse(field, "is empty");
        }
        if name.len() > MAX_NAME {
            let rule = format!("has {} bytes, at most {MAX_NAME} are allowed", name.len());
            return self.refuse(field, rule);
        }
        Some(name)
    }

    /// A value of an enumeration.
    pub(super) fn choice<T: TryFrom<i32>>(&mut self, field: &str, number: i32) -> Option<T> {
        T::try_from(number)
            .ok()
            .or_else(|| self.refuse(field, format!("is {number}, which has no meaning here")))
    }

    /// A span of time that Protocol Buffers allow and that is not less than 0. The conversion of
    /// `prost_types` carries nanoseconds over, and panics at the smallest number of seconds.
    pub(super) fn span(&mut self, field: &str, span: prost_types::Duration) -> Option<Duration> {
        let seconds = u64::try_from(span.seconds).ok();
        let nanos = u32::try_from(span.nanos).ok();
        match seconds.zip(nanos) {
            Some((seconds @ ..=MAX_SECONDS, nanos @ ..1_000_000_000)) => {
                Some(Duration::new(seconds, nanos))
            }
            _ => self.refuse(
                field,
                format!("is not between 0 and {MAX_SECONDS} s, with less than a second in nanos"),
            ),
        }
    }

    /// A number that is not negative.
    pub(super) fn count(&mut self, field: &str, number: i64) -> Option<u64> {
        u64::try_from(number)
            .ok()
            .or_else(|| self.refuse(field, format!("is {number}, less than 0")))
    }

    /// A SHA-256; `Some(None)` where there is none.
    pub(super) fn sha256(&mut self, field: &str, bytes: &[u8]) -> Option<Option<[u8; 32]>> {
        if bytes.is_empty() {
            return Some(None);
        }
        match <[u8; 32]>::try_from(bytes) {
            Ok(hash) => Some(Some(hash)),
            Err(_) => self.refuse(
                field,
                format!("is {} bytes long, a SHA-256 has 32", bytes.len()),
            ),
        }
    }
}

/// Two parts of a request, or every field of both that breaks a rule.
pub(in crate::rpc) fn both<A, B>(
    one: Result<A, Invalid>,
    other: Result<B, Invalid>,
) -> Result<(A, B), Invalid> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (one, other) => {
            let mut violations = one.err().map_or_else(Vec::new, |Invalid(fields)| fields);
            violations.extend(other.err().into_iter().flat_map(|Invalid(fields)| fields));
            Err(Invalid(violations))
        }
    }
}
