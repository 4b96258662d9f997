//! The body of a call, with bounds on its messages that hold before any message is whole.

mod framing;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};
use tonic::Status;

use super::limits::{FIRST_MESSAGE, MESSAGE};
use super::status;
use crate::broker::terms::Principal;
use crate::modem::clock;
pub(super) use framing::MessageForm;
use framing::{Framing, Left};

/// Bytes that one permit stands for.
const UNIT: u64 = 1024;

/// Memory for messages that have begun and are not whole, in bytes. A call that begins a message waits until
/// there is room for all of it, so that every message that was begun can be completed.
#[derive(Debug)]
pub(super) struct MessageMemory {
    all: Arc<Semaphore>,
    of_one: usize,
    by: Mutex<HashMap<Principal, Weak<Semaphore>>>,
}

impl MessageMemory {
    /// `bytes` in all, and half of them for one client.
    pub(super) fn new(bytes: u64) -> Self {
        let units = usize::try_from(bytes / UNIT).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            all: Arc::new(Semaphore::new(units)),
            of_one: units / 2,
            by: Mutex::default(),
        }
    }

    pub(super) fn of(&self, principal: &Principal) -> Account {
        let mut by = self.by.lock();
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

/// The share of one client.
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
        // The client's own share first: a client that has used it up delays nobody else.
        let own = self.own.acquire_many_owned(units).await.ok()?;
        let all = self.all.acquire_many_owned(units).await.ok()?;
        Some([own, all])
    }
}

/// The body of a call.
///
/// A message is read only when the service asks for it. A message that has begun takes memory, and a service
/// that does not read on would keep that memory from others.
pub(super) struct BoundedBody {
    inner: tonic::body::Body,
    framing: Framing,
    account: Account,
    /// Bytes that arrived after the end of a message.
    rest: Bytes,
    room: Room,
    /// Bytes that arrived, and the wait for memory for the message that begins in them.
    waiting: Option<(Bytes, BoxFuture<'static, Room>)>,
    /// How long the client may still keep the service waiting, and since when it does.
    patience: Duration,
    since: Option<Instant>,
    timer: Pin<Box<Sleep>>,
    over: bool,
}

impl BoundedBody {
    pub(super) fn new(inner: tonic::body::Body, form: MessageForm, account: Account) -> Self {
        Self {
            inner,
            framing: Framing::new(form, clock::now()),
            account,
            rest: Bytes::new(),
            room: None,
            waiting: None,
            patience: FIRST_MESSAGE,
            since: None,
            timer: Box::pin(sleep(FIRST_MESSAGE)),
            over: false,
        }
    }

    fn step(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.over {
            return Poll::Ready(None);
        }
        if let Some((part, room)) = &mut self.waiting {
            self.room = ready!(room.as_mut().poll(cx));
            let part = std::mem::take(part);
            self.waiting = None;
            if self.framing.first_is_whole() {
                self.patience = MESSAGE;
            }
            return Poll::Ready(Some(Ok(Frame::data(part))));
        }
        if self.rest.is_empty() {
            let frame = match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    self.over = true;
                    return Poll::Ready(self.framing.end().err().map(Err));
                }
            };
            self.rest = match frame.into_data() {
                Ok(data) => data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            };
        }
        let (taken, left) = match self.framing.take(&self.rest, clock::now()) {
            Ok(taken) => taken,
            Err(status) => {
                self.over = true;
                return Poll::Ready(Some(Err(status)));
            }
        };
        let part = self.rest.split_to(taken);
        match left {
            Left::Nothing => self.room = None,
            Left::More => {}
            Left::Begun(bytes) => {
                self.room = None;
                let room = Box::pin(self.account.clone().room(bytes));
                self.waiting = Some((part, room));
                return self.step(cx);
            }
        }
        Poll::Ready(Some(Ok(Frame::data(part))))
    }

    /// The status of a client that did not send in time. Only the time counts in which the service waits for
    /// it.
    fn overdue(&mut self, cx: &mut Context<'_>) -> Option<Status> {
        if self.waiting.is_some() || !self.framing.is_awaited() {
            return None;
        }
        let now = clock::now();
        self.since = Some(now);
        self.timer.as_mut().reset(now + self.patience);
        if self.timer.as_mut().poll(cx).is_pending() {
            return None;
        }
        self.over = true;
        Some(status::late_message(!self.framing.first_is_whole()))
    }
}

impl Body for BoundedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if let Some(since) = this.since.take() {
            this.patience = this.patience.saturating_sub(clock::now() - since);
        }
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
        // Only where the end brings no error.
        self.waiting.is_none()
            && self.rest.is_empty()
            && self.inner.is_end_stream()
            && self.framing.end().is_ok()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests;
