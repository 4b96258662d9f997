//! Listings as streams of responses. The operation is cancelled when the stream is dropped because its caller
//! left.

use std::time::SystemTime;

use futures_util::stream::try_unfold;
use tokio_stream::{Stream, StreamExt};
use tonic::Status;

use super::call::within;
use crate::broker::flow::get::{Next, Reading};
use crate::broker::terms::Caller;
use crate::proto::{self, ListResponse};
use simcom_talk::ftps::ModuleProfile;
use simcom_talk::ftps::listing::{Entry, Lines};
use simcom_talk::ftps::value::NameCode;

/// The entries of each part of the listing, as it arrives. `names`: the profile of the module that lists them,
/// and the encoding of the names.
pub(super) fn list(
    reading: Reading,
    caller: Caller,
    names: (ModuleProfile, NameCode),
) -> impl Stream<Item = Result<ListResponse, Status>> + Send {
    let lines = Lines::at(SystemTime::now());
    try_unfold(Some((reading, caller, lines, names)), async |state| {
        let Some((mut reading, caller, mut lines, names)) = state else {
            return Ok(None);
        };
        Ok(Some(match within(&caller, reading.next()).await? {
            Next::Chunk(chunk) => (
                response(lines.push(&chunk), &names),
                Some((reading, caller, lines, names)),
            ),
            Next::End(_) => (response(lines.finish(), &names), None),
        }))
    })
    // A part without a whole line has no entries.
    .filter(|response: &Result<ListResponse, Status>| {
        response
            .as_ref()
            .map_or(true, |response| !response.entries.is_empty())
    })
}

fn response(entries: Vec<Entry>, (profile, code): &(ModuleProfile, NameCode)) -> ListResponse {
    let entries = entries.into_iter();
    ListResponse {
        entries: entries
            .map(|entry| proto::Entry::of(entry, profile, *code))
            .collect(),
        ..ListResponse::default()
    }
}
