//! The module's own certificate and key, for servers that ask for them.

use bytes::Bytes;

use super::certificate::{CaCertificate, CertificateError, TlsFile, blocks, fingerprint};

/// A certificate of the module's own and its key, for servers that ask their clients for one (RFC 5246 §7.4.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientIdentity {
    certificate: TlsFile,
    key: TlsFile,
}

/// Why two files are no identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The file with the certificate is wrong.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The file with the key is wrong.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Why a file is no key for a module. Nothing of its content is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is no PEM block of a private key.
    #[error("holds no private key in PEM (-----BEGIN PRIVATE KEY-----)")]
    None,
    /// The key needs a password, which neither the module nor the daemon has.
    #[error("holds a key behind a password; store it without one, readable only for the daemon")]
    Encrypted,
    /// A block is no private key.
    #[error("holds a private key that cannot be read")]
    Unreadable,
    /// There are more bytes than the module takes.
    #[error("holds a key of more than {max} bytes, which the module does not take", max = CaCertificate::MAX)]
    TooLong,
    /// The key belongs to another certificate.
    #[error("holds a key that does not belong to the client's certificate")]
    Foreign,
}

impl ClientIdentity {
    /// Takes the texts of two PEM files, which may be the same file. The client's own certificate comes first, then its
    /// signers. Everything else in the files is left out.
    ///
    /// `proof` gets the PEM blocks of the certificates and of the key, and says whether the two belong together. That
    /// takes cryptography, and this crate has none.
    ///
    /// # Errors
    /// [`IdentityError::Certificate`] with [`CertificateError::None`] or [`CertificateError::TooLong`];
    /// [`IdentityError::Key`] with [`KeyError::None`], [`KeyError::Encrypted`] or [`KeyError::TooLong`]; and the errors
    /// of `proof`.
    pub fn from_pem(
        certificate: &[u8],
        key: &[u8],
        proof: impl FnOnce(&str, &str) -> Result<(), IdentityError>,
    ) -> Result<Self, IdentityError> {
        let chain = blocks(certificate, |kind| kind == "CERTIFICATE");
        if chain.is_empty() {
            return Err(CertificateError::None.into());
        }
        if chain.len() > CaCertificate::MAX {
            return Err(CertificateError::TooLong { len: chain.len() }.into());
        }
        let key = blocks(key, |kind| kind.ends_with("PRIVATE KEY"));
        if key.is_empty() {
            return Err(KeyError::None.into());
        }
        // In PKCS #8 the name of the block says so, in the older forms a header does (RFC 1421 §4.6.1.1).
        if key.contains("ENCRYPTED") {
            return Err(KeyError::Encrypted.into());
        }
        if key.len() > CaCertificate::MAX {
            return Err(KeyError::TooLong.into());
        }
        proof(&chain, &key)?;
        // Both names are derived from the certificate: the key must not leave any trace in a name that is logged.
        let print = fingerprint(&chain);
        Ok(Self {
            certificate: TlsFile {
                name: format!("cellftp-{print}-own.pem"),
                content: Bytes::from(chain),
            },
            key: TlsFile {
                name: format!("cellftp-{print}-key.pem"),
                content: Bytes::from(key),
            },
        })
    }

    /// The certificate, with those of its signers.
    #[must_use]
    pub const fn certificate(&self) -> &TlsFile {
        &self.certificate
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &TlsFile {
        &self.key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["logger".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    fn taken(certificate: &str, key: &str) -> Result<ClientIdentity, IdentityError> {
        ClientIdentity::from_pem(certificate.as_bytes(), key.as_bytes(), |_, _| Ok(()))
    }

    #[test]
    fn certificate_and_key_may_share_a_file_and_the_key_never_prints() {
        let (certificate, key) = made();
        let both = format!("words\n{key}{certificate}");
        let identity = taken(&both, &both).unwrap();
        assert_eq!(taken(&certificate, &key), Ok(identity.clone()));
        assert_ne!(identity.certificate().name(), identity.key().name());
        assert!(!identity.certificate().content().starts_with(b"words"));
        let printed = format!("{identity:?}");
        assert!(key.lines().all(|line| !printed.contains(line)), "{printed}");
    }

    #[test]
    fn what_is_no_identity_is_refused() {
        let (certificate, key) = made();
        let refused = |certificate: &str, key: &str| taken(certificate, key).unwrap_err();
        assert_eq!(refused(&key, &key), CertificateError::None.into());
        assert_eq!(refused(&certificate, &certificate), KeyError::None.into());
        let locked = key.replace("PRIVATE", "ENCRYPTED PRIVATE");
        assert_eq!(refused(&certificate, &locked), KeyError::Encrypted.into());
        let locked = key.replacen('\n', "\nProc-Type: 4,ENCRYPTED\n\n", 1);
        assert_eq!(refused(&certificate, &locked), KeyError::Encrypted.into());
    }

    #[test]
    fn the_proof_sees_the_blocks_and_decides() {
        let (certificate, key) = made();
        let words = format!("words\n{certificate}");
        let proof = |chain: &str, secret: &str| {
            assert_eq!((chain, secret), (certificate.as_str(), key.as_str()));
            Err(KeyError::Foreign.into())
        };
        let refused = ClientIdentity::from_pem(words.as_bytes(), key.as_bytes(), proof);
        assert_eq!(refused, Err(KeyError::Foreign.into()));
    }
}
