//! Listings as streams of responses. A stream that is dropped, because its caller left, cancels its
//! operation.

use std::time::SystemTime;

use futures_util::stream::try_unfold;
use tokio_stream::{Stream, StreamExt};
use tonic::Status;

use super::call::within;
use crate::broker::Caller;
use crate::broker::get::{Next, Reading};
use crate::ftps::listing::Lines;
use crate::proto::{self, ListResponse};

/// The entries of each part of the listing, as it comes.
pub(super) fn list(
    reading: Reading,
    caller: Caller,
) -> impl Stream<Item = Result<ListResponse, Status>> + Send {
    let lines = Lines::at(SystemTime::now());
    try_unfold(Some((reading, caller, lines)), async |state| {
        let Some((mut reading, caller, mut lines)) = state else {
            return Ok(None);
        };
        Ok(Some(match within(&caller, reading.next()).await? {
            Next::Chunk(chunk) => (response(lines.push(&chunk)), Some((reading, caller, lines))),
            Next::End(_) => (response(lines.finish()), None),
        }))
    })
    // A part that holds no whole line has nothing to tell.
    .filter(|response: &Result<ListResponse, Status>| {
        response
            .as_ref()
            .map_or(true, |response| !response.entries.is_empty())
    })
}

fn response(entries: impl IntoIterator<Item: Into<proto::Entry>>) -> ListResponse {
    ListResponse {
        entries: entries.into_iter().map(Into::into).collect(),
    }
}
