//! Wall clocks that are wrong and jump, as a router's do. Nothing depends on them.

use super::*;

const DAY: i64 = 86400;

/// Where the clock is, and where it jumps to: in seconds from the right time.
const JUMPS: [(i64, i64); 6] = [
    (0, -30 * DAY),
    (-30 * DAY, 0),
    (0, 365 * DAY),
    (365 * DAY, 0),
    (0, -50 * 365 * DAY),
    (-50 * 365 * DAY, 0),
];

fn waits(there: &Transfer) -> bool {
    matches!(there.record.state, State::Waiting { .. })
}

#[tokio::test(start_paused = true)]
async fn a_transfer_that_waits_is_tried_in_its_time_whatever_the_clock_does() {
    for (before, after) in JUMPS {
        for restarts in [false, true] {
            let scratch = scratch();
            let module = Module::new();
            jump::to(before);
            let mut house = House::open(&scratch, &module);
            module.fails();
            house.upload("x", upload_wish("/up"), b"abc").await.unwrap();
            house.until("x", waits).await;
            jump::to(after);
            if restarts {
                house.kill().await;
                house = House::open(&scratch, &module);
            }
            if waits(&house.transfers.transfer(&me(), id("x")).unwrap()) {
                // Reported times are by the present wall clock.
                let told = house
                    .transfers
                    .transfer(&me(), id("x"))
                    .unwrap()
                    .next_attempt;
                let wall = clock::wall(clock::now());
                let in_time = told.unwrap().duration_since(wall).unwrap();
                assert!(in_time <= Duration::from_secs(10), "{in_time:?}");
            }
            let began = clock::now();
            let done = house.over("x").await.record;
            assert_eq!(done.state, State::Done);
            let took = began.elapsed();
            assert!(took < Duration::from_secs(12), "{before} {after}: {took:?}");
            house.end().await;
        }
    }
    jump::to(0);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_has_read_is_not_forgotten_for_a_jump_of_the_clock() {
    for (before, after) in JUMPS {
        let scratch = scratch();
        let module = Module::new().file("/down", content(3000));
        jump::to(before);
        let house = House::open(&scratch, &module);
        let (me, wish) = (me(), download_wish("/down"));
        let taken = house.transfers.create_download(&me, id("down"), wish);
        taken.await.unwrap();
        house.over("down").await;
        drop(house.receiving("half", upload_wish("/b")).await.unwrap());
        jump::to(after);
        sleep(Duration::from_secs(180)).await;
        house.end().await;
        // The same across a start, in both directions.
        for clock in [before, after] {
            jump::to(clock);
            let house = House::open(&scratch, &module);
            sleep(Duration::from_secs(180)).await;
            assert_eq!(house.record("down").state, State::Done, "{before} {after}");
            assert_eq!(house.record("half").state, State::Receiving);
            house.end().await;
        }
    }
    jump::to(0);
}

#[tokio::test(start_paused = true)]
async fn age_is_the_time_that_daemons_lived_through() {
    let scratch = scratch();
    let module = Module::new();
    let mut within = settings(&scratch);
    within.max_age = Duration::from_secs(10 * 3600);
    let house = House::within(within.clone(), &module);
    house.upload("x", upload_wish("/up"), b"abc").await.unwrap();
    house.over("x").await;
    sleep(Duration::from_secs(4 * 3600)).await;
    house.end().await;
    // While no daemon runs, nothing grows older.
    sleep(Duration::from_secs(20 * 3600)).await;
    let house = House::within(within.clone(), &module);
    sleep(Duration::from_secs(4 * 3600)).await;
    assert_eq!(house.record("x").state, State::Done);
    // A crash costs at most an hour of it.
    house.kill().await;
    let house = House::within(within, &module);
    sleep(Duration::from_secs(3600 - 120)).await;
    assert_eq!(house.record("x").state, State::Done);
    sleep(Duration::from_secs(3 * 3600)).await;
    let gone = house.transfers.transfer(&me(), id("x")).unwrap_err();
    assert!(matches!(gone.cause, Cause::TransferNotFound));
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_never_runs_for_long_still_tries_what_waits() {
    let scratch = scratch();
    let module = Module::new();
    let mut within = settings(&scratch);
    within.budget.max_backoff = Duration::from_secs(3600);
    let mut house = House::within(within.clone(), &module);
    for _ in 0..8 {
        module.fails();
    }
    house.upload("x", upload_wish("/up"), b"abc").await.unwrap();
    // Its pauses double. The daemon is killed before the long ones are over.
    for _ in 0..12 {
        sleep(Duration::from_secs(20)).await;
        house.kill().await;
        house = House::within(within.clone(), &module);
    }
    assert_eq!(house.record("x").state, State::Done);
    house.end().await;
}
