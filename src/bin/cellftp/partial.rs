//! A file that is not whole yet.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::args::Existing;
use crate::failure::Failure;

/// A file under a temporary name in its directory, so that no half-written file ever has the name of a whole
/// one. A drop before it is complete deletes it.
pub(crate) struct Partial {
    file: NamedTempFile,
    path: PathBuf,
}

impl Partial {
    /// Makes it in the directory of `path`.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // The permissions of the file that is replaced, or those of any new file; less the umask.
        let old = fs::metadata(path).map(|metadata| metadata.permissions());
        let permissions = old.unwrap_or_else(|_| Permissions::from_mode(0o666));
        let file = tempfile::Builder::new()
            .prefix(&hidden(&name))
            .permissions(permissions)
            .tempfile_in(directory)
            .map_err(|source| Failure::local(path, source))?;
        Ok(Self {
            file,
            path: path.into(),
        })
    }

    /// Where its bytes are written.
    pub(crate) fn writer(&self) -> Result<tokio::fs::File, Failure> {
        let file: File = self
            .file
            .as_file()
            .try_clone()
            .map_err(|source| Failure::local(&self.path, source))?;
        Ok(file.into())
    }

    /// Writes the next bytes.
    pub(crate) fn write(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        let written = self.file.write_all(chunk);
        written.map_err(|source| Failure::local(&self.path, source))
    }

    /// Gives the file its name, once its bytes are on the disk.
    pub(crate) fn complete(self, if_exists: Existing) -> Result<(), Failure> {
        let Self { file, path } = self;
        file.as_file()
            .sync_all()
            .map_err(|source| Failure::local(&path, source))?;
        let named = match if_exists {
            Existing::Overwrite => file.persist(&path),
            Existing::Fail => file.persist_noclobber(&path),
        };
        match named {
            Ok(_) => Ok(()),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                Err(Failure::Exists(path.display().to_string()))
            }
            Err(error) => Err(Failure::local(&path, error.error)),
        }
    }
}

/// The beginning of a temporary name. Names have at most 255 bytes (NAME_MAX), and some twenty follow.
fn hidden(name: &str) -> String {
    let mut end = name.len().min(200);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!(".{}.partial-", name.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

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
