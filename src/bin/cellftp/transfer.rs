//! `cellftp transfer ...`: transfers that the daemon keeps and delivers by itself.

use bytes::Bytes;
use serde_json::json;

use crate::aim::file_name;
use crate::args::{Args, TransferCommand, TransferGet, TransferPut, TransferRead, Whose};
use crate::arrival::Arrival;
use crate::deed::Deed;
use crate::failure::{Failure, told};
use crate::files::is_checked;
use crate::meter::Meter;
use crate::output::{Plain, print, report, words};
use crate::pair;
use crate::put::{hash, open};
use crate::transfer_text::{line, overview, value};
use cellftp::client::watch_transfers_response::Event;
use cellftp::client::{
    Client, Error, IfExists, OnFailure, ServerPath, Transfer, TransferFilter, TransferRemoval,
    TransferState, UploadHeader, Verify,
};

pub(crate) async fn run(
    args: &Args,
    command: &TransferCommand,
    client: &Client,
) -> Result<(), Failure> {
    match command {
        TransferCommand::Put(given) => put(args, given, client).await,
        TransferCommand::Get(given) => get(args, given, client).await,
        TransferCommand::Ls { whose } => {
            let mut transfers = client.transfers_where(&filter(args)).await?;
            transfers.sort_by_key(|transfer| {
                let made = transfer.create_time.unwrap_or_default();
                (made.seconds, made.nanos, transfer.transfer_id.clone())
            });
            let text = overview(&transfers, whose.principal.is_some());
            print(args.json, text, || transfers.iter().map(value).collect())
        }
        TransferCommand::Show { ids, .. } => {
            each(args, ids, async |id| {
                show(args, &client.transfer(id).await?)
            })
            .await
        }
        TransferCommand::Watch { ids, whose } if ids.is_empty() => {
            watch_all(args, whose, client).await
        }
        TransferCommand::Watch { ids, .. } => {
            each(args, ids, async |id| watch(args, id, client).await).await
        }
        TransferCommand::Read(given) => read(args, given, client).await,
        TransferCommand::Retry { ids, wait, .. } => {
            each(args, ids, async |id| {
                tell(args, &client.retry_transfer(id).await?)
            })
            .await?;
            match wait {
                true => each(args, ids, async |id| wait_for(args, id, client).await).await,
                false => Ok(()),
            }
        }
        TransferCommand::Cancel { ids, .. } => {
            each(args, ids, async |id| {
                show(args, &client.cancel_transfer(id).await?)
            })
            .await
        }
        TransferCommand::Rm { ids, .. } => {
            each(args, ids, async |id| {
                client.delete_transfer(id).await?;
                print(args.json, "", || json!({ "transfer_id": id }))
            })
            .await
        }
    }
}

/// Does something with each transfer. One that fails does not keep the others from it.
async fn each(
    args: &Args,
    ids: &[String],
    act: impl AsyncFn(&String) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if let [id] = ids {
        return act(id).await;
    }
    let mut numbers = std::collections::BTreeSet::new();
    let mut failed = 0;
    for id in ids {
        if let Err(failure) = act(id).await {
            let deed = Deed {
                name: Some(id.clone()),
                ..Deed::of(args)
            };
            failure.print(args.json, &deed);
            numbers.insert(failure.number());
            failed += 1;
        }
    }
    let mut numbers = numbers.into_iter();
    match (numbers.next(), numbers.next()) {
        (None, _) => Ok(()),
        (Some(number), other) => Err(Failure::Some {
            failed,
            all: ids.len(),
            number: if other.is_none() { number } else { 1 },
        }),
    }
}

/// Waits until a transfer is over, and shows its end.
async fn wait_for(args: &Args, id: &str, client: &Client) -> Result<(), Failure> {
    let mut watch = client.watch_transfer(id).await?;
    let meter = Meter::of(args, None);
    let mut last = None;
    while let Some(transfer) = watch.next().await? {
        if let Some(size) = transfer.size.and_then(|size| u64::try_from(size).ok()) {
            meter.size(size);
        }
        let word = words(transfer.state().as_str_name(), "TRANSFER_STATE_");
        let moved = u64::try_from(transfer.attempt_moved_bytes).unwrap_or_default();
        meter.at(&word, moved);
        last = Some(transfer);
    }
    meter.end();
    match last {
        Some(transfer) if transfer.end_time.is_some() => {
            report(args, line(&transfer), || value(&transfer))?;
            outcome(&transfer)
        }
        Some(_) | None => Err(Error::Incomplete.into()),
    }
}

