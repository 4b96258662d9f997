//! `cellftp size`, `mkdir`, `rmdir` and `rm`: names on the server.

use cellftp::client::{Client, ServerPath};
use serde_json::json;

use crate::args::Args;
use crate::exit::Failure;
use crate::output::print;

pub(crate) async fn size(args: &Args, path: &ServerPath, client: &Client) -> Result<(), Failure> {
    let size = client.size(&args.target()?, path).await?;
    print(
        args.json,
        format!("{size}\n"),
        || json!({ "path": path.to_string(), "size": size }),
    )
}

pub(crate) async fn mkdir(args: &Args, path: &ServerPath, client: &Client) -> Result<(), Failure> {
    client.make_directory(&args.target()?, path).await?;
    print(args.json, "", || json!({ "made": path.to_string() }))
}

pub(crate) async fn rmdir(args: &Args, path: &ServerPath, client: &Client) -> Result<(), Failure> {
    client.remove_directory(&args.target()?, path).await?;
    print(args.json, "", || json!({ "removed": path.to_string() }))
}

/// Stops at the first that cannot be deleted: what is wrong with it is mostly wrong with the rest.
pub(crate) async fn rm(args: &Args, paths: &[ServerPath], client: &Client) -> Result<(), Failure> {
    let target = args.target()?;
    for path in paths {
        let deleted = client.delete_file(&target, path).await;
        deleted.map_err(|source| Failure::For {
            path: path.to_string(),
            source,
        })?;
        print(args.json, "", || json!({ "deleted": path.to_string() }))?;
    }
    Ok(())
}
