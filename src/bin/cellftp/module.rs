//! `cellftp module ...`: files on the module, and the module itself.

use serde_json::json;

use crate::args::{Args, ModuleCommand, ModuleGet, ModulePut};
use crate::arrival::Arrival;
use crate::failure::Failure;
use crate::meter::Meter;
use crate::output::{Plain, hex, print, seconds};
use crate::put::{how_sure, open};
use crate::service;
use cellftp::client::{Client, EntryKind, IfExists, ModuleEntry, ModuleSpace};

pub(crate) async fn run(
    args: &Args,
    command: &ModuleCommand,
    client: &Client,
) -> Result<(), Failure> {
    match command {
        ModuleCommand::Ls { directory } => {
            let entries = client.list_module_files(directory).await?;
            let text: String = entries.iter().map(line).collect();
            print(args.json, text, || entries.iter().map(entry).collect())
        }
        ModuleCommand::Df => {
            let drives = client.module_space("").await?;
            let text: String = drives.iter().map(room).collect();
            print(args.json, text, || drives.iter().map(space).collect())
        }
        ModuleCommand::Rm { path } => {
            client.delete_module_file(path).await?;
            print(args.json, "", || json!({ "path": path }))
        }
        ModuleCommand::Service(command) => service::run(args, command, client).await,
        ModuleCommand::Get(given) => get(args, given, client).await,
        ModuleCommand::Put(given) => put(args, given, client).await,
        ModuleCommand::Fetch(given) => {
            let target = args.target()?;
            let if_exists = IfExists::from(given.if_exists);
            let what = (&given.remote, given.drive.as_str());
            let bar = Meter::of(args, None);
            let result = client
                .fetch_to_module(&target, what, given.offset, if_exists, |report| {
                    bar.told("moving", report);
                })
                .await;
            bar.end();
            let result = result?;
            let text = format!(
                "{}: {} bytes, {}\n",
                Plain(&result.module_path),
                result.size,
                how_sure(result.state())
            );
            print(args.json, text, || {
                json!({
                    "path": result.module_path,
                    "size": result.size,
                    "state": result.state().as_str_name(),
                    "resumes": result.resume_count,
                    "elapsed_seconds": seconds(result.link_duration.as_ref()),
                })
            })
        }
        ModuleCommand::Reset => {
            client.reset().await?;
            print(
                args.json,
                "the module is back\n",
                || json!({ "reset": true }),
            )
        }
        ModuleCommand::Send(given) => {
            let target = args.target()?;
            let what = (&given.remote, given.drive.as_str());
            let bar = Meter::of(args, None);
            let result = client
                .send_from_module(&target, what, given.offset, |report| {
                    bar.told("moving", report)
                })
                .await;
            bar.end();
            let result = result?;
            let text = format!(
                "{}: {} bytes, {}\n",
                Plain(&given.remote.to_string()),
                result.size,
                how_sure(result.state())
            );
            print(args.json, text, || {
                json!({
                    "path": given.remote.to_string(),
                    "size": result.size,
                    "state": result.state().as_str_name(),
                    "elapsed_seconds": seconds(result.link_duration.as_ref()),
                })
            })
        }
    }
}

async fn get(args: &Args, given: &ModuleGet, client: &Client) -> Result<(), Failure> {
    let bar = Meter::of(args, Some(0));
    let show = |told: cellftp::client::ModuleReadProgress| {
        bar.size(told.size);
        bar.at("receiving", told.arrived);
    };
    let mut arrival =
        Arrival::at(&given.local, &given.path.as_str().into(), &given.landing).await?;
    let mut sink = arrival.sink()?;
    let result = client.read_module_file(&given.path, &mut sink, show).await;
    bar.end();
    arrival.complete(args, result?)
}

async fn put(args: &Args, given: &ModulePut, client: &Client) -> Result<(), Failure> {
    let (mut source, size) = open(&given.local).await?;
    // The module needs the size first.
    let size = size.or(given.size).ok_or_else(|| {
        Failure::Usage(format!(
            "{} does not tell its size, which the module wants to know first: name it with --size",
            given.local.display()
        ))
    })?;
    let bar = Meter::of(args, Some(size));
    let if_exists = IfExists::from(given.if_exists);
    let result = client
        .write_module_file(&given.path, size, if_exists, &mut source, |report| {
            bar.told("moving", report);
        })
        .await;
    bar.end();
    let result = result?;
    let text = format!(
        "{}: {} bytes, SHA-256 {}\n",
        Plain(&given.path),
        result.size,
        hex(&result.sha256)
    );
    print(args.json, text, || {
        json!({
            "path": given.path,
            "size": result.size,
            "sha256": hex(&result.sha256),
            "elapsed_seconds": seconds(result.link_duration.as_ref()),
        })
    })
}

fn line(entry: &ModuleEntry) -> String {
    let kind = match entry.kind() {
        EntryKind::Directory => 'd',
        EntryKind::File | EntryKind::Link | EntryKind::Unspecified => '-',
    };
    let size = entry.size.map(|size| size.to_string()).unwrap_or_default();
    format!("{kind} {size:>12} {}\n", Plain(&entry.name))
}

fn entry(entry: &ModuleEntry) -> serde_json::Value {
    json!({
        "name": entry.name,
        "kind": match entry.kind() {
            EntryKind::Directory => "directory",
            EntryKind::File | EntryKind::Link | EntryKind::Unspecified => "file",
        },
        "size": entry.size,
    })
}

fn room(drive: &ModuleSpace) -> String {
    let free = drive.total_bytes.saturating_sub(drive.used_bytes);
    format!(
        "{} {:>12} bytes, {:>12} used, {free:>12} free\n",
        drive.drive, drive.total_bytes, drive.used_bytes
    )
}

fn space(drive: &ModuleSpace) -> serde_json::Value {
    json!({
        "drive": drive.drive,
        "total": drive.total_bytes,
        "used": drive.used_bytes,
        "free": drive.total_bytes.saturating_sub(drive.used_bytes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_show_what_is_known() {
        let file = ModuleEntry {
            name: "a\u{1b}b".into(),
            kind: EntryKind::File.into(),
            size: Some(12),
        };
        assert_eq!(line(&file), "-           12 a\\u{1b}b\n");
        assert_eq!(entry(&file)["kind"], "file");
        let drive = ModuleSpace {
            drive: "F:".into(),
            total_bytes: 100,
            used_bytes: 30,
        };
        assert!(room(&drive).ends_with(" 70 free\n"));
        assert_eq!(space(&drive)["free"], 70);
    }
}
