//! `cellftp put FILE... TARGET`.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::aim::Aim;
use crate::args::{Args, Check, OnServer, Put, Writing, is_standard_stream};
use crate::batch::Batch;
use crate::directory::{PUT, or_refused};
use crate::failure::Failure;
use crate::files::is_checked;
use crate::local_tree::LocalTree;
use crate::meter::Meter;
use crate::output::{Plain, hex, report, seconds};
use crate::places::{apart, look, make};
use crate::remote::{Remote, join};
use crate::sending::{Outgoing, Sending};
use cellftp::client::{
    Client, Entry, EntryKind, Error, PutOptions, PutResult, PutState, ServerPath,
};

/// What a person can write for a directory that is to be sent.
const WITH_R: &str = "With -r all that is in it is sent.";

pub(crate) async fn run(args: &Args, put: &Put, client: &Client) -> Result<(), Failure> {
    match Aim::of_put(put)? {
        Aim::One { local, remote, .. } => one(args, &put.how, (&local, &remote), client).await,
        Aim::Sent {
            names,
            directory,
            renamed,
        } => many(args, put, &names, (&directory, renamed), client).await,
        // A `put` fetches nothing.
        Aim::Fetched { .. } => Ok(()),
    }
}

async fn one(
    args: &Args,
    how: &Writing,
    (local, remote): (&Path, &ServerPath),
    client: &Client,
) -> Result<(), Failure> {
    let target = args.target()?;
    let (mut source, size) = open(local).await?;
    let options = PutOptions {
        if_exists: how.if_exists.into(),
        verify: how.verify.into(),
        on_failure: how.on_failure.into(),
        size,
        sha256: known_hash(local, how, size).await?,
        sentinel: how.sentinel.clone(),
    };
    let meter = Meter::of(args, size);
    let result = client
        .put(&target, remote, &options, &mut source, |report| {
            meter.told("sending", report);
        })
        .await;
    meter.end();
    if is_checked(args, remote, &result)? {
        return Ok(());
    }
    match result {
        Ok(result) => tell(args, remote, &result),
        Err(Error::Unmet { result, refusal }) => {
            // An error of this output matters less than the state of the file.
            let _ = tell(args, remote, &result);
            Err(Failure::For {
                path: remote.to_string(),
                source: Error::Unmet { result, refusal },
            })
        }
        Err(error) => Err(or_refused(args, client, &target, remote, PUT, error).await),
    }
}

/// Sends files, and directories with `-r`, which keep their names unless `renamed`.
async fn many(
    args: &Args,
    put: &Put,
    names: &[PathBuf],
    (directory, renamed): (&ServerPath, bool),
    client: &Client,
) -> Result<(), Failure> {
    let how = &put.how;
    if !how.sentinel.is_empty() || how.asking.request_id.is_some() {
        let text = "--sentinel and --request-id are for one file; give each its own command";
        return Err(Failure::Usage(text.into()));
    }
    let mut batch = Batch::new(args);
    let (mut directories, mut files) = (Vec::new(), Vec::new());
    for local in names {
        let base = match local.file_name() {
            Some(name) if !renamed => join(directory.as_bytes(), name.as_bytes()),
            Some(_) | None => directory.as_bytes().to_vec(),
        };
        match std::fs::metadata(local) {
            Err(error) => batch.fail(&Failure::local(local, error)),
            Ok(found) if found.is_file() => files.push(Outgoing {
                local: local.clone(),
                remote: base.into(),
                size: found.len(),
            }),
            Ok(found) if found.is_dir() && put.recursive => {
                let tree = LocalTree::of(local, put.dereference);
                directories.push(ServerPath::from(base.clone()));
                directories.extend(below(&base, &tree.directories));
                take(local, &base, tree, &mut files, &mut batch);
            }
            Ok(found) if found.is_dir() => batch.fail(&Failure::Directory {
                path: local.display().to_string(),
                place: "here".into(),
                instead: WITH_R,
            }),
            Ok(_) => {
                let text =
                    "is a pipe, a socket or a device; it is sent alone, under a name of its own";
                batch.fail(&Failure::local(local, std::io::Error::other(text)));
            }
        }
    }
    send(args, client, how, (directories, files), batch).await
}

/// Takes the files of a tree.
pub(crate) fn take(
    local: &Path,
    base: &[u8],
    tree: LocalTree,
    files: &mut Vec<Outgoing>,
    batch: &mut Batch<'_>,
) {
    for (path, why) in &tree.left_out {
        batch.leave_out(&local.join(path).display().to_string(), why);
    }
    for (path, error) in tree.failed {
        batch.fail(&Failure::local(&local.join(path), error));
    }
    files.extend(tree.files.into_iter().map(|file| Outgoing {
        local: local.join(&file.below),
        remote: join(base, file.below.as_os_str().as_bytes()).into(),
        size: file.size,
    }));
}

