//! Many files on their way from the server, in calls of many.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::args::Landing;
use crate::arrival::Arrival;
use crate::batch::Batch;
use crate::failure::{Failure, told};
use crate::output::hex;
use crate::sending::{is_sayable, sum};
use cellftp::client::{Client, Error, GetFilesItem, ServerPath, Target};

/// Files of one call: half of what the daemon takes.
const FILES: usize = 500;

/// Bytes of all paths of one call; a message of paths has at most 136 KiB.
const NAMES: usize = 96 * 1024;

/// A file that is to be fetched. It keeps its name.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    pub(crate) remote: ServerPath,
    /// The directory here.
    pub(crate) directory: PathBuf,
    /// Bytes, where the listing tells.
    pub(crate) size: u64,
}

/// A file that arrives.
struct Open {
    place: usize,
    arrival: Arrival,
    hash: Sha256,
    bytes: u64,
}

/// Fetches all of them. A file that fails is told to `batch`, and the others go on; an error ends all.
pub(crate) async fn fetch(
    client: &Client,
    target: &Target,
    landing: &Landing,
    files: Vec<Incoming>,
    batch: &mut Batch<'_>,
) -> Result<(), Failure> {
    let mut files = apart(files, batch);
    batch
        .meter
        .expect(files.len(), sum(files.iter().map(|file| file.size)));
    while !files.is_empty() {
        let rest = files.split_off(a_call_of(files.iter().map(|file| &file.remote)));
        let call = std::mem::replace(&mut files, rest);
        together(client, target, landing, call, batch).await?;
        batch.check()?;
    }
    Ok(())
}

/// The files that have targets of their own. The second of two with one target fails, as with cp(1).
fn apart(files: Vec<Incoming>, batch: &mut Batch<'_>) -> Vec<Incoming> {
    let mut targets = HashSet::new();
    let is_first = |file: &Incoming| {
        let target = inside(&file.directory, &file.remote);
        let plain = target
            .components()
            .filter(|part| *part != Component::CurDir);
        let is_first = targets.insert(plain.collect::<PathBuf>());
        if !is_first {
            let why = format!(
                "another file of this command becomes {}; fetch this one with a command of its own",
                target.display()
            );
            batch.fail(&Failure::left(file.remote.to_string(), why));
        }
        is_first
    };
    let mut files = files;
    files.retain(is_first);
    files
}

/// The name in a directory here that a file or directory of the server gets.
pub(crate) fn inside(directory: &Path, path: &ServerPath) -> PathBuf {
    let named = Path::new(OsStr::from_bytes(path.as_bytes()));
    named
        .file_name()
        .map_or_else(|| directory.to_owned(), |name| directory.join(name))
}

