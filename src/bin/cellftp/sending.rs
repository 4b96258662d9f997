//! Many files on their way to the server: small ones in calls of many, each of the others in one of its own.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use rustix::fs::OFlags;
use serde_json::json;
use simcom_talk::ftps::value::RemotePath;
use tokio_stream::StreamExt as _;

use crate::args::{Args, OnServer, Writing};
use crate::batch::Batch;
use crate::failure::{Failure, told};
use crate::output::hex;
use crate::put::{known_hash, open};
use cellftp::client::{
    CallOptions, Client, IfExists, PutFileResult, PutFilesOptions, PutOptions, ServerPath,
    SmallFile, Target,
};

/// Most bytes of a file in a call of many (`PutFile.content`).
const SMALL: u64 = 128 * 1024;

/// Files of one call: half of what the daemon takes, so that a call that breaks leaves less to look at.
const FILES: usize = 5_000;

/// Bytes of all paths of one call: half of what the daemon takes.
const NAMES: usize = 512 * 1024;

/// A file that is to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) local: PathBuf,
    pub(crate) remote: ServerPath,
    /// Bytes, when it was looked at.
    pub(crate) size: u64,
}

/// Sends files.
pub(crate) struct Sending<'a> {
    pub(crate) args: &'a Args,
    pub(crate) client: &'a Client,
    pub(crate) target: Target,
    pub(crate) how: &'a Writing,
}

impl Sending<'_> {
    /// Sends all of them. A file that fails is told to `batch`, and the others go on; an error ends all.
    pub(crate) async fn run(
        &self,
        files: Vec<Outgoing>,
        batch: &mut Batch<'_>,
    ) -> Result<(), Failure> {
        batch
            .meter
            .expect(files.len(), sum(files.iter().map(|file| file.size)));
        // A name that no command can say would end the call for all.
        let (files, unsayable): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|file| is_sayable(&file.remote));
        for file in unsayable {
            let text = "its name has a quotation mark or a control character, which no command of the \
                        module can say; give it another name";
            batch.fail(&Failure::local(&file.local, io::Error::other(text)));
        }
        let (mut small, mut large): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|file| file.size <= SMALL);
        // Those of one directory follow one another, so that the module moves once.
        small.sort_by(|one, other| one.remote.as_bytes().cmp(other.remote.as_bytes()));
        while !small.is_empty() {
            let rest = small.split_off(a_call_of(&small));
            let call = std::mem::replace(&mut small, rest);
            large.extend(self.together(call, batch).await?);
            batch.check()?;
        }
        for file in large {
            if let Err(failure) = self.alone(&file, batch).await {
                batch.fail_alone(failure)?;
            }
            batch.check()?;
        }
        Ok(())
    }

    /// Sends small files in one call. Returns those that have become large.
    async fn together(
        &self,
        files: Vec<Outgoing>,
        batch: &mut Batch<'_>,
    ) -> Result<Vec<Outgoing>, Failure> {
        let files = Arc::new(files);
        let read = Arc::new(Mutex::new(Read::default()));
        let stream = {
            let (files, read) = (Arc::clone(&files), Arc::clone(&read));
            let places = tokio_stream::iter(0..files.len());
            places.filter_map(move |place| {
                let file = files.get(place)?;
                match content_of(&file.local) {
                    Ok(Some(content)) => {
                        read.lock().sent.push(place);
                        Some(SmallFile {
                            path: file.remote.clone(),
                            content: Bytes::from(content),
                        })
                    }
                    Ok(None) => {
                        read.lock().grown.push(place);
                        None
                    }
                    Err(error) => {
                        read.lock().failed.push((place, error));
                        None
                    }
                }
            })
        };
        let options = PutFilesOptions {
            if_exists: match self.how.if_exists {
                OnServer::Fail => IfExists::Fail,
                OnServer::Overwrite | OnServer::SkipSame => IfExists::Overwrite,
            },
            verify: self.how.verify.into(),
            on_failure: self.how.on_failure.into(),
        };
        let meter = batch.meter.clone();
        // Where each file ends in the bytes of the call. Results come at the end, when sizes were compared.
        let ends: Vec<u64> = files
            .iter()
            .scan(0, |end, file| {
                *end = file.size.saturating_add(*end);
                Some(*end)
            })
            .collect();
        let called = self
            .client
            .put_files(
                &self.target,
                options,
                stream,
                |report| {
                    let moved = u64::try_from(report.moved_bytes).unwrap_or_default();
                    meter.many(ends.partition_point(|end| *end <= moved), report);
                },
                |result| {
                    let index = usize::try_from(result.index).unwrap_or(usize::MAX);
                    let place = read.lock().sent.get(index).copied();
                    if let Some(file) = place.and_then(|place| files.get(place)) {
                        is_over(file, result, batch);
                    }
                },
            )
            .await;
        let read = std::mem::take(&mut *read.lock());
        batch.meter.over_many(
            files.len() - read.grown.len(),
            ends.last().copied().unwrap_or_default(),
        );
        for (place, error) in read.failed {
            if let Some(file) = files.get(place) {
                batch.fail(&Failure::local(&file.local, error));
            }
        }
        called?;
        let grown = read.grown.into_iter();
        Ok(grown
            .filter_map(|place| files.get(place).cloned())
            .collect())
    }

    /// Sends one file in a call of its own.
    async fn alone(&self, file: &Outgoing, batch: &mut Batch<'_>) -> Result<(), Failure> {
        let (mut source, size) = open(&file.local).await?;
        let options = PutOptions {
            if_exists: self.how.if_exists.into(),
            verify: self.how.verify.into(),
            on_failure: self.how.on_failure.into(),
            size,
            sha256: known_hash(&file.local, self.how, size).await?,
            sentinel: ServerPath::default(),
        };
        let meter = batch.meter.clone();
        let client = self.client.clone().with_options(CallOptions {
            labels: self.args.labels.iter().cloned().collect(),
            ..CallOptions::default()
        });
        let sent = client
            .put(
                &self.target,
                &file.remote,
                &options,
                &mut source,
                |report| {
                    meter.told("sending", report);
                },
            )
            .await;
        let result = sent.map_err(|source| Failure::For {
            path: file.local.display().to_string(),
            source,
        })?;
        let remote = file.remote.to_string();
        if result.skipped {
            batch.skip(&remote);
            return Ok(());
        }
        let size = u64::try_from(result.size).unwrap_or_default();
        batch.meter.over(size);
        batch.done(&remote, size, || {
            json!({
                "path": remote,
                "size": result.size,
                "sha256": hex(&result.sha256),
                "state": result.state().as_str_name(),
            })
        });
        Ok(())
    }
}

