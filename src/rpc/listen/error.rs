//! Why the daemon does not listen.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a socket cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another daemon serves at the path.
    #[error("another process serves on the unix socket {0}; end it, or choose another path")]
    InUse(PathBuf),
    /// The path is something else than a socket.
    #[error("{0} exists and is no socket; it is left alone")]
    NotASocket(PathBuf),
    /// The system refuses.
    #[error("cannot listen on {at}")]
    Bind {
        /// Path or address.
        at: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Without TLS, the daemon serves only this machine.
    #[error(transparent)]
    Reachable(#[from] LoopbackError),
}

/// Why a TCP address is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoopbackError {
    /// The text is no address with a port.
    #[error("`{0}` is no address with a port, as `127.0.0.1:50051` or `[::1]:50051`")]
    NotAnAddress(String),
    /// Other machines reach it.
    #[error(
        "{0} is reachable from other machines, and without TLS cellftpd serves only this one: \
         use a loopback address, as `127.0.0.1:50051`"
    )]
    Reachable(SocketAddr),
}
