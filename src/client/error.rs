//! Why a call failed.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::io;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::proto::PutResult;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be read.
    #[error("the address `{address}` cannot be used: {why}")]
    Address {
        /// As it was given.
        address: String,
        /// The rule that it breaks.
        why: &'static str,
    },
    /// Nothing answers at the address.
    #[error("the daemon does not answer at {address}")]
    Connect {
        /// Where it was looked for.
        address: String,
        /// What the system said.
        #[source]
        source: Box<tonic::transport::Error>,
    },
    /// Certificates or key cannot be used.
    #[error("the certificates and the key cannot be used")]
    Credentials(#[source] Box<tonic::transport::Error>),
    /// The daemon refused the certificate. With TLS 1.3 the first call learns of it.
    #[error(
        "the daemon does not take this certificate (TLS alert: {alert}); it is to be signed by the \
         authority of listen.tls.client_ca_file, and must not have expired"
    )]
    Certificate {
        /// The name of the alert.
        alert: String,
    },
    /// The connection ended before the call began. A refused certificate often looks like this: the alert that
    /// says so is lost with the connection.
    #[error(
        "the daemon closed the connection before the call began; where its address begins with \
         https://, it may not take the certificate: its log says why"
    )]
    Closed,
    /// The connection broke during the call. A refused certificate may look like this as well.
    #[error(
        "the connection to the daemon broke ({why}), and what became of the call is not known; \
         where its address begins with https://, it may not take the certificate: its log says why"
    )]
    Lost {
        /// What the system said.
        why: String,
    },
    /// The daemon answered with an error.
    #[error(transparent)]
    Refused(#[from] Box<Refusal>),
    /// A Put has sent all bytes, and something else that was asked for is not so: the file is not verified as
    /// it should be, or its sentinel is not known to be written.
    #[error("{refusal}")]
    Unmet {
        /// What was reached.
        result: Box<PutResult>,
        /// What is missing.
        #[source]
        refusal: Box<Refusal>,
    },
    /// The call was not over in the time that its caller gave it.
    #[error("the call was not over after {0:?}")]
    Timeout(Duration),
    /// The file's source failed.
    #[error("the file could not be read")]
    Read(#[source] io::Error),
    /// The file's destination failed.
    #[error("the file could not be written")]
    Write(#[source] io::Error),
    /// The stream ended before its result: what arrived is not whole.
    #[error("the daemon ended the stream before its result; what arrived is incomplete")]
    Incomplete,
    /// The options asked for a check only ([`Client::with_options`](super::Client::with_options)): the request
    /// would be taken on, and nothing was done.
    #[error("the request was checked and would be taken on; nothing was done")]
    Validated,
    /// What arrived is not what was sent.
    #[error("{what} differs: the daemon sent {sent}, {arrived} arrived")]
    Mismatch {
        /// What was compared.
        what: &'static str,
        /// By the result's account.
        sent: String,
        /// By this side's account.
        arrived: String,
    },
    /// The daemon sent what the contract does not allow.
    #[error("the daemon broke the contract: {0}")]
    Protocol(String),
}

/// An error status of the daemon with its details.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The gRPC status code.
    pub code: Code,
    /// A sentence for people.
    pub message: String,
    /// A word for programs, from `google.rpc.ErrorInfo`; empty where the daemon sent none.
    pub reason: String,
    /// `command`, `errcode`, `stage`, `attempt`, `committed_size`, `operation_id`: what applies.
    pub metadata: BTreeMap<String, String>,
    /// How long to wait before another try, where that helps.
    pub retry_after: Option<Duration>,
    /// Fields of the request that break a rule, and the rule.
    pub violations: Vec<(String, String)>,
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info();
        Self {
            code: status.code(),
            message: status.message().into(),
            reason: info.map(|info| info.reason.clone()).unwrap_or_default(),
            metadata: info
                .map(|info| info.metadata.clone().into_iter().collect())
                .unwrap_or_default(),
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
            violations: details
                .bad_request()
                .map(|bad| {
                    let fields = bad.field_violations.iter();
                    fields
                        .map(|v| (v.field.clone(), v.description.clone()))
                        .collect()
                })
                .unwrap_or_default(),
        }
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        // A status that the daemon has sent has no source here.
        let Some(transport) = status.source() else {
            return Self::Refused(Box::new(status.into()));
        };
        match alert(transport) {
            Some(alert) => Self::Certificate { alert },
            None if status.message() == NOT_BEGUN => Self::Closed,
            None => Self::Lost {
                why: root(transport).to_string(),
            },
        }
    }
}

/// The answer of a call, unless the daemon only checked the call.
///
/// # Errors
/// [`Error::Validated`] where `validated` is true.
pub(super) fn unless_validated<T>(validated: bool, answer: T) -> Result<T, Error> {
    if validated {
        return Err(Error::Validated);
    }
    Ok(answer)
}

/// What hyper says of a call whose connection ended before the call was sent. Tonic makes CANCELLED of it, as
/// if the caller had cancelled it.
const NOT_BEGUN: &str = "operation was canceled";

/// The root cause of an error.
fn root<'a>(error: &'a (dyn std::error::Error + 'static)) -> &'a (dyn std::error::Error + 'static) {
    error.source().map_or(error, root)
}

/// The TLS alert that ended a connection. Only text arrives here (`h2::Error` keeps nothing else of an I/O
/// error); the words are rustls's.
pub(super) fn alert(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some((_, alert)) = error.to_string().split_once("received fatal alert: ") {
            return Some(alert.to_owned());
        }
        cause = error.source();
    }
    None
}
