mod logins;
mod many;
mod waits;

use proptest::prelude::*;

use super::*;
use crate::broker::testing::server;
use crate::modem::clock;

const SECOND: Duration = Duration::from_secs(1);

fn scheduler(max: usize, max_per_principal: usize) -> Scheduler {
    let limits = Limits {
        max,
        max_per_principal,
        patience: 10 * SECOND,
    };
    Scheduler::new(limits, clock::now())
}

fn wish(priority: Priority, host: &str) -> Wish {
    Wish {
        priority,
        server: Some(server(host)),
        deadline: None,
        load: Load::Small,
        yielding: None,
        deletes_a_part: false,
    }
}

fn admit(queue: &mut Scheduler, name: &str, wish: Wish, now: Instant) -> QueueKey {
    let key = queue.admit(&Principal::new(name), now).unwrap();
    queue.ask(key, wish, now);
    key
}

fn serve(queue: &mut Scheduler, now: Instant) -> Option<QueueKey> {
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
fn who_let_the_link_wait_is_remembered_until_all_its_work_has_been_over_for_a_minute() {
    let (mut queue, now) = (scheduler(10, 10), clock::now());
    let first = admit(&mut queue, "p", wish(Priority::Normal, "a"), now);
    let second = admit(&mut queue, "p", wish(Priority::Normal, "a"), now);
    let other = admit(&mut queue, "other", wish(Priority::Normal, "a"), now);
    assert_eq!(queue.next(now), Some(first));
    queue.trickles(first, true);
    queue.trickles(first, false);
    queue.leave(first, now);
    assert!(queue.has_stood_still(second) && !queue.has_stood_still(other));
    queue.leave(second, now);
    queue.leave(other, now);
    // A principal that returns at once is the same as before.
    let soon = now + REMEMBERED - SECOND;
    let third = admit(&mut queue, "p", wish(Priority::Normal, "a"), soon);
    assert!(queue.has_stood_still(third));
    queue.leave(third, soon);
    let late = soon + REMEMBERED;
    let fourth = admit(&mut queue, "p", wish(Priority::Normal, "a"), late);
    assert!(!queue.has_stood_still(fourth));
    queue.leave(fourth, late);
    assert!(queue.shares.is_empty(), "nobody is remembered for ever");
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

/// A call ended minutes after its deadline: a hundred others had the link, each in its turn, before
/// its partial file was deleted.
#[test]
fn a_part_of_a_file_is_deleted_before_the_next_but_one_has_the_link() {
    let (mut queue, start) = (scheduler(100, 100), clock::now());
    let others = [("p", Priority::Bulk), ("q", Priority::Interactive)];
    let others = others.map(|(name, priority)| admit(&mut queue, name, wish(priority, "a"), start));
    // Their patience is over, and it has just had the link.
    let late = start + 60 * SECOND;
    let served = admit(&mut queue, "r", wish(Priority::Interactive, "a"), start);
    queue.leave(served, late);
    let deletes = Wish {
        deletes_a_part: true,
        ..wish(Priority::Interactive, "b")
    };
    let [one, two, three] = [(); 3].map(|()| admit(&mut queue, "r", deletes.clone(), late));
    assert_eq!(serve(&mut queue, late), Some(one));
    // Between two of many deletions, another job goes.
    assert_eq!(serve(&mut queue, late), Some(others[0]));
    assert_eq!(serve(&mut queue, late), Some(two));
    assert_eq!(serve(&mut queue, late), Some(others[1]));
    assert_eq!(serve(&mut queue, late), Some(three));
}

#[test]
fn bounds_hold_in_all_and_for_each_until_an_operation_leaves() {
    let (mut queue, now) = (scheduler(3, 2), clock::now());
    let (a, b, c) = (
        Principal::new("a"),
        Principal::new("b"),
        Principal::new("c"),
    );
    let first = queue.admit(&a, now).unwrap();
    queue.admit(&a, now).unwrap();
    assert!(queue.admit(&a, now).unwrap_err().own);
    queue.admit(&b, now).unwrap();
    assert!(!queue.admit(&c, now).unwrap_err().own);
    queue.leave(first, now);
    queue.admit(&c, now).unwrap();
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
    assert_eq!(
        queue.admit(&other, now).unwrap_err().retry_after,
        2 * SECOND
    );
    queue.next(now);
    queue.done(key, now + 8000 * SECOND);
    queue.ask(key, wish(Priority::Normal, "a"), now);
    assert_eq!(
        queue.admit(&other, now).unwrap_err().retry_after,
        60 * SECOND
    );
}

#[test]
fn bulk_goes_last_and_yet_in_time() {
    let (mut queue, start) = (scheduler(100, 100), clock::now());
    let bulk = admit(&mut queue, "bulk", wish(Priority::Bulk, "a"), start);
    let normal = admit(&mut queue, "normal", wish(Priority::Normal, "b"), start);
    assert_eq!(queue.order(start), [normal, bulk]);
    assert_eq!(serve(&mut queue, start), Some(normal));
    let late = start + 10 * SECOND;
    admit(&mut queue, "normal", wish(Priority::Interactive, "b"), late);
    assert_eq!(serve(&mut queue, late), Some(bulk), "patience has ended");
}

#[test]
fn a_chore_never_goes_before_anybody() {
    let (mut queue, start) = (scheduler(10, 10), clock::now());
    let job = admit(&mut queue, "p", wish(Priority::Bulk, "a"), start);
    assert_eq!((queue.next_chore(start), queue.quiet(start)), (None, None));
    queue.next(start);
    assert_eq!((queue.next_chore(start), queue.quiet(start)), (None, None));
    queue.done(job, start + SECOND);
    let chore = queue.next_chore(start + 2 * SECOND).unwrap();
    queue.done(chore, start + 3 * SECOND);
    let quiet = queue.quiet(start + 4 * SECOND);
    assert_eq!(
        quiet,
        Some((3 * SECOND, SECOND)),
        "a chore ends no idleness"
    );
}

#[test]
fn the_estimate_follows_the_order_and_what_the_link_still_has_to_do() {
    let (mut queue, start) = (scheduler(10, 10), clock::now());
    let costs = Costs::default();
    let transfer = Wish {
        load: Load::Down(None),
        ..wish(Priority::Normal, "a")
    };
    let running = admit(&mut queue, "p", transfer, start);
    queue.next(start);
    queue.sized(running, costs.down * 10);
    let far = admit(&mut queue, "p", wish(Priority::Normal, "b"), start);
    let near = admit(&mut queue, "q", wish(Priority::Normal, "a"), start);
    let rest = costs.login + costs.small + 9 * SECOND;
    assert_eq!(
        queue.starts(&costs, start + SECOND),
        [(near, rest), (far, rest + costs.small)]
    );
}

proptest! {
    /// Between two turns of one principal, every other waiting principal has a turn.
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

    /// Whatever comes and goes: the bounds hold, no job is lost, and no job is served twice.
    #[test]
    fn nobody_is_lost(steps in prop::collection::vec((0_u8..6, 0_u8..4, any::<u8>()), 1..200)) {
        let mut queue = scheduler(12, 5);
        let mut now = clock::now();
        let mut inside: Vec<(QueueKey, u8)> = Vec::new();
        let mut waiting: Vec<QueueKey> = Vec::new();
        let mut running = None;
        for (step, name, pick) in steps {
            let at = |len: usize| usize::from(pick) % len;
            match step {
                0 | 1 => {
                    let own = inside.iter().filter(|(_, owner)| *owner == name).count();
                    match queue.admit(&Principal::new(name.to_string()), now) {
                        Ok(key) => {
                            prop_assert!(own < 5 && inside.len() < 12);
                            inside.push((key, name));
                            let priority =
                                [Priority::Interactive, Priority::Normal, Priority::Bulk][at(3)];
                            queue.ask(key, wish(priority, &(pick % 3).to_string()), now);
                            waiting.push(key);
                        }
                        // The last quarter is for principals that have none yet.
                        Err(full) if full.own => {
                            prop_assert!(own == 5 || (own > 0 && inside.len() >= 9));
                        }
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
