//! `cellftp get REMOTE LOCAL`.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use cellftp::client::{Client, Download, GetResult, Target};
use indicatif::ProgressBar;
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::io::AsyncWrite;

use crate::args::{Args, Existing, Get, is_standard_stream};
use crate::exit::Failure;
use crate::output::{hex, print, seconds};
use crate::progress;

pub(crate) async fn run(args: &Args, get: &Get, client: &Client) -> Result<(), Failure> {
    let target = args.target()?;
    let bar = progress::bar(args.json, None);
    if is_standard_stream(&get.local) {
        let download = begin(client, &target, get, &bar).await?;
        copy(&bar, download, &mut tokio::io::stdout()).await?;
        return Ok(());
    }
    let local = local_path(&get.local, &get.remote)?;
    if get.if_exists == Existing::Fail && local.exists() {
        return Err(Failure::Exists(local.display().to_string()));
    }
    let download = begin(client, &target, get, &bar).await?;
    let partial = Partial::create(&local)?;
    let result = copy(&bar, download, &mut partial.writer()?).await?;
    partial.complete(get.if_exists)?;
    let text = format!(
        "{}: {} bytes, SHA-256 {}\n",
        local.display(),
        result.size,
        hex(&result.sha256)
    );
    print(args.json, text, || {
        json!({
            "path": local.display().to_string(),
            "size": result.size,
            "sha256": hex(&result.sha256),
            "resumes": result.resumes,
            "elapsed_seconds": seconds(result.elapsed.as_ref()),
        })
    })
}

/// Begins the download; the bar tells the place in the queue.
async fn begin(
    client: &Client,
    target: &Target,
    get: &Get,
    bar: &ProgressBar,
) -> Result<Download, Failure> {
    let queued = bar.clone();
    let download = client.get_telling(target, &get.remote, 0, move |progress| {
        queued.set_message(format!("{} first", progress.queue_position));
        queued.tick();
    });
    Ok(download.await?)
}

async fn copy(
    bar: &ProgressBar,
    download: Download,
    sink: &mut (impl AsyncWrite + Unpin),
) -> Result<GetResult, Failure> {
    let size = download
        .info()
        .size
        .and_then(|size| u64::try_from(size).ok());
    if let Some(size) = size {
        progress::resize(bar, size);
    }
    let result = download
        .copy_to(sink, |arrived| {
            bar.set_message("receiving");
            bar.set_position(arrived);
        })
        .await;
    bar.finish_and_clear();
    Ok(result?)
}

/// The local name; a directory takes the remote file's.
pub(crate) fn local_path(local: &Path, remote: &str) -> Result<PathBuf, Failure> {
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

/// A file under a temporary name in its directory, so that no half-written file ever has the name
/// of a whole one. Dropped before it is complete, it is deleted.
pub(crate) struct Partial {
    file: NamedTempFile,
    path: PathBuf,
}

impl Partial {
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
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

    pub(crate) fn writer(&self) -> Result<tokio::fs::File, Failure> {
        let file: File = self
            .file
            .as_file()
            .try_clone()
            .map_err(|source| failed(&self.path, source))?;
        Ok(file.into())
    }

    /// Gives the file its name, once its bytes are on the disk.
    pub(crate) fn complete(self, if_exists: Existing) -> Result<(), Failure> {
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
