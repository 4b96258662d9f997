//! What a person or a program reads of a failure.
//!
//! The text begins with what the person did and named. The cause follows in plain words, then what to do. What the
//! module said, with AT command and code, comes last.

use std::error::Error as _;
use std::io::{self, Write};

use serde_json::json;

use crate::advice::{MORE_TIME, advice};
use crate::deed::Deed;
use crate::exit::PIPE;
use crate::failure::Failure;
use crate::plain::{Plain, json_text, shown};
use crate::words::{about, cause};
use cellftp::client::{Code, Error, Refusal};

impl Failure {
    /// Writes to standard error what was done, what happened and what to do.
    pub(crate) fn print(&self, json: bool, deed: &Deed) {
        // `cellftp get x - | head`: everybody knows why it ends.
        if self.number() == PIPE {
            return;
        }
        let text = if json {
            json_text(&self.to_json(deed))
        } else {
            shown(&self.to_text(deed))
        };
        // Nobody reads the message where standard error is closed.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    fn to_text(&self, deed: &Deed) -> String {
        let mut text = format!("cellftp: {}", self.headline(deed));
        if let Some(detail) = self.detail() {
            text += &format!("\n  {}", Plain(&detail));
        }
        let refusal = self.refusal();
        let violations = refusal.iter().flat_map(|refusal| &refusal.violations);
        // The message says the first ones in full.
        for (field, rule) in violations
            .filter(|(_, rule)| !text_has(&text, rule))
            .collect::<Vec<_>>()
        {
            text += &format!("\n  {field} {rule}");
        }
        if let Some(wait) = refusal.and_then(|refusal| refusal.retry_after) {
            text += &format!("\n  Try again in {} s.", wait.as_secs_f64().ceil());
        }
        if let Some(advice) = self.advice() {
            text += &format!("\n  {advice}");
        }
        let known = refusal.map(known).unwrap_or_default();
        if !known.is_empty() {
            text += &format!("\n  [{known}]");
        }
        text
    }

    fn to_json(&self, deed: &Deed) -> serde_json::Value {
        let refusal = self.refusal();
        let mut error = json!({
            "exit_code": self.number(),
            "message": self.headline(deed),
            "command": deed.verb,
            "path": self.name().or(deed.name.as_deref()),
            "cause": self.sentence(),
            "advice": self.advice(),
        });
        if let (Some(refusal), Some(fields)) = (refusal, error.as_object_mut()) {
            fields.insert("code".into(), json!(code_name(refusal.code)));
            fields.insert("reason".into(), json!(refusal.reason));
            fields.insert("metadata".into(), json!(refusal.metadata));
            fields.insert(
                "retry_after_seconds".into(),
                json!(refusal.retry_after.map(|wait| wait.as_secs_f64())),
            );
            let violations = refusal.violations.iter();
            fields.insert(
                "violations".into(),
                violations
                    .map(|(field, rule)| json!({ "field": field, "description": rule }))
                    .collect(),
            );
        }
        json!({ "error": error })
    }

    /// What was done with which name, and why it failed: `get /nothere: no such file on office`.
    pub(crate) fn headline(&self, deed: &Deed) -> String {
        let name = self.name().or(deed.name.as_deref());
        let name = name.filter(|name| !name.is_empty());
        let name = name.map(|name| format!(" {}", Plain(name)));
        let what = format!("{}{}", deed.verb, name.unwrap_or_default());
        let why = match self {
            Self::Usage(words)
            | Self::Absent(words)
            | Self::Other(words)
            | Self::NotServing(words) => words.clone(),
            Self::Left { why, .. } => why.clone(),
            Self::Exists(path) => format!("{} exists here", Plain(path)),
            Self::Local { source, .. } => local(source),
            Self::Directory { place, .. } => format!("is a directory {}", Plain(place)),
            Self::Call(_) | Self::For { .. } => match self.refusal() {
                Some(refusal) => about(refusal, deed),
                None => self.sentence(),
            },
            Self::Cancelled { .. } => "the transfer was cancelled".into(),
            Self::Output(_) | Self::Start(_) | Self::Some { .. } | Self::Interrupted(_) => {
                self.to_string()
            }
        };
        format!("{what}: {why}")
    }

    /// The name that the failure is about, where it is not the one of the command line.
    fn name(&self) -> Option<&str> {
        match self {
            Self::Local { path, .. }
            | Self::For { path, .. }
            | Self::Directory { path, .. }
            | Self::Left { path, .. } => Some(path),
            Self::Cancelled { id } => Some(id),
            _ => None,
        }
    }

    /// What the daemon says of it, where the headline does not.
    fn detail(&self) -> Option<String> {
        let refusal = self.refusal()?;
        cause(refusal)
    }

    /// The message, with the causes that it does not already contain.
    fn sentence(&self) -> String {
        let mut sentence = match self {
            Self::For { source, .. } => source.to_string(),
            other => other.to_string(),
        };
        let mut cause = match self {
            Self::Call(error) | Self::For { source: error, .. } => error.source(),
            _ => None,
        };
        while let Some(error) = cause {
            let text = error.to_string();
            if !sentence.contains(&text) {
                sentence += &format!(": {text}");
            }
            cause = error.source();
        }
        sentence
    }

    fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Exists(_) => Some("Choose another name, or --if-exists overwrite."),
            Self::Call(Error::Connect { .. }) => Some(
                "Is cellftpd running (systemctl status cellftpd), is the address right \
                 (--address, CELLFTP_ADDRESS), and may you open its socket?",
            ),
            Self::Call(Error::Timeout(_))
            | Self::For {
                source: Error::Timeout(_),
                ..
            } => Some(MORE_TIME),
            Self::Directory { instead, .. } => Some(instead),
            _ => self.refusal().and_then(advice),
        }
    }
}

