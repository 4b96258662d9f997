//! Who goes next: the queue in front of the link, without I/O and without a clock.
//!
//! An operation is admitted once, asks for the link once for each job it has, and leaves. The
//! order of those who ask is one tuple, `Scheduler::rank`: what comes first in it decides first.

mod order;
mod yielding;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::caller::Principal;
use super::estimate::{Costs, Load, Way};
use super::share::Share as Places;
use simcom_talk::ftps::value::Server;
use yielding::{Guest, Tenant};
pub(super) use yielding::{Verdict, Yielding};
pub use yielding::{Why, Yields};

/// Bounds of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Operations admitted and not yet ended, in all.
    pub max: usize,
    /// Operations of one principal admitted and not yet ended.
    pub max_per_principal: usize,
    /// How long the order may favour others (by priority, or because the module is logged in
    /// to their server) before it goes by fairness alone.
    pub patience: Duration,
}

impl Default for Limits {
    /// 2048 operations, half of them for one principal: a waiting one costs a few kilobytes.
    /// 20 s of patience is a few changes of server, at 2 to 10 s a login.
    fn default() -> Self {
        Self {
            max: 2048,
            max_per_principal: 1024,
            patience: Duration::from_secs(20),
        }
    }
}

/// How long it is remembered that a principal let the link wait, once it has no operation any more. Who leaves
/// and comes anew would be waited for as long as at first, each time.
const REMEMBERED: Duration = Duration::from_secs(60);

/// How long an operation of many jobs has the link before others that go to the same server: about what one of
/// theirs takes.
const TURN: Duration = Duration::from_secs(1);

/// The queue as a value.
#[derive(Debug)]
pub(super) struct Scheduler {
    limits: Limits,
    admitted: HashMap<Key, Principal>,
    waiting: BTreeMap<Key, Waiting>,
    running: Option<Running>,
    shares: HashMap<Principal, Share>,
    /// The server that the last job left the module at.
    server: Option<Arc<Server>>,
    keys: u64,
    asked: u64,
    turns: u64,
    /// Whether the last turn went to a job that deletes a part of a file.
    deleted_last: bool,
    /// How long a job has the link, as it was lately.
    tenancy: Duration,
    /// When the last job was over; and when the last of those jobs and chores.
    idle: Instant,
    silent: Instant,
}

/// Who has the link.
#[derive(Debug)]
struct Running {
    key: Key,
    /// When it got the link.
    granted: Instant,
    /// When it began with what it does now.
    since: Instant,
    /// What it does; `None` for a chore that nobody asked for.
    job: Option<(Load, Way)>,
    priority: Priority,
    /// Where it can go on later.
    yielding: Option<Yielding>,
    moved: u64,
    trickles: bool,
}

/// Names an admitted operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key(u64);

/// What a job that asks for the link is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wish {
    /// How urgent it is.
    pub(super) priority: Priority,
    /// The server it goes to; `None` where it leaves the module's login alone.
    pub(super) server: Option<Arc<Server>>,
    /// From when on it must not be begun.
    pub(super) deadline: Option<Instant>,
    /// What it moves.
    pub(super) load: Load,
    /// Where it can give way and go on later.
    pub(super) yielding: Option<Yielding>,
    /// It deletes the part of a file that an upload has left. The upload is over, and readers may take
    /// the part for the whole file.
    pub(super) deletes_a_part: bool,
}

/// How urgent a job is; the first is the most urgent.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
pub enum Priority {
    /// Somebody waits for the answer.
    Interactive,
    /// Moves a file.
    #[default]
    Normal,
    /// Moves a file that nobody waits for.
    Bulk,
}

/// A bound was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full {
    /// The bound of the principal, not the one of all together.
    pub(super) own: bool,
    /// When a place may be free.
    pub(super) retry_after: Duration,
}

#[derive(Debug)]
struct Waiting {
    wish: Wish,
    principal: Principal,
    /// From when on its patience is counted.
    since: Instant,
    order: u64,
}

