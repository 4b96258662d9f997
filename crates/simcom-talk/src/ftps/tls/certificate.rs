//! Files that go to the module before a login, and the certificates among them.

use std::fmt;

use bytes::Bytes;
use sha2::{Digest, Sha256};

/// One or more certificates that a module trusts, as PEM, at most [`CaCertificate::MAX`] bytes of it.
#[derive(Clone, PartialEq, Eq)]
pub struct CaCertificate {
    pem: Bytes,
    name: String,
}

/// Why a file is no CA certificate for a module.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// There is no PEM block of a certificate.
    #[error("holds no certificate in PEM (-----BEGIN CERTIFICATE-----)")]
    None,
    /// A block is no certificate that could sign others.
    #[error("holds a certificate that cannot be read")]
    Unreadable,
    /// There is a private key, which must not end up on a module.
    #[error("holds a private key, which must stay on its server")]
    PrivateKey,
    /// There are more bytes than the module takes.
    #[error(
        "holds {len} bytes of certificates, the module takes {max}; the one that signed the \
         server's certificate is enough",
        max = CaCertificate::MAX
    )]
    TooLong {
        /// Bytes found.
        len: usize,
    },
}

impl CaCertificate {
    /// The limit of `AT+CCERTDOWN` (SIM7500/SIM7600 AT manual V3.00).
    pub const MAX: usize = 10_240;

    /// Takes the text of a PEM file. Text around the certificates is left out.
    ///
    /// `proof` gets the PEM blocks and says whether each is a certificate that can sign others. That takes a TLS
    /// library, and this crate has none.
    ///
    /// # Errors
    /// [`CertificateError::PrivateKey`], [`CertificateError::TooLong`], [`CertificateError::None`], and the errors of
    /// `proof`.
    pub fn from_pem(
        text: &[u8],
        proof: impl FnOnce(&str) -> Result<(), CertificateError>,
    ) -> Result<Self, CertificateError> {
        if !blocks(text, |kind| kind.ends_with("PRIVATE KEY")).is_empty() {
            return Err(CertificateError::PrivateKey);
        }
        let pem = blocks(text, |kind| kind == "CERTIFICATE");
        if pem.len() > Self::MAX {
            return Err(CertificateError::TooLong { len: pem.len() });
        }
        if pem.is_empty() {
            return Err(CertificateError::None);
        }
        proof(&pem)?;
        Ok(Self {
            name: format!("cellftp-{}.pem", fingerprint(&pem)),
            pem: pem.into(),
        })
    }

    /// The file that goes to the module.
    #[must_use]
    pub fn file(&self) -> TlsFile {
        TlsFile {
            name: self.name.clone(),
            content: self.pem.clone(),
        }
    }

    /// The certificates in the form that goes to the module.
    #[must_use]
    pub const fn pem(&self) -> &Bytes {
        &self.pem
    }

    /// The name of the file on the module. It is derived from the content, so that no older file can be taken for this
    /// one.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Shows only the name.
impl fmt::Debug for CaCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CaCertificate").field(&self.name).finish()
    }
}

/// A file for `AT+CCERTDOWN`. Its content may be a key, and is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct TlsFile {
    pub(super) name: String,
    pub(super) content: Bytes,
}

impl TlsFile {
    /// The name of the file on the module. It is derived from the content, so that no older file can be taken for this
    /// one.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The content. It is not for logs.
    #[must_use]
    pub const fn content(&self) -> &Bytes {
        &self.content
    }
}

/// Shows only the name.
impl fmt::Debug for TlsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TlsFile").field(&self.name).finish()
    }
}

/// The PEM blocks of the wanted kinds (RFC 7468 §2), without the text around them, and with uniform line ends.
pub(super) fn blocks(text: &[u8], wanted: impl Fn(&str) -> bool) -> String {
    let mut pem = String::new();
    let mut inside = false;
    for line in String::from_utf8_lossy(text).lines().map(str::trim) {
        let kind = |start| line.strip_prefix(start)?.strip_suffix("-----");
        inside |= kind("-----BEGIN ").is_some_and(&wanted);
        if inside {
            pem += line;
            pem.push('\n');
        }
        inside &= kind("-----END ").is_none();
    }
    pem
}

/// Tells files on the module apart. Half of the hash is enough for that, and leaves room for a directory within the 115
/// characters of a path on A76xx modules.
pub(super) fn fingerprint(pem: &str) -> String {
    Sha256::digest(pem.as_bytes())
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem() -> String {
        let made = rcgen::generate_simple_self_signed(["ftp.example.com".to_owned()]).unwrap();
        made.cert.pem()
    }

    #[test]
    fn a_name_belongs_to_one_content() {
        let (one, other) = (pem(), pem());
        let first = CaCertificate::from_pem(one.as_bytes(), |_| Ok(())).unwrap();
        assert_ne!(
            first.name(),
            CaCertificate::from_pem(other.as_bytes(), |_| Ok(()))
                .unwrap()
                .name()
        );
        assert!((5..=128).contains(&first.name().len()));
        // The same certificate with other line ends and with text around it.
        let dressed = format!("subject=/CN=x\r\n{}\nbye\n", one.replace('\n', "\r\n"));
        assert_eq!(
            CaCertificate::from_pem(dressed.as_bytes(), |_| Ok(())),
            Ok(first)
        );
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        let refused =
            |text: &str| CaCertificate::from_pem(text.as_bytes(), |_| Ok(())).unwrap_err();
        assert_eq!(refused(""), CertificateError::None);
        assert_eq!(refused("a file about cats"), CertificateError::None);
        let unread = |_: &str| Err(CertificateError::Unreadable);
        let judged = CaCertificate::from_pem(pem().as_bytes(), unread);
        assert_eq!(
            judged,
            Err(CertificateError::Unreadable),
            "the proof decides"
        );
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        assert_eq!(refused(&(key + &pem())), CertificateError::PrivateKey);
        let bundle: String = (0..40).map(|_| pem()).collect();
        assert!(matches!(refused(&bundle), CertificateError::TooLong { len } if len > 10_240));
    }
}
