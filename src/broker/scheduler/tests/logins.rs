//! How many logins the order costs, against the best order in which nobody waits longer.

use super::*;

/// Seconds that a login and an operation take, and for which the order may favour others.
const LOGIN: u64 = 6;
const WORK: u64 = 1;
const PATIENCE: u64 = 20;

const MIXES: u64 = 300;

/// A job: when it comes, in seconds, its principal, and its server.
#[derive(Debug, Clone, Copy)]
struct Arrival {
    at: u64,
    principal: u64,
    server: u64,
}

/// The cost of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Cost {
    logins: u32,
    longest: u64,
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn mix(dice: &mut Dice) -> Vec<Arrival> {
    let span = [1, 10, 40][usize::try_from(dice.below(3)).unwrap()];
    let mut jobs: Vec<_> = (0..3 + dice.below(6))
        .map(|_| Arrival {
            at: dice.below(span),
            principal: dice.below(3),
            server: dice.below(3),
        })
        .collect();
    jobs.sort_by_key(|job| job.at);
    jobs
}

/// The order of the scheduler.
fn scheduled(jobs: &[Arrival]) -> Cost {
    let start = clock::now();
    let limits = Limits {
        patience: Duration::from_secs(PATIENCE),
        ..Limits::default()
    };
    let mut queue = Scheduler::new(limits, start);
    let mut cost = Cost {
        logins: 0,
        longest: 0,
    };
    let (mut now, mut at, mut come, mut left) = (0, None, 0, HashMap::new());
    while come < jobs.len() || !left.is_empty() {
        while let Some(job) = jobs.get(come).filter(|job| job.at <= now) {
            let host = format!("s{}", job.server);
            let wish = wish(Priority::Interactive, &host);
            let name = format!("p{}", job.principal);
            let asked = start + Duration::from_secs(job.at);
            left.insert(admit(&mut queue, &name, wish, asked), *job);
            come += 1;
        }
        let Some(key) = queue.next(start + Duration::from_secs(now)) else {
            now = jobs[come].at;
            continue;
        };
        let job = left.remove(&key).unwrap();
        cost.longest = cost.longest.max(now - job.at);
        cost.logins += u32::from(at != Some(job.server));
        now += WORK + if at == Some(job.server) { 0 } else { LOGIN };
        at = Some(job.server);
        queue.leave(key, start + Duration::from_secs(now));
    }
    cost
}

/// The fewest logins with which nobody waits longer than `bound`: tries every order.
fn best(left: &mut Vec<Arrival>, now: u64, at: Option<u64>, bound: u64, most: u32) -> Option<u32> {
    if left.is_empty() {
        return Some(0);
    }
    if left.iter().any(|job| now > job.at + bound) {
        return None;
    }
    let mut fewest = None;
    let mut most = most;
    for which in 0..left.len() {
        let job = left.remove(which);
        let login = u32::from(at != Some(job.server));
        let begins = now.max(job.at);
        if login <= most && begins <= job.at + bound {
            let ends = begins + WORK + u64::from(login) * LOGIN;
            let rest = best(left, ends, Some(job.server), bound, most - login);
            if let Some(rest) = rest {
                let all = rest + login;
                fewest = Some(all);
                most = all.saturating_sub(1);
                if all == 0 {
                    left.insert(which, job);
                    return fewest;
                }
            }
        }
        left.insert(which, job);
    }
    fewest
}

#[test]
#[expect(clippy::print_stdout, reason = "the test says what it found")]
fn the_order_costs_hardly_more_logins_than_the_best_there_is() {
    let mut dice = Dice(7);
    let (mut ours, mut theirs, mut freest, mut worst) = (0, 0, 0, (1.0, Vec::new()));
    let mut longest = 0;
    for _ in 0..MIXES {
        let jobs = mix(&mut dice);
        let cost = scheduled(&jobs);
        let found = best(&mut jobs.clone(), 0, None, cost.longest, cost.logins);
        let found = found.expect("the scheduler's own order is one of them");
        assert!(found <= cost.logins, "{jobs:?}");
        ours += cost.logins;
        theirs += found;
        // The longest wait that `Scheduler::rank` allows, for the principal with the most jobs
        // here.
        let most =
            (0..3).map(|principal| jobs.iter().filter(|job| job.principal == principal).count());
        let stated = most.max().unwrap_or_default() as u64 * (PATIENCE + 3 * (LOGIN + WORK));
        let within = best(&mut jobs.clone(), 0, None, stated, cost.logins);
        freest += within.expect("the scheduler's own order is one of them");
        longest = longest.max(cost.longest);
        let ratio = f64::from(cost.logins) / f64::from(found);
        if ratio > worst.0 {
            worst = (ratio, jobs);
        }
    }
    let ratio = f64::from(ours) / f64::from(theirs);
    let free = f64::from(ours) / f64::from(freest);
    println!(
        "{MIXES} mixes: {ours} logins, {theirs} in the best orders in which nobody waits longer, ratio \
         {ratio:.3}; {freest} in the best within the stated bound, ratio {free:.3}; worst mix {:.2}: \
         {:?}; longest wait {longest} s",
        worst.0, worst.1
    );
    assert!(ratio <= 1.2);
    assert!(free <= 1.2);
}
