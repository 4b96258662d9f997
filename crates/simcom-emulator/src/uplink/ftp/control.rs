//! The control connection, and what its failures mean to the module.

use suppaftp::tokio::ImplAsyncFtpStream;
use suppaftp::{FtpError, Status};

use super::tls::Stream;
use crate::request::Failure;

/// A control connection, in the clear or secured.
pub(super) type Control = ImplAsyncFtpStream<Stream>;

/// Sorts an FTP failure into the module's classes: replies 4xx and 5xx are refusals, except 421,
/// which has a code of its own.
pub(super) fn failure(error: FtpError) -> Failure {
    tracing::debug!(%error, "FTP operation failed");
    match error {
        FtpError::UnexpectedResponse(response) => match response.status {
            Status::NotAvailable => Failure::ServerTimeout,
            // RFC 4217 §10 leaves session reuse to servers. vsftpd refuses with 522.
            _ if response.body.starts_with(b"522") => Failure::Tls,
            _ => Failure::Refused,
        },
        FtpError::SecureError(_) => Failure::Tls,
        FtpError::ConnectionError(error) => match error.kind() {
            std::io::ErrorKind::ConnectionRefused
            | std::io::ErrorKind::HostUnreachable
            | std::io::ErrorKind::NetworkUnreachable
            | std::io::ErrorKind::TimedOut => Failure::Connect,
            std::io::ErrorKind::InvalidData => Failure::Unknown,
            _ => Failure::Closed,
        },
        _ => Failure::Unknown,
    }
}
