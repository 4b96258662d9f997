//! The one link: gives it to one job at a time, in the order of the scheduler.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{oneshot, watch};

use super::caller::Principal;
use super::scheduler::{Full, Key, Limits, Scheduler, Wish};
use crate::modem::{Modem, clock};

/// The module, and the queue in front of it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) modem: Modem,
    queue: Mutex<Queue>,
}

#[derive(Debug)]
struct Queue {
    scheduler: Scheduler,
    waiters: HashMap<Key, Waiter>,
}

#[derive(Debug)]
struct Waiter {
    grant: oneshot::Sender<Turn>,
    ahead: watch::Sender<usize>,
}

impl Link {
    pub(super) fn new(modem: Modem, limits: Limits) -> Arc<Self> {
        let queue = Queue {
            scheduler: Scheduler::new(limits),
            waiters: HashMap::new(),
        };
        Arc::new(Self {
            modem,
            queue: Mutex::new(queue),
        })
    }

    /// Admits an operation, or says at once that there is no room.
    pub(super) fn admit(self: &Arc<Self>, principal: &Principal) -> Result<Slot, Full> {
        let key = self.queue().scheduler.admit(principal)?;
        Ok(Slot {
            link: Arc::clone(self),
            key,
        })
    }

    /// Jobs that wait.
    pub(super) fn waiting(&self) -> usize {
        self.queue().scheduler.waiting()
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // No code panics while it holds the lock; were it so, the queue is still a queue.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the link away where it is free, and tells the others their place.
    fn pump(self: &Arc<Self>) {
        let mut queue = self.queue();
        let now = clock::now();
        while let Some(key) = queue.scheduler.next(now) {
            let Some(waiter) = queue.waiters.remove(&key) else {
                queue.scheduler.done(key, now);
                continue;
            };
            let turn = Turn {
                link: Some(Arc::clone(self)),
                key,
            };
            match waiter.grant.send(turn) {
                Ok(()) => break,
                Err(turn) => {
                    // Left between asking and now.
                    turn.forget();
                    queue.scheduler.done(key, now);
                }
            }
        }
        for (ahead, key) in queue.scheduler.order(now).into_iter().enumerate() {
            if let Some(waiter) = queue.waiters.get(&key) {
                waiter
                    .ahead
                    .send_if_modified(|place| std::mem::replace(place, ahead) != ahead);
            }
        }
    }
}

/// An operation's place among those admitted. Dropping it gives the place away.
#[derive(Debug)]
pub(super) struct Slot {
    link: Arc<Link>,
    key: Key,
}

impl Slot {
    /// Waits for the link. Dropping the future steps out of the queue. `ahead` is told how many
    /// go first.
    pub(super) async fn turn(&self, wish: Wish, ahead: &watch::Sender<usize>) -> Option<Turn> {
        // Dropped last: a turn that nobody took gives the link on.
        let (grant, granted) = oneshot::channel();
        let _asking = Asking { slot: self };
        {
            let mut queue = self.link.queue();
            queue.waiters.insert(
                self.key,
                Waiter {
                    grant,
                    ahead: ahead.clone(),
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

/// Someone in the queue. Dropping it steps out.
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

/// The link, for one job. Dropping it gives the link to the next.
#[derive(Debug)]
pub(super) struct Turn {
    link: Option<Arc<Link>>,
    key: Key,
}

impl Turn {
    /// Drops it without giving the link on.
    fn forget(mut self) {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::broker::scheduler::Priority;
    use crate::broker::testing::{self, server};

    fn link() -> Arc<Link> {
        Link::new(testing::modem().0, Limits::default())
    }

    fn wish() -> Wish {
        Wish {
            priority: Priority::Normal,
            server: Some(server("h")),
            deadline: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_learns_its_place_and_gets_its_turn() {
        let link = link();
        let slots: Vec<_> = (0..3)
            .map(|_| link.admit(&Principal::new("p")).unwrap())
            .collect();
        let ahead: Vec<_> = (0..3).map(|_| watch::Sender::new(0)).collect();
        let first = slots[0].turn(wish(), &ahead[0]).await.unwrap();
        let ((), third, ()) = tokio::join!(
            async {
                let turn = slots[1].turn(wish(), &ahead[1]).await;
                assert!(turn.is_some());
                assert_eq!(*ahead[2].borrow(), 0);
            },
            slots[2].turn(wish(), &ahead[2]),
            async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                assert_eq!((*ahead[1].borrow(), *ahead[2].borrow()), (0, 1));
                assert_eq!(link.waiting(), 2);
                drop(first);
            }
        );
        assert!(third.is_some());
        assert_eq!(link.waiting(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_leaves_the_queue_holds_nobody_up() {
        let link = link();
        let slots: Vec<_> = (0..3)
            .map(|_| link.admit(&Principal::new("p")).unwrap())
            .collect();
        let ahead = watch::Sender::new(0);
        let first = slots[0].turn(wish(), &ahead).await;
        {
            let leaving = slots[1].turn(wish(), &ahead);
            tokio::select! {
                biased;
                _ = leaving => panic!("the link is taken"),
                () = std::future::ready(()) => {}
            }
        }
        assert_eq!(link.waiting(), 0);
        drop(first);
        assert!(slots[2].turn(wish(), &ahead).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_nobody_takes_any_more_goes_on() {
        let link = link();
        let slots: Vec<_> = (0..3)
            .map(|_| link.admit(&Principal::new("p")).unwrap())
            .collect();
        let ahead = watch::Sender::new(0);
        let first = slots[0].turn(wish(), &ahead).await;
        let mut second = Box::pin(slots[1].turn(wish(), &ahead));
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(first);
        // Granted, not yet taken.
        drop(second);
        assert!(slots[2].turn(wish(), &ahead).await.is_some());
    }
}
