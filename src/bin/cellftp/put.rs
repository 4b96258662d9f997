//! `cellftp put LOCAL REMOTE`.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use indicatif::ProgressBar;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::args::{Args, Check, OnServer, Put, is_standard_stream};
use crate::exit::Failure;
use crate::files::is_checked;
use crate::output::{Plain, hex, print, seconds};
use crate::{pair, progress};
use cellftp::client::{
    Client, Error, OperationProgress, PutOptions, PutResult, PutState, ServerPath, Stage,
};

pub(crate) async fn run(args: &Args, put: &Put, client: &Client) -> Result<(), Failure> {
    let target = args.target()?;
    let remote = remote_name(put)?;
    let (mut source, size) = open(&put.local).await?;
    let options = PutOptions {
        if_exists: put.if_exists.into(),
        verify: put.verify.into(),
        on_failure: put.on_failure.into(),
        size,
        sha256: known_hash(put, size).await?,
        sentinel: put.sentinel.clone(),
    };
    let bar = progress::bar(args.json, size);
    let result = client
        .put(&target, &remote, &options, &mut source, |report| {
            show(&bar, report)
        })
        .await;
    bar.finish_and_clear();
    if is_checked(args, &remote, &result)? {
        return Ok(());
    }
    match result {
        Ok(result) => tell(args, &remote, &result),
        Err(Error::Unmet { result, refusal }) => {
            // An error of this output matters less than the state of the file.
            let _ = tell(args, &remote, &result);
            Err(Failure::For {
                path: remote.to_string(),
                source: Error::Unmet { result, refusal },
            })
        }
        Err(error) => Err(error.into()),
    }
}

/// The SHA-256 of a local file, where it must be known before it is sent.
async fn known_hash(put: &Put, size: Option<u64>) -> Result<Option<[u8; 32]>, Failure> {
    let compares = put.if_exists == OnServer::SkipSame && put.verify == Check::ReadBack;
    if !compares || size.is_none() {
        return Ok(None);
    }
    hash(&put.local).await.map(Some)
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
    print(args.json, text(&remote.to_string(), result), || {
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

/// The remote name. A name that is empty or ends in `/` gets the local file's name.
pub(crate) fn remote_name(put: &Put) -> Result<ServerPath, Failure> {
    let remote = put.to.as_ref().unwrap_or(&put.remote);
    if put.to.is_none() {
        pair::is_one_file(&put.local, remote, "--to", &remote.to_string())?;
    }
    if !remote.is_empty() && !remote.as_bytes().ends_with(b"/") {
        return Ok(remote.clone());
    }
    match put.local.file_name() {
        Some(name) if !is_standard_stream(&put.local) => {
            Ok([remote.as_bytes(), name.as_bytes()].concat().into())
        }
        _ => Err(Failure::Usage(format!(
            "the path on the server needs a file name at its end: {remote}"
        ))),
    }
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
        return Err(failed(std::io::ErrorKind::IsADirectory.into()));
    }
    // The size of a pipe or a device is not known before its end.
    let size = metadata.is_file().then_some(metadata.len());
    Ok((Box::new(file), size))
}

fn show(bar: &ProgressBar, report: &OperationProgress) {
    bar.set_message(match report.stage() {
        Stage::Queued => format!("{} first", report.queue_position),
        Stage::Verifying => "verifying".into(),
        Stage::Preparing | Stage::Transferring | Stage::Unspecified => "sending".into(),
    });
    bar.set_position(u64::try_from(report.moved_bytes).unwrap_or_default());
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
