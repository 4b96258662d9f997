//! `cellftp sync up` and `cellftp sync down`: one directory tree becomes like another.

use std::collections::HashSet;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::args::{
    Args, Asking, Check, Existing, Landing, OnServer, Remains, SyncCommand, SyncDown, SyncUp,
    Writing,
};
use crate::batch::Batch;
use crate::failure::{Failure, told};
use crate::get;
use crate::glob::name_in;
use crate::local_tree::LocalTree;
use crate::put::{self, below, hash};
use crate::receiving::{Incoming, fetch};
use crate::remote::{Remote, join};
use crate::remote_tree::{RemoteTree, is_exact};
use crate::sending::Sending;
use cellftp::client::{Client, EntryKind, GetFilesItem, ServerPath, Target};

/// Files whose content is asked for in one call.
const FILES: usize = 500;

pub(crate) async fn run(
    args: &Args,
    command: &SyncCommand,
    client: &Client,
) -> Result<(), Failure> {
    match command {
        SyncCommand::Up(given) => up(args, given, client).await,
        SyncCommand::Down(given) => down(args, given, client).await,
    }
}

async fn up(args: &Args, given: &SyncUp, client: &Client) -> Result<(), Failure> {
    let (local, base) = (&given.local, given.remote.as_bytes());
    if let Err(error) = fs::read_dir(local) {
        return Err(Failure::local(local, error));
    }
    let mut batch = Batch::new(args);
    let mut remote = Remote::new(args, client)?;
    let target = args.target()?;
    let tree = LocalTree::of(local, given.dereference);
    let known: HashSet<PathBuf> = tree
        .directories
        .iter()
        .chain(tree.files.iter().map(|file| &file.below))
        .chain(tree.left_out.iter().map(|(path, _)| path))
        .cloned()
        .collect();
    let directories: Vec<ServerPath> = [given.remote.clone()]
        .into_iter()
        .chain(below(base, &tree.directories))
        .collect();
    let mut files = Vec::new();
    put::take(local, base, tree, &mut files, &mut batch);
    if given.how.dry_run {
        for directory in &directories {
            if !remote.exists(directory).await? {
                batch.would("would be made", &directory.to_string());
            }
        }
    } else {
        files = put::make(&mut remote, &directories, files, &mut batch).await?;
    }
    let (mut wanted, mut same) = (Vec::new(), Vec::new());
    for file in files {
        match remote.find(&file.remote).await? {
            Some(there) if there.kind() != EntryKind::File => batch.fail(&Failure::Directory {
                path: file.remote.to_string(),
                place: format!("or a link on {}", args.place()),
                instead: "Move it out of the way, or give the file another name.",
            }),
            Some(there) if there.size == i64::try_from(file.size).ok() => same.push(file),
            Some(_) | None => wanted.push(file),
        }
    }
    if given.how.checksum {
        let paths = same.iter().map(|file| file.remote.clone()).collect();
        let there = hashes(client, &target, paths, &mut batch).await?;
        for (file, there) in std::mem::take(&mut same).into_iter().zip(there) {
            match there {
                Some(there) if there == hash(&file.local).await? => same.push(file),
                _ => wanted.push(file),
            }
        }
    }
    for file in &same {
        batch.skip(&file.remote.to_string());
    }
    let extra = if given.how.delete {
        extra(&mut remote, &directories, base, &known).await?
    } else {
        Vec::new()
    };
    if given.how.dry_run {
        for file in &wanted {
            batch.would("would be sent", &file.remote.to_string());
        }
        for (path, _) in &extra {
            batch.would("would be deleted", &path.to_string());
        }
        return batch.end("sent: nothing was done");
    }
    let how = writing();
    let sending = Sending {
        args,
        client,
        target: target.clone(),
        how: &how,
    };
    let sent = sending.run(wanted, &mut batch).await;
    batch.meter.end();
    sent?;
    // What could not be looked at may be the source of what looks like too much.
    if batch.failures() == 0 {
        for (path, kind) in extra {
            let gone = match kind {
                EntryKind::Directory => client
                    .remove_tree(&target, &path, |_| std::ops::ControlFlow::Continue(()))
                    .await
                    .map(drop),
                _ => client.delete_file(&target, &path).await,
            };
            match gone {
                Ok(()) => batch.note("deleted", &path.to_string()),
                Err(source) => batch.fail(&Failure::For {
                    path: path.to_string(),
                    source,
                }),
            }
        }
    }
    batch.end("sent")
}

/// What the directories of the server have that the source does not.
async fn extra(
    remote: &mut Remote,
    directories: &[ServerPath],
    base: &[u8],
    known: &HashSet<PathBuf>,
) -> Result<Vec<(ServerPath, EntryKind)>, Failure> {
    let all: HashSet<Vec<u8>> = known
        .iter()
        .map(|path| join(base, path.as_os_str().as_bytes()))
        .collect();
    let mut extra = Vec::new();
    for directory in directories {
        if !remote.exists(directory).await? {
            continue;
        }
        for entry in remote.entries(directory).await? {
            let name = name_in(&entry);
            let path = join(directory.as_bytes(), &name);
            // A line that cannot be read, or a name that is no name, is nobody's to delete.
            let is_name = !matches!(name.as_slice(), b"" | b"." | b"..") && !name.contains(&b'/');
            let is_name = is_name && is_exact(&name);
            if is_name && entry.addressable != Some(false) && !all.contains(&path) {
                extra.push((path.into(), entry.kind()));
            }
        }
    }
    Ok(extra)
}

