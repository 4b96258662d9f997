//! `cellftp transfer ...`: transfers that the daemon goes on with by itself.

use bytes::Bytes;
use cellftp::client::{
    Client, Direction, IfExists, OnFailure, Remnant, Transfer, TransferState, UploadHeader, Verify,
};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use crate::args::{Args, Put, TransferCommand, TransferGet, TransferPut, TransferRead};
use crate::arrival::Arrival;
use crate::exit::Failure;
use crate::output::{Plain, hex, print};
use crate::progress;
use crate::put::{open, remote_name};

pub(crate) async fn run(
    args: &Args,
    command: &TransferCommand,
    client: &Client,
) -> Result<(), Failure> {
    match command {
        TransferCommand::Put(wish) => put(args, wish, client).await,
        TransferCommand::Get(wish) => get(args, wish, client).await,
        TransferCommand::Ls => {
            let transfers = client.transfers().await?;
            let text: String = transfers.iter().map(line).collect();
            print(args.json, text, || transfers.iter().map(value).collect())
        }
        TransferCommand::Show { id } => show(args, &client.transfer(id).await?),
        TransferCommand::Watch { id } => watch(args, id, client).await,
        TransferCommand::Read(wish) => read(args, wish, client).await,
        TransferCommand::Retry { id } => show(args, &client.retry_transfer(id).await?),
        TransferCommand::Cancel { id } => show(args, &client.cancel_transfer(id).await?),
        TransferCommand::Rm { id } => {
            client.delete_transfer(id).await?;
            print(args.json, "", || json!({ "transfer_id": id }))
        }
    }
}

async fn put(args: &Args, wish: &TransferPut, client: &Client) -> Result<(), Failure> {
    let (mut source, size) = open(&wish.put.local).await?;
    // Read twice, so that the daemon knows at once whether it has this very file already.
    let sha256 = match size {
        Some(_) if !wish.resume => hash(&wish.put).await?,
        _ => Bytes::new(),
    };
    let bar = progress::bar(args.json, size);
    let taken = |bytes| bar.set_position(bytes);
    let id = id(wish.id.as_deref());
    let transfer = if wish.resume {
        client.resume_upload(&id, &mut source, taken).await
    } else {
        let header = UploadHeader {
            transfer_id: id.clone(),
            profile: args.profile()?,
            path: remote_name(&wish.put)?,
            if_exists: IfExists::from(wish.put.if_exists).into(),
            verify: Verify::from(wish.put.verify).into(),
            on_failure: OnFailure::from(wish.put.on_failure).into(),
            sentinel: wish.put.sentinel.clone(),
            priority: args.urgency().into(),
            size: size.and_then(|size| i64::try_from(size).ok()),
            sha256,
            ..Default::default()
        };
        client.create_upload(header, &mut source, taken).await
    };
    bar.finish_and_clear();
    show(args, &transfer?)
}

/// SHA-256 of a local file.
async fn hash(put: &Put) -> Result<Bytes, Failure> {
    let (mut source, _) = open(&put.local).await?;
    let mut hash = Sha256::new();
    let mut part = vec![0; 64 * 1024];
    loop {
        let read = source.read(&mut part).await;
        let read = read.map_err(|source| Failure::Local {
            path: put.local.display().to_string(),
            source,
        })?;
        match part.get(..read) {
            Some(read) if !read.is_empty() => hash.update(read),
            _ => return Ok(Bytes::copy_from_slice(&hash.finalize())),
        }
    }
}

async fn get(args: &Args, wish: &TransferGet, client: &Client) -> Result<(), Failure> {
    let id = id(wish.id.as_deref());
    let profile = args.profile()?;
    let transfer = client.create_download(&id, &profile, &wish.remote).await?;
    show(args, &transfer)
}

async fn watch(args: &Args, id: &str, client: &Client) -> Result<(), Failure> {
    let mut watch = client.watch_transfer(id).await?;
    while let Some(transfer) = watch.next().await? {
        print(args.json, line(&transfer), || value(&transfer))?;
    }
    Ok(())
}

async fn read(args: &Args, wish: &TransferRead, client: &Client) -> Result<(), Failure> {
    let transfer = client.transfer(&wish.id).await?;
    let size = transfer.size.and_then(|size| u64::try_from(size).ok());
    let bar = progress::bar(args.json, size);
    let mut arrival = Arrival::at(&wish.local, &transfer.path, wish.if_exists)?;
    let (mut sink, arrived) = (arrival.sink()?, |bytes| bar.set_position(bytes));
    let result = client.read_transfer(&wish.id, &mut sink, arrived).await;
    bar.finish_and_clear();
    arrival.complete(args, result?)
}

