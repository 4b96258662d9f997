//! Listings as streams of responses. A stream that is dropped, because its caller left, cancels its
//! operation.

use std::time::SystemTime;

use futures_util::stream::try_unfold;
use tokio_stream::{Stream, StreamExt};
use tonic::Status;

use super::call::within;
use crate::broker::Caller;
use crate::broker::get::{Next, Reading};
use crate::ftps::Profile;
use crate::ftps::listing::{Entry, Lines};
use crate::proto::{self, ListResponse};

/// The entries of each part of the listing, as it comes.
pub(super) fn list(
    reading: Reading,
    caller: Caller,
    profile: Profile,
) -> impl Stream<Item = Result<ListResponse, Status>> + Send {
    let lines = Lines::at(SystemTime::now());
    try_unfold(Some((reading, caller, lines, profile)), async |state| {
        let Some((mut reading, caller, mut lines, profile)) = state else {
            return Ok(None);
        };
        Ok(Some(match within(&caller, reading.next()).await? {
            Next::Chunk(chunk) => (
                response(lines.push(&chunk), &profile),
                Some((reading, caller, lines, profile)),
            ),
            Next::End(_) => (response(lines.finish(), &profile), None),
        }))
    })
    // A part that holds no whole line has nothing to tell.
    .filter(|response: &Result<ListResponse, Status>| {
        response
            .as_ref()
            .map_or(true, |response| !response.entries.is_empty())
    })
}

fn response(entries: Vec<Entry>, profile: &Profile) -> ListResponse {
    let entries = entries.into_iter();
    ListResponse {
        entries: entries
            .map(|entry| proto::Entry::of(entry, profile))
            .collect(),
        ..ListResponse::default()
    }
}
