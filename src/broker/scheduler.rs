//! The queue in front of the link, without I/O and without a clock.
//!
//! The scheduler admits an operation once. The operation asks for the link once for each of its
//! jobs, and then leaves. One tuple, `Scheduler::rank`, orders the waiting jobs; its first element
//! decides first.
//!
//! Above 400 lines because the queue is one state machine: who is admitted, who waits, who has the
//! link.

pub(crate) mod estimate;
mod order;
mod yielding;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::broker::scheduler::estimate::Costs;
use crate::broker::terms::share::Share as Places;
use crate::broker::terms::{Load, Principal, Priority, Way};
pub use crate::broker::terms::{YieldReason, Yields};
use simcom_talk::ftps::value::Server;
use yielding::{LinkHolder, WaitingJob};
pub(crate) use yielding::{Verdict, Yielding};

/// Bounds of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Operations admitted and not yet ended, of all principals.
    pub max: usize,
    /// Operations of one principal admitted and not yet ended.
    pub max_per_principal: usize,
    /// How long the order may favour other jobs (by priority, or because the module is logged in to
    /// their server) before it goes by fairness alone.
    pub patience: Duration,
}

impl Default for Limits {
    /// 2048 operations, half of them for one principal: a waiting operation costs a few kilobytes.
    /// 20 s of patience is a few changes of server, at 2 to 10 s a login.
    fn default() -> Self {
        Self {
            max: 2048,
            max_per_principal: 1024,
            patience: Duration::from_secs(20),
        }
    }
}

/// How long the scheduler remembers that a principal let the link wait, once the principal has no
/// operation any more. Otherwise a principal that leaves and returns would get the full waiting
/// time again each time.
const REMEMBERED: Duration = Duration::from_secs(60);

/// How long an operation of many jobs keeps the link before other jobs for the same server: about
/// the time of one of theirs.
const TURN: Duration = Duration::from_secs(1);

/// The queue as a value.
#[derive(Debug)]
pub(crate) struct Scheduler {
    limits: Limits,
    admitted: HashMap<QueueKey, Principal>,
    waiting: BTreeMap<QueueKey, Waiting>,
    running: Option<Running>,
    shares: HashMap<Principal, Share>,
    /// The server where the last job left the module.
    server: Option<Arc<Server>>,
    keys: u64,
    asked: u64,
    turns: u64,
    /// Whether the last turn went to a job that deletes a partial file.
    deleted_last: bool,
    /// The recent average time that a job has the link.
    tenancy: Duration,
    /// When the last job ended; and when the last job or chore ended.
    idle: Instant,
    silent: Instant,
}

/// The job or chore that has the link.
#[derive(Debug)]
struct Running {
    key: QueueKey,
    /// When it got the link.
    granted: Instant,
    /// When it began its current job.
    since: Instant,
    /// Its job; `None` for a chore of the daemon.
    job: Option<(Load, Way)>,
    priority: Priority,
    /// How it yields, if it can resume later.
    yielding: Option<Yielding>,
    moved: u64,
    trickles: bool,
}

/// Names an admitted operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct QueueKey(u64);

/// What a job that asks for the link needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    /// How urgent it is.
    pub(crate) priority: Priority,
    /// The server that it goes to; `None` where it leaves the module's login alone.
    pub(crate) server: Option<Arc<Server>>,
    /// The moment after which it must not begin.
    pub(crate) deadline: Option<Instant>,
    /// What it moves.
    pub(crate) load: Load,
    /// How it yields, if it can resume later.
    pub(crate) yielding: Option<Yielding>,
    /// It deletes the partial file of an upload that has ended. Until then readers may take the
    /// partial file for the whole one.
    pub(crate) deletes_a_part: bool,
}

/// The queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full {
    /// The principal's own bound, not the one of all principals together.
    pub(crate) own: bool,
    /// When a place may be free.
    pub(crate) retry_after: Duration,
}

