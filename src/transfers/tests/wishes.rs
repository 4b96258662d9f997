//! Requests that come while something else happens. Each gets its own answer, and none is taken for
//! another.

use super::*;

/// Time that the disk needs for one change, as an SD card does.
const SYNC: Duration = Duration::from_millis(200);

/// Time between two moments that are tried: shorter than any step of an attempt.
const STEP: Duration = Duration::from_millis(40);

/// A request of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ask {
    Retry,
    Cancel,
    Delete,
    Create,
}

/// The answer to it.
#[derive(Debug)]
enum Said {
    Transfer(State),
    Deleted,
    Receive,
    Refused(Cause),
}

fn wish() -> Wish {
    let mut wish = upload_wish("/up");
    if let Direction::Upload(upload) = &mut wish.direction {
        upload.sha256 = Some(Sha256::digest(content(3000)).into());
    }
    wish
}

/// An upload that waits for its second attempt, on a slow disk.
async fn waiting(scratch: &TempDir) -> House {
    let module = Module::new();
    let house = House::open(scratch, &module);
    module.fails();
    house.upload("x", wish(), &content(3000)).await.unwrap();
    house
        .until("x", |there| {
            matches!(there.record.state, State::Waiting { .. })
        })
        .await;
    house.weather().is_slow(SYNC);
    house
}

async fn ask(house: &House, what: Ask) -> Said {
    let (transfers, id) = (&house.transfers, id("x"));
    let said = match what {
        Ask::Retry => transfers.retry_transfer(&me(), id).await,
        Ask::Cancel => transfers.cancel_transfer(&me(), id).await,
        Ask::Delete => match transfers.delete_transfer(&me(), id).await {
            Ok(()) => return Said::Deleted,
            Err(error) => Err(error),
        },
        Ask::Create => match transfers.create_upload(&me(), id, wish()).await {
            Ok(Upload::Accepted(there)) => Ok(*there),
            Ok(_) => return Said::Receive,
            Err(error) => Err(error),
        },
    };
    match said {
        Ok(there) => Said::Transfer(there.record.state),
        Err(error) => Said::Refused(error.cause),
    }
}

/// Sleeps until `before` the next attempt is due, and then for `later`.
async fn around(house: &House, before: Duration, later: Duration) {
    let journal = house.transfers.storage.journal().unwrap();
    let due = journal.instant(journal.next_due().unwrap());
    tokio::time::sleep_until(due - before + later).await;
}