/// Paths below a directory of the server.
pub(crate) fn below(base: &[u8], paths: &[PathBuf]) -> Vec<ServerPath> {
    let path = |path: &PathBuf| join(base, path.as_os_str().as_bytes()).into();
    paths.iter().map(path).collect()
}

/// Makes directories, and sends files that are not there yet.
async fn send(
    args: &Args,
    client: &Client,
    how: &Writing,
    (directories, files): (Vec<ServerPath>, Vec<Outgoing>),
    mut batch: Batch<'_>,
) -> Result<(), Failure> {
    let files = apart(&directories, files, &mut batch);
    let mut remote = Remote::new(args, client)?;
    let mut wanted = Vec::with_capacity(files.len());
    if how.asking.dry_run {
        let sent = files.into_iter().map(|file| ("would be sent", file.remote));
        let made = directories.into_iter().map(|path| ("would be there", path));
        for (word, path) in made.chain(sent) {
            batch.would(word, &path.to_string());
        }
        return batch.end("sent: nothing was done");
    }
    let files = make(&mut remote, &directories, files, &mut batch).await?;
    if how.if_exists == OnServer::SkipSame && how.verify != Check::ReadBack {
        for (file, there) in look(&mut remote, files, &mut batch).await? {
            let is_same = |there: &Entry| {
                there.kind() == EntryKind::File && there.size == i64::try_from(file.size).ok()
            };
            if there.as_ref().is_some_and(is_same) {
                batch.skip(&file.remote.to_string());
            } else {
                wanted.push(file);
            }
        }
    } else {
        wanted = files;
    }
    let sending = Sending {
        args,
        client,
        target: args.target()?,
        how,
    };
    let sent = sending.run(wanted, &mut batch).await;
    batch.meter.end();
    sent?;
    batch.end("sent")
}

/// The SHA-256 of a local file, where it must be known before it is sent.
pub(crate) async fn known_hash(
    local: &Path,
    how: &Writing,
    size: Option<u64>,
) -> Result<Option<[u8; 32]>, Failure> {
    let compares = how.if_exists == OnServer::SkipSame && how.verify == Check::ReadBack;
    if !compares || size.is_none() {
        return Ok(None);
    }
    hash(local).await.map(Some)
}

/// SHA-256 of a local file.
pub(crate) async fn hash(local: &Path) -> Result<[u8; 32], Failure> {
    let (mut source, _) = open(local).await?;
    let mut hash = Sha256::new();
    let mut part = vec![0; 64 * 1024];
    loop {
        let read = source.read(&mut part).await;
        let read = read.map_err(|source| Failure::local(local, source))?;
        match part.get(..read) {
            Some(read) if !read.is_empty() => hash.update(read),
            _ => return Ok(hash.finalize().into()),
        }
    }
}

/// Prints what is known of a file that was sent.
fn tell(args: &Args, remote: &ServerPath, result: &PutResult) -> Result<(), Failure> {
    report(args, text(&remote.to_string(), result), || {
        json!({
            "path": remote.to_string(),
            "size": result.size,
            "sha256": hex(&result.sha256),
            "state": result.state().as_str_name(),
            "evidence": result.evidence,
            "resumes": result.resume_count,
            "sentinel_written": result.sentinel_written,
            "skipped": result.skipped,
            "elapsed_seconds": seconds(result.link_duration.as_ref()),
        })
    })
}

/// A local file, and its size where that is known before its end.
pub(crate) async fn open(
    local: &Path,
) -> Result<(Box<dyn AsyncRead + Unpin>, Option<u64>), Failure> {
    if is_standard_stream(local) {
        return Ok((Box::new(tokio::io::stdin()), None));
    }
    let failed = |source| Failure::local(local, source);
    let file = File::open(local).await.map_err(failed)?;
    let metadata = file.metadata().await.map_err(failed)?;
    if metadata.is_dir() {
        return Err(Failure::Directory {
            path: local.display().to_string(),
            place: "here".into(),
            instead: WITH_R,
        });
    }
    // The size of a pipe or a device is not known before its end.
    let size = metadata.is_file().then_some(metadata.len());
    Ok((Box::new(file), size))
}

fn text(remote: &str, result: &PutResult) -> String {
    if result.skipped {
        return format!("{}: is there already, {}\n", Plain(remote), result.evidence);
    }
    format!(
        "{}: {} bytes, {}, SHA-256 {}\n",
        Plain(remote),
        result.size,
        how_sure(result.state()),
        hex(&result.sha256)
    )
}

/// How far the file on the server is verified, in words.
pub(crate) const fn how_sure(state: PutState) -> &'static str {
    match state {
        PutState::VerifiedSize => "size verified",
        PutState::VerifiedHash => "content verified",
        PutState::Unverified => "unverified",
        PutState::Indeterminate | PutState::Unspecified => "outcome unknown",
    }
}
