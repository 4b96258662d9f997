//! What an error means to a client, as a status.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use crate::proto::Reason;
use crate::rpc::reason::{self, name};

/// The `domain` of every `google.rpc.ErrorInfo`.
pub const DOMAIN: &str = "cellftp";

/// Longest message, in bytes: it may repeat what a server or a client has said.
pub(super) const LONGEST: usize = 1024;

/// Longest value of the metadata, in bytes. There are at most ten.
const VALUE: usize = 128;

/// How long a caller should wait before it tries again, where no better estimate is known. To bring a module up
/// takes 5 to 20 s, so that a shorter wait would mostly be in vain.
pub(super) const RETRY: Duration = Duration::from_secs(5);

/// What an error means: reason (which has a code), advice, and whether to try again.
pub(super) struct Meaning {
    pub(super) reason: Reason,
    /// What a person can do, or what the cause is; may be empty.
    pub(super) advice: &'static str,
    /// The client should wait so long before it tries again; `None`: another try does not help.
    pub(super) retry: Option<Duration>,
    /// The field of the request that breaks a rule.
    pub(super) field: Option<FieldViolation>,
}

impl Meaning {
    pub(super) fn new(reason: Reason, advice: &'static str) -> Self {
        Self {
            reason,
            advice,
            retry: None,
            field: None,
        }
    }

    /// UNAVAILABLE, and worth another try.
    pub(super) fn unavailable(reason: Reason, advice: &'static str) -> Self {
        Self {
            retry: Some(RETRY),
            ..Self::new(reason, advice)
        }
    }

    /// There are too many of something. Where some belong to others than the caller, they may end, so that a
    /// retry can succeed.
    pub(super) fn full(own: bool, reason: Reason, advice: &'static str) -> Self {
        Self {
            retry: (!own).then_some(RETRY),
            ..Self::new(reason, advice)
        }
    }

    /// The daemon ends; the next one may serve soon.
    pub(super) fn stopping() -> Self {
        Self::unavailable(Reason::Stopping, "call again when it is back")
    }

    /// The process has no file descriptor left.
    pub(super) fn too_many_files() -> Self {
        Self::unavailable(
            Reason::TooManyFiles,
            "the daemon may open no more files now (LimitNOFILE=, ulimit -n)",
        )
    }

    /// The caller reads too slowly.
    pub(super) fn reader_too_slow() -> Self {
        Self::new(
            Reason::ReaderTooSlow,
            "the link is for those who use it; read faster, or go on later from an offset",
        )
    }

    /// The caller sends too slowly.
    pub(super) fn writer_too_slow() -> Self {
        Self::new(
            Reason::WriterTooSlow,
            "the link is for those who use it; have the data at hand before the call",
        )
    }

    pub(super) const fn code(&self) -> Code {
        reason::code(self.reason)
    }

    pub(super) fn status(self, message: String, metadata: HashMap<String, String>) -> Status {
        let message = shortened(message, LONGEST);
        let metadata: HashMap<_, _> = metadata
            .into_iter()
            .map(|(key, value)| (key, shortened(value, VALUE)))
            .collect();
        let mut details = ErrorDetails::new();
        details.set_error_info(name(self.reason), DOMAIN, metadata);
        if self.retry.is_some() {
            details.set_retry_info(self.retry);
        }
        let code = self.code();
        if let Some(field) = self.field {
            details.set_bad_request(vec![field]);
        }
        Status::with_error_details(code, message, details)
    }
}

/// The beginning of a text: at most `most` bytes.
pub(in crate::rpc) fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// The text, or its beginning with a mark that something is cut off.
pub(super) fn shortened(text: String, most: usize) -> String {
    match cut(&text, most) {
        whole if whole.len() == text.len() => text,
        beginning => format!("{beginning} ..."),
    }
}
