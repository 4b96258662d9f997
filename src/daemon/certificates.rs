//! The certificates of the TCP port, which a reload reads anew.

use tokio::sync::watch;

use crate::config::{Error, Tls};
use crate::rpc::tls;

/// The certificates in force, and their files.
#[derive(Debug, Clone)]
pub(super) struct Certificates {
    files: Tls,
    /// `None`: no TLS is configured.
    in_force: Option<watch::Sender<tls::Tls>>,
}

impl Certificates {
    /// Reads the files.
    ///
    /// # Errors
    /// [`Error::Problems`] where a file is not usable.
    pub(super) fn of(files: &Tls) -> Result<Self, Error> {
        Ok(Self {
            files: files.clone(),
            in_force: files.resolve()?.map(watch::Sender::new),
        })
    }

    /// The certificates in force, now and after each reload.
    pub(super) fn subscribe(&self) -> Option<watch::Receiver<tls::Tls>> {
        self.in_force.as_ref().map(watch::Sender::subscribe)
    }

    /// The files that they were read from.
    pub(super) const fn files(&self) -> &Tls {
        &self.files
    }

    /// Takes over what was read from `files`. Where the new certificates are not usable, the old ones stay in force.
    /// Open connections stay as they are.
    pub(super) fn take_over(&mut self, files: Tls, read: Result<Option<tls::Tls>, Error>) {
        self.files = files;
        let Some(in_force) = &self.in_force else {
            return;
        };
        let files = self.files.to_string();
        match read {
            Ok(Some(tls)) => {
                in_force.send_replace(tls);
                tracing::info!(
                    files,
                    "SIGHUP: the certificates of listen.tls were read anew"
                );
            }
            // TLS is not switched off while the daemon runs.
            Ok(None) => {}
            Err(error) => tracing::error!(
                %error,
                "SIGHUP: the new certificates of listen.tls are not usable; the old ones stay in \
                 force"
            ),
        }
    }
}
