//! The one link: the module serves one job at a time, in the scheduler's order.

pub(crate) mod logins;
mod slot;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;

use super::scheduler::{Full, Limits, QueueKey, Scheduler};
use crate::broker::link::logins::Logins;
use crate::broker::scheduler::estimate::{Costs, Part};
use crate::broker::terms::{Lived, Load, Principal, Way};
use crate::modem::health::LoggedIn;
use crate::modem::{Modem, clock};
use simcom_talk::dialogue::operation::{self, Standing};
use simcom_talk::ftps::value::Server;
pub(crate) use slot::{Slot, Turn};

/// The module, and the queue in front of it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) modem: Modem,
    queue: Mutex<Queue>,
    /// Logins of calls that have worked.
    logins: Mutex<Logins<()>>,
    /// When the link was made: the zero of its running time.
    began: Instant,
    /// Wakes the job on the link: it may have to yield.
    changed: Notify,
}

#[derive(Debug)]
struct Queue {
    scheduler: Scheduler,
    waiters: HashMap<QueueKey, Waiter>,
    costs: Costs,
    /// The server where the last successful job left the module, if it is logged in.
    left_at: Option<operation::SessionTarget>,
    /// Servers that have shown that they resume a file.
    go_on: Vec<Arc<Server>>,
}

/// How many refusals in a row of a login that once worked lead to another try, for the calls that
/// wait, and the pause before the first of these tries. The pause doubles: four refusals in 70 s.
/// Programs that lock out failed logins usually count five in ten minutes.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(10);

/// Servers remembered: more than anybody has profiles; each costs a pointer.
const SERVERS: usize = 64;

#[derive(Debug)]
struct Waiter {
    grant: oneshot::Sender<Turn>,
    place: watch::Sender<QueuePlace>,
}

/// A place in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueuePlace {
    /// Operations that go first.
    pub ahead: usize,
    /// When its turn is expected; `None` until that is estimated.
    pub start: Option<Instant>,
}

impl Link {
    pub(crate) fn new(modem: Modem, limits: Limits) -> Arc<Self> {
        let queue = Queue {
            scheduler: Scheduler::new(limits, clock::now()),
            waiters: HashMap::new(),
            costs: Costs::default(),
            left_at: None,
            go_on: Vec::new(),
        };
        Arc::new(Self {
            modem,
            queue: Mutex::new(queue),
            logins: Mutex::new(Logins::read(Vec::new(), TRIES)),
            began: clock::now(),
            changed: Notify::new(),
        })
    }

    /// Takes over other bounds of the queue. Whoever is admitted stays.
    pub(crate) fn reload(&self, limits: Limits) {
        self.queue().scheduler.reload(limits);
        // Another patience may make another the next.
        self.changed.notify_waiters();
    }

    /// Admits an operation, or answers at once that the queue is full.
    pub(crate) fn admit(self: &Arc<Self>, principal: &Principal) -> Result<Slot, Full> {
        let key = self.queue().scheduler.admit(principal, clock::now())?;
        Ok(Slot {
            link: Arc::clone(self),
            key,
        })
    }

    /// Operations that have a place.
    pub(crate) fn admitted(&self) -> usize {
        self.queue().scheduler.admitted()
    }

    /// The measured costs of work on the link.
    pub(crate) fn costs(&self) -> Costs {
        self.queue().costs
    }

    /// Learns what a job cost, where that predicts other jobs, and where it left the module. A job
    /// that concerns the module alone does not show what reaching a server costs.
    pub(crate) fn learn(&self, spent: Option<Spent>, standing: Standing) {
        let mut queue = self.queue();
        match standing {
            Standing::LoggedIn(place) => {
                if let Some(spent) = spent {
                    let Spent {
                        load,
                        way,
                        took,
                        bytes,
                    } = spent;
                    queue.costs.learn(load, way, took, bytes);
                }
                queue.left_at = Some(place);
            }
            Standing::Down => queue.logged_out(),
            // The login before the job still stands.
            Standing::Ready | Standing::Started => {}
        }
    }

    /// Learns what a part of a transfer cost, and where it left the module.
    pub(crate) fn learn_part(&self, part: &Part, standing: Standing) {
        let mut queue = self.queue();
        queue.costs.learn_part(part);
        if self.modem.health().borrow().logged_in.is_none() {
            // An abort takes the login with it (SIMCom manual L1218).
            queue.logged_out();
        } else if let Standing::LoggedIn(place) = standing {
            queue.left_at = Some(place);
        }
    }

    /// A server has resumed a file as it should.
    pub(crate) fn goes_on(&self, server: &Arc<Server>) {
        let mut queue = self.queue();
        if !queue.go_on.contains(server) {
            if queue.go_on.len() >= SERVERS {
                queue.go_on.remove(0);
            }
            queue.go_on.push(Arc::clone(server));
        }
    }

    /// Whether a server has shown that it resumes a file.
    pub(crate) fn is_known_to_go_on(&self, server: &Arc<Server>) -> bool {
        self.queue().go_on.contains(server)
    }

    /// The login of a call has worked.
    pub(crate) fn login_works(&self, server: &LoggedIn) {
        let now = self.lived();
        self.logins().worked(server, now);
    }