/// What was read of the files of a call, by their places.
#[derive(Debug, Default)]
struct Read {
    /// In the order in which they were sent.
    sent: Vec<usize>,
    /// Too large by now.
    grown: Vec<usize>,
    failed: Vec<(usize, io::Error)>,
}

/// The bytes of a small file; `None` where it has become larger. Its name may have become one of a pipe, which has
/// no end, since it was looked at.
fn content_of(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut options = File::options();
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = options.read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other(
            "is no regular file any more; send it alone",
        ));
    }
    let mut content = Vec::new();
    file.take(SMALL + 1).read_to_end(&mut content)?;
    Ok((content.len() as u64 <= SMALL).then_some(content))
}

/// What became of a file of a call of many.
fn is_over(file: &Outgoing, result: PutFileResult, batch: &mut Batch<'_>) {
    if let Some(failure) = result.failure {
        batch.fail(&Failure::For {
            path: file.local.display().to_string(),
            source: told(failure),
        });
        return;
    }
    let remote = file.remote.to_string();
    let size = u64::try_from(result.size).unwrap_or_default();
    batch.done(&remote, size, || {
        json!({
            "path": remote,
            "size": result.size,
            "sha256": hex(&result.sha256),
            "state": result.state().as_str_name(),
        })
    });
}

/// How many of the first files one call takes.
fn a_call_of(files: &[Outgoing]) -> usize {
    let mut names = 0;
    let fits = |file: &&Outgoing| {
        names += file.remote.as_bytes().len();
        names <= NAMES
    };
    files.iter().take(FILES).take_while(fits).count().max(1)
}

/// The sum of sizes, which are what a server or a sparse file says they are.
pub(crate) fn sum(sizes: impl Iterator<Item = u64>) -> u64 {
    sizes.fold(0, u64::saturating_add)
}

/// Whether commands can say a path, as far as that is known without the module.
pub(crate) fn is_sayable(path: &ServerPath) -> bool {
    match std::str::from_utf8(path.as_bytes()) {
        Ok(text) => RemotePath::of_text(text).is_ok(),
        Err(_) => RemotePath::given_in_bytes(path.as_bytes()).is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_holds_what_the_daemon_takes() {
        let file = |name: &str| Outgoing {
            local: PathBuf::new(),
            remote: name.into(),
            size: 1,
        };
        assert_eq!(a_call_of(&vec![file("a"); 6_000]), FILES);
        assert_eq!(a_call_of(&vec![file(&"a".repeat(NAMES / 2)); 3]), 2);
        assert_eq!(a_call_of(&[file(&"a".repeat(NAMES + 1))]), 1);
    }

    #[test]
    fn a_pipe_that_takes_the_place_of_a_file_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        std::fs::write(&path, vec![7; 131_072]).unwrap();
        assert_eq!(content_of(&path).unwrap().unwrap().len(), 131_072);
        std::fs::write(&path, vec![7; 131_073]).unwrap();
        assert_eq!(content_of(&path).unwrap(), None);
        std::fs::remove_file(&path).unwrap();
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let (say, hear) = std::sync::mpsc::channel();
        std::thread::spawn(move || say.send(content_of(&path).is_err()));
        let heard = hear.recv_timeout(std::time::Duration::from_secs(10));
        assert_eq!(heard, Ok(true), "it waits for a writer");
    }

    #[test]
    fn sizes_that_no_disk_has_are_added_up() {
        assert_eq!(sum([u64::MAX, 1].into_iter()), u64::MAX);
    }

    #[test]
    fn a_name_that_would_be_a_command_is_found_before() {
        assert!(is_sayable(&"/a b \u{e4}".into()) && is_sayable(&b"/caf\xE9".to_vec().into()));
        assert!(!is_sayable(&"/a\"b".into()) && !is_sayable(&"/a\nb".into()));
    }
}
