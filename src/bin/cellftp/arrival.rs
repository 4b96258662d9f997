//! A file that arrives, and how it is stored.

use std::fmt::Display;
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::io::AsyncWrite;

use crate::args::{Args, Existing, Landing};
use crate::destination::Destination;
use crate::failure::Failure;
use crate::output::{Plain, hex, report, seconds};
use crate::plain::json_text;
use cellftp::client::{GetResult, ReadModuleFileResult, ReadTransferResult, ServerPath};

/// A file that arrives: on its way to standard output or a device, or to a name that it gets when it is whole.
pub(crate) struct Arrival {
    to: Destination,
    remote: ServerPath,
    if_exists: Existing,
    partial: Option<Partial>,
}

/// What is known of a file that has arrived.
pub(crate) struct Arrived {
    /// Bytes.
    size: i64,
    sha256: Bytes,
    /// How often it was resumed, where that is counted.
    resumes: Option<i32>,
    elapsed: Option<prost_types::Duration>,
    /// The size that the file had at the end, where it grew.
    grown_to: Option<i64>,
    /// The size that the file had at the beginning, where that is not the number of bytes.
    had: Option<i64>,
}

impl From<GetResult> for Arrived {
    fn from(result: GetResult) -> Self {
        Self {
            size: result.chunk_size,
            sha256: result.chunk_sha256,
            resumes: Some(result.resume_count),
            elapsed: result.link_duration,
            grown_to: result.grown_size,
            had: None,
        }
    }
}

impl From<ReadTransferResult> for Arrived {
    fn from(result: ReadTransferResult) -> Self {
        Self {
            size: result.file_size,
            sha256: result.file_sha256,
            resumes: None,
            elapsed: result.run_duration,
            grown_to: result.grown_size,
            had: None,
        }
    }
}

impl From<ReadModuleFileResult> for Arrived {
    fn from(result: ReadModuleFileResult) -> Self {
        Self {
            size: result.size,
            sha256: result.sha256,
            resumes: None,
            elapsed: result.link_duration,
            grown_to: None,
            had: None,
        }
    }
}

impl Arrived {
    /// For a file that had `had` bytes when its size was asked for.
    pub(crate) fn of(self, had: Option<i64>) -> Self {
        Self { had, ..self }
    }

    /// A note that the file has grown, if it has: for people, or as a JSON document.
    fn note(&self, remote: &str, json: bool) -> Option<String> {
        let (size, grown_to) = (self.size, self.grown_to?);
        let had = self.had.unwrap_or(size);
        let text = |name: &dyn Display| {
            format!(
                "{name}: the file has {grown_to} bytes by now, and had {had} when its size was asked for; \
                 {size} have come"
            )
        };
        if !json {
            return Some(text(&Plain(remote)));
        }
        let message = text(&remote);
        let note =
            json!({ "path": remote, "size": size, "grown_to": grown_to, "message": message });
        Some(json_text(&json!({ "note": note })))
    }
}

impl Arrival {
    /// Prepares for the file `remote`. `local` is a file, a directory or `-`. Opens a device or a pipe, and
    /// writes nothing yet.
    pub(crate) async fn at(
        local: &Path,
        remote: &ServerPath,
        landing: &Landing,
    ) -> Result<Self, Failure> {
        Ok(Self {
            to: Destination::of(local, remote, landing).await?,
            remote: remote.clone(),
            if_exists: landing.if_exists,
            partial: None,
        })
    }

    /// Where its bytes are written.
    pub(crate) fn sink(&mut self) -> Result<Box<dyn AsyncWrite + Unpin>, Failure> {
        match &self.to {
            Destination::Stdout => Ok(Box::new(tokio::io::stdout())),
            Destination::Opened(path, file) => {
                let file = file
                    .try_clone()
                    .map_err(|source| Failure::local(path, source))?;
                Ok(Box::new(tokio::fs::File::from(file)))
            }
            Destination::Name(path) => {
                let partial = Partial::create(path)?;
                let writer = partial.writer()?;
                self.partial = Some(partial);
                Ok(Box::new(writer))
            }
        }
    }

    /// Makes the file under its temporary name. For files in a directory.
    pub(crate) fn begin(&mut self) -> Result<(), Failure> {
        match &self.to {
            Destination::Name(path) => self.partial = Some(Partial::create(path)?),
            Destination::Stdout | Destination::Opened(..) => {}
        }
        Ok(())
    }

    /// Writes the next bytes, after [`Arrival::begin`].
    pub(crate) fn write(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        let Some(partial) = &mut self.partial else {
            return Ok(());
        };
        let written = partial.file.write_all(chunk);
        written.map_err(|source| Failure::local(&partial.path, source))
    }

