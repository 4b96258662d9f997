//! The owner of the port climbs the repair ladder: for the job at the port, and between two jobs.

use std::sync::mpsc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::{HOSTS, World, at, caller, content, get, path};
use cellftp::broker::Broker;
use cellftp::broker::api::{Heard, Watcher};
use cellftp::broker::terms::{Cause, Whose};
use cellftp::broker::watch::What;
use cellftp::modem::clock;
use simcom_emulator::{Effect, Family, Fault, Knobs, Phase, Stuck, Trigger};
use simcom_talk::dialogue::Rung;

const SECOND: Duration = Duration::from_secs(1);

/// A module on a UART whose radio takes its time.
fn world(family: Family, trigger: Trigger, stuck: Stuck) -> World {
    let knobs = Knobs {
        reset_hangs_up: false,
        registration_time: 5 * SECOND,
        ..Knobs::default()
    };
    let effect = Effect::Stuck(stuck);
    World::with(family, knobs, [Fault { trigger, effect }])
}

/// The repairs that were told, and whether they helped.
async fn told(watcher: &mut Watcher) -> Vec<(Rung, bool)> {
    let mut all = Vec::new();
    while let Ok(Some(Heard::Event(event))) = timeout(SECOND / 100, watcher.next()).await {
        if let What::Repair(repaired) = event.what {
            all.push((repaired.rung, repaired.outcome.is_ok()));
        }
    }
    all.retain(|(rung, _)| *rung >= Rung::Context);
    all
}

#[tokio::test(start_paused = true)]
async fn a_download_survives_and_those_who_watch_are_told_why_it_took_so_long() {
    let cases = [
        (Stuck::Context, &[(Rung::Context, true)][..]),
        (Stuck::Radio, &[(Rung::Context, false), (Rung::Radio, true)]),
        (
            Stuck::Stack,
            &[
                (Rung::Context, false),
                (Rung::Radio, false),
                (Rung::Reset, true),
            ],
        ),
    ];
    for family in [Family::Sim7600, Family::A7670] {
        for (stuck, rungs) in cases {
            let world = world(family, Trigger::ToHost(200_000), stuck);
            let (broker, [one, _]) = (&world.broker, HOSTS);
            let keeper = broker.clone();
            let keeping = tokio::spawn(async move { keeper.upkeep().await });
            let mut watcher = broker.watch(&caller("me"), Whose::Own, &[]).unwrap();
            let whole = content(1, 400_000);
            world.store(one, "/f", whole.clone());
            let got = get(broker, "me", &at(one), "/f").await.unwrap();
            assert!(got == whole, "{family:?} {stuck:?}");
            assert_eq!(told(&mut watcher).await, rungs, "{family:?} {stuck:?}");
            let repairs = broker.status().repairs;
            let (last, _) = repairs.last.unwrap();
            assert_eq!(Some((last.rung, true)), rungs.last().copied());
            assert!(repairs.within_an_hour.iter().all(|(_, count)| *count == 1));
            keeping.abort();
        }
    }
}

/// The waits that `GetStatus` shows while this runs, each with its longest time.
async fn waits<T>(broker: &Broker, work: impl Future<Output = T>) -> (T, Vec<(String, Duration)>) {
    let mut seen: Vec<(String, Duration)> = Vec::new();
    tokio::pin!(work);
    loop {
        if let Ok(done) = timeout(SECOND / 10, &mut work).await {
            return (done, seen);
        }
        let status = broker.status();
        assert_eq!(status.health.waiting.is_some(), status.waited.is_some());
        let (Some(waiting), Some(waited)) = (status.health.waiting, status.waited) else {
            continue;
        };
        match seen.last_mut().filter(|(why, _)| why == waiting.why) {
            Some((_, longest)) => *longest = waited.max(*longest),
            None => seen.push((waiting.why.into(), waited)),
        }
    }
}

/// `GetStatus` showed nothing of a login that waited for minutes because the module was busy.
#[tokio::test(start_paused = true)]
async fn status_tells_for_what_and_how_long_a_busy_module_is_waited_for() {
    let busy = |nth| Fault {
        trigger: Trigger::Command {
            command: "+CFTPSLOGIN".into(),
            nth,
            phase: Phase::BeforeResult,
        },
        effect: Effect::Fail(3),
    };
    let world = World::with(Family::Sim7600, Knobs::default(), [busy(1), busy(2)]);
    let (broker, [one, _]) = (&world.broker, HOSTS);
    world.store(one, "/f", content(1, 1000));
    let (got, seen) = waits(broker, get(broker, "me", &at(one), "/f")).await;
    assert!(got.unwrap() == content(1, 1000));
    let [(why, longest)] = &seen[..] else {
        panic!("{seen:?}")
    };
    assert_eq!(why, "the module is busy");
    // Both pauses of 2 s are one wait.
    assert!(*longest > 3 * SECOND, "{longest:?}");
    assert_eq!(broker.status().waited, None);
}

