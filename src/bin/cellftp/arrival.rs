//! A file that arrives from elsewhere, and where it goes here.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use cellftp::client::{GetResult, ReadModuleFileResult, ReadTransferResult};
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::io::AsyncWrite;

use crate::args::{Args, Existing, is_standard_stream};
use crate::exit::Failure;
use crate::output::{hex, print, seconds};

/// Where a file goes: to standard output or a device, or to a name that it gets when it is whole.
pub(crate) struct Arrival {
    to: Place,
    if_exists: Existing,
    partial: Option<Partial>,
}

enum Place {
    Stdout,
    /// A device or a pipe, which is written to and never replaced.
    Device(PathBuf),
    File(PathBuf),
}

/// What is known of a file that has arrived.
pub(crate) struct Arrived {
    /// Bytes.
    size: i64,
    sha256: Bytes,
    /// How often it went on after a break, where that is counted.
    resumes: Option<i32>,
    elapsed: Option<prost_types::Duration>,
}

impl From<GetResult> for Arrived {
    fn from(result: GetResult) -> Self {
        Self {
            size: result.size,
            sha256: result.sha256,
            resumes: Some(result.resumes),
            elapsed: result.elapsed,
        }
    }
}

impl From<ReadTransferResult> for Arrived {
    fn from(result: ReadTransferResult) -> Self {
        Self {
            size: result.size,
            sha256: result.sha256,
            resumes: None,
            elapsed: result.elapsed,
        }
    }
}

impl From<ReadModuleFileResult> for Arrived {
    fn from(result: ReadModuleFileResult) -> Self {
        Self {
            size: result.size,
            sha256: result.sha256,
            resumes: None,
            elapsed: result.elapsed,
        }
    }
}

impl Arrival {
    /// Of a file of this name elsewhere; `local` is a file, a directory or `-`. Nothing is
    /// written yet.
    pub(crate) fn at(local: &Path, remote: &str, if_exists: Existing) -> Result<Self, Failure> {
        let to = if is_standard_stream(local) {
            Place::Stdout
        } else {
            place(local_path(local, remote)?)
        };
        if let Place::File(path) | Place::Device(path) = &to
            && if_exists == Existing::Fail
            && path.exists()
        {
            return Err(Failure::Exists(path.display().to_string()));
        }
        Ok(Self {
            to,
            if_exists,
            partial: None,
        })
    }

    /// What takes its bytes.
    pub(crate) fn sink(&mut self) -> Result<Box<dyn AsyncWrite + Unpin>, Failure> {
        match &self.to {
            Place::Stdout => Ok(Box::new(tokio::io::stdout())),
            Place::Device(path) => {
                let opened = File::options().write(true).open(path);
                let file = opened.map_err(|source| failed(path, source))?;
                Ok(Box::new(tokio::fs::File::from(file)))
            }
            Place::File(path) => {
                let partial = Partial::create(path)?;
                let writer = partial.writer()?;
                self.partial = Some(partial);
                Ok(Box::new(writer))
            }
        }
    }

    /// Gives the whole file its name, and tells of it unless it went to standard output.
    pub(crate) fn complete(self, args: &Args, arrived: impl Into<Arrived>) -> Result<(), Failure> {
        let local = match self.to {
            Place::Stdout => return Ok(()),
            Place::Device(path) | Place::File(path) => path,
        };
        if let Some(partial) = self.partial {
            partial.complete(self.if_exists)?;
        }
        let arrived = arrived.into();
        let (local, hash) = (local.display().to_string(), hex(&arrived.sha256));
        let text = format!("{local}: {} bytes, SHA-256 {hash}\n", arrived.size);
        print(args.json, text, || {
            let mut told = json!({
                "path": local,
                "size": arrived.size,
                "sha256": hash,
                "elapsed_seconds": seconds(arrived.elapsed.as_ref()),
            });
            if let (Some(resumes), Some(told)) = (arrived.resumes, told.as_object_mut()) {
                told.insert("resumes".into(), resumes.into());
            }
            told
        })
    }
}

/// A file under a temporary name in its directory, so that no half-written file ever has the name
/// of a whole one. Dropped before it is complete, it is deleted.
struct Partial {
    file: NamedTempFile,
    path: PathBuf,
}

impl Partial {
    fn create(path: &Path) -> Result<Self, Failure> {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Those of the file that is replaced, or as any new file; less what the umask takes.
        let old = fs::metadata(path).map(|metadata| metadata.permissions());
        let permissions = old.unwrap_or_else(|_| Permissions::from_mode(0o666));
        let file = tempfile::Builder::new()
            .prefix(&format!(".{name}.partial-"))
            .permissions(permissions)
            .tempfile_in(directory)
            .map_err(|source| failed(path, source))?;
        Ok(Self {
            file,
            path: path.into(),
        })
    }

