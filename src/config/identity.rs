//! Whether the key of a client belongs to its certificate.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use simcom_talk::ftps::tls::{CertificateError, IdentityError, KeyError};

/// The proof of [`ClientIdentity::from_pem`](simcom_talk::ftps::tls::ClientIdentity::from_pem).
///
/// # Errors
/// [`CertificateError::Unreadable`], [`KeyError::Unreadable`], and [`KeyError::Foreign`] where both can be read.
pub(super) fn belong_together(certificates: &str, key: &str) -> Result<(), IdentityError> {
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
