//! Certificates and key for TLS.

use std::fmt;

use tonic::transport::{Certificate, ClientTlsConfig, Identity};

/// What an address that begins with `https://` needs: the authority that signed the daemon's certificate, and
/// the caller's own certificate with its key.
#[derive(Clone)]
pub struct Credentials {
    ca: Certificate,
    identity: Identity,
}

impl Credentials {
    /// Takes the texts of PEM files. They are parsed when they are used.
    #[must_use]
    pub fn from_pem(ca: &[u8], certificate: &[u8], key: &[u8]) -> Self {
        Self {
            ca: Certificate::from_pem(ca),
            identity: Identity::from_pem(certificate, key),
        }
    }

    pub(super) fn config(&self) -> ClientTlsConfig {
        ClientTlsConfig::new()
            .ca_certificate(self.ca.clone())
            .identity(self.identity.clone())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(***)")
    }
}