    /// Gives the whole file its name, and returns it.
    pub(crate) fn keep(self) -> Result<PathBuf, Failure> {
        let path = match self.to {
            Destination::Opened(path, _) | Destination::Name(path) => path,
            Destination::Stdout => PathBuf::from("-"),
        };
        if let Some(partial) = self.partial {
            partial.complete(self.if_exists)?;
        }
        Ok(path)
    }

    /// Gives the whole file its name, and reports it unless it went to standard output.
    pub(crate) fn complete(self, args: &Args, arrived: impl Into<Arrived>) -> Result<(), Failure> {
        let arrived = arrived.into();
        let told_in_json = args.json && !matches!(self.to, Destination::Stdout);
        if let Some(note) = arrived
            .note(&self.remote.to_string(), args.json)
            .filter(|_| !told_in_json)
        {
            // A caller that has closed standard error does not want the note.
            let _ = writeln!(io::stderr().lock(), "{note}");
        }
        let local = match self.to {
            Destination::Stdout => return Ok(()),
            Destination::Opened(path, _) | Destination::Name(path) => path,
        };
        if let Some(partial) = self.partial {
            partial.complete(self.if_exists)?;
        }
        let (local, hash) = (local.display().to_string(), hex(&arrived.sha256));
        let name = Plain(&local);
        let text = format!("{name}: {} bytes, SHA-256 {hash}\n", arrived.size);
        report(args, text, || {
            let mut told = json!({
                "path": local,
                "size": arrived.size,
                "sha256": hash,
                "elapsed_seconds": seconds(arrived.elapsed.as_ref()),
            });
            if let Some(told) = told.as_object_mut() {
                let resumes = arrived.resumes.map(|resumes| ("resumes", resumes.into()));
                let grown_to = arrived.grown_to.map(|size| ("grown_to", size.into()));
                for (name, value) in resumes.into_iter().chain(grown_to) {
                    told.insert(name.into(), value);
                }
            }
            told
        })
    }
}

/// A file under a temporary name in its directory, so that no half-written file ever has the name of a whole
/// one. A drop before it is complete deletes it.
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

    fn writer(&self) -> Result<tokio::fs::File, Failure> {
        let file: File = self
            .file
            .as_file()
            .try_clone()
            .map_err(|source| Failure::local(&self.path, source))?;
        Ok(file.into())
    }

    /// Gives the file its name, once its bytes are on the disk.
    fn complete(self, if_exists: Existing) -> Result<(), Failure> {
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

    #[test]
    fn that_a_file_has_grown_is_one_document_where_json_is_asked_for() {
        let arrived = |grown_to| Arrived {
            size: 5,
            sha256: Bytes::new(),
            resumes: None,
            elapsed: None,
            grown_to,
            had: None,
        };
        assert_eq!(arrived(None).note("/log", true), None);
        let text = arrived(Some(7)).note("/a\u{1b}\n", false).unwrap();
        assert!(
            text.starts_with("/a\\u{1b}\\n: the file has 7 bytes by now"),
            "{text}"
        );
        let note = arrived(Some(7)).note("/a\u{1b}\n", true).unwrap();
        assert_eq!(note.lines().count(), 1);
        let note: serde_json::Value = serde_json::from_str(&note).unwrap();
        assert_eq!(note["note"]["path"], "/a\u{1b}\n");
        assert_eq!(
            (&note["note"]["size"], &note["note"]["grown_to"]),
            (&json!(5), &json!(7))
        );
    }

    async fn at(local: &Path) -> Arrival {
        let landing = Landing {
            if_exists: Existing::Overwrite,
            follow_links: false,
        };
        Arrival::at(local, &"/remote/a.bin".into(), &landing)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn the_longest_name_there_is_can_be_written() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["x".repeat(255), "ü".repeat(127)] {
            let path = directory.path().join(name);
            let mut arrival = at(&path).await;
            drop(arrival.sink().unwrap());
            let partial = arrival.partial.take().unwrap();
            partial.complete(Existing::Fail).unwrap();
            assert!(path.is_file());
        }
    }

    #[tokio::test]
    async fn a_link_stays_and_the_file_behind_it_is_replaced_with_its_mode() {
        let directory = tempfile::tempdir().unwrap();
        let (real, link) = (directory.path().join("real"), directory.path().join("link"));
        fs::write(&real, "old").unwrap();
        fs::set_permissions(&real, Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let mut arrival = at(&link).await;
        drop(arrival.sink().unwrap());
        let mut partial = arrival.partial.take().unwrap();
        partial.file.write_all(b"new").unwrap();
        partial.complete(Existing::Overwrite).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&real).unwrap(), b"new");
        let mode = fs::metadata(&real).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