/// The name that was given, or a new one.
fn id(given: Option<&str>) -> String {
    given.map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned)
}

fn show(args: &Args, transfer: &Transfer) -> Result<(), Failure> {
    print(args.json, line(transfer), || value(transfer))
}

fn line(transfer: &Transfer) -> String {
    let arrow = match transfer.direction() {
        Direction::Upload => "up",
        Direction::Download => "down",
        Direction::Unspecified => "?",
    };
    let size = transfer
        .size
        .map_or_else(|| "?".into(), |size| size.to_string());
    format!(
        "{} {arrow:4} {} {}: {}\n",
        transfer.transfer_id,
        Plain(&transfer.profile),
        Plain(&transfer.path),
        how(transfer, &size)
    )
}

fn how(transfer: &Transfer, size: &str) -> String {
    let why = transfer
        .last_error
        .as_ref()
        .map(|error| format!(": {} [{}]", Plain(&error.message), error.reason));
    let why = why.unwrap_or_default();
    let left = match transfer.remnant() {
        Remnant::Pending => ", what it left on the server is to be deleted",
        Remnant::Kept | Remnant::Left => ", a part may be on the server",
        Remnant::Deleted | Remnant::Unspecified => "",
    };
    match transfer.state() {
        TransferState::Receiving => {
            format!(
                "half sent, {} of {size} bytes are safe",
                transfer.committed_size
            )
        }
        TransferState::Queued => format!("queued, {size} bytes{why}"),
        TransferState::Running => format!("running, {} of {size} bytes moved", transfer.moved),
        TransferState::Waiting => {
            let next = transfer.next_attempt.as_ref().map(ToString::to_string);
            let next = next.unwrap_or_default();
            format!("tried {} times, again at {next}{why}", transfer.attempts)
        }
        TransferState::Done => format!("done, {size} bytes, SHA-256 {}", hex(&transfer.sha256)),
        TransferState::Failed => format!("failed after {} attempts{why}{left}", transfer.attempts),
        TransferState::Cancelled => format!("cancelled{left}"),
        TransferState::Unspecified => "unknown".into(),
    }
}

fn value(transfer: &Transfer) -> serde_json::Value {
    let error = transfer.last_error.as_ref().map(|error| {
        json!({
            "code": error.code,
            "reason": error.reason,
            "message": error.message,
            "metadata": error.metadata,
        })
    });
    let time = |time: Option<&prost_types::Timestamp>| time.map(ToString::to_string);
    json!({
        "transfer_id": transfer.transfer_id,
        "direction": transfer.direction().as_str_name(),
        "profile": transfer.profile,
        "path": transfer.path,
        "priority": transfer.priority().as_str_name(),
        "state": transfer.state().as_str_name(),
        "size": transfer.size,
        "committed_size": transfer.committed_size,
        "moved": transfer.moved,
        "moved_in_all": transfer.moved_in_all,
        "attempts": transfer.attempts,
        "operation_id": transfer.operation_id,
        "last_error": error,
        "next_attempt": time(transfer.next_attempt.as_ref()),
        "created": time(transfer.created.as_ref()),
        "changed": time(transfer.changed.as_ref()),
        "sha256": hex(&transfer.sha256),
        "evidence_state": transfer.evidence_state().as_str_name(),
        "evidence": transfer.evidence,
        "remnant": transfer.remnant().as_str_name(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use cellftp::client::TransferError;

    #[test]
    fn one_that_waits_says_why_and_until_when() {
        let transfer = Transfer {
            transfer_id: "x".into(),
            direction: Direction::Upload.into(),
            profile: "office".into(),
            path: "/a\u{1b}".into(),
            state: TransferState::Waiting.into(),
            attempts: 2,
            next_attempt: Some(prost_types::Timestamp::default()),
            last_error: Some(TransferError {
                reason: "LINK_TIMEOUT".into(),
                message: "the module reported 5".into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        assert_eq!(
            line(&transfer),
            "x up   office /a\\u{1b}: tried 2 times, again at 1970-01-01T00:00:00Z: the module \
             reported 5 [LINK_TIMEOUT]\n"
        );
        assert_eq!(value(&transfer)["last_error"]["reason"], "LINK_TIMEOUT");
        assert_eq!(value(&transfer)["size"], serde_json::Value::Null);
    }
}
