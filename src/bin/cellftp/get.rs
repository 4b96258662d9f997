//! `cellftp get REMOTE... TARGET` and `cellftp cat REMOTE...`.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::json;
use tokio::io::AsyncWrite;

use crate::aim::Aim;
use crate::args::{Args, Get, Landing, is_standard_stream};
use crate::arrival::{Arrival, Arrived};
use crate::batch::Batch;
use crate::begun::Begun;
use crate::directory::{GET, or_refused};
use crate::failure::Failure;
use crate::glob::{Found, expand};
use crate::links::is_within;
use crate::meter::Meter;
use crate::output::{Plain, report};
use crate::receiving::{Incoming, fetch, inside};
use crate::remote::{Remote, join};
use crate::remote_tree::RemoteTree;
use cellftp::client::{Client, Download, EntryKind, Error, GetResult, ServerPath, Target};

pub(crate) async fn run(args: &Args, get: &Get, client: &Client) -> Result<(), Failure> {
    let client = client.clone().with_growth(get.growth.into());
    match Aim::of_get(get)? {
        Aim::One {
            local,
            remote,
            pattern,
        } => {
            let remote = if pattern {
                alone(args, &client, &remote).await?
            } else {
                remote
            };
            if get.goes_on {
                return go_on(args, &local, &remote, client).await;
            }
            let part = (get.offset, get.length);
            let client = client.with_length(get.length);
            one(args, (&local, &remote), part, &get.landing, &client).await
        }
        Aim::Fetched { .. } if get.goes_on || get.offset > 0 || get.length.is_some() => {
            let text = "--continue, --offset and --length are for one file; `cellftp sync down` takes up many";
            Err(Failure::Usage(text.into()))
        }
        Aim::Fetched {
            names,
            directory,
            renamed,
        } => many(args, get, &names, (&directory, renamed), &client).await,
        // A `get` sends nothing.
        Aim::Sent { .. } => Ok(()),
    }
}

/// The one name that a pattern stands for.
async fn alone(args: &Args, client: &Client, pattern: &ServerPath) -> Result<ServerPath, Failure> {
    let found = expand(args, &mut Remote::new(args, client)?, pattern, Err).await?;
    match found.as_slice() {
        [one] => Ok(one.path.clone()),
        several => Err(Failure::Usage(format!(
            "the pattern stands for {} names on {}; several files go to a directory",
            several.len(),
            args.place()
        ))),
    }
}

/// Writes files to standard output, one after the other.
pub(crate) async fn cat(args: &Args, paths: &[ServerPath], client: &Client) -> Result<(), Failure> {
    let landing = Landing {
        if_exists: crate::args::Existing::Overwrite,
        follow_links: false,
    };
    for path in paths {
        one(args, (Path::new("-"), path), (0, None), &landing, client).await?;
    }
    Ok(())
}

async fn one(
    args: &Args,
    (local, remote): (&Path, &ServerPath),
    (offset, length): (u64, Option<std::num::NonZeroU64>),
    landing: &Landing,
    client: &Client,
) -> Result<(), Failure> {
    let target = args.target()?;
    let meter = Meter::of(args, None);
    let mut arrival = Arrival::at(local, remote, landing).await?;
    let download = begin(args, client, &target, (remote, offset), &meter).await?;
    let had = download.info().size;
    let wanted = |rest: u64| length.map_or(rest, |length| rest.min(length.get()));
    let copied = copy(&meter, download, (offset, &wanted), &mut arrival.sink()?).await;
    let result = match copied {
        Ok(result) => result,
        Err(error) => return Err(or_refused(args, client, &target, remote, GET, error).await),
    };
    arrival.complete(args, Arrived::from(result).of(had))
}

/// Begins the download. The progress shows the place in the queue.
async fn begin(
    args: &Args,
    client: &Client,
    target: &Target,
    (remote, offset): (&ServerPath, u64),
    meter: &Meter,
) -> Result<Download, Failure> {
    let queued = meter.clone();
    let download = client.get_telling(target, remote, offset, move |report| queued.queued(report));
    match download.await {
        Ok(download) => Ok(download),
        Err(error) => {
            meter.end();
            Err(or_refused(args, client, target, remote, GET, error).await)
        }
    }
}