/// Fetches the files of one call.
async fn together(
    client: &Client,
    target: &Target,
    landing: &Landing,
    files: Vec<Incoming>,
    batch: &mut Batch<'_>,
) -> Result<(), Failure> {
    let mut wanted = Vec::with_capacity(files.len());
    for file in files {
        // A name that no command can say would end the call for all.
        if !is_sayable(&file.remote) {
            batch.fail(&Failure::Other(format!(
                "{}: no command of the module can say this name",
                file.remote
            )));
            continue;
        }
        match Arrival::within(&file.directory, &file.remote, landing).await {
            Ok(arrival) => wanted.push((file, Some(arrival))),
            Err(failure) => batch.fail(&failure),
        }
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let paths: Vec<ServerPath> = wanted.iter().map(|(file, _)| file.remote.clone()).collect();
    let mut open: Option<Open> = None;
    // A disk that is full is so for all files.
    let mut broken = None;
    let fetched = client
        .get_files(target, paths, |item| {
            let step = match item {
                GetFilesItem::Info(info) => {
                    let place = usize::try_from(info.index).unwrap_or(usize::MAX);
                    let arrival = wanted
                        .get_mut(place)
                        .and_then(|(_, arrival)| arrival.take());
                    begin(place, arrival).map(|begun| open = begun)
                }
                GetFilesItem::Chunk(chunk) => write(open.as_mut(), &chunk, batch),
                GetFilesItem::Result(result) => {
                    let place = usize::try_from(result.index).unwrap_or(usize::MAX);
                    let size = wanted.get(place).map_or(0, |(file, _)| file.size);
                    let open = open.take().filter(|open| open.place == place);
                    let path = wanted.get(place).map(|(file, _)| file.remote.to_string());
                    let path = path.unwrap_or_default();
                    let failure = match (result.failure, open) {
                        (Some(failure), _) => Some(Failure::For {
                            path,
                            source: told(failure),
                        }),
                        (None, Some(open)) => end(open, &result.chunk_sha256, batch).err(),
                        (None, None) => None,
                    };
                    if let Some(failure) = failure {
                        batch.fail(&failure);
                        batch.meter.over(size);
                    }
                    Ok(())
                }
                GetFilesItem::Progress(report) => {
                    batch.meter.queued(&report);
                    Ok(())
                }
                GetFilesItem::Summary(_) => Ok(()),
            };
            step.map_err(|failure| {
                broken = Some(failure);
                Error::Incomplete
            })
        })
        .await;
    match (broken, fetched) {
        (Some(failure), _) => Err(failure),
        (None, Ok(_)) => Ok(()),
        (None, Err(error)) => Err(error.into()),
    }
}

fn begin(place: usize, arrival: Option<Arrival>) -> Result<Option<Open>, Failure> {
    let Some(mut arrival) = arrival else {
        return Ok(None);
    };
    arrival.begin()?;
    Ok(Some(Open {
        place,
        arrival,
        hash: Sha256::new(),
        bytes: 0,
    }))
}

fn write(open: Option<&mut Open>, chunk: &[u8], batch: &Batch<'_>) -> Result<(), Failure> {
    let Some(open) = open else {
        return Ok(());
    };
    open.arrival.write(chunk)?;
    open.hash.update(chunk);
    open.bytes += chunk.len() as u64;
    batch.meter.at("receiving", open.bytes);
    Ok(())
}

/// Gives a file that is whole its name.
fn end(open: Open, sent: &Bytes, batch: &mut Batch<'_>) -> Result<(), Failure> {
    let hash = Bytes::copy_from_slice(&open.hash.finalize());
    if hash != *sent {
        return Err(Error::Mismatch {
            what: "the SHA-256",
            sent: hex(sent),
            arrived: hex(&hash),
        }
        .into());
    }
    let local = open.arrival.keep()?.display().to_string();
    let bytes = open.bytes;
    batch.meter.over(bytes);
    batch.done(
        &local,
        bytes,
        || json!({ "path": local, "size": bytes, "sha256": hex(&hash) }),
    );
    Ok(())
}

/// How many of the first paths one call takes.
pub(crate) fn a_call_of<'a>(paths: impl Iterator<Item = &'a ServerPath>) -> usize {
    let mut names = 0;
    let fits = |path: &&ServerPath| {
        names += path.as_bytes().len();
        names <= NAMES
    };
    paths.take(FILES).take_while(fits).count().max(1)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::Args;

    fn file(remote: &str, directory: &str) -> Incoming {
        Incoming {
            remote: remote.into(),
            directory: directory.into(),
            size: u64::MAX,
        }
    }

    #[test]
    fn the_second_of_two_files_with_one_target_fails() {
        let args = Args::try_parse_from(["cellftp", "-q", "status"]).unwrap();
        let mut batch = Batch::new(&args);
        let files = [file("/a/x", "d"), file("/b/x", "./d/"), file("/b/x", "e")];
        let files = apart(files.into(), &mut batch);
        let left: Vec<_> = files.iter().map(|file| file.remote.to_string()).collect();
        // `./d/` is the same directory, and is only written otherwise.
        assert_eq!(
            (left, batch.failures()),
            (vec!["/a/x".into(), "/b/x".to_owned()], 1)
        );
        assert_eq!(batch.end("fetched").unwrap_err().number(), 1);
    }

    #[test]
    fn a_call_holds_what_the_daemon_takes() {
        let call = |path: &str, count| a_call_of(vec![ServerPath::from(path); count].iter());
        assert_eq!(call("a", 600), FILES);
        assert_eq!(call(&"a".repeat(NAMES / 2), 3), 2);
        assert_eq!(call(&"a".repeat(NAMES + 1), 1), 1);
    }
}
