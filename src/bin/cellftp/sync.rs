//! `cellftp sync up` and `cellftp sync down`: one directory tree becomes like another.

use std::collections::HashSet;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use crate::args::{
    Args, Asking, Check, Existing, Landing, OnServer, Remains, SyncCommand, SyncDown, SyncUp,
    Writing,
};
use crate::batch::Batch;
use crate::comparing::compared;
use crate::failure::Failure;
use crate::get;
use crate::local_tree::LocalTree;
use crate::places;
use crate::put::{self, below};
use crate::receiving::{Incoming, fetch};
use crate::remote::{Remote, join};
use crate::remote_tree::RemoteTree;
use crate::sending::Sending;
use crate::surplus;
use cellftp::client::{Client, EntryKind, ServerPath};

pub(crate) async fn run(
    args: &Args,
    command: &SyncCommand,
    client: &Client,
) -> Result<(), Failure> {
    let (SyncCommand::Up(SyncUp { remote, .. }) | SyncCommand::Down(SyncDown { remote, .. })) =
        command;
    if remote.is_empty() {
        let text =
            "REMOTE is empty, as a variable without a value is; name a directory of the server";
        return Err(Failure::Usage(text.into()));
    }
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
            match remote.exists(directory).await {
                Ok(true) => {}
                Ok(false) => batch.would("would be made", &directory.to_string()),
                Err(failure) => batch.fail_alone(failure)?,
            }
        }
    } else {
        files = places::make(&mut remote, &directories, files, &mut batch).await?;
    }
    let (mut wanted, mut same) = (Vec::new(), Vec::new());
    for (file, there) in places::look(&mut remote, files, &mut batch).await? {
        match there {
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
        let files = std::mem::take(&mut same).into_iter();
        let files = files.map(|file| (file.remote.clone(), file.local.clone(), file));
        let (like, other) = compared(client, &target, files.collect(), &mut batch).await?;
        same = like;
        wanted.extend(other);
    }
    for file in &same {
        batch.skip(&file.remote.to_string());
    }
    let mut extra = if given.how.delete {
        surplus::on_server(&mut remote, &directories, base, &known, &mut batch).await?
    } else {
        Vec::new()
    };
    if batch.failures() > 0 {
        extra.clear();
    }
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

async fn down(args: &Args, given: &SyncDown, client: &Client) -> Result<(), Failure> {
    let mut batch = Batch::new(args);
    let target = args.target()?;
    let mut tree = RemoteTree::of(args, client, &given.remote).await?;
    let landing = Landing {
        if_exists: Existing::Overwrite,
        follow_links: false,
    };
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
        let files = std::mem::take(&mut same).into_iter().map(|file| {
            let there = join(given.remote.as_bytes(), file.below.as_os_str().as_bytes());
            (there.into(), given.local.join(&file.below), file)
        });
        let (like, other) = compared(client, &target, files.collect(), &mut batch).await?;
        same = like;
        wanted.extend(other);
    }
    for file in &same {
        batch.skip(&given.local.join(&file.below).display().to_string());
    }
    let mut extra = if given.how.delete {
        surplus::here((&given.remote, &given.local), &tree, &known, &mut batch)
    } else {
        Vec::new()
    };
    if batch.failures() > 0 {
        extra.clear();
    }
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
