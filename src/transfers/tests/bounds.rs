//! Transfers that are refused, given up, cancelled and forgotten.

use super::*;

#[tokio::test(start_paused = true)]
async fn nothing_is_written_before_the_first_transfer() {
    let scratch = tempfile::tempdir().unwrap();
    let house = House::open(&scratch, &Module::new());
    sleep(Duration::from_secs(3600)).await;
    house.end().await;
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_daemon_without_a_directory_says_so() {
    let scratch = tempfile::tempdir().unwrap();
    for directory in [PathBuf::new(), scratch.path().join("missing")] {
        let settings = Settings {
            directory,
            ..Settings::default()
        };
        let house = House::within(settings, &Module::new());
        let refused = house.receiving("x", upload_wish("/up")).await.unwrap_err();
        assert!(matches!(refused.cause, Cause::TransfersOff), "{refused}");
        house.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_agrees_is_given_up_and_can_be_tried_again() {
    let scratch = tempfile::tempdir().unwrap();
    let mut within = settings(&scratch);
    within.budget.attempts = 3;
    let module = Module::new();
    module.corrupts();
    let house = House::within(within, &module);
    let mut wish = upload_wish("/up");
    if let Direction::Upload(upload) = &mut wish.direction {
        upload.verify = Verify::ReadBack;
    }
    house.upload("x", wish, &content(500)).await.unwrap();
    let failed = house.over("x").await.record;
    assert_eq!((failed.state, failed.attempts), (State::Failed, 3));
    let why = failed.last_error.unwrap();
    assert!(why.reason.starts_with("GaveUp"), "{why:?}");
    assert!(why.message.contains("SHA-256"), "{why:?}");
    assert_eq!(house.uploads(), 3);
    // The file on the server differs from the one sent. Nothing proves whose it is, so it stays.
    house
        .until("x", |there| there.record.remnant == Remnant::Left)
        .await;
    assert!(house.module.content("/up").is_some());
    assert_eq!(files(&scratch), 1);

    // Where it is not known what an attempt has brought, the server's file is checked before it is
    // sent again.
    let _ = module.file("/up", content(500));
    house
        .transfers
        .retry_transfer(&me(), id("x"))
        .await
        .unwrap();
    let done = house.over("x").await.record;
    assert_eq!(done.evidence.unwrap().state, PutState::VerifiedHash);
    assert_eq!(house.uploads(), 3);
    let again = house.transfers.retry_transfer(&me(), id("x")).await;
    assert!(matches!(
        again.unwrap_err().cause,
        Cause::WrongState("done")
    ));
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn cancelling_ends_it_where_it_is_and_clears_up() {
    let scratch = tempfile::tempdir().unwrap();
    let house = House::open(&scratch, &Module::new());
    for (name, size) in [("running", 500_000), ("queued", 10)] {
        house
            .upload(name, upload_wish("/up"), &content(size))
            .await
            .unwrap();
    }
    house.until("running", |there| there.live.moved > 0).await;
    let queued = house.transfers.cancel_transfer(&me(), id("queued")).await;
    assert_eq!(queued.unwrap().record.state, State::Cancelled);
    let running = house.transfers.cancel_transfer(&me(), id("running")).await;
    let running = running.unwrap().record;
    assert_eq!(running.state, State::Cancelled);
    assert!(running.moved > 0);
    house
        .until("running", |there| there.record.remnant == Remnant::Deleted)
        .await;
    // An upload that is half received, too, while its caller is still there.
    let receiving = house.receiving("half", upload_wish("/up")).await.unwrap();
    let halted = async {
        receiving.halted().await;
        receiving.pause().await;
    };
    let me = me();
    let cancelled = house.transfers.cancel_transfer(&me, id("half"));
    let (cancelled, ()) = tokio::join!(cancelled, halted);
    assert_eq!(cancelled.unwrap().record.state, State::Cancelled);
    for name in ["running", "queued", "half"] {
        house
            .transfers
            .delete_transfer(&me, id(name))
            .await
            .unwrap();
    }
    let listed = house
        .transfers
        .list_transfers(&me, &Whose::Own, None, 10, |_| true)
        .unwrap();
    assert!(listed.is_empty());
    house.end().await;
    // Their bytes are kept as long as they may be needed to recognise partial files.
    assert_eq!(files(&scratch), 0);
}

#[tokio::test(start_paused = true)]
async fn room_and_places_are_bounded_and_freed() {
    let scratch = tempfile::tempdir().unwrap();
    let within = Settings {
        disk_in_all: 100_000,
        max_transfers: 2,
        ..settings(&scratch)
    };
    let house = House::idle(within, &Module::new());
    let all = || house.transfers.storage.journal().unwrap().room_taken();
    house
        .upload("a", upload_wish("/a"), &content(60_000))
        .await
        .unwrap();
    assert_eq!(all(), 60_000);
    let full = house.upload("b", upload_wish("/b"), &content(60_000)).await;
    assert!(matches!(
        full.unwrap_err().cause,
        Cause::SpoolFull { own: false }
    ));
    let many = house.upload("c", upload_wish("/c"), b"").await;
    assert!(matches!(
        many.unwrap_err().cause,
        Cause::TooManyTransfers { own: false }
    ));
    // Nobody needs a cancelled transfer any more.
    house
        .transfers
        .cancel_transfer(&me(), id("b"))
        .await
        .unwrap();
    house
        .upload("c", upload_wish("/c"), &content(40_000))
        .await
        .unwrap();
    assert_eq!(all(), 100_000);
    let gone = house.transfers.transfer(&me(), id("b")).unwrap_err();
    assert!(matches!(gone.cause, Cause::TransferNotFound));
    let house = house.deliver();
    house.over("a").await;
    house.over("c").await;
    assert_eq!(house.transfers.storage.journal().unwrap().room_taken(), 0);
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn one_principal_leaves_room_for_the_others() {
    let scratch = tempfile::tempdir().unwrap();
    let within = Settings {
        disk_per_principal: 50_000,
        max_per_principal: 2,
        ..settings(&scratch)
    };
    let house = House::idle(within, &Module::new());
    house
        .upload("a", upload_wish("/a"), &content(40_000))
        .await
        .unwrap();
    let full = house.upload("b", upload_wish("/b"), &content(20_000)).await;
    assert!(matches!(
        full.unwrap_err().cause,
        Cause::SpoolFull { own: true }
    ));
    let many = house.upload("c", upload_wish("/c"), b"").await;
    let many = many.unwrap_err();
    assert!(matches!(many.cause, Cause::TooManyTransfers { own: true }));
    assert_eq!(many.to_string(), "the caller's share of transfers is full");
    let you = Caller {
        principal: Principal::new("you"),
        ..me()
    };
    for name in ["a", "b"] {
        let taken = house
            .transfers
            .create_upload(&you, id(name), upload_wish("/y"));
        let Ok(Upload::Receive(mut receiving)) = taken.await else {
            panic!("{name} is refused");
        };
        receiving.push(Bytes::from(content(25_000))).await.unwrap();
        receiving.finish(None).await.unwrap();
    }
    // A transfer of the same principal that nobody needs any more makes room. None of another
    // principal does.
    house
        .transfers
        .cancel_transfer(&me(), id("b"))
        .await
        .unwrap();
    house
        .upload("c", upload_wish("/c"), &content(10_000))
        .await
        .unwrap();
    assert_eq!(
        house
            .transfers
            .list_transfers(&you, &Whose::Own, None, 10, |_| true)
            .unwrap()
            .len(),
        2
    );
    house.end().await;
}

/// Each took a MiB, or as much as it had announced: 500 of them filled the share of their client.
#[tokio::test(start_paused = true)]
async fn half_sent_uploads_count_what_they_hold() {
    let scratch = tempfile::tempdir().unwrap();
    let house = House::idle(settings(&scratch), &Module::new());
    let all = || house.transfers.storage.journal().unwrap().room_taken();
    for name in ["a", "b", "c"] {
        let mut wish = upload_wish("/up");
        if let Direction::Upload(upload) = &mut wish.direction {
            upload.size = (name == "c").then_some(10_000_000);
        }
        let mut receiving = house.receiving(name, wish).await.unwrap();
        receiving.push(Bytes::from(content(1000))).await.unwrap();
        receiving.pause().await;
    }
    assert_eq!(all(), 3000);
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn two_who_take_all_that_they_may_leave_the_last_quarter_to_others() {
    let scratch = tempfile::tempdir().unwrap();
    let within = Settings {
        disk_in_all: 64_000,
        disk_per_principal: 32_000,
        max_transfers: 64,
        max_per_principal: 32,
        ..settings(&scratch)
    };
    let house = House::idle(within, &Module::new());
    let take = async |who: &str, name: &str, bytes: usize| {
        let caller = Caller {
            principal: Principal::new(who),
            ..me()
        };
        let taken = house
            .transfers
            .create_upload(&caller, id(name), upload_wish("/y"));
        let Upload::Receive(mut receiving) = taken.await? else {
            panic!("{name} is there already");
        };
        let pushed = receiving.push(Bytes::from(content(bytes))).await;
        receiving.pause().await;
        pushed
    };
    take("a", "a", 32_000).await.unwrap();
    take("b", "b", 16_000).await.unwrap();
    let full = take("b", "c", 2000).await.unwrap_err();
    assert!(
        matches!(full.cause, Cause::SpoolFull { own: true }),
        "{full}"
    );
    take("c", "c", 1000).await.unwrap();
    // The same for their number.
    for number in 0..30 {
        take("a", &format!("a{number}"), 0).await.unwrap();
    }
    let mut many = 0;
    let full = loop {
        match take("b", &format!("b{many}"), 0).await {
            Ok(()) => many += 1,
            Err(full) => break full,
        }
    };
    assert!(
        matches!(full.cause, Cause::TooManyTransfers { own: true }),
        "{full}"
    );
    take("d", "d", 0).await.unwrap();
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_module_that_is_away_for_weeks_costs_a_transfer_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let house = House::open(&scratch, &Module::new());
    house.module.link(health::LinkState::BringingUp);
    house.upload("x", upload_wish("/up"), b"abc").await.unwrap();
    sleep(Duration::from_secs(21 * 86400)).await;
    assert_eq!(house.record("x").state, State::Queued);
    house.module.link(health::LinkState::Ready);
    let done = house.over("x").await.record;
    assert_eq!((done.state, done.attempts), (State::Done, 1));
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_old_is_forgotten() {
    let scratch = tempfile::tempdir().unwrap();
    let house = House::open(&scratch, &Module::new());
    house.upload("done", upload_wish("/a"), b"a").await.unwrap();
    drop(house.receiving("half", upload_wish("/b")).await.unwrap());
    house.over("done").await;
    sleep(Duration::from_secs(2 * 86400)).await;
    let left = || {
        let left = house
            .transfers
            .list_transfers(&me(), &Whose::Own, None, 10, |_| true)
            .unwrap();
        left.len()
    };
    assert_eq!(left(), 1);
    sleep(Duration::from_secs(6 * 86400)).await;
    assert_eq!(left(), 0);
    house.end().await;
}