async fn copy(
    meter: &Meter,
    download: Download,
    (offset, wanted): (u64, &dyn Fn(u64) -> u64),
    sink: &mut (impl AsyncWrite + Unpin),
) -> Result<GetResult, Error> {
    let size = download.info().size;
    if let Some(size) = size.and_then(|size| u64::try_from(size).ok()) {
        meter.size(wanted(size.saturating_sub(offset)));
    }
    let result = download
        .copy_to(sink, |arrived| meter.at("receiving", arrived))
        .await;
    meter.end();
    result
}

/// Goes on with the file that is here. It grows in place.
async fn go_on(
    args: &Args,
    local: &Path,
    remote: &ServerPath,
    client: Client,
) -> Result<(), Failure> {
    if is_standard_stream(local) {
        return Err(Failure::Usage(
            "--continue goes on with a file here, not with -".into(),
        ));
    }
    let landing = Landing {
        if_exists: crate::args::Existing::Overwrite,
        follow_links: false,
    };
    let path = Arrival::at(local, remote, &landing).await?.keep()?;
    let here = |source| Failure::local(&path, source);
    let begun = Begun::at(&path).map_err(here)?;
    let (offset, tail) = begun.end().map_err(here)?;
    let target = args.target()?;
    let client = client.with_tail(Bytes::from(tail));
    let meter = Meter::of(args, None);
    let download = begin(args, &client, &target, (remote, offset), &meter).await;
    let download = download.map_err(|failure| other(failure, &path, offset))?;
    let begun = begun.or_new(&path).map_err(here)?;
    begun.has_length(offset).map_err(here)?;
    let mut sink = begun.sink().map_err(here)?;
    let copied = copy(&meter, download, (offset, &|rest| rest), &mut sink).await;
    let result = copied.map_err(|error| other(error.into(), &path, offset))?;
    sink.sync_all().await.map_err(here)?;
    let come = u64::try_from(result.chunk_size).unwrap_or_default();
    begun
        .has_length(offset.saturating_add(come))
        .map_err(here)?;
    let name = path.display().to_string();
    let text = format!(
        "{}: went on at byte {offset}, {} bytes have come\n",
        Plain(&name),
        result.chunk_size
    );
    report(
        args,
        text,
        || json!({ "path": name, "offset": offset, "size": result.chunk_size }),
    )
}

/// What it means that a file cannot go on.
fn other(failure: Failure, path: &Path, offset: u64) -> Failure {
    let (Failure::Call(Error::Refused(refusal))
    | Failure::For {
        source: Error::Refused(refusal),
        ..
    }) = &failure
    else {
        return failure;
    };
    let name = path.display();
    match refusal.reason.as_str() {
        "SOURCE_CHANGED" => Failure::Other(format!(
            "{name} is not the beginning of the file on the server; without -C it is fetched whole"
        )),
        "WRONG_OFFSET" => Failure::Other(format!(
            "{name} has {offset} bytes here, and the file on the server has fewer; without -C it is fetched whole"
        )),
        _ => failure,
    }
}