    /// The server refused the login of a call. Answers the pause before the next try; `None`: no
    /// other try.
    pub(crate) fn login_refused(&self, server: &LoggedIn) -> Option<Duration> {
        let now = self.lived();
        let pause = |tries: u32| PAUSE * 2_u32.pow(tries.saturating_sub(1).min(TRIES));
        self.logins().refused(server, (), now, pause)
    }

    /// The passwords of these logins are perhaps others.
    pub(crate) fn doubt_logins(&self, logins: &[LoggedIn]) {
        self.logins().doubt(logins);
    }

    /// How long nobody tries a login because another call met its refusal.
    pub(crate) fn login_closed(&self, server: &LoggedIn) -> Option<Duration> {
        let now = self.lived();
        let (until, ()) = self.logins().closed(server, now)?;
        Some(until.since(now))
    }

    /// The place of each waiting job.
    pub(crate) fn places(&self, now: Instant) -> HashMap<QueueKey, QueuePlace> {
        self.queue().places(now).collect()
    }

    /// How long no job has had the link, and how long no chore has had it either; `None` while a
    /// job has it or waits for it.
    pub(crate) fn quiet(&self, now: Instant) -> Option<(Duration, Duration)> {
        self.queue().scheduler.quiet(now)
    }

    /// The link for a chore, if no job has it or waits for it, and the server where the last job
    /// left the module.
    pub(crate) fn chore(self: &Arc<Self>) -> Option<(Turn, Option<operation::SessionTarget>)> {
        let mut queue = self.queue();
        let key = queue.scheduler.next_chore(clock::now())?;
        let turn = Turn {
            link: Some(Arc::clone(self)),
            key,
        };
        Some((turn, queue.left_at.clone()))
    }

    /// The module has logged out.
    pub(crate) fn logged_out(&self) {
        self.queue().logged_out();
    }

    /// Jobs that wait for the link.
    pub(crate) fn waiting(&self) -> usize {
        self.queue().scheduler.waiting()
    }

    fn lived(&self) -> Lived {
        Lived::ZERO + (clock::now() - self.began)
    }

    fn logins(&self) -> MutexGuard<'_, Logins<()>> {
        self.logins.lock()
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock()
    }

    /// Gives a free link to the next job, and tells the waiting jobs their places.
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
                    // The waiter left after it was chosen.
                    turn.forget();
                    queue.scheduler.done(key, now);
                }
            }
        }
        self.changed.notify_waiters();
        // Most waiters do not look at their place, and working it out takes time.
        if !queue.waiters.values().any(Waiter::looks) {
            return;
        }
        for (key, place) in queue.places(now) {
            if let Some(waiter) = queue.waiters.get(&key) {
                waiter.place.send_if_modified(|before| {
                    let moved = before.ahead != place.ahead || before.start.is_none();
                    *before = place;
                    moved
                });
            }
        }
    }
}

impl Queue {
    fn logged_out(&mut self) {
        self.scheduler.logged_out();
        self.left_at = None;
    }

    fn places(&self, now: Instant) -> impl Iterator<Item = (QueueKey, QueuePlace)> + use<> {
        let starts = self.scheduler.starts(&self.costs, now).into_iter();
        starts.enumerate().map(move |(ahead, (key, wait))| {
            let start = now.checked_add(wait);
            (key, QueuePlace { ahead, start })
        })
    }
}

impl Waiter {
    fn looks(&self) -> bool {
        self.place.receiver_count() > 0
    }
}

/// What one job cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    /// What it had to move.
    pub(crate) load: Load,
    /// What the module had to do first.
    pub(crate) way: Way,
    /// Its time on the link.
    pub(crate) took: Duration,
    /// Bytes that it moved.
    pub(crate) bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::scheduler::Wish;
    use crate::broker::terms::Priority;
    use crate::broker::testing::{self, server};

    fn link() -> Arc<Link> {
        Link::new(testing::modem().0, Limits::default())
    }

    fn wish() -> Wish {
        Wish {
            priority: Priority::Normal,
            server: Some(server("h")),
            deadline: None,
            load: Load::Small,
            yielding: None,
            deletes_a_part: false,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_learns_its_place_and_gets_its_turn() {
        let link = link();
        let slots: Vec<_> = (0..3)
            .map(|_| link.admit(&Principal::new("p")).unwrap())
            .collect();
        let ahead: Vec<_> = (0..3)
            .map(|_| watch::Sender::new(QueuePlace::default()))
            .collect();
        let _looks: Vec<_> = ahead.iter().map(watch::Sender::subscribe).collect();
        let first = slots[0].turn(wish(), &ahead[0]).await.unwrap();
        let ((), third, ()) = tokio::join!(
            async {
                let turn = slots[1].turn(wish(), &ahead[1]).await;
                assert!(turn.is_some());
                assert_eq!(ahead[2].borrow().ahead, 0);
            },
            slots[2].turn(wish(), &ahead[2]),
            async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let places = [1, 2].map(|at| *ahead[at].borrow());
                assert_eq!(places.map(|place| place.ahead), [0, 1]);
                assert!(places[0].start < places[1].start);
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
        let ahead = watch::Sender::new(QueuePlace::default());
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
        let ahead = watch::Sender::new(QueuePlace::default());
        let first = slots[0].turn(wish(), &ahead).await;
        let mut second = Box::pin(slots[1].turn(wish(), &ahead));
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(first);
        // Granted, and not taken yet.
        drop(second);
        assert!(slots[2].turn(wish(), &ahead).await.is_some());
    }
}
