//! Transfers that yield in the middle, and those that wait for them.
//!
//! Above 400 lines because each test is one way in which a transfer comes to yield.

use std::sync::{Arc, Mutex};

use tokio::time::timeout;

use super::world::lively;
use super::*;
use cellftp::broker::api::Heard;
use cellftp::broker::flow::get::GetStage;
use cellftp::broker::terms::{Caller, Cause, Limit, Priority, Whose, YieldReason, Yields};
use cellftp::broker::watch::{OperationChange, What};
use cellftp::broker::{Limits, limits, usage};
use cellftp::modem::clock;
use simcom_emulator::Knobs;

const SECOND: Duration = Duration::from_secs(1);

/// 8 MiB: a minute and a half at 921600 baud.
const LARGE: usize = 8 << 20;

fn yields(name: &str, yields: Yields) -> Caller {
    Caller {
        yields: Some(yields),
        ..caller(name)
    }
}

/// Writes a large file in one go.
async fn put_as(world: &World, who: &Caller, name: &str, whole: &[u8]) -> (u32, PutState) {
    let [one, _] = HOSTS;
    let header = PutHeader {
        size: Some(whole.len() as u64),
        ..header(at(one), name)
    };
    let mut writing = world.broker.put(who, header).unwrap();
    for part in whole.chunks(50_000) {
        writing.push(Bytes::copy_from_slice(part)).await.unwrap();
    }
    let result = writing.finish(None).await.unwrap();
    (result.resumes, result.state)
}

async fn get_as(world: &World, who: &Caller, name: &str) -> (Vec<u8>, u32) {
    let [one, _] = HOSTS;
    let mut reading = world
        .broker
        .get(who, &at(one), &path(name), Offset::ZERO)
        .await
        .unwrap();
    let mut all = Vec::new();
    loop {
        match reading.next().await.unwrap() {
            Next::Chunk(chunk) => all.extend_from_slice(&chunk),
            Next::End(result) => return (all, result.resumes),
        }
    }
}

/// Asks for a size as another client.
async fn small(world: &World) -> u64 {
    let [one, _] = HOSTS;
    let size = world
        .broker
        .size(&caller("asks"), &at(one), &path("/small"))
        .await;
    size.unwrap()
}

/// Asks for a size every few seconds until `work` is done. Returns how long each answer took.
pub(crate) async fn meanwhile<T>(
    world: &World,
    work: impl Future<Output = T>,
) -> (T, Vec<Duration>) {
    meanwhile_every(world, 4 * SECOND, work).await
}

/// The same with another time between two questions.
pub(crate) async fn meanwhile_every<T>(
    world: &World,
    pause: Duration,
    work: impl Future<Output = T>,
) -> (T, Vec<Duration>) {
    let waits = Mutex::new(Vec::new());
    let asking = async {
        loop {
            sleep(pause).await;
            let began = clock::now();
            assert_eq!(small(world).await, 10);
            waits.lock().unwrap().push(clock::now() - began);
        }
    };
    let done = tokio::select! {
        done = work => done,
        () = asking => unreachable!(),
    };
    let mut waits = waits.into_inner().unwrap();
    waits.sort_unstable();
    (done, waits)
}

