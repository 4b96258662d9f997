//! Downloads and listings as streams of responses. A stream that is dropped, because its caller
//! left, cancels its operation.

use futures_util::stream::try_unfold;
use tokio_stream::{Stream, StreamExt};
use tonic::Status;

use super::call::within;
use super::convert::response;
use crate::broker::Caller;
use crate::broker::get::{GetResult, Next, Reading};
use crate::ftps::listing::Lines;
use crate::ftps::value::Offset;
use crate::proto::get_response::Message;
use crate::proto::{self, GetInfo, GetResponse, ListResponse};

/// Info, chunks, result.
pub(super) fn get(
    reading: Reading,
    caller: Caller,
    offset: Offset,
) -> impl Stream<Item = Result<GetResponse, Status>> + Send {
    let info = Message::Info(GetInfo {
        operation_id: reading.operation().as_str().into(),
        size: reading.size().map(response::signed),
        offset: response::signed(offset.get()),
    });
    let rest = try_unfold(Some((reading, caller)), async |state| {
        let Some((mut reading, caller)) = state else {
            return Ok(None);
        };
        Ok(Some(match within(&caller, reading.next()).await? {
            Next::Chunk(chunk) => (Message::Chunk(chunk), Some((reading, caller))),
            Next::End(result) => (Message::Result(result.into()), None),
        }))
    });
    tokio_stream::once(Ok(info)).chain(rest).map(|message| {
        message.map(|message| GetResponse {
            message: Some(message),
        })
    })
}

/// The entries of each part of the listing, as it comes.
pub(super) fn list(
    reading: Reading,
    caller: Caller,
) -> impl Stream<Item = Result<ListResponse, Status>> + Send {
    try_unfold(Some((reading, caller, Lines::new())), async |state| {
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

impl From<GetResult> for proto::GetResult {
    fn from(result: GetResult) -> Self {
        Self {
            size: response::signed(result.size),
            sha256: bytes::Bytes::copy_from_slice(&result.sha256),
            resumes: response::count(result.resumes),
            elapsed: Some(response::duration(result.elapsed)),
        }
    }
}