/// Fetches files, and directories with `-r`, which keep their names unless `renamed`.
async fn many(
    args: &Args,
    get: &Get,
    names: &[ServerPath],
    (directory, renamed): (&Path, bool),
    client: &Client,
) -> Result<(), Failure> {
    let mut batch = Batch::new(args);
    let mut remote = Remote::new(args, client)?;
    if is_standard_stream(directory) {
        let text = "- takes one file; `cellftp cat` writes several to standard output";
        return Err(Failure::Usage(text.into()));
    }
    if !get.recursive && !directory.is_dir() {
        let text = "is no directory here; make it first, or give -r";
        return Err(Failure::local(directory, std::io::Error::other(text)));
    }
    let mut files = Vec::new();
    for name in names {
        let found = if get.literal {
            vec![Found {
                path: name.clone(),
                entry: None,
            }]
        } else {
            let failed = |failure| batch.fail_alone(failure);
            match expand(args, &mut remote, name, failed).await {
                Ok(found) => found,
                Err(failure) => {
                    batch.fail_alone(failure)?;
                    continue;
                }
            }
        };
        // Several keep their names.
        let renamed = renamed && found.len() == 1;
        for Found { path, entry } in found {
            let entry = match entry {
                None if get.recursive => remote.find(&path).await,
                entry => Ok(entry),
            };
            let entry = match entry {
                Ok(entry) => entry,
                Err(failure) => {
                    batch.fail_alone(failure)?;
                    continue;
                }
            };
            let is_directory = entry
                .as_ref()
                .is_some_and(|entry| entry.kind() == EntryKind::Directory)
                || matches!(path.as_bytes(), b"/" | b"" | b".");
            if is_directory && !get.recursive {
                batch.fail(&Failure::Directory {
                    path: path.to_string(),
                    place: format!("on {}", args.place()),
                    instead: GET,
                });
            } else if is_directory {
                let base = if renamed {
                    directory.to_owned()
                } else {
                    inside(directory, &path)
                };
                match RemoteTree::of(args, client, &path).await {
                    Ok(tree) => take(tree, (&path, &base), &get.landing, &mut files, &mut batch),
                    Err(failure) => batch.fail_alone(failure)?,
                }
            } else {
                let size = entry.and_then(|entry| entry.size);
                if get.recursive
                    && let Err(error) = fs::create_dir_all(directory)
                {
                    return Err(Failure::local(directory, error));
                }
                files.push(Incoming {
                    remote: path,
                    directory: directory.to_owned(),
                    size: size
                        .and_then(|size| size.try_into().ok())
                        .unwrap_or_default(),
                });
            }
        }
    }
    let target = args.target()?;
    let fetched = fetch(client, &target, &get.landing, files, &mut batch).await;
    batch.meter.end();
    fetched?;
    batch.end("fetched")
}

/// Makes the directories of a tree here, and takes its files.
pub(crate) fn take(
    tree: RemoteTree,
    (top, base): (&ServerPath, &Path),
    landing: &Landing,
    files: &mut Vec<Incoming>,
    batch: &mut Batch<'_>,
) {
    for failure in &tree.failed {
        batch.fail(failure);
    }
    for (path, why) in &tree.left_out {
        batch.leave_out(&base.join(path).display().to_string(), why);
    }
    let all = [PathBuf::new()].into_iter().chain(tree.directories);
    for directory in all {
        let here = base.join(&directory);
        // A link here may lead out of the directory. Its files are told of below.
        let is_out = directory.parent().is_some() && !is_within(base, &here);
        if is_out && !landing.follow_links {
            continue;
        }
        if let Err(error) = fs::create_dir_all(&here) {
            batch.fail(&Failure::local(&here, error));
        }
    }
    let mut lost = 0;
    for file in tree.files {
        let directory = base.join(file.below.parent().unwrap_or(Path::new("")));
        // A file here may have the name.
        if !directory.is_dir() {
            lost += 1;
            continue;
        }
        if !landing.follow_links && !is_within(base, &directory.join("x")) {
            let text = "is a link out of the directory; --follow-links writes there";
            batch.fail(&Failure::local(&directory, std::io::Error::other(text)));
            continue;
        }
        files.push(Incoming {
            remote: join(top.as_bytes(), file.below.as_os_str().as_bytes()).into(),
            directory,
            size: file.size.unwrap_or_default(),
        });
    }
    batch.lose(lost, "their directories are not here");
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::remote_tree::RemoteFile;

    #[test]
    fn a_file_here_that_has_the_name_of_a_directory_of_the_server_stays() {
        let here = tempfile::tempdir().unwrap();
        fs::write(here.path().join("sub"), "mine").unwrap();
        let tree = RemoteTree {
            directories: vec!["sub".into(), "other".into()],
            files: ["sub/a", "other/a"]
                .map(|below| RemoteFile {
                    below: below.into(),
                    size: Some(1),
                })
                .into(),
            ..RemoteTree::default()
        };
        let landing = Landing {
            if_exists: crate::args::Existing::Overwrite,
            follow_links: false,
        };
        let args = Args::try_parse_from(["cellftp", "-q", "status"]).unwrap();
        let (mut batch, mut files) = (Batch::new(&args), Vec::new());
        let top = ("/top".into(), here.path());
        take(tree, (&top.0, top.1), &landing, &mut files, &mut batch);
        let files: Vec<_> = files.iter().map(|file| file.remote.to_string()).collect();
        assert_eq!(files, ["/top/other/a"]);
        assert_eq!(batch.failures(), 2, "the directory, and the file in it");
        assert_eq!(fs::read(here.path().join("sub")).unwrap(), b"mine");
    }
}
