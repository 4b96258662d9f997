//! How a run that failed ends: its exit code, its message, and what to do.

use std::error::Error as _;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use crate::advice::{MORE_TIME, advice};
use crate::plain::{json_text, shown};
use cellftp::client::{Code, Error, Refusal};

/// The exit codes, as the help promises them.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done
  1  another error
  2  the command line or a request's field is wrong
  3  not found: the file, the directory, the profile or the session
  4  denied: by the server, by the daemon, or by the local file system
  5  unavailable now: the daemon, the module or the link; trying again may help
  6  the time limit passed
  7  verification failed: what arrived is not what was sent
  8  cancelled, interrupted by a signal, or overtaken: a later upload writes the same name
  9  written, but not known to be there: the outcome was lost, or the server does not tell what
     --verify asks for; the file may be there whole, in part, or not at all. Also where the file
     is there, and its sentinel may not be
  141  whoever read standard output had enough of it, as `head` does";

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line does not say enough.
    #[error("{0}")]
    Usage(String),
    /// The local file exists and must not be overwritten.
    #[error("{0} exists")]
    Exists(String),
    /// The local file cannot be opened, created or renamed.
    #[error("{path}: {source}")]
    Local {
        /// The file.
        path: String,
        #[source]
        source: io::Error,
    },
    /// The output cannot be written.
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
    /// The system refuses what every program needs.
    #[error("cannot start: {0}")]
    Start(#[source] io::Error),
    /// The call failed.
    #[error(transparent)]
    Call(#[from] Error),
    /// The call failed for one path among several.
    #[error("{path}: {source}")]
    For {
        /// The path on the server.
        path: String,
        #[source]
        source: Error,
    },
    /// The transfer that was waited for was cancelled.
    #[error("{id}: the transfer was cancelled")]
    Cancelled {
        /// Of the transfer.
        id: String,
    },
    /// The daemon answers, and what was asked for does not serve now.
    #[error("{0}")]
    NotServing(String),
    /// Ctrl-C, or a signal of another program.
    #[error("cancelled{0}")]
    Interrupted(&'static str),
}

/// The exit code that a shell reports after SIGPIPE (128 and its number).
const PIPE: u8 = 141;

impl Failure {
    /// A local file that cannot be opened, created or renamed.
    pub(crate) fn local(path: &Path, source: io::Error) -> Self {
        Self::Local {
            path: path.display().to_string(),
            source,
        }
    }

    /// The code that [`HELP`] promises.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.number())
    }

    /// Writes to standard error what happened and what to do.
    pub(crate) fn print(&self, json: bool) {
        // `cellftp get x - | head`: everybody knows why it ends.
        if self.number() == PIPE {
            return;
        }
        let text = if json {
            json_text(&self.to_json())
        } else {
            shown(&self.to_text())
        };
        // Nobody reads the message where standard error is closed.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    fn number(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::NotServing(_) => 5,
            Self::Local { source, .. } => local_number(source),
            Self::Interrupted(_) | Self::Cancelled { .. } => 8,
            Self::Output(source) if source.kind() == io::ErrorKind::BrokenPipe => PIPE,
            Self::Exists(_) | Self::Output(_) | Self::Start(_) => 1,
            Self::Call(error) | Self::For { source: error, .. } => match error {
                Error::Address { .. } | Error::Credentials(_) => 2,
                Error::Connect { .. } | Error::Closed | Error::Lost { .. } => 5,
                Error::Certificate { .. } => 4,
                Error::Timeout(_) => 6,
                Error::Mismatch { .. } => 7,
                Error::Write(source) if source.kind() == io::ErrorKind::BrokenPipe => PIPE,
                Error::Read(source) | Error::Write(source) => local_number(source),
                // Commands with `--dry-run` handle the first before.
                Error::Validated | Error::Incomplete | Error::Protocol(_) => 1,
                Error::Refused(refusal) | Error::Unmet { refusal, .. } => refusal_number(refusal),
            },
        }
    }

    fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Call(error) | Self::For { source: error, .. } => match error {
                Error::Refused(refusal) | Error::Unmet { refusal, .. } => Some(refusal),
                _ => None,
            },
            _ => None,
        }
    }

    fn to_text(&self) -> String {
        let mut text = format!("cellftp: {}", self.sentence());
        if let Some(refusal) = self.refusal() {
            for (field, rule) in &refusal.violations {
                text += &format!("\n  {field} {rule}");
            }
            let details = refusal
                .metadata
                .iter()
                .map(|(key, value)| format!("{key} {value}"));
            let known: Vec<String> = [refusal.reason.clone()]
                .into_iter()
                .filter(|r| !r.is_empty())
                .chain(details)
                .collect();
            if !known.is_empty() {
                text += &format!("\n  [{}]", known.join(", "));
            }
            if let Some(wait) = refusal.retry_after {
                text += &format!("\n  Try again in {} s.", wait.as_secs_f64().ceil());
            }
        }
        if let Some(advice) = self.advice() {
            text += &format!("\n  {advice}");
        }
        text
    }

    fn to_json(&self) -> serde_json::Value {
        let refusal = self.refusal();
        let mut error = json!({
            "exit_code": self.number(),
            "message": self.sentence(),
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

    /// The message, with the causes that it does not already contain.
    fn sentence(&self) -> String {
        let mut sentence = self.to_string();
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
            Self::Call(Error::Timeout(_)) => Some(MORE_TIME),
            _ => self.refusal().and_then(advice),
        }
    }
}

fn refusal_number(refusal: &Refusal) -> u8 {
    match (refusal.code, refusal.reason.as_str()) {
        (_, "SIZE_MISMATCH" | "HASH_MISMATCH") => 7,
        (_, "INDETERMINATE" | "UNVERIFIED" | "SENTINEL_INDETERMINATE") => 9,
        // The server denied it.
        (
            _,
            "LOGIN_REFUSED"
            | "SERVER_REFUSED"
            | "DIRECTORY_NOT_EMPTY"
            | "NOT_A_DIRECTORY"
            | "NOT_ADDRESSABLE",
        ) => 4,
        // A later upload of the same name cancels this one.
        (_, "NAME_TAKEN_OVER") => 8,
        (Code::InvalidArgument, _) => 2,
        (Code::NotFound, _) => 3,
        (Code::PermissionDenied | Code::Unauthenticated, _) => 4,
        (Code::Unavailable | Code::ResourceExhausted, _) => 5,
        (Code::DeadlineExceeded, _) => 6,
        (Code::Cancelled, _) => 8,
        _ => 1,
    }
}

fn local_number(error: &io::Error) -> u8 {
    match error.kind() {
        io::ErrorKind::NotFound => 3,
        io::ErrorKind::PermissionDenied => 4,
        _ => 1,
    }
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
            let text = failure.to_text();
            assert!(text.contains("`cellftp size`"), "{text}");
        }
        assert!(HELP.contains("\n  9  written, but not known to be there"));
    }

    #[test]
    fn an_old_daemon_is_thought_of() {
        let text = refused(Code::Unimplemented, "").to_text();
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
        let text = failure.to_text();
        assert!(text.starts_with("cellftp: /b: the sentence"), "{text}");
        assert!(text.contains("FILE_NOT_FOUND"), "{text}");
    }

    #[test]
    fn people_read_message_reason_and_advice() {
        let text = refused(Code::AlreadyExists, "ALREADY_EXISTS").to_text();
        for part in [
            "the sentence",
            "ALREADY_EXISTS",
            "errcode 9",
            "path is empty",
            "in 2 s",
            "--if-exists",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn programs_read_the_same() {
        let error = refused(Code::NotFound, "FILE_NOT_FOUND").to_json();
        let error = &error["error"];
        assert_eq!(error["code"], "NOT_FOUND");
        assert_eq!(error["reason"], "FILE_NOT_FOUND");
        assert_eq!(error["metadata"]["errcode"], "9");
        assert_eq!(error["exit_code"], 3);
        assert_eq!(error["violations"][0]["field"], "path");
    }
}
