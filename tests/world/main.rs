//! The whole daemon in one thread and in virtual time, with everything that can go wrong around it, from
//! one seed. An oracle, which never looks inside the daemon, checks what it promised.
//!
//! `WORLD_SEED=123 cargo test --test world replay -- --nocapture` runs one seed again and prints its
//! trace; `WORLD_SEEDS=1..1000 cargo test --test world every -- --nocapture` runs many. `WORLD_ONLY`
//! names the actors that take part (clients, and kinds of trouble), and `WORLD_RULE` a part of the name
//! of the one rule that is checked. With `WORLD_GOES_ON` a world goes on after a rule was broken, and
//! reports the first break of each rule.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test says what it found, and panics where it finds what should not be"
)]

mod client;
mod content;
mod disk;
mod module;
mod net;
mod oracle;
mod plan;
mod trouble;
mod world;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};
use std::{env, process, thread};

use plan::{Plan, Seed};
use world::{Outcome, run};

/// Seeds that every run of the tests covers.
const SEEDS: std::ops::Range<u64> = 1..200;

/// No world takes this long, even on a busy machine: one took 0.1 to 3 s where this was written.
const LONGEST: Duration = Duration::from_secs(900);

#[test]
fn every_promise_holds_in_every_world() {
    let seeds = seeds().unwrap_or(SEEDS);
    let (next, operations) = (AtomicU64::new(seeds.start), AtomicU64::new(0));
    let failed = Mutex::new(Vec::new());
    let began = now();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (ended, ends) = mpsc::channel();
    let under_way = Mutex::new(BTreeSet::new());
    thread::scope(|scope| {
        let watched = &under_way;
        scope.spawn(move || watch(&ends, watched));
        for _ in 0..threads {
            let ended = ended.clone();
            scope.spawn(|| {
                // Dropped with the thread, so that the watcher ends with the last one.
                let ended = ended;
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= seeds.end {
                        return;
                    }
                    under_way.lock().unwrap().insert(number);
                    let outcome = run(Seed::new(number));
                    under_way.lock().unwrap().remove(&number);
                    ended.send(()).unwrap();
                    operations.fetch_add(outcome.operations, Ordering::Relaxed);
                    for broken in outcome.broken {
                        println!(
                            "seed {number}, {} operations: {}: {}",
                            broken.operations, broken.rule, broken.what
                        );
                        failed.lock().unwrap().push((number, broken.rule));
                    }
                }
            });
        }
        drop(ended);
    });
    let operations = operations.into_inner();
    let took = began.elapsed();
    println!(
        "{operations} operations in {took:?}, {:.0} a second",
        operations as f64 / took.as_secs_f64()
    );
    let mut failed = failed.into_inner().unwrap();
    failed.sort_unstable();
    if let Some((number, rule)) = failed.first() {
        let least = shrunk(Seed::new(*number), rule);
        print_trace(&run(least.clone()));
        panic!(
            "{} seeds of {seeds:?} break a rule, the first of them this one: {rule}\n\
             replay: {least} cargo test --test world replay -- --nocapture",
            failed.len()
        );
    }
}

/// Reports which world does not end: its time stands still, since something waits for a past moment and
/// then does nothing.
fn watch(ends: &mpsc::Receiver<()>, under_way: &Mutex<BTreeSet<u64>>) {
    loop {
        match ends.recv_timeout(LONGEST) {
            Ok(()) => {}
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                // Nobody can end the thread of such a world: the whole program ends.
                let seeds = under_way.lock().unwrap();
                let _ = writeln!(io::stderr(), "these seeds do not end: {seeds:?}");
                process::exit(101);
            }
        }
    }
}

#[test]
fn the_same_seed_is_the_same_world() {
    for number in [3, 5, 8, 13] {
        let (one, two) = (run(Seed::new(number)), run(Seed::new(number)));
        let differ = one
            .trace
            .iter()
            .zip(&two.trace)
            .find(|(one, two)| one != two);
        assert!(differ.is_none(), "seed {number}: {differ:#?}");
        assert_eq!(one.trace.len(), two.trace.len(), "seed {number}");
    }
}

/// Runs one seed again, as a failure says, and prints what happens.
#[test]
fn replay() {
    let Some(number) = env::var("WORLD_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
    else {
        return;
    };
    let mut seed = Seed::new(number);
    if let Ok(only) = env::var("WORLD_ONLY") {
        let only: Vec<String> = only.split(',').map(str::to_owned).collect();
        seed = seed.only(&only);
    }
    let outcome = run(seed);
    print_trace(&outcome);
    assert_eq!(outcome.broken, []);
}

/// For the speed that is printed; what happens in a world knows virtual time only.
#[expect(
    clippy::disallowed_methods,
    reason = "the speed of the machine is measured"
)]
fn now() -> Instant {
    Instant::now()
}

fn seeds() -> Option<std::ops::Range<u64>> {
    let text = env::var("WORLD_SEEDS").ok()?;
    let (from, to) = text.split_once("..").expect("WORLD_SEEDS is like 1..1000");
    let number = |text: &str| text.parse().expect("WORLD_SEEDS is like 1..1000");
    Some(number(from)..number(to))
}

/// The same seed with as few actors as still break the same rule.
fn shrunk(seed: Seed, rule: &str) -> Seed {
    let breaks = |seed: &Seed| {
        let broken = run(seed.clone()).broken;
        broken.iter().any(|broken| broken.rule == rule)
    };
    let mut least = seed;
    let mut size = usize::MAX;
    while size > 0 {
        let actors = Plan::of(least.clone()).actors();
        size = size.min(actors.len() / 2);
        let mut without_any = false;
        for some in actors.chunks(size.max(1)) {
            let less = least.without(some.iter().cloned());
            if breaks(&less) {
                least = less;
                without_any = true;
            }
        }
        if !without_any || size == 1 {
            size /= 2;
        }
    }
    least
}

fn print_trace(outcome: &Outcome) {
    for line in &outcome.trace {
        println!("{line}");
    }
    println!("{} operations", outcome.operations);
}
