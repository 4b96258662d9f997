//! A name that is a directory where a file was meant.

use std::time::Duration;

use crate::args::Args;
use crate::failure::Failure;
use cellftp::client::{CallOptions, Client, EntryKind, Error, ServerPath, Target};

/// How long the look at the name may take: it is one listing, and the error that is told afterwards can wait no
/// longer than a person does.
const LOOK: Duration = Duration::from_secs(30);

/// What a person can write for a file that is to be sent to a directory.
pub(crate) const PUT: &str = "To put the file in it, end its name with a / or give -t.";

/// What a person can write for a directory that is to be read.
pub(crate) const GET: &str = "With -r all that is in it is fetched.";

/// What a person can write for a directory that is to be removed.
pub(crate) const RM: &str =
    "With -r it is removed with all that is in it; rmdir removes an empty one.";

/// What a person can write for the size of a directory.
pub(crate) const SIZE: &str = "`cellftp du` adds up what is in it.";

/// The failure of a call that takes a file. Servers refuse a directory with the same code as anything else, so
/// that the listing around it is asked what the name is.
pub(crate) async fn or_refused(
    args: &Args,
    client: &Client,
    target: &Target,
    path: &ServerPath,
    instead: &'static str,
    source: Error,
) -> Failure {
    if is_vague(&source) && is_directory(client, target, path).await {
        return Failure::Directory {
            path: path.to_string(),
            place: format!("on {}", args.place()),
            instead,
        };
    }
    Failure::For {
        path: path.to_string(),
        source,
    }
}

/// Whether an error may mean that the name is a directory.
fn is_vague(error: &Error) -> bool {
    let Error::Refused(refusal) = error else {
        return false;
    };
    matches!(
        refusal.reason.as_str(),
        "SERVER_REFUSED"
            | "FILE_NOT_FOUND"
            | "TRANSFER_FAILED"
            | "MODEM_ERROR"
            | "MODEM_UNKNOWN"
            | "MODULE_FILE"
            | "SIZE_UNDECIDED"
            | "ALREADY_EXISTS"
    )
}

async fn is_directory(client: &Client, target: &Target, path: &ServerPath) -> bool {
    let client = client.clone().with_options(CallOptions::default());
    let found = client.with_timeout(LOOK).stat(target, path).await;
    found.is_ok_and(|entry| entry.kind() == EntryKind::Directory)
}
