//! Names on the server that others write as well.

use super::*;
use crate::broker::Target;
use crate::broker::put::{PutHeader, PutResult};
use crate::broker::testing::path;
use crate::broker::transfers::lived::Now;
use crate::broker::transfers::settle::Before;

/// As an attempt leaves it that had begun when the server had `before`, and what then happened.
async fn begun(house: &House, wish: Wish, before: Before, then: fn(&mut Record, Now)) {
    house.upload("x", wish, &content(9000)).await.unwrap();
    let journal = house.broker.transfers.journal().unwrap();
    let change = move |record: &mut Record, now| {
        record.start(now);
        record.begun = Some(before);
        then(record, now);
        Ok(())
    };
    journal.change(&key("x"), change).await.unwrap();
}

async fn put(house: &House, name: &str, content: &[u8]) -> Result<PutResult, Error> {
    let header = PutHeader {
        target: Target::Profile("a".into()),
        path: path(name),
        must_be_new: false,
        verify: Verify::Size,
        delete_on_failure: true,
        size: None,
        sentinel: None,
    };
    let mut writing = house.broker.put(&me(), header)?;
    writing.push(Bytes::copy_from_slice(content)).await?;
    writing.finish(None).await
}

fn theirs() -> Vec<u8> {
    vec![7; 5000]
}

fn waits(record: &mut Record, now: Now) {
    let why = told(&Cause::Expired.into());
    record.wait(now + Duration::from_secs(60), why, true, now);
}

#[tokio::test(start_paused = true)]
async fn a_transfer_whose_name_another_put_wrote_fails_and_keeps_its_bytes() {
    let scratch = tempfile::tempdir().unwrap();
    let module = Module::new();
    let house = House::idle(settings(&scratch), &module);
    begun(&house, upload_wish("/up"), Before::Absent, waits).await;
    put(&house, "//Up", b"other").await.unwrap();
    let record = house.record("x");
    assert_eq!((record.state, record.begun), (State::Failed, None));
    assert!(record.last_error.unwrap().reason.contains("NameTaken"));
    house.kill().await;

    let house = House::open(&scratch, &module.file("/up", theirs()));
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(house.uploads(), 1, "the other's");
    assert_eq!(house.module.content("/up"), Some(theirs()));
    // Its bytes are there.
    house.broker.retry_transfer(&me(), id("x")).await.unwrap();
    assert_eq!(house.over("x").await.record.state, State::Done);
    assert_eq!(house.module.content("/up"), Some(content(9000)));
    house.end().await;
}

/// The daemon ended while it ran: the next one tried it without end, and wrote a record each time.
#[tokio::test(start_paused = true)]
async fn a_transfer_that_lost_its_name_while_it_ran_fails_at_the_next_start() {
    let scratch = tempfile::tempdir().unwrap();
    let module = Module::new();
    let house = House::idle(settings(&scratch), &module);
    let runs = |record: &mut Record, _| record.taken_over = true;
    begun(&house, upload_wish("/up"), Before::Absent, runs).await;
    assert_eq!(house.record("x").state, State::Running);
    house.kill().await;

    let house = House::open(&scratch, &module.file("/up", theirs()));
    let over = house.over("x").await.record;
    assert_eq!(over.state, State::Failed);
    assert!(over.last_error.unwrap().reason.contains("NameTaken"));
    assert_eq!(house.module.content("/up"), Some(theirs()));
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_transfer_does_not_delete_what_another_put_wrote() {
    let scratch = tempfile::tempdir().unwrap();
    let house = House::idle(settings(&scratch), &Module::new());
    begun(&house, upload_wish("/up"), Before::Absent, Record::cancel).await;
    put(&house, "/up", &content(5000)).await.unwrap();
    assert_eq!(house.record("x").remnant, Remnant::Left);
    let house = house.deliver();
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(house.module.content("/up"), Some(content(5000)));
    house.end().await;
    assert_eq!(files(&scratch), 0);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_transfer_deletes_only_what_ends_as_its_own_bytes() {
    for (there, remnant) in [
        (theirs(), Remnant::Left),
        (content(9001), Remnant::Left),
        (Vec::new(), Remnant::Left),
        (content(5000), Remnant::Deleted),
        (content(9000), Remnant::Deleted),
    ] {
        let scratch = tempfile::tempdir().unwrap();
        let module = Module::new().file("/up", there.clone());
        let house = House::idle(settings(&scratch), &module);
        begun(
            &house,
            upload_wish("/up"),
            Before::Size(100),
            Record::cancel,
        )
        .await;
        let house = house.deliver();
        let pending = |there: &Transfer| matches!(there.record.remnant, Remnant::Pending { .. });
        let over = house.until("x", |there| !pending(there)).await;
        assert_eq!(over.record.remnant, remnant, "{}", there.len());
        let kept = (remnant == Remnant::Left).then_some(there);
        assert_eq!(house.module.content("/up"), kept);
        house.end().await;
        assert_eq!(files(&scratch), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_must_be_new_is_not_written_over_by_a_later_attempt() {
    let mut wish = upload_wish("/up");
    if let Direction::Upload(upload) = &mut wish.direction {
        upload.must_be_new = true;
    }
    for (there, state) in [(theirs(), State::Failed), (content(5000), State::Done)] {
        let scratch = tempfile::tempdir().unwrap();
        let module = Module::new().file("/up", there.clone());
        let house = House::idle(settings(&scratch), &module);
        begun(&house, wish.clone(), Before::Absent, Record::suspend).await;
        let house = house.deliver();
        assert_eq!(house.over("x").await.record.state, state);
        let kept = if state == State::Failed {
            there
        } else {
            content(9000)
        };
        assert_eq!(house.module.content("/up"), Some(kept));
        house.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_transfer_is_not_done_while_its_sentinel_is_not_known_to_be_written() {
    let scratch = tempfile::tempdir().unwrap();
    let house = House::open(&scratch, &Module::new());
    let lost = Some((false, None));
    house.module.answers_uploads_of("/up.ok", lost);
    let mut wish = upload_wish("/up");
    if let Direction::Upload(upload) = &mut wish.direction {
        upload.sentinel = Some(path("up.ok"));
    }
    house.upload("x", wish, &content(9000)).await.unwrap();
    let waits = |there: &Transfer| {
        let waits = matches!(there.record.state, State::Waiting { .. });
        waits && there.record.attempts > 1
    };
    let there = house.until("x", waits).await;
    let why = there.record.last_error.unwrap().reason;
    assert!(why.contains("SentinelUnknown"), "{why}");
    house.module.answers_uploads_of("/up.ok", None);
    assert_eq!(house.over("x").await.record.state, State::Done);
    house.end().await;
}
