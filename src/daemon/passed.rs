//! Sockets that were opened for the daemon by its parent: systemd's socket activation (sd_listen_fds(3)).

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use listenfd::ListenFd;

/// Sockets that listen already. They replace those of the configuration.
#[derive(Debug, Default)]
pub struct Passed {
    pub(super) unix: Option<UnixListener>,
    pub(super) tcp: Option<TcpListener>,
}

/// A socket was passed on that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "a socket was passed on (LISTEN_FDS) that cannot be used; allowed: one unix stream socket and \
     one TCP socket, both listening"
)]
pub struct Unusable(#[source] Option<io::Error>);

impl Passed {
    /// Takes the sockets that the environment names. Call it once, before there are other threads: it removes
    /// the variables, so that no child process takes the sockets for its own.
    ///
    /// # Errors
    /// `Unusable` where one of them is no socket that listens, or the second of its kind.
    pub fn from_env() -> Result<Self, Unusable> {
        let mut sockets = ListenFd::from_env();
        let mut passed = Self::default();
        for index in 0..sockets.len() {
            let taken = match sockets.take_unix_listener(index) {
                Ok(Some(unix)) => passed.unix.replace(unix).is_none(),
                Ok(None) => true,
                // It is no unix socket, so that it must be a TCP port.
                Err(_) => match sockets.take_tcp_listener(index) {
                    Ok(Some(tcp)) => passed.tcp.replace(tcp).is_none(),
                    Ok(None) => true,
                    Err(error) => return Err(Unusable(Some(error))),
                },
            };
            if !taken {
                return Err(Unusable(None));
            }
        }
        Ok(passed)
    }
}
