//! What waits to be sent to the host, each item with its time.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::faults::Effect;

/// A queue of bytes and of effects that strike between them.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: VecDeque<(Duration, Item)>,
    len: usize,
}

/// One entry.
#[derive(Debug)]
pub(crate) enum Item {
    Bytes(Bytes),
    Effect(Effect),
    /// The reset a command asked for, once its answer is out.
    Reset,
}

impl Outbox {
    /// Appends an item. It never overtakes the one before it.
    pub(crate) fn push(&mut self, due: Duration, item: Item) {
        let due = self.queue.back().map_or(due, |(last, _)| due.max(*last));
        if let Item::Bytes(bytes) = &item {
            if bytes.is_empty() {
                return;
            }
            self.len += bytes.len();
        }
        self.queue.push_back((due, item));
    }

    /// Puts bytes back at the front, due at once.
    pub(crate) fn push_front(&mut self, item: Item) {
        if let Item::Bytes(bytes) = &item {
            if bytes.is_empty() {
                return;
            }
            self.len += bytes.len();
        }
        self.queue.push_front((Duration::ZERO, item));
    }

    /// The next item, if its time has come.
    pub(crate) fn pop(&mut self, now: Duration) -> Option<Item> {
        if self.due()? > now {
            return None;
        }
        let (_, item) = self.queue.pop_front()?;
        if let Item::Bytes(bytes) = &item {
            self.len -= bytes.len();
        }
        Some(item)
    }

    /// When the next item is due.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.queue.front().map(|(due, _)| *due)
    }

    /// Bytes waiting.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}