async fn put(args: &Args, given: &TransferPut, client: &Client) -> Result<(), Failure> {
    let (mut source, size) = open(&given.local).await?;
    // The file is read twice, so that the daemon knows at once whether it has this very file already.
    let sha256 = match size {
        Some(_) if !given.resume => Bytes::copy_from_slice(&hash(&given.local).await?),
        _ => Bytes::new(),
    };
    let bar = Meter::of(args, size);
    let taken = |bytes| bar.at("handing over", bytes);
    let id = id(given.id.as_deref());
    let transfer = if given.resume {
        client.resume_upload(&id, &mut source, taken).await
    } else {
        let (path, raw_path) = remote_name(given)?.fields();
        let (sentinel, raw_sentinel) = given.how.sentinel.fields();
        let header = UploadHeader {
            transfer_id: id.clone(),
            profile: args.profile()?,
            path,
            raw_path,
            if_exists: IfExists::from(given.how.if_exists).into(),
            verify: Verify::from(given.how.verify).into(),
            on_failure: OnFailure::from(given.how.on_failure).into(),
            sentinel,
            raw_sentinel,
            priority: args.urgency().into(),
            size: size.and_then(|size| i64::try_from(size).ok()),
            sha256,
            // The client's own options are used.
            transfer_options: None,
            options: None,
        };
        client.create_upload(header, &mut source, taken).await
    };
    bar.end();
    let name = ServerPath::from(&id);
    if is_checked(args, &name, &transfer)? {
        return Ok(());
    }
    let transfer = transfer?;
    if given.wait {
        return wait_for(args, &transfer.transfer_id, client).await;
    }
    tell(args, &transfer)
}

/// The remote name.
fn remote_name(given: &TransferPut) -> Result<ServerPath, Failure> {
    let remote = given.to.as_ref().unwrap_or(&given.remote);
    if given.to.is_none() {
        pair::is_one_file(&given.local, remote, "--to", &remote.to_string())?;
    }
    file_name(&given.local, remote)
}

async fn get(args: &Args, given: &TransferGet, client: &Client) -> Result<(), Failure> {
    let id = id(given.id.as_deref());
    let profile = args.profile()?;
    let transfer = client.create_download(&id, &profile, &given.remote).await;
    if is_checked(args, &ServerPath::from(&id), &transfer)? {
        return Ok(());
    }
    let transfer = transfer?;
    if given.wait {
        return wait_for(args, &transfer.transfer_id, client).await;
    }
    tell(args, &transfer)
}

async fn watch(args: &Args, id: &str, client: &Client) -> Result<(), Failure> {
    let mut watch = client.watch_transfer(id).await?;
    let mut last = None;
    while let Some(transfer) = watch.next().await? {
        show(args, &transfer)?;
        last = Some(transfer);
    }
    match last {
        Some(transfer) if transfer.end_time.is_some() => outcome(&transfer),
        Some(_) | None => Err(Error::Incomplete.into()),
    }
}

/// The filter that the command line gives.
fn filter(args: &Args) -> TransferFilter {
    TransferFilter {
        labels: args.labels.iter().cloned().collect(),
        ..TransferFilter::default()
    }
}

/// Shows all transfers and what changes, until interrupted.
async fn watch_all(args: &Args, whose: &Whose, client: &Client) -> Result<(), Failure> {
    let mut watch = client.watch_transfers(&filter(args)).await?;
    while let Some(event) = watch.next().await? {
        match event {
            Event::Transfer(transfer) => {
                print(args.json, line_of(whose, &transfer), || value(&transfer))?;
            }
            // Only programs need this: a person sees the end of a list.
            Event::Present(present) => print(
                args.json,
                "",
                || json!({ "present": present.transfer_count }),
            )?,
            Event::Removed(removed) => {
                let how = match removed.removal() {
                    TransferRemoval::Filtered => "no longer among these",
                    TransferRemoval::Deleted | TransferRemoval::Unspecified => "deleted",
                };
                let text = format!("{}: {how}\n", Plain(&removed.transfer_id));
                print(args.json, text, || {
                    json!({
                        "transfer_id": removed.transfer_id,
                        "principal": removed.principal,
                        "removal": removed.removal().as_str_name(),
                    })
                })?;
            }
        }
    }
    Err(Error::Incomplete.into())
}

