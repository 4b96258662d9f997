//! How long jobs wait, against the bound that `Scheduler::rank` states.

use super::*;

const PATIENCE: u64 = 10;

/// The longest time that a job has the link here.
const STAY: u64 = 4;

/// A job: when it comes, its principal, priority, server and duration.
#[derive(Debug, Clone, Copy)]
struct Arrival {
    at: u64,
    principal: u8,
    priority: u8,
    server: u8,
    takes: u64,
}

fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let arrival = (0_u64..120, 0_u8..4, 0_u8..3, 0_u8..3, 1..=STAY);
    let arrival = arrival.prop_map(|(at, principal, priority, server, takes)| Arrival {
        at,
        principal,
        priority,
        server,
        takes,
    });
    prop::collection::vec(arrival, 1..120).prop_map(|mut all| {
        all.sort_by_key(|arrival| arrival.at);
        all
    })
}

/// Serves them all; returns the longest wait, and the greatest part of its bound that any wait
/// took.
fn longest(all: &[Arrival]) -> Result<(u64, f64), TestCaseError> {
    let (mut queue, start) = (scheduler(1000, 1000), clock::now());
    let second = |at: u64| start + Duration::from_secs(at);
    let mut left: HashMap<QueueKey, (Arrival, u64)> = HashMap::new();
    let (mut now, mut come) = (0, 0);
    let (mut longest, mut part) = (0, 0.0_f64);
    while come < all.len() || !left.is_empty() {
        while let Some(job) = all.get(come).filter(|job| job.at <= now) {
            let priority = [Priority::Interactive, Priority::Normal, Priority::Bulk];
            let wish = wish(priority[usize::from(job.priority)], &job.server.to_string());
            let own = left
                .values()
                .filter(|(other, _)| other.principal == job.principal);
            let place = own.count() as u64 + 1;
            let key = admit(&mut queue, &job.principal.to_string(), wish, second(job.at));
            left.insert(key, (*job, place));
            come += 1;
        }
        let Some(key) = queue.next(second(now)) else {
            now = all[come].at;
            continue;
        };
        let (job, place) = left.remove(&key).unwrap();
        let (waited, bound) = (now - job.at, place * (PATIENCE + 4 * STAY));
        prop_assert!(
            waited <= bound,
            "{job:?} waited {waited} s, and not {bound} s"
        );
        longest = longest.max(waited);
        part = part.max(waited as f64 / bound as f64);
        now += job.takes;
        queue.leave(key, second(now));
    }
    Ok((longest, part))
}

proptest! {
    /// Four clients, three servers, three priorities, and more work than the link can do.
    #[test]
    fn nobody_waits_longer_than_is_stated(all in arrivals()) {
        longest(&all)?;
    }
}

#[test]
fn who_goes_on_asking_one_server_does_not_starve_what_it_asked_another() {
    let (mut queue, start) = (scheduler(100, 100), clock::now());
    admit(&mut queue, "p", wish(Priority::Normal, "near"), start);
    serve(&mut queue, start);
    let far = admit(&mut queue, "p", wish(Priority::Normal, "far"), start);
    for second in 0..10 {
        let now = start + second * SECOND;
        let near = admit(&mut queue, "p", wish(Priority::Normal, "near"), now);
        assert_eq!(serve(&mut queue, now), Some(near));
    }
    let late = start + 10 * SECOND;
    admit(&mut queue, "p", wish(Priority::Normal, "near"), late);
    assert_eq!(serve(&mut queue, late), Some(far), "its patience has ended");
}

#[test]
#[expect(clippy::print_stdout, reason = "the test says what it found")]
fn a_flood_of_the_urgent_takes_most_of_the_bound() {
    let mut all: Vec<_> = (0..100)
        .map(|at| Arrival {
            at,
            principal: u8::try_from(at % 3).unwrap(),
            priority: 0,
            server: 0,
            takes: STAY,
        })
        .collect();
    let bulk = Arrival {
        at: 0,
        principal: 3,
        priority: 2,
        server: 1,
        takes: STAY,
    };
    all.splice(1..1, [bulk; 3]);
    let (longest, part) = longest(&all).unwrap();
    println!(
        "longest wait {longest} s, {:.0} % of its bound",
        part * 100.0
    );
    assert!(part > 0.3, "the bound is of no use");
}
