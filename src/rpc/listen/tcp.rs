//! The TCP port: for this machine alone without TLS, or for every client with a certificate.

use std::fmt;
use std::net::{self, SocketAddr};
use std::str::FromStr;

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::error::{Error, LoopbackError};
use crate::rpc::tls::Tls;

/// A TCP address that only this machine reaches.
///
/// Other addresses are refused: without TLS, anyone on the way could read the files and act for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loopback(SocketAddr);

impl Loopback {
    /// The address.
    #[must_use]
    pub fn get(self) -> SocketAddr {
        self.0
    }
}

impl TryFrom<SocketAddr> for Loopback {
    type Error = LoopbackError;

    fn try_from(address: SocketAddr) -> Result<Self, LoopbackError> {
        if address.ip().is_loopback() {
            Ok(Self(address))
        } else {
            Err(LoopbackError::Reachable(address))
        }
    }
}

impl FromStr for Loopback {
    type Err = LoopbackError;

    fn from_str(text: &str) -> Result<Self, LoopbackError> {
        let address: SocketAddr = text
            .parse()
            .map_err(|_| LoopbackError::NotAnAddress(text.into()))?;
        address.try_into()
    }
}

impl fmt::Display for Loopback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A TCP port that listens.
#[derive(Debug)]
pub struct TcpDoor {
    listener: TcpListener,
    tls: Option<watch::Receiver<Tls>>,
    /// The socket was passed on.
    passed: bool,
}

impl TcpDoor {
    /// Listens without TLS. All clients are one principal then.
    ///
    /// # Errors
    /// [`Error::Bind`] where the system refuses the address.
    pub async fn plain(address: Loopback) -> Result<Self, Error> {
        let listener = bind(address.get()).await?;
        Ok(Self {
            listener,
            tls: None,
            passed: false,
        })
    }

    /// Listens with TLS, for clients with a certificate of an authority that `tls` has at the time of the
    /// handshake.
    ///
    /// # Errors
    /// [`Error::Bind`] where the system refuses the address.
    pub async fn tls(address: SocketAddr, tls: watch::Receiver<Tls>) -> Result<Self, Error> {
        let listener = bind(address).await?;
        Ok(Self {
            listener,
            tls: Some(tls),
            passed: false,
        })
    }

    /// Takes a port that listens already, with TLS or without.
    ///
    /// # Errors
    /// [`Error::Reachable`] where others than this machine reach it and there is no TLS. [`Error::Bind`] where
    /// the system refuses.
    pub fn passed(
        listener: net::TcpListener,
        tls: Option<watch::Receiver<Tls>>,
    ) -> Result<Self, Error> {
        let failed = |source| Error::Bind {
            at: "the TCP socket that was passed on".into(),
            source,
        };
        let address = listener.local_addr().map_err(failed)?;
        if tls.is_none() {
            Loopback::try_from(address)?;
        }
        listener.set_nonblocking(true).map_err(failed)?;
        let listener = TcpListener::from_std(listener).map_err(failed)?;
        Ok(Self {
            listener,
            tls,
            passed: true,
        })
    }

    /// Where it listens, with the port that the system chose where the configuration has port 0.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Whether the socket was passed on, and stays.
    pub(in crate::rpc) fn is_passed(&self) -> bool {
        self.passed
    }

    /// Where it listens, as clients write it.
    pub(in crate::rpc) fn uri(&self) -> Option<String> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        Some(format!("{scheme}://{}", self.address()?))
    }

    pub(in crate::rpc) fn into_parts(self) -> (TcpListener, Option<watch::Receiver<Tls>>) {
        (self.listener, self.tls)
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|source| Error::Bind {
        at: address.to_string(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_served_without_tls() {
        assert!("127.0.0.1:0".parse::<Loopback>().is_ok());
        assert!("[::1]:50051".parse::<Loopback>().is_ok());
        let error = "0.0.0.0:50051".parse::<Loopback>().unwrap_err().to_string();
        assert!(error.contains("without TLS"), "{error}");
        assert!("localhost:1".parse::<Loopback>().is_err());
    }
}