/// A transfer on one line, with its principal where others' transfers are shown.
fn line_of(whose: &Whose, transfer: &Transfer) -> String {
    match whose.principal {
        Some(_) => format!("{} {}", Plain(&transfer.principal), line(transfer)),
        None => line(transfer),
    }
}

/// Shows a transfer that was asked for. A transfer of the same id from before may have ended, and failed.
fn tell(args: &Args, transfer: &Transfer) -> Result<(), Failure> {
    let shown = show(args, transfer);
    outcome(transfer)?;
    shown
}

/// An error where the transfer failed or was cancelled; a transfer that is not over has not failed.
fn outcome(transfer: &Transfer) -> Result<(), Failure> {
    let id = transfer.transfer_id.clone();
    match transfer.state() {
        TransferState::Failed => {
            let mut failure = transfer.last_failure.clone().unwrap_or_default();
            if failure.message.is_empty() {
                failure.message = "the transfer failed".into();
            }
            let source = told(failure);
            Err(Failure::For { path: id, source })
        }
        TransferState::Cancelled => Err(Failure::Cancelled { id }),
        TransferState::Done
        | TransferState::Receiving
        | TransferState::Queued
        | TransferState::Running
        | TransferState::Waiting
        | TransferState::Unspecified => Ok(()),
    }
}

/// The path of a transfer, in text or in bytes.
fn path(transfer: &Transfer) -> ServerPath {
    if transfer.raw_path.is_empty() {
        return transfer.path.as_str().into();
    }
    transfer.raw_path.to_vec().into()
}

async fn read(args: &Args, given: &TransferRead, client: &Client) -> Result<(), Failure> {
    let transfer = client.transfer(&given.id).await?;
    let size = transfer.size.and_then(|size| u64::try_from(size).ok());
    let bar = Meter::of(args, size);
    let mut arrival = Arrival::at(&given.local, &path(&transfer), &given.landing).await?;
    let (mut sink, arrived) = (arrival.sink()?, |bytes| bar.at("receiving", bytes));
    let result = client.read_transfer(&given.id, &mut sink, arrived).await;
    bar.end();
    arrival.complete(args, result?)
}

/// The id that was given, or a new one.
fn id(given: Option<&str>) -> String {
    given.map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned)
}

fn show(args: &Args, transfer: &Transfer) -> Result<(), Failure> {
    print(args.json, line(transfer), || value(transfer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cellftp::client::{Code, PutState, TransferDirection};

    fn upload(state: TransferState, evidence: PutState, verify: Verify) -> Transfer {
        Transfer {
            transfer_id: "x".into(),
            path: "/a".into(),
            direction: TransferDirection::Upload.into(),
            state: state.into(),
            put_state: evidence.into(),
            verify: verify.into(),
            ..Default::default()
        }
    }

    #[test]
    fn a_transfer_that_failed_or_was_cancelled_is_no_success() {
        let done = |evidence, verify| outcome(&upload(TransferState::Done, evidence, verify));
        done(PutState::VerifiedSize, Verify::Size).unwrap();
        done(PutState::Unverified, Verify::None).unwrap();
        let (nothing, size) = (PutState::Unspecified, Verify::Size);
        let cancelled = outcome(&upload(TransferState::Cancelled, nothing, size));
        assert!(matches!(cancelled, Err(Failure::Cancelled { .. })));
        for goes_on in [TransferState::Queued, TransferState::Waiting] {
            outcome(&upload(goes_on, nothing, size)).unwrap();
        }
        let failed = Transfer {
            last_failure: Some(cellftp::client::Failure {
                code: Code::NotFound as i32,
                reason: "FILE_NOT_FOUND".into(),
                message: "there is no /a".into(),
                ..Default::default()
            }),
            ..upload(TransferState::Failed, nothing, size)
        };
        let Err(Failure::For { path, source }) = outcome(&failed) else {
            panic!("it failed")
        };
        assert_eq!(
            (path.as_str(), source.to_string().as_str()),
            ("x", "there is no /a")
        );
        // A transfer without a reason has failed as well.
        assert!(outcome(&upload(TransferState::Failed, nothing, size)).is_err());
    }
}
