//! Names on the server that other writers write as well.
//!
//! Above 400 lines: each test is one order of two writers of a name, and they share the helpers of this file.

use super::*;
use crate::broker::flow::put::PutHeader;
use crate::broker::terms::{Now, PutResult, Target};
use crate::broker::testing::path;
use crate::transfers::settle::ServerFile;

/// The state that an attempt leaves which had begun when the server had `before`. `then` is what happened
/// next.
async fn begun(house: &House, wish: Wish, before: ServerFile, then: fn(&mut Record, Now)) {
    house.upload("x", wish, &content(9000)).await.unwrap();
    let journal = house.transfers.storage.journal().unwrap();
    let change = move |record: &mut Record, now| {
        record.start(now);
        record.begun = Some(before);
        then(record, now);
        Ok(())
    };
    journal.change(&key("x"), change).await.unwrap();
}

fn header(name: &str) -> PutHeader {
    PutHeader {
        target: Target::Profile("a".into()),
        path: path(name),
        must_be_new: false,
        verify: Some(Verify::Size),
        delete_on_failure: true,
        size: None,
        sentinel: None,
    }
}

async fn put(house: &House, name: &str, content: &[u8]) -> Result<PutResult, Error> {
    write(house, header(name), content).await
}

async fn write(house: &House, header: PutHeader, content: &[u8]) -> Result<PutResult, Error> {
    let mut writing = house.broker.put(&me(), header)?;
    writing.push(Bytes::copy_from_slice(content)).await?;
    writing.finish(None).await
}

async fn delete(house: &House, name: &str) -> Result<(), Error> {
    let target = Target::Profile("a".into());
    house.broker.delete_file(&me(), &target, &path(name)).await
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
    begun(&house, upload_wish("/up"), ServerFile::Absent, waits).await;
    put(&house, "//up", b"other").await.unwrap();
    let record = house.record("x");
    assert_eq!((record.state, record.begun), (State::Failed, None));
    assert!(record.last_error.unwrap().reason.contains("NameTaken"));
    house.kill().await;

    let house = House::open(&scratch, &module.file("/up", theirs()));
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(house.uploads(), 1, "the other's");
    assert_eq!(house.module.content("/up"), Some(theirs()));
    // The bytes of the transfer are kept.
    house
        .transfers
        .retry_transfer(&me(), id("x"))
        .await
        .unwrap();
    assert_eq!(house.over("x").await.record.state, State::Done);
    assert_eq!(house.module.content("/up"), Some(content(9000)));
    house.end().await;
}

