//! `cellftp size`, `mkdir`, `rmdir` and `rm`: names on the server.

use serde_json::json;

use crate::args::Args;
use crate::directory::{RM, SIZE, or_refused};
use crate::failure::Failure;
use crate::output::{Plain, print};
use crate::remote::Remote;
use cellftp::client::{Client, Error, ServerPath};

pub(crate) async fn size(args: &Args, path: &ServerPath, client: &Client) -> Result<(), Failure> {
    let target = args.target()?;
    let size = match client.size(&target, path).await {
        Ok(size) => size,
        Err(error) => return Err(or_refused(args, client, &target, path, SIZE, error).await),
    };
    print(
        args.json,
        format!("{size}\n"),
        || json!({ "path": path.to_string(), "size": size }),
    )
}

pub(crate) async fn mkdir(args: &Args, path: &ServerPath, client: &Client) -> Result<(), Failure> {
    let made = client.make_directory(&args.target()?, path).await;
    if is_checked(args, path, &made)? {
        return Ok(());
    }
    made?;
    print(args.json, "", || json!({ "made": path.to_string() }))
}

/// Makes a directory and those around it.
pub(crate) async fn mkdir_parents(
    args: &Args,
    path: &ServerPath,
    client: &Client,
) -> Result<(), Failure> {
    let made = Remote::new(args, client)?.make(path).await?;
    print(
        args.json,
        "",
        || json!({ "path": path.to_string(), "made": made }),
    )
}

pub(crate) async fn rmdir(args: &Args, path: &ServerPath, client: &Client) -> Result<(), Failure> {
    let removed = client.remove_directory(&args.target()?, path).await;
    if is_checked(args, path, &removed)? {
        return Ok(());
    }
    removed?;
    print(args.json, "", || json!({ "removed": path.to_string() }))
}

/// Whether a request was only checked, as `--dry-run` asks. Reports it then.
pub(crate) fn is_checked<T>(
    args: &Args,
    path: &ServerPath,
    outcome: &Result<T, Error>,
) -> Result<bool, Failure> {
    if !matches!(outcome, Err(Error::Validated)) {
        return Ok(false);
    }
    let path = path.to_string();
    let text = format!("{}: checked, nothing was done\n", Plain(&path));
    print(
        args.json,
        text,
        || json!({ "path": path, "validated": true }),
    )?;
    Ok(true)
}

/// Stops at the first file that cannot be deleted: the cause is mostly the same for the rest.
pub(crate) async fn rm(args: &Args, paths: &[ServerPath], client: &Client) -> Result<(), Failure> {
    let target = args.target()?;
    for path in paths {
        let deleted = client.delete_file(&target, path).await;
        if is_checked(args, path, &deleted)? {
            continue;
        }
        if let Err(error) = deleted {
            return Err(or_refused(args, client, &target, path, RM, error).await);
        }
        print(args.json, "", || json!({ "deleted": path.to_string() }))?;
    }
    Ok(())
}
