//! A file that arrives from elsewhere, and where it goes here.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::NamedTempFile;
use tokio::io::AsyncWrite;

use crate::args::{Args, Existing, is_standard_stream};
use crate::exit::Failure;
use crate::output::{hex, print, seconds};

/// Where a file goes: to standard output, or to a name that it gets when it is whole.
pub(crate) struct Arrival {
    /// `None`: standard output.
    local: Option<PathBuf>,
    if_exists: Existing,
    partial: Option<Partial>,
}

/// What is known of a file that has arrived.
pub(crate) struct Arrived<'a> {
    /// Bytes.
    pub(crate) size: i64,
    pub(crate) sha256: &'a [u8],
    /// How often it went on after a break, where that is counted.
    pub(crate) resumes: Option<i32>,
    pub(crate) elapsed: Option<&'a prost_types::Duration>,
}

impl Arrival {
    /// Of a file of this name elsewhere; `local` is a file, a directory or `-`. Nothing is
    /// written yet.
    pub(crate) fn at(local: &Path, remote: &str, if_exists: Existing) -> Result<Self, Failure> {
        let local = if is_standard_stream(local) {
            None
        } else {
            Some(local_path(local, remote)?)
        };
        if let Some(local) = &local
            && if_exists == Existing::Fail
            && local.exists()
        {
            return Err(Failure::Exists(local.display().to_string()));
        }
        Ok(Self {
            local,
            if_exists,
            partial: None,
        })
    }

    /// What takes its bytes.
    pub(crate) fn sink(&mut self) -> Result<Box<dyn AsyncWrite + Unpin>, Failure> {
        let Some(local) = &self.local else {
            return Ok(Box::new(tokio::io::stdout()));
        };
        let partial = Partial::create(local)?;
        let writer = partial.writer()?;
        self.partial = Some(partial);
        Ok(Box::new(writer))
    }

    /// Gives the whole file its name, and tells of it unless it went to standard output.
    pub(crate) fn complete(self, args: &Args, arrived: &Arrived<'_>) -> Result<(), Failure> {
        let (Some(local), Some(partial)) = (self.local, self.partial) else {
            return Ok(());
        };
        partial.complete(self.if_exists)?;
        let (local, hash) = (local.display().to_string(), hex(arrived.sha256));
        let text = format!("{local}: {} bytes, SHA-256 {hash}\n", arrived.size);
        print(args.json, text, || {
            let mut told = json!({
                "path": local,
                "size": arrived.size,
                "sha256": hash,
                "elapsed_seconds": seconds(arrived.elapsed),
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
        let file = tempfile::Builder::new()
            .prefix(&format!(".{name}.partial-"))
            // As any new file, less what the umask takes.
            .permissions(Permissions::from_mode(0o666))
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
        return Ok(local.to_owned());
    }
    match remote.rsplit('/').next() {
        Some(name) if !matches!(name, "" | "." | "..") => Ok(local.join(name)),
        _ => Err(Failure::Usage(format!(
            "{remote} does not end in a file name"
        ))),
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
    use std::fs;
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
}