fn report(what: &str, waits: &[Duration], took: Duration) {
    assert!(waits.len() > 5, "{what} took {took:?}: {waits:?}");
    let median = waits[waits.len() / 2];
    let longest = waits[waits.len() - 1];
    println!(
        "{what}: {} answers, median {median:?}, longest {longest:?}; the transfer took {took:?}",
        waits.len()
    );
    assert!(median < 3 * SECOND, "{waits:?}");
    assert!(longest < 20 * SECOND, "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_size_is_told_within_three_seconds_during_a_long_upload() {
    for family in [Family::Sim7600, Family::A7670] {
        let world = World::new(family);
        let [one, _] = HOSTS;
        world.store(one, "/small", content(1, 10));
        let whole = lively(2, LARGE);
        let who = yields("up", Yields::Always);
        let began = clock::now();
        let upload = put_as(&world, &who, "/big", &whole);
        let ((resumes, state), waits) = meanwhile(&world, upload).await;
        assert_eq!((resumes, state), (0, PutState::VerifiedSize));
        assert!(world.file(one, "/big").unwrap() == whole, "byte by byte");
        report(&format!("{family:?} up"), &waits, clock::now() - began);
    }
}

#[tokio::test(start_paused = true)]
async fn a_size_is_told_within_three_seconds_during_a_long_download() {
    let world = World::new(Family::Sim7600);
    let [one, _] = HOSTS;
    world.store(one, "/small", content(1, 10));
    let whole = lively(2, LARGE);
    world.store(one, "/big", whole.clone());
    let who = yields("down", Yields::Always);
    let began = clock::now();
    let ((got, resumes), waits) = meanwhile(&world, get_as(&world, &who, "/big")).await;
    assert_eq!(resumes, 0);
    assert!(got == whole, "byte by byte");
    report("down", &waits, clock::now() - began);
}

/// What was told of operations of one method, in short.
pub(crate) async fn told(
    world: &World,
    method: &'static str,
) -> (tokio::task::JoinHandle<()>, Arc<Mutex<Vec<String>>>) {
    let mut watcher = world
        .broker
        .watch(&caller("watches"), Whose::Own, &[])
        .unwrap();
    let told = Arc::<Mutex<Vec<String>>>::default();
    let log = Arc::clone(&told);
    let watching = tokio::spawn(async move {
        while let Some(Heard::Event(event)) = watcher.next().await {
            let What::Operation { about, change } = event.what else {
                continue;
            };
            if about.method != method {
                continue;
            }
            log.lock().unwrap().push(match change {
                OperationChange::Yielded { why, .. } => format!("yielded {why:?}"),
                OperationChange::Resumed { .. } => "resumed".into(),
                OperationChange::Started { .. } => "started".into(),
                OperationChange::Ended { .. } => "ended".into(),
                _ => continue,
            });
        }
    });
    (watching, told)
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_trickles_lets_others_in_and_is_whole_in_the_end() {
    for family in [Family::Sim7600, Family::A7670] {
        let world = World::new(family);
        let [one, _] = HOSTS;
        world.store(one, "/small", content(1, 10));
        let (watching, told) = told(&world, "Put").await;
        let whole = lively(3, 30_000);
        let me = caller("me");
        let mut writing = world.broker.put(&me, header(at(one), "/slow")).unwrap();
        let sending = async {
            for part in whole.chunks(100) {
                writing.push(Bytes::copy_from_slice(part)).await.unwrap();
                // Far slower than the link, and with pauses.
                let pause = if part[0] % 5 == 0 { 5 } else { 0 };
                sleep(Duration::from_millis(200) + pause * SECOND).await;
            }
            writing.finish(None).await.unwrap()
        };
        let (result, waits) = meanwhile(&world, sending).await;
        assert_eq!(result.state, PutState::VerifiedSize, "{}", result.evidence);
        assert!(world.file(one, "/slow").unwrap() == whole);
        let longest = waits[waits.len() - 1];
        println!("{family:?}: longest wait beside a trickle {longest:?}");
        assert!(longest < 4 * SECOND, "{waits:?}");
        let told = told.lock().unwrap();
        assert!(
            told.iter().any(|change| change == "yielded Trickle"),
            "{told:?}"
        );
        assert_eq!(told.last().unwrap(), "ended");
        watching.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_get_that_yields_is_queued_again_and_ends_once() {
    let world = World::new(Family::Sim7600);
    let [one, _] = HOSTS;
    world.store(one, "/small", content(1, 10));
    let whole = lively(2, 2_000_000);
    world.store(one, "/big", whole.clone());
    let (watching, told) = told(&world, "Get").await;
    let me = yields("me", Yields::Always);
    let mut reading = world
        .broker
        .get(&me, &at(one), &path("/big"), Offset::ZERO)
        .await
        .unwrap();
    let mut progress = reading.progress();
    let queued = async {
        progress
            .wait_for(|now| now.stage == GetStage::Queued)
            .await
            .is_ok()
    };
    assert!(tokio::join!(queued, small(&world)).0);
    let mut all = Vec::new();
    let result = loop {
        match reading.next().await.unwrap() {
            Next::Chunk(chunk) => all.extend_from_slice(&chunk),
            Next::End(result) => break result,
        }
    };
    assert!(all == whole);
    assert_eq!(result.resumes, 0);
    sleep(SECOND).await;
    let told = told.lock().unwrap();
    let count = |what: &str| told.iter().filter(|told| told.starts_with(what)).count();
    assert_eq!(
        (count("yielded"), count("resumed"), count("ended")),
        (1, 1, 1),
        "{told:?}"
    );
    watching.abort();
}

#[tokio::test(start_paused = true)]
async fn one_byte_a_second_holds_nobody_up() {
    let world = World::new(Family::Sim7600);
    let [one, _] = HOSTS;
    world.store(one, "/small", content(1, 10));
    let mut writing = world
        .broker
        .put(&caller("me"), header(at(one), "/drip"))
        .unwrap();
    let dripping = async {
        for byte in 0..200u8 {
            writing.push(Bytes::copy_from_slice(&[byte])).await.unwrap();
            sleep(SECOND).await;
        }
        writing.finish(None).await.unwrap()
    };
    let (result, waits) = meanwhile(&world, dripping).await;
    assert_eq!(result.size, 200);
    assert_eq!(
        world.file(one, "/drip").unwrap(),
        (0..200u8).collect::<Vec<_>>()
    );
    assert!(waits[waits.len() - 1] < 4 * SECOND, "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_bulk_upload_yields_by_itself_and_a_normal_one_does_not() {
    for (priority, yields) in [(Priority::Bulk, true), (Priority::Normal, false)] {
        let world = World::new(Family::Sim7600);
        let [one, _] = HOSTS;
        world.store(one, "/small", content(1, 10));
        let (watching, told) = told(&world, "Put").await;
        let who = Caller {
            priority: Some(priority),
            ..caller("me")
        };
        let whole = lively(2, 900_000);
        let ((resumes, _), _) = meanwhile(&world, put_as(&world, &who, "/big", &whole)).await;
        assert_eq!(resumes, 0);
        assert!(world.file(one, "/big").unwrap() == whole);
        let yielded = format!("yielded {:?}", YieldReason::Urgent);
        assert_eq!(told.lock().unwrap().contains(&yielded), yields);
        watching.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn who_leaves_after_yielding_leaves_no_file() {
    for family in [Family::Sim7600, Family::A7670] {
        let world = World::new(family);
        let [one, _] = HOSTS;
        world.store(one, "/small", content(1, 10));
        assert_eq!(small(&world).await, 10);
        let me = yields("me", Yields::Always);
        let mut writing = world.broker.put(&me, header(at(one), "/half")).unwrap();
        writing.push(Bytes::from(lively(2, 5000))).await.unwrap();
        // It stands still on the link, yields, and has gone when it could go on.
        let asking = small(&world);
        sleep(SECOND).await;
        assert_eq!(asking.await, 10);
        assert_eq!(world.file(one, "/half").unwrap().len(), 5000, "{family:?}");
        drop(writing);
        sleep(10 * SECOND).await;
        assert_eq!(world.file(one, "/half"), None, "{family:?}");
        assert!(world.broker.status().running.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_broken_upload_goes_on_with_what_the_spool_has_kept() {
    let knobs = Knobs {
        baud: 921_600,
        ..Knobs::default()
    };
    let world = World::within(Family::Sim7600, knobs, Limits::default(), []);
    let [one, _] = HOSTS;
    let whole = lively(2, 400_000);
    let who = caller("me");
    let breaks = async {
        sleep(2 * SECOND).await;
        world.break_link();
        std::future::pending::<()>().await;
    };
    let (resumes, state) = tokio::select! {
        done = put_as(&world, &who, "/f", &whole) => done,
        () = breaks => unreachable!(),
    };
    assert_eq!(state, PutState::VerifiedSize);
    assert!(resumes > 0);
    assert!(world.file(one, "/f").unwrap() == whole);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stands_still_for_good_is_told_so_off_the_link_too() {
    let limits = Limits {
        stall: limits::Stall(10 * SECOND),
        ..Limits::default()
    };
    let world = World::within(Family::Sim7600, Knobs::default(), limits, []);
    let [one, _] = HOSTS;
    world.store(one, "/small", content(1, 10));
    let mut writing = world
        .broker
        .put(&caller("me"), header(at(one), "/f"))
        .unwrap();
    writing.push(Bytes::from(lively(2, 5000))).await.unwrap();
    let (error, waits) = meanwhile(&world, writing.failed()).await;
    assert!(error.to_string().contains("stopped sending"), "{error}");
    assert!(!error.left_behind);
    assert!(waits.iter().all(|wait| *wait < 4 * SECOND), "{waits:?}");
    timeout(60 * SECOND, async {
        while world.file(one, "/f").is_some() {
            sleep(SECOND).await;
        }
    })
    .await
    .unwrap();
}

/// An upload that failed while it was off the link, of a client that has used up its budget
/// meanwhile.
#[tokio::test(start_paused = true)]
async fn a_clean_up_is_booked_and_is_done_though_nothing_is_left() {
    let limits = Limits {
        usage: usage::Limits {
            module: Limit {
                per_day: 50_000,
                per_month: 0,
            },
            ..usage::Limits::default()
        },
        ..Limits::default()
    };
    let world = World::within(Family::Sim7600, Knobs::default(), limits, []);
    let (broker, [one, _]) = (&world.broker, HOSTS);
    world.store(one, "/f", content(1, 25_000));
    let me = caller("me");
    let mut slow = broker.put(&me, header(at(one), "/g")).unwrap();
    slow.push(Bytes::from(lively(2, 9000))).await.unwrap();
    sleep(3 * SECOND).await;
    get(broker, "me", &at(one), "/f").await.unwrap();
    let error = get(broker, "me", &at(one), "/f").await.unwrap_err();
    assert!(matches!(error.cause, Cause::DataBudget(_)), "{error:?}");
    let before = broker.usage(&me).total.day;
    let error = slow.failed().await;
    assert!(matches!(error.cause, Cause::WriterTooSlow), "{error:?}");
    assert_eq!((error.left_behind, world.file(one, "/g")), (false, None));
    let after = broker.usage(&me).total.day;
    assert!(
        after.air > before.air && after.down > before.down,
        "{after:?}"
    );
}
