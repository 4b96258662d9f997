//! Who goes next: the queue in front of the link, without I/O and without a clock.
//!
//! An operation is admitted once, asks for the link once for each job it has, and leaves. The
//! order of those who ask is one tuple, [`Scheduler::rank`]: what comes first in it decides first.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::caller::Principal;
use crate::ftps::value::Server;

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

/// The queue as a value.
#[derive(Debug)]
pub(super) struct Scheduler {
    limits: Limits,
    admitted: HashMap<Key, Principal>,
    waiting: BTreeMap<Key, Waiting>,
    running: Option<(Key, Instant)>,
    shares: HashMap<Principal, Share>,
    /// The server that the last job left the module at.
    server: Option<Arc<Server>>,
    keys: u64,
    asked: u64,
    turns: u64,
    /// How long a job has the link, as it was lately.
    tenancy: Duration,
}

/// Names an admitted operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key(u64);

/// What a job that asks for the link is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wish {
    /// How urgent it is.
    pub(super) priority: Priority,
    /// The server it goes to.
    pub(super) server: Arc<Server>,
    /// From when on it must not be begun.
    pub(super) deadline: Option<Instant>,
}

/// How urgent a job is; the first is the most urgent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Priority {
    /// Short: somebody waits for the answer.
    Interactive,
    /// Moves a file.
    Normal,
}

impl Priority {
    const COUNT: usize = 2;
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
    since: Instant,
    order: u64,
}

/// What one principal has, and what it had.
#[derive(Debug, Default)]
struct Share {
    admitted: usize,
    /// Number of its last turn; 0 before the first.
    last_turn: u64,
    /// When its last turn of each priority began.
    served: [Option<Instant>; Priority::COUNT],
}

/// Smaller goes first.
type Rank = (bool, Priority, bool, u64, u64);

