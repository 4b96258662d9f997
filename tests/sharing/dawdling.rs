//! Clients that read slowly or stop, and those that wait for the link meanwhile.

use futures_util::future::join_all;

use super::world::lively;
use super::yielding::{meanwhile, meanwhile_every, told};
use super::*;
use cellftp::broker::terms::{Error, YieldReason};
use cellftp::broker::{Limits, limits, spool};
use cellftp::modem::clock;
use simcom_emulator::Knobs;

const SECOND: Duration = Duration::from_secs(1);

/// Time between two questions of a client that asks often.
const OFTEN: Duration = Duration::from_millis(300);

/// Larger than everything that can wait between the link and its client.
const LARGE: usize = 3_000_000;

/// A world at 92160 bytes a second, with a spool that is full in less than one.
fn narrow() -> World {
    with_memory(64 * 1024)
}

fn with_memory(memory: u64) -> World {
    let limits = Limits {
        spool: spool::Limits {
            memory,
            disk: 0,
            ..spool::Limits::default()
        },
        stall: limits::Stall(30 * SECOND),
        ..Limits::default()
    };
    let knobs = Knobs {
        baud: 921_600,
        ..Knobs::default()
    };
    let world = World::within(Family::Sim7600, knobs, limits, []);
    world.store(HOSTS[0], "/small", content(1, 10));
    world.store(HOSTS[0], "/big", lively(2, LARGE));
    world
}

/// Reads everything, and pauses before each of these chunks.
async fn read(world: &World, pauses: &[(usize, Duration)]) -> Result<Vec<u8>, Error> {
    let [one, _] = HOSTS;
    let me = caller("me");
    let mut reading = world
        .broker
        .get(&me, &at(one), &path("/big"), Offset::ZERO)
        .await?;
    let mut all = Vec::new();
    let mut chunks = 0;
    loop {
        if let Some((_, pause)) = pauses.iter().find(|(before, _)| *before == chunks) {
            sleep(*pause).await;
        }
        match reading.next().await? {
            Next::Chunk(chunk) => all.extend_from_slice(&chunk),
            Next::End(result) => {
                assert_eq!(result.resumes, 0);
                return Ok(all);
            }
        }
        chunks += 1;
    }
}

fn longest(waits: &[Duration]) -> Duration {
    waits.iter().copied().max().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_pauses_makes_way_and_loses_nothing() {
    let world = narrow();
    // At every place in the content, and so at every place on the way of a block to its reader.
    let pauses: Vec<_> = (1..60)
        .map(|chunk| (chunk, Duration::from_millis(7919) + SECOND))
        .collect();
    let (got, waits) = meanwhile(&world, read(&world, &pauses)).await;
    assert!(got.unwrap() == lively(2, LARGE), "byte by byte");
    let longest = longest(&waits);
    println!(
        "beside a reader that pauses: {} answers, longest {longest:?}",
        waits.len()
    );
    // An abort and a login. It never stands still while it has the link.
    assert!(longest < 2 * SECOND, "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_stops_for_ever_costs_its_neighbours_no_more_than_a_yield() {
    let world = narrow();
    let began = clock::now();
    let for_ever = [(1, 60 * SECOND)];
    let (got, waits) = meanwhile(&world, read(&world, &for_ever)).await;
    let error = got.unwrap_err();
    assert!(error.to_string().contains("stopped reading"), "{error}");
    let longest = longest(&waits);
    println!(
        "beside a reader that stopped: {} answers in {:?}, longest {longest:?}",
        waits.len(),
        clock::now() - began
    );
    // A twentieth of two seconds (`transfers.trickle`) until it is seen to stand still, and an abort.
    assert!(longest < 2 * SECOND, "{waits:?}");
}

/// At most one of this many waits is as long as that.
fn one_is_long(beside: &str, waits: &[Duration], limit: Duration, least: usize) {
    let long: Vec<_> = waits.iter().filter(|wait| **wait >= limit).collect();
    println!(
        "beside {beside}: {} answers, longest {:?}, of {limit:?} and more {long:?}",
        waits.len(),
        longest(waits)
    );
    assert!(waits.len() > least && long.len() <= 1, "{waits:?}");
}

/// Each held the link for two seconds before it was seen to stand still, one after another.
#[tokio::test(start_paused = true)]
async fn many_readers_that_stop_cost_their_neighbours_one_wait() {
    let world = narrow();
    let for_ever = [(1, 60 * SECOND)];
    let many = (0..12).map(|_| read(&world, &for_ever));
    let (got, waits) = meanwhile(&world, join_all(many)).await;
    assert!(got.iter().all(Result::is_err), "none of them reads");
    one_is_long("twelve readers that stopped", &waits, 2 * SECOND, 5);
}

/// Each was given two seconds when it asked for the link, and had them when its turn came.
#[tokio::test(start_paused = true)]
async fn many_uploads_of_a_byte_cost_their_neighbours_one_wait() {
    let world = narrow();
    let [one, _] = HOSTS;
    let drip = async |name: String| {
        let me = caller("me");
        let mut writing = world.broker.put(&me, header(at(one), &name)).unwrap();
        writing.push(Bytes::from_static(b"x")).await.unwrap();
        sleep(40 * SECOND).await;
        writing.finish(None).await
    };
    let many = (0..12).map(|one| drip(format!("/drip-{one}")));
    let (_, waits) = meanwhile_every(&world, OFTEN, join_all(many)).await;
    one_is_long("twelve uploads of a byte", &waits, SECOND, 20);
}

/// Each that left before it was seen to stand still was waited for as long as the first.
#[tokio::test(start_paused = true)]
async fn uploads_that_come_and_go_cost_their_neighbours_one_wait() {
    let world = narrow();
    let [one, _] = HOSTS;
    let many = async {
        for name in 0..12 {
            let name = format!("/gone-{name}");
            let me = caller("me");
            let mut writing = world.broker.put(&me, header(at(one), &name)).unwrap();
            writing.push(Bytes::from_static(b"x")).await.unwrap();
            sleep(SECOND + SECOND / 2).await;
            drop(writing);
            sleep(SECOND).await;
        }
    };
    let ((), waits) = meanwhile_every(&world, OFTEN, many).await;
    one_is_long("uploads that come and go", &waits, SECOND, 20);
}

/// It came back for each chunk that was read, and each time the others had to wait for an abort and a
/// login.
#[tokio::test(start_paused = true)]
async fn a_reader_slower_than_the_link_comes_back_when_half_is_read() {
    let world = with_memory(1 << 20);
    let (watching, told) = told(&world, "Get").await;
    // 64 KiB each. The link brings one in less than a second.
    let pauses: Vec<_> = (1..60).map(|chunk| (chunk, 3 * SECOND)).collect();
    let (got, _) = meanwhile(&world, read(&world, &pauses)).await;
    assert!(got.unwrap() == lively(2, LARGE), "byte by byte");
    let stood = format!("yielded {:?}", YieldReason::Trickle);
    let told = told.lock().unwrap();
    let times = told.iter().filter(|change| **change == stood).count();
    println!("a slow reader made way {times} times");
    // Half of the spool holds eight chunks, and the file has 46.
    assert!((1..=5).contains(&times), "{told:?}");
    watching.abort();
}
