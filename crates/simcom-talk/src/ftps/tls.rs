//! What TLS must prove before the module logs in: parsed once, and part of a server.

mod certificate;
mod identity;

use std::net::IpAddr;

pub use certificate::{CaCertificate, CertificateError, TlsFile};
pub use identity::{ClientIdentity, IdentityError, KeyError};

/// What is required of the TLS of a server's control and data connections.
///
/// By default the modules require nothing: `authmode` is 0 and SNI is off (SIM7500/SIM7600 AT
/// manual V3.00, `AT+CSSLCFG`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsPolicy {
    /// Whether the server must prove who it is.
    pub verify: ServerProof,
    /// The oldest TLS version that is accepted.
    pub floor: TlsFloor,
    /// The module names the server in its first message (RFC 6066 §3), for servers that have
    /// several certificates at one address.
    pub sni: bool,
    /// The module's own certificate, for servers that ask for one.
    pub identity: Option<ClientIdentity>,
}

impl TlsPolicy {
    /// Requires nothing. This is the policy of a server without TLS. For servers with TLS, the
    /// caller must ask for it explicitly.
    #[must_use]
    pub const fn unverified() -> Self {
        Self {
            verify: ServerProof::None,
            floor: TlsFloor::Any,
            sni: false,
            identity: None,
        }
    }

    /// Whether to name the server. Where `host` is an address, it cannot be named: that message has
    /// no place for an address (RFC 6066 §3).
    #[must_use]
    pub fn sni_for(host: &str, wish: bool) -> bool {
        wish && host.parse::<IpAddr>().is_err()
    }

    /// The certificate that must be on the module. `None` where nothing is verified.
    #[must_use]
    pub const fn ca(&self) -> Option<&CaCertificate> {
        match &self.verify {
            ServerProof::Required(ca) => Some(ca),
            ServerProof::None => None,
        }
    }

    /// Everything that must be on the module.
    #[must_use]
    pub fn files(&self) -> Vec<TlsFile> {
        let identity = self.identity.iter();
        let own = identity.flat_map(|own| [own.certificate().clone(), own.key().clone()]);
        self.ca()
            .map(CaCertificate::file)
            .into_iter()
            .chain(own)
            .collect()
    }

    /// The value of `authmode`: 0 nobody proves anything, 1 the server does, 2 both do, 3 only the
    /// client does (SIM7500/SIM7600 AT manual V3.00; the same on the A76xx by SIMCom's SDK for it,
    /// `SCSslCtx_t`).
    #[must_use]
    pub const fn authmode(&self) -> u64 {
        match (&self.verify, &self.identity) {
            (ServerProof::None, None) => 0,
            (ServerProof::Required(_), None) => 1,
            (ServerProof::Required(_), Some(_)) => 2,
            (ServerProof::None, Some(_)) => 3,
        }
    }
}

/// Whether a server must prove who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerProof {
    /// The server's certificate is one of these, or was signed by one of these.
    Required(CaCertificate),
    /// The server proves nothing. Anyone on the way can answer in its place, and read and change
    /// everything, including the password.
    None,
}

/// The oldest TLS version that is accepted. `AT+CSSLCFG="sslversion"` names one version or all of
/// them, so there is no floor between the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsFloor {
    /// TLS 1.2. Nothing older is secure (RFC 8996), and nothing newer is in the manuals.
    #[default]
    Tls12,
    /// Any version on which the module and the server agree, including SSL 3.0.
    Any,
}

impl TlsFloor {
    /// The value of `sslversion` (SIM7500/SIM7600 AT manual V3.00; the A76XX manual V1.09 has the
    /// same numbers).
    #[must_use]
    pub const fn sslversion(self) -> u64 {
        match self {
            Self::Tls12 => 3,
            Self::Any => 4,
        }
    }
}