#[tokio::test(start_paused = true)]
async fn status_tells_that_a_module_starts_anew_and_is_not_registered() {
    let world = world(Family::Sim7600, Trigger::ToHost(200_000), Stuck::Stack);
    let (broker, [one, _]) = (&world.broker, HOSTS);
    world.store(one, "/f", content(1, 400_000));
    let (got, seen) = waits(broker, get(broker, "me", &at(one), "/f")).await;
    assert!(got.unwrap() == content(1, 400_000));
    for told in ["the module is about to restart", "not registered"] {
        let is_told = seen.iter().any(|(why, _)| why.contains(told));
        assert!(is_told, "{seen:?} {:?}", broker.status().repairs);
    }
    assert_eq!(broker.status().waited, None);
}

#[tokio::test(start_paused = true)]
async fn what_a_job_had_no_time_for_is_mended_when_nobody_waits() {
    let world = world(Family::Sim7600, Trigger::After(2 * SECOND), Stuck::Radio);
    let (broker, [one, _]) = (&world.broker, HOSTS);
    world.store(one, "/f", content(1, 1000));
    sleep(3 * SECOND).await;
    let mut hasty = caller("hasty");
    hasty.deadline = Some(clock::now() + 4 * SECOND);
    let failed = broker.size(&hasty, &at(one), &path("/f")).await;
    assert!(matches!(failed.unwrap_err().cause, Cause::Expired));
    let rungs = |broker: &Broker| {
        let repairs = broker.status().repairs.within_an_hour;
        let rungs = repairs.into_iter().map(|(rung, _)| rung);
        rungs
            .filter(|rung| *rung > Rung::Context)
            .collect::<Vec<_>>()
    };
    assert_eq!(rungs(broker), []);
    sleep(120 * SECOND).await;
    assert_eq!(rungs(broker), [Rung::Radio]);
    let mut hasty = caller("hasty");
    hasty.deadline = Some(clock::now() + 4 * SECOND);
    let size = broker.size(&hasty, &at(one), &path("/f")).await;
    assert_eq!(size.unwrap(), 1000);
}

#[test]
fn a_mend_that_falls_due_while_the_module_is_away_does_not_turn_in_a_circle() {
    let (done, is_done) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_time().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let world = world(Family::Sim7600, Trigger::After(2 * SECOND), Stuck::Radio);
            let (broker, [one, _]) = (&world.broker, HOSTS);
            sleep(3 * SECOND).await;
            let mut hasty = caller("hasty");
            hasty.deadline = Some(clock::now() + 4 * SECOND);
            let failed = broker.size(&hasty, &at(one), &path("/f")).await;
            assert!(matches!(failed.unwrap_err().cause, Cause::Expired));
            world.unplug();
            // A wait for a past moment would stop the clock.
            sleep(300 * SECOND).await;
            let failed = broker.size(&caller("me"), &at(one), &path("/f")).await;
            assert!(matches!(failed.unwrap_err().cause, Cause::Modem(_)));
        });
        done.send(()).unwrap();
    });
    // Real time: it takes a few milliseconds, on any machine.
    let ended = is_done.recv_timeout(60 * SECOND);
    assert!(
        ended.is_ok(),
        "time stands still: the owner of the port is never idle"
    );
}

#[tokio::test(start_paused = true)]
async fn a_reset_by_wish_waits_its_turn_and_the_next_operation_works() {
    let never = Trigger::ToHost(u64::MAX);
    let world = world(Family::A7670, never, Stuck::Context);
    let (broker, [one, _]) = (&world.broker, HOSTS);
    let whole = content(1, 300_000);
    world.store(one, "/f", whole.clone());
    let me = caller("me");
    let resetting = {
        let broker = broker.clone();
        async move { broker.reset(&caller("other")).await }
    };
    let target = at(one);
    let (got, reset) = tokio::join!(get(broker, "me", &target, "/f"), resetting);
    assert!(got.unwrap() == whole, "it was not cut short");
    reset.unwrap();
    let (last, _) = broker.status().repairs.last.unwrap();
    assert_eq!(
        (last.rung, last.why, last.outcome),
        (Rung::Reset, None, Ok(()))
    );
    let size = broker.size(&me, &at(one), &path("/f")).await;
    assert_eq!(size.unwrap(), 300_000);
}

/// Nobody asked a module again that had no network yet when it was brought up: it was told of for ever as searching.
#[tokio::test(start_paused = true)]
async fn a_module_that_finds_its_network_after_40_s_is_ready_without_any_job() {
    let knobs = Knobs {
        cold_start: true,
        boot_time: 10 * SECOND,
        registration_time: 40 * SECOND,
        ..Knobs::default()
    };
    let world = World::with(Family::Sim7600, knobs, []);
    let state = || world.broker.status().health.link.name();
    let began = clock::now();
    let mut seen = vec![(state(), Duration::ZERO)];
    while seen.last().is_some_and(|(state, _)| *state != "ready") {
        sleep(SECOND / 10).await;
        let now = state();
        if seen.last().is_some_and(|(state, _)| *state != now) {
            seen.push((now, began.elapsed()));
        }
        assert!(began.elapsed() < 120 * SECOND, "{seen:?}");
    }
    let [("bringing_up", _), ("searching", up), ("ready", found)] = seen[..] else {
        panic!("{seen:?}")
    };
    assert!(up < 20 * SECOND, "{seen:?}");
    // It was asked every five seconds.
    assert!((50 * SECOND..57 * SECOND).contains(&found), "{seen:?}");
}