/// What one principal has, and what it had.
#[derive(Debug, Default)]
struct Share {
    admitted: usize,
    /// One of its callers had the link and nothing to do with it.
    stood_still: bool,
    /// When it had no operation any more.
    gone: Option<Instant>,
    /// Number of its last turn; 0 before the first.
    last_turn: u64,
}

impl Share {
    /// Whether it has an operation, or had one lately.
    fn is_remembered(&self, now: Instant) -> bool {
        self.gone
            .is_none_or(|gone| now.duration_since(gone) < REMEMBERED)
    }
}

impl Scheduler {
    pub(super) fn new(limits: Limits, now: Instant) -> Self {
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

    /// Gives an operation a place, which it has until it leaves.
    pub(super) fn admit(&mut self, principal: &Principal, now: Instant) -> Result<Key, Full> {
        let own = self.shares.get(principal).map_or(0, |share| share.admitted);
        let share = Places {
            in_all: self.limits.max as u64,
            of_one: self.limits.max_per_principal as u64,
        };
        let admitted = share.admit(self.admitted.len() as u64, own as u64, 1);
        admitted.map_err(|full| self.full(full.own))?;
        self.keys += 1;
        let key = Key(self.keys);
        self.admitted.insert(key, principal.clone());
        let share = self.shares.entry(principal.clone()).or_default();
        share.admitted += 1;
        share.stood_still &= share.is_remembered(now);
        share.gone = None;
        Ok(key)
    }

    /// An admitted operation asks for the link.
    pub(super) fn ask(&mut self, key: Key, wish: Wish, now: Instant) {
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

    /// An operation that asked does not want the link any more.
    pub(super) fn withdraw(&mut self, key: Key) {
        self.waiting.remove(&key);
    }

    /// Gives the link, where it is free, to the one who goes next. Never to one whose deadline
    /// has passed.
    pub(super) fn next(&mut self, now: Instant) -> Option<Key> {
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

    /// Gives the link to a chore that nobody asked for, where nobody has it or waits for it.
    pub(super) fn next_chore(&mut self, now: Instant) -> Option<Key> {
        if self.running.is_some() || !self.waiting.is_empty() {
            return None;
        }
        self.keys += 1;
        let key = Key(self.keys);
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

    /// How long nobody has had the link, and how long not even a chore; `None` while somebody has
    /// it or waits for it.
    pub(super) fn quiet(&self, now: Instant) -> Option<(Duration, Duration)> {
        let free = self.running.is_none() && self.waiting.is_empty();
        free.then(|| (now - self.idle, now - self.silent))
    }

    /// The module is logged in nowhere any more.
    pub(super) fn logged_out(&mut self) {
        self.server = None;
    }

    /// The size of what is moved now was found out.
    pub(super) fn sized(&mut self, key: Key, bytes: u64) {
        if let Some(Running { job, .. }) = self.running.as_mut().filter(|held| held.key == key)
            && let Some((Load::Up(size) | Load::Down(size), _)) = job
        {
            *size = Some(bytes);
        }
    }

    /// So many bytes have moved since it got the link.
    pub(super) fn moved(&mut self, key: Key, bytes: u64) {
        if let Some(running) = self.running.as_mut().filter(|held| held.key == key) {
            running.moved = bytes;
        }
    }

    /// The caller of what is moved now stands still, or goes on.
    pub(super) fn trickles(&mut self, key: Key, trickles: bool) {
        if trickles {
            self.stood_still(key);
        }
        if let Some(running) = self.running.as_mut().filter(|held| held.key == key) {
            running.trickles = trickles;
        }
    }

    /// The caller of one that has the link stood still.
    pub(super) fn stood_still(&mut self, key: Key) {
        if let Some(principal) = self.admitted.get(&key)
            && let Some(share) = self.shares.get_mut(principal)
        {
            share.stood_still = true;
        }
    }

    /// Whether a caller of the same principal has stood still with the link, since the principal had
    /// no operation for [`REMEMBERED`].
    pub(super) fn has_stood_still(&self, key: Key) -> bool {
        let principal = self.admitted.get(&key);
        let share = principal.and_then(|principal| self.shares.get(principal));
        share.is_some_and(|share| share.stood_still)
    }

    /// Whether the one that has the link gives it up for those who wait.
    pub(super) fn verdict(&self, key: Key, costs: &Costs, now: Instant) -> Verdict {
        let running = self.running.as_ref().filter(|running| running.key == key);
        let Some((running, yielding, (load, _))) =
            running.and_then(|running| Some((running, running.yielding?, running.job?)))
        else {
            return Verdict::Keep;
        };
        let tenant = Tenant {
            yielding,
            priority: running.priority,
            load,
            moved: running.moved,
            since: running.since,
            trickles: running.trickles,
        };
        let alive = |waiting: &&Waiting| waiting.wish.deadline.is_none_or(|at| now < at);
        let guests = self.waiting.values().filter(alive).map(|waiting| Guest {
            priority: waiting.wish.priority,
            starves: waiting.since + self.limits.patience,
            takes: costs.of(waiting.wish.load, Way::There),
        });
        let guests: Vec<_> = guests.collect();
        tenant.verdict(&guests, costs, now)
    }

    /// Whether the one that has the link may do another job of its operation before those who wait: nobody is
    /// to go first, or it has not had the link for its share of time yet. Between two jobs it costs nothing to
    /// make way, but for the logins where the next one goes to another server.
    pub(super) fn may_go_on(&self, key: Key, costs: &Costs, now: Instant) -> bool {
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

    /// The one that has the link begins with another job.
    pub(super) fn goes_on(&mut self, key: Key, wish: &Wish, now: Instant) {
        if let Some(running) = self.running.as_mut().filter(|held| held.key == key) {
            running.since = now;
            running.job = running.job.map(|(_, way)| (wish.load, way));
            running.yielding = wish.yielding;
            running.moved = 0;
            running.trickles = false;
        }
    }

    /// How long each of those who wait, in their order, will have to.
    pub(super) fn starts(&self, costs: &Costs, now: Instant) -> Vec<(Key, Duration)> {
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

    /// The job that had the link is over.
    pub(super) fn done(&mut self, key: Key, now: Instant) {
        if let Some(running) = self.running.take_if(|running| running.key == key) {
            self.silent = now;
            if running.job.is_some() {
                self.idle = now;
                // An eighth of the newest: one long transfer does not make the estimate useless.
                self.tenancy = (self.tenancy * 7 + now.duration_since(running.granted)) / 8;
            }
        }
    }

    /// An operation has ended.
    pub(super) fn leave(&mut self, key: Key, now: Instant) {
        self.withdraw(key);
        self.done(key, now);
        if let Some(principal) = self.admitted.remove(&key) {
            if let Some(share) = self.shares.get_mut(&principal) {
                share.admitted -= 1;
                share.gone = (share.admitted == 0).then_some(now);
            }
            // Who had a turn when matters only while somebody waits.
            if self.waiting.is_empty() {
                self.shares.retain(|_, share| {
                    share.admitted > 0 || share.stood_still && share.is_remembered(now)
                });
            }
            // Room for many that were there once would stay, between what their calls have given back.
            if self.admitted.is_empty() {
                self.admitted.shrink_to_fit();
            }
        }
    }

    /// Operations admitted and not yet ended.
    pub(super) fn admitted(&self) -> usize {
        self.admitted.len()
    }

    /// Jobs that wait for the link.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn full(&self, own: bool) -> Full {
        let jobs = u32::try_from(self.waiting.len())
            .unwrap_or(u32::MAX)
            .saturating_add(1);
        // A second lets the link breathe; who comes back after a minute finds another world.
        let retry_after = self
            .tenancy
            .saturating_mul(jobs)
            .clamp(Duration::from_secs(1), Duration::from_secs(60));
        Full { own, retry_after }
    }
}

#[cfg(test)]
mod tests;
