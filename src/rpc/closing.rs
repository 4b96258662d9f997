//! The end of the server: which calls are still admitted, which are waited for, and what the others are told.

use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tonic::Status;
use tonic::codegen::http::HeaderMap;

use super::status;

/// How far the shutdown is.
#[derive(Debug, Clone, Default)]
pub(super) struct Closing {
    /// Shutdown has begun: no new work is accepted.
    pub(super) stop: CancellationToken,
    /// Calls that are still open are answered now.
    pub(super) last_word: CancellationToken,
    /// The calls that do work.
    pub(super) calls: TaskTracker,
}

impl Closing {
    /// For a server that stops when `stop` is cancelled.
    pub(super) fn new(stop: CancellationToken) -> Self {
        Self {
            stop,
            ..Self::default()
        }
    }

    /// Admits a call that does work. The server waits for it as long as the token lives.
    pub(super) fn enter(&self) -> Result<TaskTrackerToken, Status> {
        // The token comes before the check, so that the server waits for every call that is admitted.
        let token = self.calls.token();
        if self.stop.is_cancelled() {
            return Err(status::stopping());
        }
        Ok(token)
    }

    /// The answer of a call, which ends with a status when `last_word` is cancelled.
    pub(super) fn answer<A>(&self, inner: A, token: Option<TaskTrackerToken>) -> Closable<A> {
        Closable {
            inner: Some(inner),
            last_word: Box::pin(self.last_word.clone().cancelled_owned()),
            _token: token,
        }
    }
}

/// An answer that ends with the server. Its caller gets a status instead of a broken connection.
#[derive(Debug)]
pub(super) struct Closable<A> {
    /// `None`: it has ended.
    inner: Option<A>,
    last_word: Pin<Box<WaitForCancellationFutureOwned>>,
    _token: Option<TaskTrackerToken>,
}

impl<A: Body + Unpin> Body for Closable<A> {
    type Data = A::Data;
    type Error = A::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<A::Data>, A::Error>>> {
        let this = &mut *self;
        let Some(inner) = &mut this.inner else {
            return Poll::Ready(None);
        };
        // The call's own frames come first.
        if let Poll::Ready(frame) = Pin::new(inner).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        if this.last_word.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        this.inner = None;
        let mut trailers = HeaderMap::new();
        Poll::Ready(match status::cut_off().add_header(&mut trailers) {
            Ok(()) => Some(Ok(Frame::trailers(trailers))),
            // This does not happen with a text of this file; the caller would then see a broken stream.
            Err(_) => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner
            .as_ref()
            .map_or_else(SizeHint::default, Body::size_hint)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::poll_fn;

    use bytes::Bytes;

    use super::*;

    /// A stream that sends one frame and does not end.
    struct Endless {
        said: bool,
    }

    impl Body for Endless {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            if std::mem::replace(&mut self.said, true) {
                return Poll::Pending;
            }
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"a")))))
        }
    }

    async fn frame(answer: &mut Closable<Endless>) -> Option<Frame<Bytes>> {
        let frame = poll_fn(|cx| Pin::new(&mut *answer).poll_frame(cx)).await;
        frame.transpose().unwrap()
    }

    #[tokio::test]
    async fn an_answer_that_does_not_end_is_ended_by_a_status() {
        let closing = Closing::default();
        let mut answer = closing.answer(Endless { said: false }, closing.enter().ok());
        assert!(frame(&mut answer).await.unwrap().is_data());
        closing.stop.cancel();
        assert!(closing.enter().is_err(), "nobody is let in any more");
        closing.calls.close();
        closing.last_word.cancel();
        let last = frame(&mut answer).await.unwrap();
        let trailers = last.into_trailers().unwrap();
        assert_eq!(trailers["grpc-status"], "14");
        assert!(frame(&mut answer).await.is_none() && answer.is_end_stream());
        assert!(!closing.calls.is_empty());
        drop(answer);
        closing.calls.wait().await;
    }
}
