//! An operation of many jobs, between two of them.

use super::*;

/// An operation that has the link, and one that waits.
fn two(guest: Wish) -> (Scheduler, QueueKey, Instant, Costs) {
    let (mut queue, now) = (scheduler(10, 10), clock::now());
    let many = admit(&mut queue, "many", wish(Priority::Normal, "a"), now);
    assert_eq!(queue.next(now), Some(many));
    admit(&mut queue, "other", guest, now);
    let costs = Costs {
        login: 2 * SECOND,
        ..Costs::default()
    };
    (queue, many, now, costs)
}

#[test]
fn it_goes_on_while_nobody_waits() {
    let (mut queue, now) = (scheduler(10, 10), clock::now());
    let many = admit(&mut queue, "many", wish(Priority::Normal, "a"), now);
    assert!(
        !queue.may_go_on(many, &Costs::default(), now),
        "it has no turn"
    );
    assert_eq!(queue.next(now), Some(many));
    let late = now + 1000 * SECOND;
    assert!(queue.may_go_on(many, &Costs::default(), late));
}

#[test]
fn those_of_the_same_server_wait_for_a_turn_and_those_of_another_until_it_is_worth_the_logins() {
    for (guest, share) in [
        (wish(Priority::Normal, "a"), 1),
        (wish(Priority::Interactive, "a"), 0),
        (wish(Priority::Interactive, "b"), 4),
        // Its patience is over before that.
        (wish(Priority::Normal, "b"), 16),
    ] {
        let (queue, many, now, costs) = two(guest);
        if share > 0 {
            let before = now + share * SECOND - Duration::from_millis(1);
            assert!(queue.may_go_on(many, &costs, before), "{share}");
        }
        assert!(
            !queue.may_go_on(many, &costs, now + share * SECOND),
            "{share}"
        );
    }
}

#[test]
fn who_is_less_urgent_waits_until_patience_ends() {
    let (queue, many, now, costs) = two(wish(Priority::Bulk, "a"));
    assert!(queue.may_go_on(many, &costs, now + 9 * SECOND));
    assert!(!queue.may_go_on(many, &costs, now + 10 * SECOND));
}

#[test]
fn what_it_does_next_is_what_those_who_wait_expect() {
    let (mut queue, many, now, costs) = two(wish(Priority::Normal, "a"));
    let next = Wish {
        load: Load::Down(Some(1 << 30)),
        ..wish(Priority::Normal, "a")
    };
    let before = queue.starts(&costs, now)[0].1;
    queue.moved(many, 7);
    queue.goes_on(many, &next, now + SECOND);
    let after = queue.starts(&costs, now + SECOND)[0].1;
    assert!(after > before, "{before:?} {after:?}");
    // Its turn has lasted its full time all the same.
    assert!(!queue.may_go_on(many, &costs, now + SECOND));
}
