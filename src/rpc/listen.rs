//! The sockets of the daemon: a unix socket and a TCP port.

mod error;
mod tcp;

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net;
use std::path::{Path, PathBuf};
use std::{io, process};

use tokio::net::{UnixListener, UnixStream};

pub use error::{Error, LoopbackError};
pub use tcp::{Loopback, TcpDoor};

/// A unix socket that listens. A drop removes its path, unless the socket was passed on.
#[derive(Debug)]
pub struct UnixDoor {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode, to recognise the path as this socket's; `None`: the path belongs to whoever passed the
    /// socket on.
    identity: Option<(u64, u64)>,
}

impl UnixDoor {
    /// Listens at `path` with the permission bits `mode`. A socket that a daemon left behind
    /// when it died is replaced.
    ///
    /// # Errors
    /// [`Error::InUse`] where another process serves there, [`Error::NotASocket`] where the path is something
    /// else, [`Error::Bind`] where the system refuses.
    pub async fn open(path: &Path, mode: u32) -> Result<Self, Error> {
        let failed = |source| Error::Bind {
            at: path.display().to_string(),
            source,
        };
        ensure_free(path).await?;
        // The socket gets its permissions before its final name, so that nobody connects between bind and
        // chmod.
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary = path.with_file_name(format!(".{name}.{}", process::id()));
        let listener = UnixListener::bind(&temporary).map_err(failed)?;
        let named = fs::set_permissions(&temporary, Permissions::from_mode(mode))
            .and_then(|()| identity(&temporary))
            .and_then(|identity| fs::rename(&temporary, path).map(|()| identity));
        match named {
            Ok(identity) => Ok(Self {
                listener,
                path: path.into(),
                identity: Some(identity),
            }),
            Err(source) => {
                // The first error says more than the result of this removal.
                let _ = fs::remove_file(&temporary);
                Err(failed(source))
            }
        }
    }

    /// Takes a socket that listens already. Its path belongs to whoever made it.
    ///
    /// # Errors
    /// [`Error::Bind`] where the system refuses.
    pub fn passed(listener: net::UnixListener) -> Result<Self, Error> {
        let failed = |source| Error::Bind {
            at: "the unix socket that was passed on".into(),
            source,
        };
        let address = listener.local_addr().map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Self {
            path: address.as_pathname().unwrap_or(Path::new("")).into(),
            listener: UnixListener::from_std(listener).map_err(failed)?,
            identity: None,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the socket was passed on, and stays.
    pub(super) fn is_passed(&self) -> bool {
        self.identity.is_none()
    }

    pub(super) fn listener(&self) -> &UnixListener {
        &self.listener
    }
}

impl Drop for UnixDoor {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|found| Some(found) == self.identity) {
            // The next daemon replaces a path that stays.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Checks that nobody serves at `path`.
async fn ensure_free(path: &Path) -> Result<(), Error> {
    let failed = |source| Error::Bind {
        at: path.display().to_string(),
        source,
    };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(found) if !found.file_type().is_socket() => return Err(Error::NotASocket(path.into())),
        Ok(_) => {}
    }
    match UnixStream::connect(path).await {
        Ok(_) => Err(Error::InUse(path.into())),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_that_was_left_behind_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        drop(net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let door = UnixDoor::open(&path, 0o600).await.unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        UnixStream::connect(&path).await.unwrap();
        drop(door);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_live_daemon_keeps_its_path() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let first = UnixDoor::open(&path, 0o600).await.unwrap();
        assert!(matches!(
            UnixDoor::open(&path, 0o600).await,
            Err(Error::InUse(_))
        ));
        UnixStream::connect(first.path()).await.unwrap();
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        fs::write(&path, "precious").unwrap();
        assert!(matches!(
            UnixDoor::open(&path, 0o600).await,
            Err(Error::NotASocket(_))
        ));
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }

    #[tokio::test]
    async fn a_path_that_is_another_daemons_by_now_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let first = UnixDoor::open(&path, 0o600).await.unwrap();
        fs::remove_file(&path).unwrap();
        let second = UnixDoor::open(&path, 0o600).await.unwrap();
        drop(first);
        assert!(second.path().exists());
    }
}
