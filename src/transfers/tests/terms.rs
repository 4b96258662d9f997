//! When a transfer may be tried, and when it expires.

use wish::Terms;

use super::*;
use crate::broker::terms::Labels;

const HOUR: Duration = Duration::from_secs(3600);

fn wish(start_delay: Duration, lifetime: Option<Duration>) -> Wish {
    Wish {
        terms: Terms {
            start_delay,
            lifetime,
            labels: Labels::new([("job".into(), "7".into())]).unwrap(),
        },
        ..upload_wish("/up")
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_attempt_waits_for_its_delay_whatever_the_clock_does_and_across_a_start() {
    for (before, after) in [(0, 400 * 86400), (-50 * 365 * 86400, 0)] {
        let scratch = scratch();
        let module = Module::new();
        jump::to(before);
        let house = House::open(&scratch, &module);
        let began = clock::now();
        let taken = house
            .upload("x", wish(2 * HOUR, None), b"abc")
            .await
            .unwrap();
        assert_eq!(taken.record.state, State::Queued);
        let told = taken.next_attempt.unwrap();
        let wait = told.duration_since(clock::wall(clock::now())).unwrap();
        assert!(wait > 2 * HOUR - Duration::from_secs(5), "{wait:?}");
        sleep(HOUR).await;
        assert_eq!(house.uploads(), 0);
        jump::to(after);
        house.end().await;
        let house = House::open(&scratch, &module);
        sleep(HOUR / 2).await;
        assert_eq!(house.uploads(), 0, "half an hour too early");
        assert_eq!(house.over("x").await.record.state, State::Done);
        let took = began.elapsed();
        assert!((2 * HOUR..2 * HOUR + HOUR / 60).contains(&took), "{took:?}");
        house.end().await;
    }
    jump::to(0);
}

#[tokio::test(start_paused = true)]
async fn who_has_it_tried_does_not_wait_for_the_delay() {
    let scratch = scratch();
    let house = House::open(&scratch, &Module::new());
    let mut wish = wish(100 * HOUR, Some(HOUR));
    house.upload("x", wish.clone(), b"abc").await.unwrap();
    // It expires before it may begin. The server has nothing of it.
    let failed = house.over("x").await.record;
    assert_eq!(failed.state, State::Failed);
    assert_eq!(failed.remnant, Remnant::Nothing);
    let why = failed.last_error.unwrap();
    assert!(why.reason.starts_with("TransferExpired"), "{why:?}");
    house
        .transfers
        .retry_transfer(&me(), id("x"))
        .await
        .unwrap();
    assert_eq!(house.over("x").await.record.state, State::Done);
    // The same wish with other labels is another one.
    wish.terms.labels = Labels::default();
    let other = house.transfers.create_upload(&me(), id("x"), wish).await;
    assert!(matches!(other.unwrap_err().cause, Cause::TransferExists));
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_again_and_again_expires_and_what_it_left_is_deleted() {
    let scratch = scratch();
    let module = Module::new();
    let house = House::open(&scratch, &module);
    module.fails();
    house
        .upload(
            "x",
            wish(Duration::ZERO, Some(Duration::from_secs(3))),
            b"abc",
        )
        .await
        .unwrap();
    house
        .until("x", |there| {
            matches!(there.record.state, State::Waiting { .. })
        })
        .await;
    let journal = Arc::clone(house.transfers.storage.journal().unwrap());
    journal
        .change(&key("x"), |record, _| {
            record.begun = Some(settle::ServerFile::Absent);
            Ok(())
        })
        .await
        .unwrap();
    let failed = house.over("x").await;
    assert_eq!(failed.record.state, State::Failed);
    assert_eq!(failed.expires_in, None);
    assert!(matches!(failed.record.remnant, Remnant::Pending { .. }));
    house
        .until("x", |there| {
            !matches!(there.record.remnant, Remnant::Pending { .. })
        })
        .await;
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_runs_when_the_time_is_over_is_broken_off() {
    let scratch = scratch();
    let module = Module::new();
    let house = House::open(&scratch, &module);
    // It would take many times as long.
    let content = content(4 << 20);
    let taken = house.upload(
        "x",
        wish(Duration::ZERO, Some(Duration::from_secs(1))),
        &content,
    );
    taken.await.unwrap();
    house
        .until("x", |there| there.record.state == State::Running)
        .await;
    let failed = house.over("x").await.record;
    assert_eq!(failed.state, State::Failed, "{failed:?}");
    assert!(
        failed
            .last_error
            .unwrap()
            .reason
            .starts_with("TransferExpired")
    );
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn one_expires_without_a_module_and_one_that_is_half_sent_does_not() {
    let scratch = scratch();
    let house = House::open(&scratch, &Module::new());
    let terms = wish(Duration::ZERO, Some(HOUR));
    drop(house.receiving("half", terms.clone()).await.unwrap());
    house.module.link(health::LinkState::BringingUp);
    let began = clock::now();
    house.upload("x", terms, b"abc").await.unwrap();
    assert_eq!(house.over("x").await.record.state, State::Failed);
    let took = began.elapsed();
    assert!((HOUR..HOUR + HOUR / 60).contains(&took), "{took:?}");
    sleep(2 * HOUR).await;
    assert_eq!(house.record("half").state, State::Receiving);
    let there = house.transfers.transfer(&me(), id("half")).unwrap();
    assert_eq!(there.expires_in, None, "its time has not begun");
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_watches_all_is_told_what_is_there_and_then_what_changes() {
    let scratch = scratch();
    let house = House::open(&scratch, &Module::new());
    house.upload("a", upload_wish("/a"), b"abc").await.unwrap();
    house.over("a").await;
    house.upload("b", wish(HOUR, None), b"abc").await.unwrap();
    let you = Caller {
        principal: Principal::new("you"),
        ..me()
    };
    drop(
        house
            .transfers
            .create_upload(&you, id("a"), upload_wish("/c"))
            .await
            .unwrap(),
    );
    let all = |whose: Whose| {
        house
            .transfers
            .watch_transfers(&me(), &whose, |_| true)
            .unwrap()
    };
    let mut everybody = all(Whose::All);
    let mut own = all(Whose::Own);
    let mut queued = house
        .transfers
        .watch_transfers(&me(), &Whose::Own, |record| record.state == State::Queued)
        .unwrap();
    let is = |told: WatchItem, who: &str, name: &str| match told {
        WatchItem::Is(there) => {
            assert_eq!(there.record.key.principal.as_str(), who);
            assert_eq!(there.record.key.id, id(name));
            there.record.state
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(is(own.next().await, "me", "a"), State::Done);
    assert_eq!(is(own.next().await, "me", "b"), State::Queued);
    assert_eq!(own.next().await, WatchItem::Present(2));
    for (who, name) in [("me", "a"), ("me", "b"), ("you", "a")] {
        is(everybody.next().await, who, name);
    }
    assert_eq!(everybody.next().await, WatchItem::Present(3));
    is(queued.next().await, "me", "b");
    assert_eq!(queued.next().await, WatchItem::Present(1));
    // One is deleted and created again, another goes on. Each is reported once, as it is now.
    house
        .transfers
        .delete_transfer(&me(), id("a"))
        .await
        .unwrap();
    house.upload("a", wish(HOUR, None), b"again").await.unwrap();
    house
        .transfers
        .cancel_transfer(&me(), id("b"))
        .await
        .unwrap();
    assert_eq!(own.next().await, WatchItem::Deleted(key("a")));
    assert_eq!(is(own.next().await, "me", "a"), State::Queued);
    assert_eq!(is(own.next().await, "me", "b"), State::Cancelled);
    is(queued.next().await, "me", "a");
    assert_eq!(queued.next().await, WatchItem::Filtered(key("b")));
    house
        .transfers
        .delete_transfer(&me(), id("b"))
        .await
        .unwrap();
    assert_eq!(own.next().await, WatchItem::Deleted(key("b")));
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_list_of_all_goes_on_behind_another_principals_transfer() {
    let scratch = scratch();
    let house = House::idle(settings(&scratch), &Module::new());
    for who in ["me", "you"] {
        let who = Caller {
            principal: Principal::new(who),
            ..me()
        };
        for name in ["a", "b"] {
            let taken = house
                .transfers
                .create_download(&who, id(name), download_wish("/f"));
            taken.await.unwrap();
        }
    }
    let page = |whose: &Whose, behind: Option<&Key>| {
        let page = house
            .transfers
            .list_transfers(&me(), whose, behind, 3, |_| true);
        page.unwrap()
            .into_iter()
            .map(|there| there.record.key)
            .collect::<Vec<_>>()
    };
    let first = page(&Whose::All, None);
    assert_eq!(first.len(), 3);
    let rest = page(&Whose::All, first.last());
    assert_eq!(rest.len(), 1);
    assert_eq!(
        (rest[0].principal.as_str(), rest[0].id.as_str()),
        ("you", "b")
    );
    assert_eq!(page(&Whose::Own, None).len(), 2);
    let of_you = page(&Whose::One(Principal::new("you")), None);
    assert!(of_you.iter().all(|key| key.principal.as_str() == "you"));
    house.end().await;
}
