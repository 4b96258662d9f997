//! What is on its way to the receiver.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::dialogue::moment::Moment;
use crate::dialogue::operation::Delivery;

/// Deliveries in their order. Content that comes fast is gathered: each delivery costs its owner and its receiver as
/// much as many blocks do.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    queue: VecDeque<Delivery>,
    /// Content behind the queue.
    gathered: BytesMut,
    /// Until when it is gathered.
    due: Option<Moment>,
    /// For how long.
    span: Duration,
}

/// Bytes of content that are gathered at most: what one message of a stream to a client has.
const FULL: usize = 64 * 1024;

impl Deliveries {
    /// Content is gathered for so long.
    pub(super) fn gathering(span: Duration) -> Self {
        Self {
            span,
            ..Self::default()
        }
    }

    /// Adds one.
    pub(super) fn push(&mut self, delivery: Delivery, now: Moment) {
        let bytes = match delivery {
            Delivery::Chunk(bytes) if bytes.len() < FULL => bytes,
            other => {
                self.close();
                return self.queue.push_back(other);
            }
        };
        if bytes.is_empty() {
            return;
        }
        if self.gathered.len() + bytes.len() > FULL {
            self.close();
        }
        if self.gathered.is_empty() {
            self.due = Some(now + self.span);
        }
        self.gathered.extend_from_slice(&bytes);
    }

    /// Puts one back that was not delivered.
    pub(super) fn put_back(&mut self, delivery: Delivery) {
        self.queue.push_front(delivery);
    }

    /// The next one. `goes_on`: more content may come soon, so that what was gathered may wait for it.
    pub(super) fn next(&mut self, goes_on: bool, now: Moment) -> Option<Delivery> {
        if let Some(delivery) = self.queue.pop_front() {
            return Some(delivery);
        }
        let waits = goes_on && self.due.is_some_and(|due| now < due);
        (!waits && !self.gathered.is_empty()).then(|| Delivery::Chunk(self.take()))
    }

    /// Until when content is gathered; `None` where there is none.
    pub(super) fn due(&self) -> Option<Moment> {
        self.due
    }

    /// All of them, in their order.
    pub(super) fn take_all(&mut self) -> Vec<Delivery> {
        self.close();
        self.queue.drain(..).collect()
    }

    /// Drops all of them.
    pub(super) fn clear(&mut self) {
        *self = Self::gathering(self.span);
    }

    /// What was gathered is complete.
    fn close(&mut self) {
        if !self.gathered.is_empty() {
            let bytes = self.take();
            self.queue.push_back(Delivery::Chunk(bytes));
        }
    }

    fn take(&mut self) -> Bytes {
        self.due = None;
        std::mem::take(&mut self.gathered).freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_millis(5);

    fn chunk(len: usize) -> Delivery {
        Delivery::Chunk(vec![1; len].into())
    }

    #[test]
    fn content_that_comes_fast_is_one_delivery() {
        let mut deliveries = Deliveries::gathering(SPAN);
        let now = Moment::ORIGIN;
        deliveries.push(Delivery::Began { size: None }, now);
        assert_eq!(
            deliveries.next(true, now),
            Some(Delivery::Began { size: None })
        );
        for _ in 0..3 {
            deliveries.push(chunk(1480), now);
            assert_eq!(deliveries.next(true, now), None);
        }
        let due = deliveries.due().unwrap();
        assert_eq!(deliveries.next(true, due), Some(chunk(3 * 1480)));
        assert_eq!(deliveries.due(), None);
        deliveries.push(chunk(7), due);
        assert_eq!(deliveries.next(false, due), Some(chunk(7)));
    }

    #[test]
    fn nothing_waits_where_nothing_is_gathered() {
        let mut deliveries = Deliveries::default();
        deliveries.push(chunk(1), Moment::ORIGIN);
        assert_eq!(deliveries.next(true, Moment::ORIGIN), Some(chunk(1)));
    }

    #[test]
    fn a_full_delivery_waits_for_nothing_and_others_keep_their_place() {
        let mut deliveries = Deliveries::gathering(SPAN);
        let now = Moment::ORIGIN;
        for _ in 0..FULL / 1024 + 1 {
            deliveries.push(chunk(1024), now);
        }
        assert_eq!(deliveries.next(true, now), Some(chunk(FULL)));
        deliveries.push(Delivery::Grown { size: 9 }, now);
        deliveries.put_back(chunk(3));
        let all = [chunk(3), chunk(1024), Delivery::Grown { size: 9 }];
        assert_eq!(deliveries.take_all(), all);
    }
}