/// What happened to a name of this machine, in words.
fn local(source: &io::Error) -> String {
    match source.kind() {
        io::ErrorKind::NotFound => "no such file or directory here".into(),
        io::ErrorKind::PermissionDenied => "permission denied here".into(),
        io::ErrorKind::IsADirectory => "is a directory here".into(),
        _ => source.to_string(),
    }
}

/// Whether a text has a rule, or its beginning where the daemon has cut the rest off.
fn text_has(text: &str, rule: &str) -> bool {
    let beginning: String = rule.chars().take(60).collect();
    text.contains(&beginning)
}

/// Reason, AT command, code, and what else is known, for people who look for a fault.
fn known(refusal: &Refusal) -> String {
    let data = |key: &str| refusal.metadata.get(key).cloned();
    let first = [Some(refusal.reason.clone()), data("command")];
    let code = data("errcode").map(|code| format!("code {code}"));
    let others = refusal
        .metadata
        .iter()
        .filter(|(key, value)| match key.as_str() {
            "command" | "errcode" => false,
            "attempt" => *value != "1",
            _ => true,
        });
    let others = others.map(|(key, value)| format!("{key} {value}"));
    let all: Vec<String> = first
        .into_iter()
        .chain([code])
        .flatten()
        .chain(others)
        .collect();
    let all: Vec<String> = all.into_iter().filter(|word| !word.is_empty()).collect();
    all.join(", ")
}

/// The name of a code in gRPC's documentation.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn deed() -> Deed {
        Deed {
            verb: "put",
            name: Some("/a".into()),
            place: "office".into(),
            of_directories: false,
        }
    }

    fn refused(code: Code, reason: &str) -> Failure {
        let refusal = Refusal {
            code,
            message: "the sentence".into(),
            reason: reason.into(),
            metadata: [("errcode".to_string(), "9".to_string())].into(),
            retry_after: Some(Duration::from_millis(1500)),
            violations: vec![("path".into(), "is empty".into())],
        };
        Failure::Call(Error::Refused(Box::new(refusal)))
    }

    #[test]
    fn exit_codes_keep_their_promise() {
        let cases = [
            (Code::InvalidArgument, "BAD_FIELDS", 2),
            (Code::NotFound, "FILE_NOT_FOUND", 3),
            (Code::PermissionDenied, "LOGIN_REFUSED", 4),
            (Code::Unavailable, "LINK_TIMEOUT", 5),
            (Code::ResourceExhausted, "QUEUE_FULL", 5),
            (Code::DeadlineExceeded, "DEADLINE_PASSED", 6),
            (Code::Aborted, "SIZE_MISMATCH", 7),
            (Code::Aborted, "HASH_MISMATCH", 7),
            (Code::Aborted, "TRANSFER_FAILED", 1),
            (Code::Aborted, "NAME_TAKEN_OVER", 8),
            (Code::Cancelled, "CANCELLED", 8),
            (Code::Internal, "MODEM_ERROR", 1),
        ];
        for (code, reason, want) in cases {
            assert_eq!(refused(code, reason).number(), want, "{code:?} {reason}");
        }
        assert_eq!(Failure::Interrupted("").number(), 8);
        assert_eq!(
            Failure::Call(Error::Timeout(Duration::from_secs(1))).number(),
            6
        );
    }

    #[test]
    fn a_reader_that_had_enough_ends_it_as_it_ends_any_program() {
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert_eq!(Failure::Call(Error::Write(gone())).number(), PIPE);
        assert_eq!(Failure::Output(gone()).number(), PIPE);
        let full = io::ErrorKind::StorageFull.into();
        assert_eq!(Failure::Output(full).number(), 1);
    }

    #[test]
    fn what_is_not_known_to_be_there_is_no_success() {
        for failure in [
            refused(Code::Aborted, "UNVERIFIED"),
            refused(Code::Unknown, "INDETERMINATE"),
            refused(Code::Unknown, "SENTINEL_INDETERMINATE"),
        ] {
            assert_eq!(failure.number(), 9, "{failure}");
            let text = failure.to_text(&deed());
            assert!(text.contains("`cellftp size`"), "{text}");
        }
    }

    #[test]
    fn an_old_daemon_is_thought_of() {
        let text = refused(Code::Unimplemented, "").to_text(&deed());
        assert!(text.contains("older than this program"), "{text}");
    }

    #[test]
    fn one_path_among_several_is_named() {
        let Failure::Call(source) = refused(Code::NotFound, "FILE_NOT_FOUND") else {
            panic!("it is a call")
        };
        let path = "/b".to_owned();
        let failure = Failure::For { path, source };
        assert_eq!(failure.number(), 3);
        let text = failure.to_text(&deed());
        assert!(
            text.starts_with("cellftp: put /b: no such file on office\n  the sentence"),
            "{text}"
        );
        assert!(text.contains("FILE_NOT_FOUND"), "{text}");
    }

    #[test]
    fn people_read_message_reason_and_advice() {
        let text = refused(Code::AlreadyExists, "ALREADY_EXISTS").to_text(&deed());
        for part in [
            "the sentence",
            "ALREADY_EXISTS",
            "code 9",
            "path is empty",
            "in 2 s",
            "--if-exists",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn programs_read_the_same() {
        let error = refused(Code::NotFound, "FILE_NOT_FOUND").to_json(&deed());
        let error = &error["error"];
        assert_eq!(error["code"], "NOT_FOUND");
        assert_eq!(error["reason"], "FILE_NOT_FOUND");
        assert_eq!(error["metadata"]["errcode"], "9");
        assert_eq!(error["exit_code"], 3);
        assert_eq!(error["violations"][0]["field"], "path");
    }
}
