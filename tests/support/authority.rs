//! An authority that a test creates, and the certificates that it signs.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber,
    date_time_ymd,
};

/// Signs certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key, as PEM texts.
pub(crate) struct Signed {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// The same as files.
#[derive(Clone)]
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "an authority");
        Self(CertifiedIssuer::self_signed(params, key()).expect("a key signs its own certificate"))
    }

    /// Its own certificate.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// Its own certificate as a file.
    pub(crate) fn file(&self, folder: &Path) -> PathBuf {
        write(folder, "ca.pem", &self.pem())
    }

    /// A server's certificate for the names of the machine that the tests run on.
    pub(crate) fn server(&self) -> Signed {
        let names = ["localhost", "127.0.0.1"].map(str::to_owned);
        self.sign(CertificateParams::new(names).expect("the names are well formed"))
    }

    /// A client's certificate with this common name.
    pub(crate) fn client(&self, name: &str) -> Signed {
        self.sign(client(name))
    }

    /// The same, valid until the year 2000.
    pub(crate) fn expired_client(&self, name: &str) -> Signed {
        let mut params = client(name);
        params.not_before = date_time_ymd(1999, 1, 1);
        params.not_after = date_time_ymd(2000, 1, 1);
        self.sign(params)
    }

    /// A client's certificate with this name and number.
    pub(crate) fn numbered_client(&self, name: &str, number: u64) -> Signed {
        let mut params = client(name);
        params.serial_number = Some(SerialNumber::from(number));
        self.sign(params)
    }

    /// A list that revokes the certificates with these numbers.
    pub(crate) fn revocation(&self, numbers: &[u64]) -> String {
        let then = date_time_ymd(2024, 1, 1);
        let revoked = numbers.iter().map(|number| RevokedCertParams {
            serial_number: SerialNumber::from(*number),
            revocation_time: then,
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: then,
            next_update: date_time_ymd(2124, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let signed = list.signed_by(&self.0).expect("an authority signs");
        signed.pem().expect("a list has a text")
    }

    fn sign(&self, params: CertificateParams) -> Signed {
        let key = key();
        let certificate = params.signed_by(&key, &self.0);
        Signed {
            certificate: certificate.expect("an authority signs").pem(),
            key: key.serialize_pem(),
        }
    }
}

impl Signed {
    /// Certificate and key as files `NAME.pem` and `NAME.key`.
    pub(crate) fn files(&self, folder: &Path, name: &str) -> Files {
        Files {
            certificate: write(folder, &format!("{name}.pem"), &self.certificate),
            key: write(folder, &format!("{name}.key"), &self.key),
        }
    }
}

fn client(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn key() -> KeyPair {
    KeyPair::generate().expect("an ECDSA key on P-256")
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a scratch directory is writable");
    path
}
