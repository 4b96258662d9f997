//! A disk that accepts nothing for a while, at any change.

use std::io::ErrorKind;

use super::*;

const KINDS: [ErrorKind; 3] = [
    ErrorKind::StorageFull,
    ErrorKind::ReadOnlyFilesystem,
    ErrorKind::Other,
];

#[tokio::test(start_paused = true)]
async fn a_cancel_on_a_full_disk_is_refused_remembered_and_carried_out_later() {
    for how in KINDS {
        let scratch = scratch();
        let house = House::open(&scratch, &Module::new());
        for name in ["running", "queued"] {
            house
                .upload(name, upload_wish("/up"), &content(500_000))
                .await
                .unwrap();
        }
        house.until("running", |there| there.live.moved > 0).await;
        house.weather().fails(Some(how));
        for name in ["running", "queued"] {
            let refused = house.transfers.cancel_transfer(&me(), id(name)).await;
            assert!(matches!(refused.unwrap_err().cause, Cause::Spool(_)));
            // The second caller is told as well.
            let refused = house.transfers.cancel_transfer(&me(), id(name)).await;
            assert!(matches!(refused.unwrap_err().cause, Cause::Spool(_)));
        }
        sleep(Duration::from_secs(3600)).await;
        house.weather().fails(None);
        for name in ["running", "queued"] {
            let ended = house.over(name).await.record;
            assert_eq!(ended.state, State::Cancelled, "{name} {how}");
        }
        assert_eq!(house.uploads(), 1, "nothing was begun meanwhile");
        house.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancel_whose_caller_left_is_carried_out() {
    let scratch = scratch();
    let house = House::open(&scratch, &Module::new());
    house
        .upload("x", upload_wish("/up"), &content(500_000))
        .await
        .unwrap();
    house.until("x", |there| there.live.moved > 0).await;
    house.weather().is_slow(Duration::from_millis(200));
    let me = me();
    let cancel = house.transfers.cancel_transfer(&me, id("x"));
    timeout(Duration::from_millis(1), cancel).await.unwrap_err();
    assert_eq!(house.over("x").await.record.state, State::Cancelled);
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_is_full_at_any_change_costs_no_attempt_and_no_byte() {
    for (how, steps) in KINDS.into_iter().zip([(0..24), (3..9), (9..15)]) {
        for step in steps {
            let scratch = scratch();
            let mut within = settings(&scratch);
            within.budget.attempts = 1;
            let house = House::idle(within, &Module::new());
            house
                .upload("x", upload_wish("/up"), &content(3000))
                .await
                .unwrap();
            house.weather().is_slow(Duration::from_millis(20));
            let house = house.deliver();
            sleep(Duration::from_millis(10) * step).await;
            house.weather().fails(Some(how));
            sleep(Duration::from_secs(60)).await;
            house.weather().fails(None);
            let done = house.over("x").await.record;
            assert_eq!(done.state, State::Done, "{step} {how}: {done:?}");
            assert_eq!(house.uploads(), 1, "{step} {how}");
            assert_eq!(house.module.content("/up").unwrap(), content(3000));
            house.end().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_does_not_keep_the_daemon_from_stopping() {
    let scratch = scratch();
    let module = Module::new();
    let house = House::open(&scratch, &module);
    house
        .upload("x", upload_wish("/up"), &content(500_000))
        .await
        .unwrap();
    house.until("x", |there| there.live.moved > 0).await;
    house.weather().fails(Some(ErrorKind::StorageFull));
    let refused = house.transfers.cancel_transfer(&me(), id("x")).await;
    refused.unwrap_err();
    timeout(Duration::from_secs(5), house.end()).await.unwrap();
    // A change that was not recorded was not acknowledged: the transfer goes on.
    let house = House::open(&scratch, &module);
    assert_eq!(house.over("x").await.record.state, State::Done);
    house.end().await;
}
