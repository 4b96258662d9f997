//! What the certificates and keys that go to a module are good for. The talk takes them without a library of TLS.

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use simcom_talk::ftps::tls::{CertificateError, IdentityError, KeyError};

/// Whether each PEM block is a certificate that can sign others: the proof of
/// [`CaCertificate::from_pem`](simcom_talk::ftps::tls::CaCertificate::from_pem).
///
/// # Errors
/// [`CertificateError::Unreadable`].
pub(crate) fn can_sign(pem: &str) -> Result<(), CertificateError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|_| CertificateError::Unreadable)?;
        let added = roots.add(certificate);
        added.map_err(|_| CertificateError::Unreadable)?;
    }
    if roots.is_empty() {
        return Err(CertificateError::None);
    }
    Ok(())
}

/// Whether a key belongs to a client's certificate: the proof of
/// [`ClientIdentity::from_pem`](simcom_talk::ftps::tls::ClientIdentity::from_pem).
///
/// # Errors
/// [`CertificateError::Unreadable`], [`KeyError::Unreadable`], and [`KeyError::Foreign`] where both can be read.
pub(crate) fn belong_together(certificates: &str, key: &str) -> Result<(), IdentityError> {
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(certificates.as_bytes()).collect();
    let chain = chain.map_err(|_| CertificateError::Unreadable)?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| KeyError::Unreadable)?;
    let provider = rustls::crypto::ring::default_provider();
    match CertifiedKey::from_der(chain, key, &provider) {
        Ok(_) => Ok(()),
        Err(rustls::Error::InconsistentKeys(_)) => Err(KeyError::Foreign.into()),
        Err(rustls::Error::InvalidCertificate(_)) => Err(CertificateError::Unreadable.into()),
        Err(_) => Err(KeyError::Unreadable.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["logger".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn only_a_certificate_can_sign() {
        let (certificate, _) = made();
        assert_eq!(can_sign(&certificate), Ok(()));
        let wide = certificate.replacen('M', "M ", 1);
        assert_eq!(can_sign(&wide), Ok(()), "blanks are left out (RFC 7468 §3)");
        for broken in [
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned(),
            certificate.replace("END CERTIFICATE", "END X509 CERTIFICATE"),
        ] {
            assert_eq!(
                can_sign(&broken),
                Err(CertificateError::Unreadable),
                "{broken}"
            );
        }
    }

    #[test]
    fn the_key_of_another_certificate_is_refused() {
        let (certificate, key) = made();
        assert_eq!(belong_together(&certificate, &key), Ok(()));
        let refused = |certificate: &str, key: &str| belong_together(certificate, key).unwrap_err();
        assert_eq!(refused(&certificate, &made().1), KeyError::Foreign.into());
        let broken = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        assert_eq!(refused(&certificate, broken), KeyError::Unreadable.into());
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(refused(broken, &key), CertificateError::Unreadable.into());
    }
}