async fn down(args: &Args, given: &SyncDown, client: &Client) -> Result<(), Failure> {
    let mut batch = Batch::new(args);
    let target = args.target()?;
    let mut tree = RemoteTree::of(args, client, &given.remote).await?;
    let landing = Landing {
        if_exists: Existing::Overwrite,
        follow_links: false,
    };
    let is_whole = tree.failed.is_empty();
    let known: HashSet<PathBuf> = tree
        .directories
        .iter()
        .chain(tree.files.iter().map(|file| &file.below))
        .chain(tree.left_out.iter().map(|(path, _)| path))
        .cloned()
        .collect();
    let (mut same, mut wanted) = (Vec::new(), Vec::new());
    for file in std::mem::take(&mut tree.files) {
        let here = fs::symlink_metadata(given.local.join(&file.below));
        match here {
            Ok(here) if here.is_file() && Some(here.len()) == file.size => same.push(file),
            _ => wanted.push(file),
        }
    }
    if given.how.checksum {
        let path =
            |below: &Path| join(given.remote.as_bytes(), below.as_os_str().as_bytes()).into();
        let paths = same.iter().map(|file| path(&file.below)).collect();
        let there = hashes(client, &target, paths, &mut batch).await?;
        for (file, there) in std::mem::take(&mut same).into_iter().zip(there) {
            match there {
                Some(there) if there == hash(&given.local.join(&file.below)).await? => {
                    same.push(file)
                }
                _ => wanted.push(file),
            }
        }
    }
    for file in &same {
        batch.skip(&given.local.join(&file.below).display().to_string());
    }
    let extra = if given.how.delete && is_whole {
        too_much(&given.local, &known)
    } else {
        Vec::new()
    };
    if given.how.dry_run {
        for file in &wanted {
            batch.would(
                "would be fetched",
                &given.local.join(&file.below).display().to_string(),
            );
        }
        for (path, _) in &extra {
            batch.would("would be deleted", &path.display().to_string());
        }
        return batch.end("fetched: nothing was done");
    }
    tree.files = wanted;
    let mut files: Vec<Incoming> = Vec::new();
    get::take(
        tree,
        (&given.remote, &given.local),
        &landing,
        &mut files,
        &mut batch,
    );
    let fetched = fetch(client, &target, &landing, files, &mut batch).await;
    batch.meter.end();
    fetched?;
    if batch.failures() == 0 {
        for (path, is_directory) in extra {
            let gone = if is_directory {
                fs::remove_dir(&path)
            } else {
                fs::remove_file(&path)
            };
            match gone {
                Ok(()) => batch.note("deleted", &path.display().to_string()),
                Err(error) => batch.fail(&Failure::local(&path, error)),
            }
        }
    }
    batch.end("fetched")
}

/// Files and directories here that the source does not have, what is in a directory before it. Links and pipes
/// stay.
fn too_much(local: &Path, known: &HashSet<PathBuf>) -> Vec<(PathBuf, bool)> {
    let here = LocalTree::of(local, false);
    if !here.failed.is_empty() {
        return Vec::new();
    }
    let files = here.files.iter().map(|file| (&file.below, false));
    let directories = here.directories.iter().rev().map(|path| (path, true));
    files
        .chain(directories)
        .filter(|(path, _)| !known.contains(*path))
        .map(|(path, is_directory)| (local.join(path), is_directory))
        .collect()
}

/// SHA-256 of files of the server, which are read for it; `None` for one that cannot be read.
async fn hashes(
    client: &Client,
    target: &Target,
    paths: Vec<ServerPath>,
    batch: &mut Batch<'_>,
) -> Result<Vec<Option<[u8; 32]>>, Failure> {
    let mut all = vec![None; paths.len()];
    for (call, paths) in paths.chunks(FILES).enumerate() {
        let meter = batch.meter.clone();
        client
            .get_files(target, paths, |item| {
                match item {
                    GetFilesItem::Progress(report) => meter.queued(&report),
                    GetFilesItem::Result(result) => {
                        let place = usize::try_from(result.index).unwrap_or(usize::MAX);
                        let place = place.saturating_add(call * FILES);
                        if let (Some(of), None) = (all.get_mut(place), &result.failure) {
                            *of = result.chunk_sha256.as_ref().try_into().ok();
                        } else if let Some(failure) = result.failure {
                            batch.fail(&Failure::For {
                                path: result.path,
                                source: told(failure),
                            });
                        }
                    }
                    GetFilesItem::Chunk(chunk) => meter.at("comparing", chunk.len() as u64),
                    GetFilesItem::Info(_) | GetFilesItem::Summary(_) => {}
                }
                Ok(())
            })
            .await?;
    }
    Ok(all)
}

/// How files are written: as by `put` without options.
fn writing() -> Writing {
    Writing {
        if_exists: OnServer::Overwrite,
        verify: Check::Size,
        on_failure: Remains::Delete,
        sentinel: ServerPath::default(),
        asking: Asking::default(),
    }
}
