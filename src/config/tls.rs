//! `[listen.tls]`: TLS at the TCP port.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::{Error, Problem, Rule};
use super::file::contents;
use crate::rpc::tls::{self, TlsError};

/// TLS at the TCP port, where both sides have a certificate: all keys are set, or none. A relative path is one
/// of systemd's credentials of the service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// PEM file with the daemon's certificate and those of its authorities.
    pub cert_file: PathBuf,
    /// PEM file with the key of `cert_file`; it may be the same file.
    pub key_file: PathBuf,
    /// PEM file with the authorities that sign the certificates of clients.
    pub client_ca_file: PathBuf,
    /// PEM file with a list of revoked certificates of each of these authorities; empty: none is checked.
    pub client_crl_file: PathBuf,
}

impl Tls {
    /// Whether TLS is not configured.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.files().iter().all(|(_, file)| is_empty(file))
    }

    /// The certificates and keys; `None` where there is no TLS.
    ///
    /// # Errors
    /// [`Error::Problems`] where a file is not usable: it changed since the configuration was read.
    pub fn resolve(&self) -> Result<Option<tls::Tls>, Error> {
        self.read()
            .map_err(|problem| Error::Problems(vec![problem]))
    }

    pub(super) fn check(&self, problems: &mut Vec<Problem>) {
        problems.extend(self.read().err());
    }

    fn read(&self) -> Result<Option<tls::Tls>, Problem> {
        if self.is_off() {
            if !is_empty(&self.client_crl_file) {
                let rule = "is given without `cert_file`, `key_file` and `client_ca_file`";
                return Err(problem("client_crl_file", rule));
            }
            return Ok(None);
        }
        let [cert, key, client_ca] = self.files().map(|(name, file)| {
            if is_empty(file) {
                let rule = "is empty; TLS needs `cert_file`, `key_file` and `client_ca_file`";
                return Err(problem(name, rule));
            }
            contents(file).map_err(|rule| problem(name, rule))
        });
        let (cert, key, client_ca) = (cert?, key?, client_ca?);
        let crl = match self.client_crl_file.as_path() {
            file if is_empty(file) => None,
            file => Some(contents(file).map_err(|rule| problem("client_crl_file", rule))?),
        };
        let revoked = crl.as_ref().map(|(_, text)| text.as_slice());
        let tls = tls::Tls::from_pem(&cert.1, &key.1, &client_ca.1, revoked).map_err(|error| {
            let (name, path) = match error {
                TlsError::Certificate | TlsError::Refused(_) => ("cert_file", cert.0),
                TlsError::Key | TlsError::ForeignKey => ("key_file", key.0),
                TlsError::ClientCa => ("client_ca_file", client_ca.0),
                TlsError::Revoked => (
                    "client_crl_file",
                    crl.as_ref()
                        .map(|(path, _)| path.clone())
                        .unwrap_or_default(),
                ),
            };
            problem(name, format!("{} {error}", path.display()))
        })?;
        Ok(Some(tls))
    }

    fn files(&self) -> [(&'static str, &Path); 3] {
        [
            ("cert_file", &self.cert_file),
            ("key_file", &self.key_file),
            ("client_ca_file", &self.client_ca_file),
        ]
    }
}

impl fmt::Display for Tls {
    /// The files, each once.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut files = self.files().map(|(_, file)| file).to_vec();
        files.extend(Some(self.client_crl_file.as_path()).filter(|file| !is_empty(file)));
        files.dedup();
        let files: Vec<_> = files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        f.write_str(&files.join(", "))
    }
}

fn is_empty(file: &Path) -> bool {
    file.as_os_str().is_empty()
}

fn problem(name: &str, rule: impl Into<Rule>) -> Problem {
    Problem::new(["listen", "tls", name], rule)
}