#[tokio::test(start_paused = true)]
async fn a_retry_of_a_transfer_that_just_falls_due_removes_nothing() {
    for step in 0..40 {
        let scratch = scratch();
        let house = waiting(&scratch).await;
        around(&house, SYNC, STEP * step).await;
        let before = house.record("x").state;
        let said = ask(&house, Ask::Retry).await;
        match before {
            State::Waiting { .. } => assert!(
                matches!(
                    said,
                    Said::Transfer(State::Queued | State::Running | State::Done)
                ),
                "{step}: {said:?}"
            ),
            _ => assert!(
                matches!(said, Said::Refused(Cause::WrongState(name)) if name == before.name()),
                "{step}: {said:?}"
            ),
        }
        let done = house.over("x").await.record;
        assert_eq!(done.state, State::Done, "{step}");
        assert_eq!(house.module.content("/up").unwrap(), content(3000));
        house.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn two_wishes_at_once_are_each_answered_and_neither_is_taken_for_the_other() {
    let all = [Ask::Retry, Ask::Cancel, Ask::Delete, Ask::Create];
    let pairs = all.into_iter().flat_map(|one| all.map(|two| (one, two)));
    for (one, two) in pairs {
        for step in (0..36).step_by(3) {
            for lag in [Duration::ZERO, SYNC / 2] {
                let scratch = scratch();
                let house = waiting(&scratch).await;
                around(&house, SYNC, STEP * step).await;
                let later = async {
                    sleep(lag).await;
                    ask(&house, two).await
                };
                let said = tokio::join!(ask(&house, one), later);
                judge(&house, [(one, said.0), (two, said.1)]).await;
                house.end().await;
            }
        }
    }
}

/// Compares the answers with what becomes of the transfer.
async fn judge(house: &House, said: [(Ask, Said); 2]) {
    let any = |is: &dyn Fn(&(Ask, Said)) -> bool| said.iter().any(is);
    let cancelled =
        any(&|(ask, said)| *ask == Ask::Cancel && matches!(said, Said::Transfer(State::Cancelled)));
    let deleted = any(&|(_, said)| matches!(said, Said::Deleted));
    let anew = any(&|(_, said)| matches!(said, Said::Receive));
    for (ask, said) in &said {
        match said {
            Said::Transfer(State::Receiving) => panic!("{ask:?}: {said:?}"),
            Said::Transfer(_) | Said::Deleted => {}
            Said::Receive => assert!(deleted, "{ask:?} began anew what nobody had deleted"),
            Said::Refused(Cause::WrongState(_)) => {
                assert!(matches!(ask, Ask::Retry | Ask::Delete), "{ask:?}: {said:?}");
            }
            Said::Refused(Cause::TransferNotFound) => assert!(deleted, "{ask:?}: {said:?}"),
            Said::Refused(cause) => panic!("{ask:?}: {cause:?}"),
        }
    }
    if anew {
        return;
    }
    if deleted {
        // Only an ended transfer can be deleted.
        let gone = house.transfers.transfer(&me(), id("x")).unwrap_err();
        assert!(matches!(gone.cause, Cause::TransferNotFound), "{said:?}");
        if !cancelled {
            assert_eq!(house.module.content("/up").unwrap(), content(3000));
        }
        return;
    }
    let end = house.over("x").await.record.state;
    if cancelled {
        assert_eq!(end, State::Cancelled, "{said:?}");
    } else {
        assert_eq!(end, State::Done, "{said:?}");
        assert_eq!(house.module.content("/up").unwrap(), content(3000));
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_while_what_was_left_is_deleted_is_tried_and_not_cancelled() {
    for step in 0..20 {
        let scratch = scratch();
        let mut within = settings(&scratch);
        within.budget.attempts = 1;
        let module = Module::new();
        let house = House::within(within, &module);
        module.fails();
        house.upload("x", wish(), &content(3000)).await.unwrap();
        house.weather().is_slow(SYNC);
        let failed = house.over("x").await.record;
        assert_eq!(failed.state, State::Failed);
        sleep(STEP * step).await;
        let said = ask(&house, Ask::Retry).await;
        let tried = matches!(said, Said::Transfer(State::Queued | State::Running));
        assert!(tried, "{step}: {said:?}");
        assert_eq!(house.over("x").await.record.state, State::Done, "{step}");
        assert_eq!(house.module.content("/up").unwrap(), content(3000));
        house.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_renews_the_budget_of_the_attempt_that_just_begins() {
    for step in 0..20 {
        let scratch = scratch();
        let mut within = settings(&scratch);
        within.budget.attempts = 2;
        let module = Module::new();
        let house = House::within(within, &module);
        module.fails();
        house.upload("x", wish(), &content(3000)).await.unwrap();
        let waits = |there: &Transfer| matches!(there.record.state, State::Waiting { .. });
        house.until("x", waits).await;
        house.weather().is_slow(SYNC);
        // The budget has one attempt left, which will fail as well.
        module.fails();
        around(&house, SYNC, STEP / 2 * step).await;
        let before = house.record("x").state;
        let said = ask(&house, Ask::Retry).await;
        if let State::Waiting { .. } = before {
            assert!(matches!(said, Said::Transfer(_)), "{step}: {said:?}");
            let end = house.over("x").await.record.state;
            assert_eq!(end, State::Done, "{step}: it had a new budget");
        }
        house.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_watcher_saw_end_can_be_deleted_at_once() {
    let scratch = scratch();
    let house = House::open(&scratch, &Module::new());
    house.upload("x", wish(), &content(3000)).await.unwrap();
    // A worker has not released it yet.
    house.over("x").await;
    let journal = house.transfers.storage.journal().unwrap();
    let birth = journal.get(&key("x")).unwrap().birth;
    let hold = journal.claim(&key("x"), birth, journal::Chore::Attempt);
    let me = me();
    let (deleted, ()) = tokio::join!(house.transfers.delete_transfer(&me, id("x")), async {
        sleep(SYNC).await;
        drop(hold);
    });
    deleted.unwrap();
    house.end().await;
}
