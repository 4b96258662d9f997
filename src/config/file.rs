//! Files that the configuration names, and its own.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::error::Rule;

/// Where systemd puts the credentials of a service (systemd.exec(5)).
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// The most bytes of a file. Lists of revoked certificates are the largest, with some megabytes.
pub(super) const LARGEST: u64 = 16 * 1024 * 1024;

/// How often a file is read that changes meanwhile. Who writes a file is done within the first.
const TRIES: usize = 3;

/// Whether a pipe will do: it can be read only once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pipes {
    Allowed,
    Refused,
}

/// The path of a file, and its content. It is read more than once, so it is no pipe.
pub(super) fn contents(file: &Path) -> Result<(PathBuf, Vec<u8>), Rule> {
    let path = locate(file)?;
    let text =
        read(&path, Pipes::Refused).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok((path, text))
}

/// The path of a file. A relative path is one of systemd's credentials. Where there are none, only the service
/// has them: that is a warning.
fn locate(file: &Path) -> Result<PathBuf, Rule> {
    if file.is_absolute() {
        return Ok(file.to_owned());
    }
    let directory = std::env::var_os(CREDENTIALS).ok_or_else(|| {
        Rule::warning(format!(
            "is `{}`, a relative path, so one of systemd's credentials, which only the service has \
             (${CREDENTIALS} is not set here); allowed: the name of a credential (LoadCredential= in the \
             unit), or an absolute path",
            file.display()
        ))
    })?;
    Ok(PathBuf::from(directory).join(file))
}

/// Reads a file of at most [`LARGEST`] bytes. One that is changed meanwhile is read anew.
///
/// # Errors
/// What the system says; [`io::ErrorKind::Other`] with the reason where the file is no file, is too large, or is
/// changed all the time.
pub(super) fn read(path: &Path, pipes: Pipes) -> io::Result<Vec<u8>> {
    // Before it is opened: to open a pipe waits for who writes to it.
    let kind = std::fs::metadata(path)?.file_type();
    if kind.is_dir() {
        return Err(io::Error::other("is a directory; a file is needed"));
    }
    if (kind.is_fifo() || kind.is_socket()) && pipes == Pipes::Refused {
        return Err(io::Error::other(
            "is a pipe, which can be read only once; a file is needed",
        ));
    }
    for _ in 0..TRIES {
        let file = File::open(path)?;
        let before = file.metadata()?;
        let mut bytes = Vec::new();
        (&file).take(LARGEST + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LARGEST {
            let rule = format!("is larger than {} MiB", LARGEST >> 20);
            return Err(io::Error::other(rule));
        }
        if !before.is_file() || is_same(&before, &file.metadata()?, bytes.len()) {
            return Ok(bytes);
        }
    }
    Err(io::Error::other("is changed while it is read; try again"))
}

/// Whether nobody has written to the file meanwhile.
fn is_same(before: &Metadata, after: &Metadata, len: usize) -> bool {
    let state = |file: &Metadata| (file.len(), file.mtime(), file.mtime_nsec());
    // A file of /proc or /sys has no length.
    state(before) == state(after) && (after.len() == len as u64 || after.len() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_is_refused_without_waiting() {
        let scratch = tempfile::tempdir().unwrap();
        let fifo = scratch.path().join("fifo");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RWXU,
            0,
        )
        .unwrap();
        let said = |path: &Path| read(path, Pipes::Refused).unwrap_err().to_string();
        assert!(said(&fifo).contains("is a pipe"));
        assert!(said(scratch.path()).contains("is a directory"));
        assert!(said(Path::new("/dev/zero")).contains("larger than 16 MiB"));
        assert_eq!(read(Path::new("/dev/null"), Pipes::Refused).unwrap(), b"");
    }
}