#[derive(Debug)]
struct Waiting {
    wish: Wish,
    principal: Principal,
    /// When its patience began.
    since: Instant,
    order: u64,
}

/// The operations of one principal, and its history.
#[derive(Debug, Default)]
struct Share {
    admitted: usize,
    /// One of its callers had the link and neither sent nor read.
    stood_still: bool,
    /// When its last operation left.
    gone: Option<Instant>,
    /// Number of its last turn; 0 before the first.
    last_turn: u64,
}

impl Share {
    /// Whether it has an operation, or had one recently.
    fn is_remembered(&self, now: Instant) -> bool {
        self.gone
            .is_none_or(|gone| now.duration_since(gone) < REMEMBERED)
    }
}

impl Scheduler {
    pub(crate) fn new(limits: Limits, now: Instant) -> Self {
        Self {
            limits,
            admitted: HashMap::new(),
            waiting: BTreeMap::new(),
            running: None,
            shares: HashMap::new(),
            server: None,
            keys: 0,
            asked: 0,
            turns: 0,
            deleted_last: false,
            tenancy: Duration::from_secs(1),
            idle: now,
            silent: now,
        }
    }

    /// Takes over other bounds. Whoever is admitted stays.
    pub(crate) fn reload(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Admits an operation; it keeps its place until it leaves.
    pub(crate) fn admit(&mut self, principal: &Principal, now: Instant) -> Result<QueueKey, Full> {
        let own = self.shares.get(principal).map_or(0, |share| share.admitted);
        let share = Places {
            in_all: self.limits.max as u64,
            of_one: self.limits.max_per_principal as u64,
        };
        let admitted = share.admit(self.admitted.len() as u64, own as u64, 1);
        admitted.map_err(|full| self.full(full.own))?;
        self.keys += 1;
        let key = QueueKey(self.keys);
        self.admitted.insert(key, principal.clone());
        let share = self.shares.entry(principal.clone()).or_default();
        share.admitted += 1;
        share.stood_still &= share.is_remembered(now);
        share.gone = None;
        Ok(key)
    }

    /// An admitted operation asks for the link.
    pub(crate) fn ask(&mut self, key: QueueKey, wish: Wish, now: Instant) {
        if let Some(principal) = self.admitted.get(&key) {
            self.asked += 1;
            let principal = principal.clone();
            self.waiting.insert(
                key,
                Waiting {
                    wish,
                    principal,
                    since: now,
                    order: self.asked,
                },
            );
        }
    }

    /// An operation withdraws its request for the link.
    pub(crate) fn withdraw(&mut self, key: QueueKey) {
        self.waiting.remove(&key);
    }

    /// Gives a free link to the next job, never to one whose deadline has passed.
    pub(crate) fn next(&mut self, now: Instant) -> Option<QueueKey> {
        if self.running.is_some() {
            return None;
        }
        let (key, _) = self
            .waiting
            .iter()
            .filter(|(_, waiting)| waiting.wish.deadline.is_none_or(|deadline| now < deadline))
            .min_by_key(|(_, waiting)| self.rank(waiting, now))?;
        let key = *key;
        let chosen = self.waiting.remove(&key)?;
        self.turns += 1;
        self.deleted_last = chosen.wish.deletes_a_part;
        self.brought_forward(&chosen, now);
        let share = self.shares.entry(chosen.principal).or_default();
        share.last_turn = self.turns;
        let way = match chosen.wish.server {
            Some(server) => {
                let way = Way::between(self.server.as_ref(), &server);
                self.server = Some(server);
                way
            }
            None => Way::There,
        };
        self.running = Some(Running {
            key,
            granted: now,
            since: now,
            job: Some((chosen.wish.load, way)),
            priority: chosen.wish.priority,
            yielding: chosen.wish.yielding,
            moved: 0,
            trickles: false,
        });
        Some(key)
    }

    /// Gives the link to a chore of the daemon if no job has it or waits for it.
    pub(crate) fn next_chore(&mut self, now: Instant) -> Option<QueueKey> {
        if self.running.is_some() || !self.waiting.is_empty() {
            return None;
        }
        self.keys += 1;
        let key = QueueKey(self.keys);
        self.running = Some(Running {
            key,
            granted: now,
            since: now,
            job: None,
            priority: Priority::Bulk,
            yielding: None,
            moved: 0,
            trickles: false,
        });
        Some(key)
    }

    /// How long no job has had the link, and how long no chore has had it either; `None` while a
    /// job has it or waits for it.
    pub(crate) fn quiet(&self, now: Instant) -> Option<(Duration, Duration)> {
        let free = self.running.is_none() && self.waiting.is_empty();
        free.then(|| (now - self.idle, now - self.silent))
    }

    /// The module has logged out.
    pub(crate) fn logged_out(&mut self) {
        self.server = None;
    }

    /// The size of the running transfer is known now.
    pub(crate) fn sized(&mut self, key: QueueKey, bytes: u64) {
        if let Some(Running { job, .. }) = self.running.as_mut().filter(|held| held.key == key)
            && let Some((Load::Up(size) | Load::Down(size), _)) = job
        {
            *size = Some(bytes);
        }
    }

    /// The running transfer has moved `bytes` bytes since it got the link.
    pub(crate) fn moved(&mut self, key: QueueKey, bytes: u64) {
        if let Some(running) = self.running.as_mut().filter(|held| held.key == key) {
            running.moved = bytes;
        }
    }

    /// The caller of the running transfer trickles, or goes on.
    pub(crate) fn trickles(&mut self, key: QueueKey, trickles: bool) {
        if trickles {
            self.stood_still(key);
        }
        if let Some(running) = self.running.as_mut().filter(|held| held.key == key) {
            running.trickles = trickles;
        }
    }

    /// The caller of the job on the link neither sent nor read.
    pub(crate) fn stood_still(&mut self, key: QueueKey) {
        if let Some(principal) = self.admitted.get(&key)
            && let Some(share) = self.shares.get_mut(principal)
        {
            share.stood_still = true;
        }
    }

    /// Whether a caller of the same principal held up the link, within the time that [`REMEMBERED`]
    /// bounds.
    pub(crate) fn has_stood_still(&self, key: QueueKey) -> bool {
        let principal = self.admitted.get(&key);
        let share = principal.and_then(|principal| self.shares.get(principal));
        share.is_some_and(|share| share.stood_still)
    }

    /// Whether the transfer on the link yields to the waiting jobs.
    pub(crate) fn verdict(&self, key: QueueKey, costs: &Costs, now: Instant) -> Verdict {
        let running = self.running.as_ref().filter(|running| running.key == key);
        let Some((running, yielding, (load, _))) =
            running.and_then(|running| Some((running, running.yielding?, running.job?)))
        else {
            return Verdict::Keep;
        };
        let holder = LinkHolder {
            yielding,
            priority: running.priority,
            load,
            moved: running.moved,
            since: running.since,
            trickles: running.trickles,
        };
        let alive = |waiting: &&Waiting| waiting.wish.deadline.is_none_or(|at| now < at);
        let waiters = self
            .waiting
            .values()
            .filter(alive)
            .map(|waiting| WaitingJob {
                priority: waiting.wish.priority,
                starves: waiting.since + self.limits.patience,
                takes: costs.of(waiting.wish.load, Way::There),
            });
        let waiters: Vec<_> = waiters.collect();
        holder.verdict(&waiters, costs, now)
    }

    /// Whether the operation on the link may run its next job before the waiting jobs: no waiting
    /// job ranks before it, or its share of time is not over. Yielding between two jobs costs
    /// nothing but the logins, where the next job goes to another server.
    pub(crate) fn may_go_on(&self, key: QueueKey, costs: &Costs, now: Instant) -> bool {
        let Some(running) = self.running.as_ref().filter(|running| running.key == key) else {
            return false;
        };
        let had = now.duration_since(running.granted);
        !self.waiting.values().any(|waiting| {
            let wish = &waiting.wish;
            let starving = now.duration_since(waiting.since) >= self.limits.patience;
            let comes = wish.deadline.is_none_or(|deadline| now < deadline);
            let away = wish.server.is_some() && wish.server != self.server;
            let urgent = wish.priority < running.priority;
            let cost = if away {
                costs.login * 2
            } else {
                Duration::ZERO
            };
            let share = match (urgent, away) {
                (true, _) => cost,
                (false, true) => cost * yielding::SHARE,
                (false, false) => TURN,
            };
            comes && (starving || wish.priority <= running.priority) && had >= share
        })
    }

    /// The operation on the link begins its next job.
    pub(crate) fn goes_on(&mut self, key: QueueKey, wish: &Wish, now: Instant) {
        if let Some(running) = self.running.as_mut().filter(|held| held.key == key) {
            running.since = now;
            running.job = running.job.map(|(_, way)| (wish.load, way));
            running.yielding = wish.yielding;
            running.moved = 0;
            running.trickles = false;
        }
    }

    /// How long each waiting job still waits, in their order.
    pub(crate) fn starts(&self, costs: &Costs, now: Instant) -> Vec<(QueueKey, Duration)> {
        let order = self.order(now);
        let rest = self.running.as_ref().and_then(|running| {
            let (load, way) = running.job?;
            Some(costs.of(load, way).saturating_sub(now - running.since))
        });
        let queue = order.iter().filter_map(|key| self.waiting.get(key));
        let jobs = queue.map(|waiting| (waiting.wish.server.as_deref(), waiting.wish.load));
        let starts = costs.starts(rest.unwrap_or_default(), self.server.as_deref(), jobs);
        order.into_iter().zip(starts).collect()
    }

    /// The job on the link has ended.
    pub(crate) fn done(&mut self, key: QueueKey, now: Instant) {
        if let Some(running) = self.running.take_if(|running| running.key == key) {
            self.silent = now;
            if running.job.is_some() {
                self.idle = now;
                // The newest value weighs an eighth: one long transfer does not make the estimate
                // useless.
                self.tenancy = (self.tenancy * 7 + now.duration_since(running.granted)) / 8;
            }
        }
    }

    /// An operation has ended.
    pub(crate) fn leave(&mut self, key: QueueKey, now: Instant) {
        self.withdraw(key);
        self.done(key, now);
        if let Some(principal) = self.admitted.remove(&key) {
            if let Some(share) = self.shares.get_mut(&principal) {
                share.admitted -= 1;
                share.gone = (share.admitted == 0).then_some(now);
            }
            // The order of past turns matters only while jobs wait.
            if self.waiting.is_empty() {
                self.shares.retain(|_, share| {
                    share.admitted > 0 || share.stood_still && share.is_remembered(now)
                });
            }
            // Otherwise a table that was once large would keep its memory between the memory freed
            // by calls.
            if self.admitted.is_empty() {
                self.admitted.shrink_to_fit();
            }
        }
    }

    /// Operations admitted and not yet ended.
    pub(crate) fn admitted(&self) -> usize {
        self.admitted.len()
    }

    /// Jobs that wait for the link.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn full(&self, own: bool) -> Full {
        let jobs = u32::try_from(self.waiting.len())
            .unwrap_or(u32::MAX)
            .saturating_add(1);
        // A second lets the link move on; after a minute the estimate means nothing.
        let retry_after = self
            .tenancy
            .saturating_mul(jobs)
            .clamp(Duration::from_secs(1), Duration::from_secs(60));
        Full { own, retry_after }
    }
}

#[cfg(test)]
mod tests;
