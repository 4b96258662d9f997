//! Logins that are refused after they have worked.

use super::*;
use simcom_talk::ftps::ErrCode;

/// This many refusals in a row.
fn times(count: usize) -> impl Iterator<Item = ErrCode> {
    std::iter::repeat_n(ErrCode::REJECTED, count)
}

async fn accept(house: &House, name: &str) {
    let wish = upload_wish(&format!("/{name}"));
    house.upload(name, wish, b"abc").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_session_that_the_server_still_counts_does_not_end_a_transfer() {
    let scratch = tempfile::tempdir().unwrap();
    let house = House::open(&scratch, &Module::new().tells_logins());
    accept(&house, "first").await;
    assert_eq!(house.over("first").await.record.state, State::Done);
    house.module.refuses_logins(times(2));
    let began = clock::now();
    accept(&house, "x").await;
    let done = house.over("x").await.record;
    assert_eq!(done.state, State::Done, "{done:?}");
    // The second try waits at least twenty seconds, and the third forty.
    assert!(began.elapsed() >= Duration::from_secs(60));
    assert_eq!(done.attempts, 3);
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_login_that_never_worked_is_not_tried_again() {
    let scratch = tempfile::tempdir().unwrap();
    let house = House::open(&scratch, &Module::new().tells_logins());
    house.module.refuses_logins(times(9));
    accept(&house, "x").await;
    assert_eq!(house.over("x").await.record.state, State::Failed);
    assert_eq!(house.module.asked_for_logins(), 1);
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_login_that_does_not_work_any_more_is_tried_a_few_times_by_all_together() {
    let scratch = tempfile::tempdir().unwrap();
    let house = House::open(&scratch, &Module::new().tells_logins());
    accept(&house, "first").await;
    house.over("first").await;
    house.module.refuses_logins(times(1000));
    let began = clock::now();
    for name in ["x", "y", "z"] {
        accept(&house, name).await;
    }
    for name in ["x", "y", "z"] {
        let failed = house.over(name).await.record;
        assert_eq!(failed.state, State::Failed, "{failed:?}");
        let why = failed.last_error.unwrap();
        assert!(why.reason.contains("Modem"), "{why:?}");
    }
    // One, six more, and one for each other transfer, which then gives up.
    assert_eq!(house.module.asked_for_logins(), 9);
    assert!(began.elapsed() >= Duration::from_secs(10 * 60));
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn that_a_login_has_worked_outlives_the_daemon() {
    let scratch = tempfile::tempdir().unwrap();
    let module = Module::new().tells_logins();
    let house = House::open(&scratch, &module);
    accept(&house, "first").await;
    house.over("first").await;
    sleep(Duration::from_secs(1)).await;
    house.kill().await;
    let house = House::open(&scratch, &module);
    house.module.refuses_logins(times(2));
    accept(&house, "x").await;
    let done = house.over("x").await.record;
    assert_eq!(done.state, State::Done, "{done:?}");
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_dismisses_everybody_is_tried_again() {
    let scratch = tempfile::tempdir().unwrap();
    let house = House::open(&scratch, &Module::new().tells_logins());
    house
        .module
        .refuses_logins([ErrCode::SERVER_TIMEOUT, ErrCode::SERVER_TIMEOUT]);
    accept(&house, "x").await;
    let done = house.over("x").await.record;
    assert_eq!((done.state, done.attempts), (State::Done, 3), "{done:?}");
    house.end().await;
}
