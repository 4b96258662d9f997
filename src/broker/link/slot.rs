//! A place in the queue, and the turn that it leads to.

use std::pin::pin;
use std::sync::Arc;

use tokio::sync::{oneshot, watch};
use tokio::time::sleep_until;

use super::{Link, QueuePlace, Waiter};
use crate::broker::scheduler::{QueueKey, Verdict, Wish};
use crate::broker::terms::YieldReason;
use crate::modem::clock;

/// An operation's place among those admitted. Dropping it frees the place.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(super) link: Arc<Link>,
    pub(super) key: QueueKey,
}

impl Slot {
    /// Identifies the operation in the queue.
    pub(crate) const fn key(&self) -> QueueKey {
        self.key
    }

    /// The size of the running transfer is known now.
    pub(crate) fn sized(&self, bytes: u64) {
        self.link.queue().scheduler.sized(self.key, bytes);
        self.link.changed.notify_waiters();
    }

    /// The operation has moved `bytes` bytes since it got the link.
    pub(crate) fn moved(&self, bytes: u64) {
        self.link.queue().scheduler.moved(self.key, bytes);
    }

    /// Whether it may run its next job before the waiting jobs.
    pub(crate) fn may_go_on(&self) -> bool {
        let queue = self.link.queue();
        queue
            .scheduler
            .may_go_on(self.key, &queue.costs, clock::now())
    }

    /// It begins its next job on the link.
    pub(crate) fn goes_on(&self, wish: &Wish) {
        let mut queue = self.link.queue();
        queue.scheduler.goes_on(self.key, wish, clock::now());
    }

    /// The caller of the running transfer trickles, or goes on.
    pub(crate) fn trickles(&self, trickles: bool) {
        self.link.queue().scheduler.trickles(self.key, trickles);
        self.link.changed.notify_waiters();
    }

    /// Its caller neither sent nor read, and left.
    pub(crate) fn stood_still(&self) {
        self.link.queue().scheduler.stood_still(self.key);
    }

    /// Whether a caller of the same principal has held up the link.
    pub(crate) fn has_stood_still(&self) -> bool {
        self.link.queue().scheduler.has_stood_still(self.key)
    }

    /// While the operation has the link: completes when it must yield, and answers why.
    pub(crate) async fn wanted_by_others(&self) -> YieldReason {
        loop {
            // Registers before it looks, so that it misses no change in between.
            let mut changed = pin!(self.link.changed.notified());
            changed.as_mut().enable();
            let verdict = {
                let queue = self.link.queue();
                queue
                    .scheduler
                    .verdict(self.key, &queue.costs, clock::now())
            };
            match verdict {
                Verdict::MakeWay(why) => return why,
                Verdict::Keep => changed.await,
                Verdict::LookAgainAt(at) => tokio::select! {
                    biased;
                    () = changed => {}
                    () = sleep_until(at) => {}
                },
            }
        }
    }

    /// Waits for the link. Dropping the future leaves the queue. `place` receives the number of
    /// operations that go first.
    pub(crate) async fn turn(&self, wish: Wish, place: &watch::Sender<QueuePlace>) -> Option<Turn> {
        // Dropped last: a turn that nobody took passes the link on.
        let (grant, granted) = oneshot::channel();
        let _asking = Asking { slot: self };
        {
            let mut queue = self.link.queue();
            queue.waiters.insert(
                self.key,
                Waiter {
                    grant,
                    place: place.clone(),
                },
            );
            queue.scheduler.ask(self.key, wish, clock::now());
        }
        self.link.pump();
        granted.await.ok()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.link.queue().scheduler.leave(self.key, clock::now());
        self.link.pump();
    }
}

/// A waiter in the queue. Dropping it leaves the queue.
struct Asking<'a> {
    slot: &'a Slot,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let mut queue = self.slot.link.queue();
        queue.scheduler.withdraw(self.slot.key);
        queue.waiters.remove(&self.slot.key);
    }
}

/// The link, for one job. Dropping it passes the link to the next job.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(super) link: Option<Arc<Link>>,
    pub(super) key: QueueKey,
}

impl Turn {
    /// Drops it without passing the link on.
    pub(super) fn forget(mut self) {
        self.link = None;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(link) = self.link.take() {
            link.queue().scheduler.done(self.key, clock::now());
            link.pump();
        }
    }
}
