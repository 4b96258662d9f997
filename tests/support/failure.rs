//! A failed call, as a client in another language sees it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// Status and details of a failed call.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Failure {
    /// gRPC's name of the status code, for example `NOT_FOUND`.
    pub(crate) code: String,
    pub(crate) message: String,
    /// Of google.rpc.ErrorInfo.
    pub(crate) reason: String,
    pub(crate) domain: String,
    pub(crate) metadata: BTreeMap<String, String>,
    /// Of google.rpc.BadRequest: description by field.
    pub(crate) violations: BTreeMap<String, String>,
    /// Of google.rpc.RetryInfo, in seconds.
    pub(crate) retry_after: Option<f64>,
}

impl Failure {
    /// From google.rpc.Status as JSON, which grpcurl prints.
    pub(crate) fn from_status(status: &Value) -> Self {
        let mut failure = Self {
            code: code_name(status["code"].as_u64()).to_owned(),
            message: text(&status["message"]),
            ..Self::default()
        };
        for detail in status["details"].as_array().into_iter().flatten() {
            failure.add(detail);
        }
        failure
    }

    /// Fails the test unless a failed upload reports a remaining file exactly where there is one:
    /// only a file that is proven to be the upload's own is deleted.
    #[track_caller]
    pub(crate) fn tells_what_is_left(&self, is_there: bool) {
        let told = self.metadata.get("left_behind").map(String::as_str);
        assert_eq!(told == Some("true"), is_there, "{self:#?}");
    }

    /// Fails the test unless status and reason are these.
    #[track_caller]
    pub(crate) fn expect(&self, code: &str, reason: &str) {
        assert_eq!(
            (self.code.as_str(), self.reason.as_str()),
            (code, reason),
            "{self:#?}"
        );
        assert_eq!(self.domain, "cellftp", "{self:#?}");
        assert!(!self.message.is_empty(), "{self:#?}");
    }

    fn add(&mut self, detail: &Value) {
        let kind = text(&detail["@type"]);
        if kind.ends_with("google.rpc.ErrorInfo") {
            self.reason = text(&detail["reason"]);
            self.domain = text(&detail["domain"]);
            let pairs = detail["metadata"].as_object().into_iter().flatten();
            self.metadata = pairs
                .map(|(key, value)| (key.clone(), text(value)))
                .collect();
        } else if kind.ends_with("google.rpc.BadRequest") {
            let list = either(detail, "fieldViolations", "field_violations")
                .as_array()
                .into_iter()
                .flatten();
            self.violations = list
                .map(|one| (text(&one["field"]), text(&one["description"])))
                .collect();
        } else if kind.ends_with("google.rpc.RetryInfo") {
            self.retry_after = text(either(detail, "retryDelay", "retry_delay"))
                .strip_suffix('s')
                .and_then(|s| s.parse().ok());
        }
    }
}

/// An `Ok` here fails the test.
#[track_caller]
pub(crate) fn failed(outcome: Result<Value, Failure>) -> Failure {
    outcome.expect_err("the call should have failed")
}

/// grpcurl spells fields one way or the other, depending on where it has a message's
/// description from.
fn either<'a>(detail: &'a Value, one: &str, other: &str) -> &'a Value {
    detail.get(one).unwrap_or(&detail[other])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn code_name(code: Option<u64>) -> &'static str {
    const NAMES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    code.and_then(|code| NAMES.get(usize::try_from(code).ok()?))
        .copied()
        .unwrap_or("none")
}
