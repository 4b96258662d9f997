//! A download as a stream of responses. One that is dropped, because its caller left, cancels its
//! operation.

use std::time::Duration;

use futures_util::stream::try_unfold;
use tokio::time::timeout;
use tokio_stream::{Stream, StreamExt};
use tonic::Status;

use super::call::within;
use super::convert::response;
use crate::broker::get::{GetResult, GetStage, Next, Reading};
use crate::broker::queue::Place;
use crate::broker::{Caller, Error};
use crate::ftps::value::Offset;
use crate::proto::get_response::Message;
use crate::proto::{self, GetInfo, GetProgress, GetResponse};

/// Time between reports of the place in the queue, and how long a call is left without an answer
/// first: one that begins or fails sooner needs none.
const REPORT: Duration = Duration::from_millis(500);

/// Progress while it waits, info, chunks, result. Answers when there is something to say.
pub(super) async fn run(
    reading: Reading,
    caller: Caller,
    offset: Offset,
) -> Result<impl Stream<Item = Result<GetResponse, Status>> + Send, Status> {
    let mut course = Course {
        reading,
        caller,
        offset,
        informed: false,
        told: None,
    };
    let (first, course) = match course.next().await? {
        (message, true) => (message, None),
        (message, false) => (message, Some(course)),
    };
    let rest = try_unfold(course, async |course| {
        let Some(mut course) = course else {
            return Ok(None);
        };
        let (message, last) = course.next().await?;
        Ok(Some((message, (!last).then_some(course))))
    });
    let messages = tokio_stream::once(Ok(first)).chain(rest);
    Ok(messages.map(|message| {
        message.map(|message| GetResponse {
            message: Some(message),
        })
    }))
}

/// A download, and what its caller was told of it.
struct Course {
    reading: Reading,
    caller: Caller,
    offset: Offset,
    informed: bool,
    /// The place that was told last, while it waits.
    told: Option<Place>,
}

impl Course {
    /// Waits for the next message; the second answer says that it is the last.
    async fn next(&mut self) -> Result<(Message, bool), Status> {
        loop {
            let caller = self.caller.clone();
            match timeout(REPORT, within(&caller, self.work())).await {
                Ok(Ok(message)) => {
                    let last = matches!(message, Message::Result(_));
                    return Ok((message, last));
                }
                Ok(Err(status)) => return Err(status),
                Err(_) => {
                    if let Some(message) = self.place() {
                        return Ok((message, false));
                    }
                }
            }
        }
    }

    /// Info, then what the reading gives. Cancel-safe.
    async fn work(&mut self) -> Result<Message, Error> {
        if !self.informed {
            self.reading.began().await?;
            self.informed = true;
            return Ok(Message::Info(GetInfo {
                operation_id: self.reading.operation().as_str().into(),
                size: self.reading.size().map(response::signed),
                offset: response::signed(self.offset.get()),
            }));
        }
        Ok(match self.reading.next().await? {
            Next::Chunk(chunk) => Message::Chunk(chunk),
            Next::End(result) => Message::Result(result.into()),
        })
    }

    /// The place in the queue, where it waits and that is news.
    fn place(&mut self) -> Option<Message> {
        let progress = *self.reading.progress().borrow();
        let place = (progress.stage == GetStage::Queued).then_some(progress.place);
        if place == self.told {
            return None;
        }
        self.told = place;
        place.map(|place| {
            Message::Progress(GetProgress {
                operation_id: self.reading.operation().as_str().into(),
                queue_position: response::number(place.ahead),
                estimated_start: place.start.map(response::moment),
            })
        })
    }
}

impl From<GetResult> for proto::GetResult {
    fn from(result: GetResult) -> Self {
        Self {
            size: response::signed(result.size),
            sha256: bytes::Bytes::copy_from_slice(&result.sha256),
            resumes: response::count(result.resumes),
            elapsed: Some(response::duration(result.elapsed)),
            grown_to: result.grown.map(response::signed),
        }
    }
}