impl Scheduler {
    pub(super) fn new(limits: Limits) -> Self {
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
            tenancy: Duration::from_secs(1),
        }
    }

    /// Gives an operation a place, which it has until it leaves.
    pub(super) fn admit(&mut self, principal: &Principal) -> Result<Key, Full> {
        let own = self.shares.get(principal).map_or(0, |share| share.admitted);
        if own >= self.limits.max_per_principal {
            return Err(self.full(true));
        }
        if self.admitted.len() >= self.limits.max {
            return Err(self.full(false));
        }
        self.keys += 1;
        let key = Key(self.keys);
        self.admitted.insert(key, principal.clone());
        self.shares.entry(principal.clone()).or_default().admitted += 1;
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
        let share = self.shares.entry(chosen.principal).or_default();
        share.last_turn = self.turns;
        if let Some(served) = share.served.get_mut(chosen.wish.priority as usize) {
            *served = Some(now);
        }
        self.server = Some(chosen.wish.server);
        self.running = Some((key, now));
        Some(key)
    }

    /// The job that had the link is over.
    pub(super) fn done(&mut self, key: Key, now: Instant) {
        if let Some((_, since)) = self.running.take_if(|(running, _)| *running == key) {
            // An eighth of the newest: one long transfer does not make the estimate useless.
            self.tenancy = (self.tenancy * 7 + now.duration_since(since)) / 8;
        }
    }

    /// An operation has ended.
    pub(super) fn leave(&mut self, key: Key, now: Instant) {
        self.withdraw(key);
        self.done(key, now);
        if let Some(principal) = self.admitted.remove(&key) {
            if let Some(share) = self.shares.get_mut(&principal) {
                share.admitted -= 1;
            }
            // Who had a turn when matters only while somebody waits.
            if self.waiting.is_empty() {
                self.shares.retain(|_, share| share.admitted > 0);
            }
        }
    }

    /// Jobs that wait for the link.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Those who wait, in the order that is to be expected if nobody comes or goes.
    pub(super) fn order(&self, now: Instant) -> Vec<Key> {
        let mut ranked: Vec<(Rank, &Principal, Key)> = self
            .waiting
            .iter()
            .map(|(key, waiting)| (self.rank(waiting, now), &waiting.principal, *key))
            .collect();
        ranked.sort_unstable();
        // The second of a principal comes after the first of every other of the same rank.
        let mut rounds: HashMap<(bool, Priority, bool, &Principal), u64> = HashMap::new();
        let mut order: Vec<_> = ranked
            .into_iter()
            .map(
                |((favoured, priority, away, turn, asked), principal, key)| {
                    let round = rounds
                        .entry((favoured, priority, away, principal))
                        .or_default();
                    *round += 1;
                    ((favoured, priority, away, *round, turn, asked), key)
                },
            )
            .collect();
        order.sort_unstable();
        order.into_iter().map(|(_, key)| key).collect()
    }

    /// What decides, in this order: who has waited over the limit of patience; the more urgent;
    /// the server that the module is logged in to; the principal whose last turn is longest ago;
    /// who asked first.
    ///
    /// Patience is counted from the principal's last turn of the same priority: a client with
    /// five hundred jobs is not starving while one after the other is served.
    fn rank(&self, waiting: &Waiting, now: Instant) -> Rank {
        let share = self.shares.get(&waiting.principal);
        let priority = waiting.wish.priority;
        let served = share.and_then(|share| share.served.get(priority as usize).copied().flatten());
        let since = served.map_or(waiting.since, |served| served.max(waiting.since));
        let starving = now.duration_since(since) >= self.limits.patience;
        let turn = share.map_or(0, |share| share.last_turn);
        if starving {
            return (false, Priority::Interactive, false, turn, waiting.order);
        }
        (
            true,
            priority,
            self.server.as_ref() != Some(&waiting.wish.server),
            turn,
            waiting.order,
        )
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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::broker::testing::server;
    use crate::modem::clock;

    const SECOND: Duration = Duration::from_secs(1);

    fn scheduler(max: usize, max_per_principal: usize) -> Scheduler {
        Scheduler::new(Limits {
            max,
            max_per_principal,
            patience: 10 * SECOND,
        })
    }

    fn wish(priority: Priority, host: &str) -> Wish {
        Wish {
            priority,
            server: server(host),
            deadline: None,
        }
    }

    fn admit(queue: &mut Scheduler, name: &str, wish: Wish, now: Instant) -> Key {
        let key = queue.admit(&Principal::new(name)).unwrap();
        queue.ask(key, wish, now);
        key
    }

    fn serve(queue: &mut Scheduler, now: Instant) -> Option<Key> {
        let key = queue.next(now)?;
        queue.done(key, now);
        Some(key)
    }

    #[test]
    fn one_client_with_many_jobs_does_not_delay_the_first_of_another() {
        let (mut queue, now) = (scheduler(1000, 1000), clock::now());
        let many: Vec<_> = (0..500)
            .map(|_| admit(&mut queue, "many", wish(Priority::Normal, "a"), now))
            .collect();
        assert_eq!(serve(&mut queue, now), Some(many[0]));
        let one = admit(&mut queue, "one", wish(Priority::Normal, "a"), now);
        assert_eq!(serve(&mut queue, now), Some(one));
        assert_eq!(serve(&mut queue, now), Some(many[1]));
    }

    #[test]
    fn the_link_is_given_to_one_at_a_time() {
        let (mut queue, now) = (scheduler(10, 10), clock::now());
        let first = admit(&mut queue, "p", wish(Priority::Normal, "a"), now);
        let second = admit(&mut queue, "p", wish(Priority::Normal, "a"), now);
        assert_eq!(queue.next(now), Some(first));
        assert_eq!(queue.next(now), None);
        queue.done(second, now);
        assert_eq!(
            queue.next(now),
            None,
            "only who has the link can give it back"
        );
        queue.done(first, now);
        assert_eq!(queue.next(now), Some(second));
        queue.leave(second, now);
        assert_eq!(queue.next(now), None);
    }

    #[test]
    fn bounds_hold_in_all_and_for_each_until_an_operation_leaves() {
        let (mut queue, now) = (scheduler(3, 2), clock::now());
        let (a, b, c) = (
            Principal::new("a"),
            Principal::new("b"),
            Principal::new("c"),
        );
        let first = queue.admit(&a).unwrap();
        queue.admit(&a).unwrap();
        assert!(queue.admit(&a).unwrap_err().own);
        queue.admit(&b).unwrap();
        assert!(!queue.admit(&c).unwrap_err().own);
        queue.leave(first, now);
        queue.admit(&c).unwrap();
    }

    #[test]
    fn a_passed_deadline_is_never_served() {
        let (mut queue, now) = (scheduler(10, 10), clock::now());
        let deadline = Some(now + SECOND);
        admit(
            &mut queue,
            "p",
            Wish {
                deadline,
                ..wish(Priority::Normal, "a")
            },
            now,
        );
        assert_eq!(queue.next(now + SECOND), None);
        assert!(queue.next(now).is_some());
    }

    #[test]
    fn the_urgent_and_the_near_go_first_until_patience_ends() {
        let (mut queue, start) = (scheduler(100, 100), clock::now());
        admit(&mut queue, "other", wish(Priority::Normal, "a"), start);
        serve(&mut queue, start);
        let far = admit(&mut queue, "far", wish(Priority::Normal, "b"), start);
        let mut now = start;
        while now < start + 10 * SECOND {
            let near = admit(&mut queue, "near", wish(Priority::Normal, "a"), now);
            assert_eq!(
                serve(&mut queue, now),
                Some(near),
                "the module is there already"
            );
            let urgent = admit(&mut queue, "near", wish(Priority::Interactive, "a"), now);
            assert_eq!(serve(&mut queue, now), Some(urgent));
            now += SECOND;
        }
        admit(&mut queue, "near", wish(Priority::Interactive, "a"), now);
        assert_eq!(serve(&mut queue, now), Some(far));
    }

    #[test]
    fn one_who_comes_again_and_again_is_not_new_each_time() {
        let (mut queue, now) = (scheduler(100, 100), clock::now());
        let mut turns = HashMap::new();
        let mut keys = HashMap::new();
        for name in ["a", "b"] {
            for _ in 0..30 {
                keys.insert(
                    admit(&mut queue, name, wish(Priority::Normal, "h"), now),
                    name,
                );
            }
        }
        let mut again = admit(&mut queue, "c", wish(Priority::Normal, "h"), now);
        for _ in 0..30 {
            let key = queue.next(now).unwrap();
            *turns
                .entry(keys.get(&key).copied().unwrap_or("c"))
                .or_insert(0) += 1;
            queue.leave(key, now);
            if key == again {
                again = admit(&mut queue, "c", wish(Priority::Normal, "h"), now);
            }
        }
        assert_eq!(turns, HashMap::from([("a", 10), ("b", 10), ("c", 10)]));
    }

    #[test]
    fn retrying_is_advised_within_a_second_and_a_minute() {
        let (mut queue, now) = (scheduler(1, 1), clock::now());
        let key = admit(&mut queue, "p", wish(Priority::Normal, "a"), now);
        let other = Principal::new("q");
        assert_eq!(queue.admit(&other).unwrap_err().retry_after, 2 * SECOND);
        queue.next(now);
        queue.done(key, now + 8000 * SECOND);
        queue.ask(key, wish(Priority::Normal, "a"), now);
        assert_eq!(queue.admit(&other).unwrap_err().retry_after, 60 * SECOND);
    }

    proptest! {
        /// Between two turns of one principal, every other that waits has a turn.
        #[test]
        fn turns_go_round(jobs in prop::collection::vec(0_u8..5, 1..60)) {
            let (mut queue, now) = (scheduler(100, 100), clock::now());
            let mut left: HashMap<u8, usize> = HashMap::new();
            let mut owner = HashMap::new();
            for name in &jobs {
                *left.entry(*name).or_default() += 1;
                owner.insert(
                    admit(&mut queue, &name.to_string(), wish(Priority::Normal, "h"), now),
                    *name,
                );
            }
            let expected = queue.order(now);
            let mut served = Vec::new();
            let mut since: HashMap<u8, usize> = HashMap::new();
            while let Some(key) = serve(&mut queue, now) {
                served.push(key);
                let name = owner[&key];
                *left.get_mut(&name).unwrap() -= 1;
                for (other, waiting) in &left {
                    if *other != name && *waiting > 0 {
                        let passed = since.entry(*other).or_default();
                        *passed += 1;
                        prop_assert!(*passed < 5, "{other} was passed over {passed} times");
                    }
                }
                since.insert(name, 0);
            }
            prop_assert_eq!(served.len(), jobs.len());
            prop_assert_eq!(served, expected);
        }

        /// Whatever comes and goes: the bounds hold, nobody is lost, nobody is served twice.
        #[test]
        fn nobody_is_lost(steps in prop::collection::vec((0_u8..6, 0_u8..4, any::<u8>()), 1..200)) {
            let mut queue = scheduler(12, 5);
            let mut now = clock::now();
            let mut inside: Vec<(Key, u8)> = Vec::new();
            let mut waiting: Vec<Key> = Vec::new();
            let mut running = None;
            for (step, name, pick) in steps {
                let at = |len: usize| usize::from(pick) % len;
                match step {
                    0 | 1 => {
                        let own = inside.iter().filter(|(_, owner)| *owner == name).count();
                        match queue.admit(&Principal::new(name.to_string())) {
                            Ok(key) => {
                                prop_assert!(own < 5 && inside.len() < 12);
                                inside.push((key, name));
                                let priority =
                                    if pick % 2 == 0 { Priority::Normal } else { Priority::Interactive };
                                queue.ask(key, wish(priority, &(pick % 3).to_string()), now);
                                waiting.push(key);
                            }
                            Err(full) if full.own => prop_assert_eq!(own, 5),
                            Err(_) => prop_assert_eq!(inside.len(), 12),
                        }
                    }
                    2 if !waiting.is_empty() => {
                        let key = waiting.remove(at(waiting.len()));
                        queue.withdraw(key);
                        queue.leave(key, now);
                        inside.retain(|(other, _)| *other != key);
                    }
                    3 => {
                        let next = queue.next(now);
                        prop_assert_eq!(next.is_some(), running.is_none() && !waiting.is_empty());
                        if let Some(key) = next {
                            prop_assert!(waiting.contains(&key));
                            waiting.retain(|other| *other != key);
                            running = Some(key);
                        }
                    }
                    4 => {
                        if let Some(key) = running.take() {
                            queue.done(key, now);
                            queue.leave(key, now);
                            inside.retain(|(other, _)| *other != key);
                        }
                    }
                    _ => now += Duration::from_millis(u64::from(pick) * 100),
                }
                prop_assert_eq!(queue.waiting(), waiting.len());
                prop_assert_eq!(queue.admitted.len(), inside.len());
                let mut order = queue.order(now);
                order.sort_unstable();
                waiting.sort_unstable();
                prop_assert_eq!(&order, &waiting);
            }
        }
    }
}
