//! Transfers that make way in the midst, and those who wait for them.

use std::sync::{Arc, Mutex};

use tokio::time::timeout;

use super::world::lively;
use super::*;
use cellftp::broker::api::Heard;
use cellftp::broker::terms::{Caller, Priority, Whose, Why, Yields};
use cellftp::broker::watch::{OperationChange, What};
use cellftp::broker::{Limits, limits};
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

/// Asks for a size as somebody else.
async fn small(world: &World) -> u64 {
    let [one, _] = HOSTS;
    let size = world
        .broker
        .size(&caller("asks"), &at(one), &path("/small"))
        .await;
    size.unwrap()
}

/// Asks for a size every few seconds until `work` is done; answers how long each took.
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
async fn a_bulk_upload_makes_way_by_itself_and_a_normal_one_does_not() {
    for (priority, makes_way) in [(Priority::Bulk, true), (Priority::Normal, false)] {
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
        let yielded = format!("yielded {:?}", Why::Urgent);
        assert_eq!(told.lock().unwrap().contains(&yielded), makes_way);
        watching.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn who_leaves_after_making_way_leaves_no_file() {
    for family in [Family::Sim7600, Family::A7670] {
        let world = World::new(family);
        let [one, _] = HOSTS;
        world.store(one, "/small", content(1, 10));
        assert_eq!(small(&world).await, 10);
        let me = yields("me", Yields::Always);
        let mut writing = world.broker.put(&me, header(at(one), "/half")).unwrap();
        writing.push(Bytes::from(lively(2, 5000))).await.unwrap();
        // It stands still on the link, makes way, and is not there any more when it could go on.
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
