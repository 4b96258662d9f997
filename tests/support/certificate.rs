//! A certificate that a test makes for itself.

use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, DnType, IsCa, KeyPair};

/// A self-signed certificate, as PEM files.
pub(crate) struct Certificate {
    /// Only the certificate, which a client trusts.
    pub(crate) public: PathBuf,
    /// Key and certificate in one file, as every server here accepts it.
    pub(crate) with_key: PathBuf,
}

impl Certificate {
    /// The names of the machine that the tests run on.
    pub(crate) const HERE: &[&str] = &["localhost", "127.0.0.1"];

    /// Makes one in `folder`, for a server with these names.
    pub(crate) fn make(folder: &Path, names: &[&str]) -> Self {
        let own = names.first().copied().unwrap_or_default();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("the names are well formed");
        // Clients look for the signer by this name: two with the same name are confused.
        params.distinguished_name.push(DnType::CommonName, own);
        // OpenSSL's clients require basicConstraints in a trusted certificate.
        params.is_ca = IsCa::ExplicitNoCa;
        let key = KeyPair::generate().expect("an ECDSA key on P-256");
        let public = params
            .self_signed(&key)
            .expect("a key signs its own certificate")
            .pem();
        let made = Self {
            public: folder.join("cert.pem"),
            with_key: folder.join("key.pem"),
        };
        std::fs::write(&made.public, &public).expect("a scratch directory is writable");
        std::fs::write(&made.with_key, key.serialize_pem() + &public)
            .expect("a scratch directory is writable");
        made
    }
}