    fn writer(&self) -> Result<tokio::fs::File, Failure> {
        let file: File = self
            .file
            .as_file()
            .try_clone()
            .map_err(|source| failed(&self.path, source))?;
        Ok(file.into())
    }

    /// Gives the file its name, once its bytes are on the disk.
    fn complete(self, if_exists: Existing) -> Result<(), Failure> {
        let Self { file, path } = self;
        file.as_file()
            .sync_all()
            .map_err(|source| failed(&path, source))?;
        let named = match if_exists {
            Existing::Overwrite => file.persist(&path),
            Existing::Fail => file.persist_noclobber(&path),
        };
        match named {
            Ok(_) => Ok(()),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                Err(Failure::Exists(path.display().to_string()))
            }
            Err(error) => Err(failed(&path, error.error)),
        }
    }
}

/// The local name; a directory takes the remote file's.
fn local_path(local: &Path, remote: &str) -> Result<PathBuf, Failure> {
    if !local.is_dir() {
        if local.as_os_str().as_bytes().ends_with(b"/") {
            return Err(failed(local, io::ErrorKind::NotADirectory.into()));
        }
        return Ok(local.to_owned());
    }
    match remote.rsplit('/').next() {
        Some(name) if !matches!(name, "" | "." | "..") => {
            let here = local == Path::new(".");
            Ok(if here { name.into() } else { local.join(name) })
        }
        _ => Err(Failure::Usage(format!(
            "{remote} does not end in a file name"
        ))),
    }
}

/// What there is under a name. A link stays one: what it leads to is meant.
fn place(path: PathBuf) -> Place {
    let Ok(real) = path.canonicalize() else {
        return Place::File(path);
    };
    if fs::metadata(&real).is_ok_and(|metadata| metadata.is_file()) {
        Place::File(real)
    } else {
        Place::Device(path)
    }
}

fn failed(path: &Path, source: io::Error) -> Failure {
    Failure::Local {
        path: path.display().to_string(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_partial_file_never_has_the_name_and_vanishes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.bin");
        let partial = Partial::create(&path).unwrap();
        assert!(!path.exists());
        assert_eq!(names(directory.path()).len(), 1);
        drop(partial);
        assert!(names(directory.path()).is_empty());
    }

    #[test]
    fn a_complete_file_replaces_the_old_one_only_where_allowed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.bin");
        fs::write(&path, "old").unwrap();
        let partial = Partial::create(&path).unwrap();
        assert!(matches!(
            partial.complete(Existing::Fail),
            Err(Failure::Exists(_))
        ));
        assert_eq!(fs::read(&path).unwrap(), b"old");

        let partial = Partial::create(&path).unwrap();
        partial.file.as_file().write_all(b"new").unwrap();
        partial.complete(Existing::Overwrite).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(directory.path()), ["a.bin"]);
    }

    fn at(local: &Path) -> Arrival {
        Arrival::at(local, "/remote/a.bin", Existing::Overwrite).unwrap()
    }

    #[test]
    fn a_device_is_written_to_and_never_replaced() {
        let Place::Device(path) = at(Path::new("/dev/null")).to else {
            panic!("a file in its place is the end of /dev/null");
        };
        assert_eq!(path, Path::new("/dev/null"));
        assert!(matches!(at(Path::new("-")).to, Place::Stdout));
    }

    #[test]
    fn a_link_stays_and_the_file_behind_it_is_replaced_with_its_mode() {
        let directory = tempfile::tempdir().unwrap();
        let (real, link) = (directory.path().join("real"), directory.path().join("link"));
        fs::write(&real, "old").unwrap();
        fs::set_permissions(&real, Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let mut arrival = at(&link);
        drop(arrival.sink().unwrap());
        let mut partial = arrival.partial.take().unwrap();
        partial.file.write_all(b"new").unwrap();
        partial.complete(Existing::Overwrite).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&real).unwrap(), b"new");
        let mode = fs::metadata(&real).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_directory_that_is_not_there_is_no_file_name() {
        let directory = tempfile::tempdir().unwrap();
        let missing = format!("{}/missing/", directory.path().display());
        let arrival = Arrival::at(Path::new(&missing), "/a.bin", Existing::Overwrite);
        assert!(matches!(arrival, Err(Failure::Local { .. })));
    }
}
