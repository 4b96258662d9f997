//! TLS at the TCP port: the daemon proves who it is, and so must every client.

use std::fmt;
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// The daemon's certificate with its key, and the authority that signs its clients' certificates. A client
/// without a certificate is not admitted.
#[derive(Clone)]
pub struct Tls(Arc<ServerConfig>);

/// Why the files cannot be used. No error repeats what is in the files.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The daemon's certificate.
    #[error("holds no certificate in PEM (-----BEGIN CERTIFICATE-----) that can be read")]
    Certificate,
    /// The daemon's key.
    #[error(
        "holds no private key in PEM (-----BEGIN PRIVATE KEY-----) that can be read without a \
         password"
    )]
    Key,
    /// The key belongs to another certificate.
    #[error("holds a key that does not belong to the certificate")]
    ForeignKey,
    /// The certificate of the clients' authority.
    #[error("holds no certificate of an authority in PEM that can be read")]
    ClientCa,
    /// The list of revoked certificates.
    #[error(
        "holds no list of revoked certificates in PEM (-----BEGIN X509 CRL-----) that can be read"
    )]
    Revoked,
    /// All files can be read, and TLS still refuses them.
    #[error("cannot be used: {0}")]
    Refused(rustls::Error),
}

impl Tls {
    /// Reads the texts of three PEM files, of which certificate and key may be the same file. In the first, the
    /// daemon's own certificate comes before those of its authorities; the last may hold several authorities.
    /// `revoked` holds a list of revoked certificates for each authority that signs clients' certificates. A
    /// client is refused where its certificate is in such a list, or where its authority has no list.
    ///
    /// # Errors
    /// A [`TlsError`] that names the text which is wrong.
    pub fn from_pem(
        certificate: &[u8],
        key: &[u8],
        client_ca: &[u8],
        revoked: Option<&[u8]>,
    ) -> Result<Self, TlsError> {
        let chain = certificates(certificate).ok_or(TlsError::Certificate)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::Key)?;
        let mut authorities = RootCertStore::empty();
        for authority in certificates(client_ca).ok_or(TlsError::ClientCa)? {
            let added = authorities.add(authority);
            added.map_err(|_| TlsError::ClientCa)?;
        }
        let provider = Arc::new(default_provider());
        let authorities = Arc::new(authorities);
        let mut verifier =
            WebPkiClientVerifier::builder_with_provider(authorities, Arc::clone(&provider));
        if let Some(revoked) = revoked {
            let lists: Result<Vec<_>, _> =
                CertificateRevocationListDer::pem_slice_iter(revoked).collect();
            let lists = lists.ok().filter(|lists| !lists.is_empty());
            // Intermediate authorities seldom publish lists of their own.
            verifier = verifier
                .with_crls(lists.ok_or(TlsError::Revoked)?)
                .only_check_end_entity_revocation();
        }
        let verifier = verifier.build().map_err(|error| match error {
            VerifierBuilderError::InvalidCrl(_) => TlsError::Revoked,
            _ => TlsError::ClientCa,
        })?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Refused)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => TlsError::ForeignKey,
                rustls::Error::InvalidCertificate(_) => TlsError::Certificate,
                rustls::Error::General(_) => TlsError::Key,
                error => TlsError::Refused(error),
            })?;
        // gRPC is HTTP/2 and nothing else (RFC 9113 §3.2).
        config.alpn_protocols = vec![b"h2".to_vec()];
        // A resumed session would not check the certificate again, which may have expired since. Connections of
        // gRPC last long, so that nothing is lost.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self(Arc::new(config)))
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        Arc::clone(&self.0).into()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(***)")
    }
}

/// The certificates of a PEM text; `None` where there are none, or one cannot be read.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    certificates.ok().filter(|found| !found.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    fn from(certificate: &str, key: &str, ca: &str) -> Result<Tls, TlsError> {
        Tls::from_pem(certificate.as_bytes(), key.as_bytes(), ca.as_bytes(), None)
    }

    #[test]
    fn certificate_and_key_may_share_a_file_and_nothing_prints() {
        let (certificate, key) = made();
        let both = key.clone() + &certificate;
        let tls = from(&both, &both, &certificate).unwrap();
        assert_eq!(format!("{tls:?}"), "Tls(***)");
    }

    #[test]
    fn what_is_no_tls_is_told_apart() {
        let (certificate, key) = made();
        let (other, _) = made();
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let locked = key.replace("PRIVATE", "ENCRYPTED PRIVATE");
        let ca = &certificate;
        type Is = fn(&TlsError) -> bool;
        let cases: [(&str, &str, &str, Is); 7] = [
            (&key, &key, ca, |e| matches!(e, TlsError::Certificate)),
            (broken, &key, ca, |e| matches!(e, TlsError::Certificate)),
            (&certificate, ca, ca, |e| matches!(e, TlsError::Key)),
            (&certificate, &locked, ca, |e| matches!(e, TlsError::Key)),
            (&other, &key, ca, |e| matches!(e, TlsError::ForeignKey)),
            (&certificate, &key, "", |e| matches!(e, TlsError::ClientCa)),
            (&certificate, &key, broken, |e| {
                matches!(e, TlsError::ClientCa)
            }),
        ];
        for (index, (certificate, key, ca, is)) in cases.into_iter().enumerate() {
            let error = from(certificate, key, ca).unwrap_err();
            assert!(is(&error), "case {index}: {error:?}");
        }
    }
}