/// The daemon ended while the transfer ran. The next one tried it without end, and wrote a record each time.
#[tokio::test(start_paused = true)]
async fn a_transfer_that_lost_its_name_while_it_ran_fails_at_the_next_start() {
    let scratch = tempfile::tempdir().unwrap();
    let module = Module::new();
    let house = House::idle(settings(&scratch), &module);
    let runs = |record: &mut Record, _| record.taken_over = true;
    begun(&house, upload_wish("/up"), ServerFile::Absent, runs).await;
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
    begun(
        &house,
        upload_wish("/up"),
        ServerFile::Absent,
        Record::cancel,
    )
    .await;
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
            ServerFile::Size(100),
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
        begun(&house, wish.clone(), ServerFile::Absent, Record::suspend).await;
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

/// B gets the link and writes nothing: the server refuses the login, or deletes nothing.
#[tokio::test(start_paused = true)]
async fn one_that_never_wrote_ends_no_transfer() {
    for deletes in [false, true] {
        let scratch = tempfile::tempdir().unwrap();
        let house = House::idle(settings(&scratch), &Module::new());
        begun(&house, upload_wish("/up"), ServerFile::Absent, waits).await;
        if deletes {
            house.module.refuses_deletions();
            delete(&house, "/up").await.unwrap_err();
        } else {
            house.module.lets_nobody_in(true);
            put(&house, "/up", b"other").await.unwrap_err();
            house.module.lets_nobody_in(false);
        }
        assert_eq!(house.record("x").begun, Some(ServerFile::Absent));
        let house = house.deliver();
        assert_eq!(house.over("x").await.record.state, State::Done);
        house.end().await;
    }
}

/// B writes a part and breaks off, or deletes the file. The file there is not A's any more, and A must still
/// be delivered.
#[tokio::test(start_paused = true)]
async fn one_that_did_not_write_all_ends_no_transfer() {
    for deletes in [false, true] {
        let scratch = tempfile::tempdir().unwrap();
        let module = Module::new().file("/up", content(5000));
        let house = House::idle(settings(&scratch), &module);
        begun(&house, upload_wish("/up"), ServerFile::Absent, waits).await;
        if deletes {
            delete(&house, "/up").await.unwrap();
        } else {
            house.module.fails();
            put(&house, "/up", &content(90_000)).await.unwrap_err();
        }
        let record = house.record("x");
        assert!(matches!(record.state, State::Waiting { .. }), "{record:?}");
        assert_eq!(record.begun, None, "nothing there is shown to be its own");
        let house = house.deliver();
        assert_eq!(house.over("x").await.record.state, State::Done);
        assert_eq!(house.module.content("/up"), Some(content(9000)));
        house.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_transfer_fails_for_no_name_that_is_only_perhaps_its_own() {
    for name in [
        "report.csv",
        "/Archive/report.csv",
        "/archive/x/../report.csv",
    ] {
        let scratch = tempfile::tempdir().unwrap();
        let house = House::idle(settings(&scratch), &Module::new());
        let wish = upload_wish("/archive/report.csv");
        begun(&house, wish, ServerFile::Absent, waits).await;
        put(&house, name, b"other").await.unwrap();
        let record = house.record("x");
        assert!(matches!(record.state, State::Waiting { .. }), "{record:?}");
        assert_eq!(record.begun, None, "it would be allowed to delete");
        let house = house.deliver();
        assert_eq!(house.over("x").await.record.state, State::Done);
        house.end().await;
    }
}

async fn two_of_one_name(scratch: &TempDir) -> House {
    let house = House::idle(settings(scratch), &Module::new());
    let mut older = upload_wish("/up");
    older.priority = Priority::Interactive;
    house.upload("older", older, &content(700)).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    begun(&house, upload_wish("/up"), ServerFile::Absent, waits).await;
    house
}

/// The newer transfer waits after a break when it is the older one's turn.
#[tokio::test(start_paused = true)]
async fn of_two_transfers_of_one_name_the_older_one_gives_way() {
    let scratch = tempfile::tempdir().unwrap();
    let house = two_of_one_name(&scratch).await.deliver();
    assert_eq!(house.over("x").await.record.state, State::Done);
    let older = house.over("older").await.record;
    assert_eq!(older.state, State::Failed);
    assert!(older.last_error.unwrap().reason.contains("NameTaken"));
    assert_eq!(house.module.content("/up"), Some(content(9000)));
    // Its client decides last.
    house
        .transfers
        .retry_transfer(&me(), id("older"))
        .await
        .unwrap();
    assert_eq!(house.over("older").await.record.state, State::Done);
    assert_eq!(house.module.content("/up"), Some(content(700)));
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_older_one_of_a_name_is_delivered_where_the_newer_one_is_given_up() {
    let scratch = tempfile::tempdir().unwrap();
    let house = two_of_one_name(&scratch).await.deliver();
    sleep(Duration::from_secs(30)).await;
    assert_eq!(house.uploads(), 0, "the newer one goes first");
    assert_eq!(house.record("older").attempts, 0);
    house
        .transfers
        .cancel_transfer(&me(), id("x"))
        .await
        .unwrap();
    assert_eq!(house.over("older").await.record.state, State::Done);
    assert_eq!(house.module.content("/up"), Some(content(700)));
    house.end().await;
}

/// The world of seed 503 showed it. A transfer had checked the server, found no file, and let others go
/// first. The put was told that there is a file.
#[tokio::test(start_paused = true)]
async fn a_put_of_a_new_file_is_not_told_of_one_that_another_has_only_begun() {
    let scratch = tempfile::tempdir().unwrap();
    let house = House::idle(settings(&scratch), &Module::new());
    begun(&house, upload_wish("/up"), ServerFile::Absent, waits).await;
    let new = PutHeader {
        must_be_new: true,
        ..header("/up")
    };
    let busy = write(&house, new, b"other").await.unwrap_err();
    assert!(matches!(busy.cause, Cause::NameBusy(ref name) if name == "/up"));
    assert!(busy.failure().is_none(), "nobody has looked");
    assert_eq!(house.module.content("/up"), None);
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_transfer_of_a_new_file_does_not_fail_for_another_that_leaves_none() {
    let scratch = tempfile::tempdir().unwrap();
    let house = House::idle(settings(&scratch), &Module::new());
    begun(&house, upload_wish("/up"), ServerFile::Absent, waits).await;
    let house = house.deliver();
    let mut wish = upload_wish("/up");
    if let Direction::Upload(upload) = &mut wish.direction {
        upload.must_be_new = true;
    }
    house.upload("new", wish, &content(700)).await.unwrap();
    let tried = house.until("new", |there| {
        there.record.attempts == 1 && there.record.state != State::Running
    });
    let record = tried.await.record;
    assert!(matches!(record.state, State::Waiting { .. }), "{record:?}");
    assert!(record.last_error.unwrap().reason.contains("NameBusy"));
    assert_eq!(record.begun, None, "what comes there is not its own");
    house
        .transfers
        .cancel_transfer(&me(), id("x"))
        .await
        .unwrap();
    assert_eq!(house.over("new").await.record.state, State::Done);
    assert_eq!(house.module.content("/up"), Some(content(700)));
    house.end().await;
}

/// A put takes the name of a transfer while the disk of the records stalls.
#[tokio::test(start_paused = true)]
async fn a_stalled_disk_keeps_nobody_from_the_link() {
    let scratch = tempfile::tempdir().unwrap();
    let house = House::idle(settings(&scratch), &Module::new());
    begun(&house, upload_wish("/up"), ServerFile::Absent, waits).await;
    house.weather().is_slow(Duration::from_secs(3600));
    let began = clock::now();
    let both = tokio::join!(put(&house, "/up", b"other"), async {
        put(&house, "/else", b"else").await.unwrap();
        clock::now().duration_since(began)
    });
    both.0.unwrap();
    assert!(both.1 < Duration::from_secs(5), "{:?}", both.1);
    assert!(began.elapsed() < Duration::from_secs(30));
    // The loss is recorded when the disk accepts it. Nothing was tried meanwhile.
    let house = house.deliver();
    let over = house.over("x").await.record;
    assert_eq!(over.state, State::Failed);
    assert_eq!(house.module.content("/up").unwrap(), b"other");
    house.weather().is_slow(Duration::ZERO);
    house.end().await;
}

/// For example 552, when the disk of the server is full.
#[tokio::test(start_paused = true)]
async fn a_refusal_after_content_does_not_make_the_part_the_owners() {
    let scratch = tempfile::tempdir().unwrap();
    let house = House::open(&scratch, &Module::new());
    house.module.refuses_an_upload_after(4000);
    let mut wish = upload_wish("/up");
    if let Direction::Upload(upload) = &mut wish.direction {
        upload.must_be_new = true;
    }
    house.upload("x", wish, &content(9000)).await.unwrap();
    let over = house.over("x").await.record;
    assert_eq!(over.state, State::Done, "{:?}", over.last_error);
    assert_eq!(house.module.content("/up"), Some(content(9000)));
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_before_content_leaves_what_is_there_to_its_owner() {
    let scratch = tempfile::tempdir().unwrap();
    let house = House::open(&scratch, &Module::new());
    house.module.refuses_an_upload_after(0);
    house
        .upload("x", upload_wish("/up"), &content(9000))
        .await
        .unwrap();
    let there = house.until("x", |there| {
        there.record.attempts == 1 && there.record.state != State::Running
    });
    assert_eq!(there.await.record.begun, None);
    house.end().await;
}

/// A STOR creates this before its first byte. It was found after a power cut.
#[tokio::test(start_paused = true)]
async fn an_empty_file_where_there_was_none_is_gone_on_with() {
    let scratch = tempfile::tempdir().unwrap();
    let module = Module::new().file("/up", Vec::new());
    let house = House::idle(settings(&scratch), &module);
    let mut wish = upload_wish("/up");
    if let Direction::Upload(upload) = &mut wish.direction {
        upload.must_be_new = true;
    }
    begun(&house, wish, ServerFile::Absent, Record::suspend).await;
    let house = house.deliver();
    let over = house.over("x").await.record;
    assert_eq!(over.state, State::Done, "{:?}", over.last_error);
    assert_eq!(house.module.content("/up"), Some(content(9000)));
    house.end().await;
}

/// Begun work goes on for a while when the daemon is told to stop.
#[tokio::test(start_paused = true)]
async fn a_clean_up_that_has_the_link_goes_on_when_the_daemon_is_to_stop() {
    let scratch = tempfile::tempdir().unwrap();
    let module = Module::new().file("/up", content(5000));
    let house = House::idle(settings(&scratch), &module);
    begun(
        &house,
        upload_wish("/up"),
        ServerFile::Absent,
        Record::cancel,
    )
    .await;
    let house = house.deliver();
    while house.module.log().is_empty() {
        sleep(Duration::from_millis(1)).await;
    }
    house.broker.stop();
    let pending = |there: &Transfer| matches!(there.record.remnant, Remnant::Pending { .. });
    let over = house.until("x", |there| !pending(there)).await;
    assert_eq!(over.record.remnant, Remnant::Deleted);
    assert_eq!(house.module.content("/up"), None);
    house.end().await;
}
