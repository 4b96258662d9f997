//! What a call brings: its messages are bounded before anybody has one whole.

mod framing;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};
use tonic::Status;

use super::limits::{FIRST_MESSAGE, MESSAGE};
use super::status;
use crate::broker::Principal;
use crate::broker::modem::clock;
pub(super) use framing::Form;
use framing::{Framing, Left};

/// What is counted at once, in bytes.
const UNIT: u64 = 1024;

/// Bytes of messages that have begun and are not whole. Who begins one waits until there is room for
/// all of it, so that each that was begun can come to its end.
#[derive(Debug)]
pub(super) struct Messages {
    all: Arc<Semaphore>,
    of_one: usize,
    by: Mutex<HashMap<Principal, Weak<Semaphore>>>,
}

impl Messages {
    /// So many bytes in all, and half of them for one client.
    pub(super) fn new(bytes: u64) -> Self {
        let units = usize::try_from(bytes / UNIT).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            all: Arc::new(Semaphore::new(units)),
            of_one: units / 2,
            by: Mutex::default(),
        }
    }

    pub(super) fn of(&self, principal: &Principal) -> Account {
        let mut by = self.by.lock().unwrap_or_else(PoisonError::into_inner);
        let known = by.get(principal).and_then(Weak::upgrade);
        let own = known.unwrap_or_else(|| {
            by.retain(|_, own| own.strong_count() > 0);
            let own = Arc::new(Semaphore::new(self.of_one));
            by.insert(principal.clone(), Arc::downgrade(&own));
            own
        });
        Account {
            own,
            all: Arc::clone(&self.all),
        }
    }
}

/// What a client's messages are counted by.
#[derive(Debug, Clone)]
pub(super) struct Account {
    own: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

/// Room for a message.
type Room = Option<[OwnedSemaphorePermit; 2]>;

impl Account {
    async fn room(self, bytes: u32) -> Room {
        let units = u32::try_from(u64::from(bytes).div_ceil(UNIT)).ok()?;
        // Its own first: who has used that up holds up nobody else.
        let own = self.own.acquire_many_owned(units).await.ok()?;
        let all = self.all.acquire_many_owned(units).await.ok()?;
        Some([own, all])
    }
}

/// The body of a call.
pub(super) struct Intake {
    inner: tonic::body::Body,
    framing: Framing,
    account: Account,
    room: Room,
    /// What came, and the wait for room for the message that begins in it.
    waiting: Option<(Bytes, BoxFuture<'static, Room>)>,
    timer: Pin<Box<Sleep>>,
    over: bool,
}

impl Intake {
    pub(super) fn new(inner: tonic::body::Body, form: Form, account: Account) -> Self {
        Self {
            inner,
            framing: Framing::new(form, clock::now()),
            account,
            room: None,
            waiting: None,
            timer: Box::pin(sleep(FIRST_MESSAGE)),
            over: false,
        }
    }

    fn step(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.over {
            return Poll::Ready(None);
        }
        if self.waiting.is_none() {
            let frame = match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    self.over = true;
                    return Poll::Ready(self.framing.end().err().map(Err));
                }
            };
            let data = match frame.into_data() {
                Ok(data) => data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            };
            match self.framing.take(&data, clock::now()) {
                Ok(Left::Nothing) => self.room = None,
                Ok(Left::More) => {}
                Ok(Left::Begun(bytes)) => {
                    self.room = None;
                    let room = Box::pin(self.account.clone().room(bytes));
                    self.waiting = Some((data, room));
                    return self.step(cx);
                }
                Err(status) => {
                    self.over = true;
                    return Poll::Ready(Some(Err(status)));
                }
            }
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        let Some((data, room)) = &mut self.waiting else {
            return Poll::Pending;
        };
        self.room = ready!(room.as_mut().poll(cx));
        let data = std::mem::take(data);
        self.waiting = None;
        if self.framing.first_is_whole() {
            self.timer.as_mut().reset(clock::now() + MESSAGE);
        }
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    /// What is awaited does not come in time.
    fn overdue(&mut self, cx: &mut Context<'_>) -> Option<Status> {
        let first = !self.framing.first_is_whole();
        let awaited = first || (self.waiting.is_none() && self.room.is_some());
        if !awaited || self.timer.as_mut().poll(cx).is_pending() {
            return None;
        }
        self.over = true;
        Some(status::late_message(first))
    }
}

impl Body for Intake {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let frame = this.step(cx);
        match frame {
            Poll::Pending => match this.overdue(cx) {
                Some(status) => Poll::Ready(Some(Err(status))),
                None => Poll::Pending,
            },
            Poll::Ready(_) => frame,
        }
    }

    fn is_end_stream(&self) -> bool {
        // Only where nothing is to be told at the end.
        self.waiting.is_none() && self.inner.is_end_stream() && self.framing.end().is_ok()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests;
