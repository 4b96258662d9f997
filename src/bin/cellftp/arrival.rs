//! A file that arrives, and how it is stored.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::json;
use tokio::io::AsyncWrite;

use crate::args::{Args, Existing, Landing};
use crate::destination::Destination;
use crate::failure::Failure;
use crate::output::{Plain, hex, report, seconds};
use crate::partial::Partial;
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

    /// Prepares for the file `remote`, which keeps its name in a directory here. Writes nothing yet.
    pub(crate) async fn within(
        directory: &Path,
        remote: &ServerPath,
        landing: &Landing,
    ) -> Result<Self, Failure> {
        Ok(Self {
            to: Destination::within(directory, remote, landing).await?,
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
        let path = match &self.to {
            Destination::Name(path) => path,
            Destination::Stdout => return Err(no_partial(Path::new("-"))),
            Destination::Opened(path, _) => return Err(no_partial(path)),
        };
        self.partial = Some(Partial::create(path)?);
        Ok(())
    }

    /// Writes the next bytes, after [`Arrival::begin`].
    pub(crate) fn write(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        let Some(partial) = &mut self.partial else {
            return Err(no_partial(Path::new(&self.remote.to_string())));
        };
        partial.write(chunk)
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

/// One of many files that has no place of its own: its bytes would be lost.
fn no_partial(path: &Path) -> Failure {
    let text = "takes one file and not many; fetch each with its own command";
    Failure::local(path, io::Error::other(text))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

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
    async fn bytes_that_have_no_file_are_an_error() {
        for path in ["-", "/dev/null"] {
            let mut arrival = at(Path::new(path)).await;
            assert!(arrival.begin().is_err(), "{path}");
            assert!(arrival.write(b"lost").is_err(), "{path}");
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.bin");
        let mut arrival = at(&path).await;
        arrival.begin().unwrap();
        arrival.write(b"kept").unwrap();
        assert_eq!(arrival.keep().unwrap(), path);
        assert_eq!(fs::read(path).unwrap(), b"kept");
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
        partial.write(b"new").unwrap();
        partial.complete(Existing::Overwrite).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&real).unwrap(), b"new");
        let mode = fs::metadata(&real).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
