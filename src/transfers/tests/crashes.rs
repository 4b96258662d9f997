//! Ends of the daemon, orderly ones and crashes.

use super::*;

#[tokio::test(start_paused = true)]
async fn an_upload_that_was_half_sent_goes_on_after_a_crash() {
    let scratch = tempfile::tempdir().unwrap();
    let module = Module::new();
    let content = content(3 << 20);
    let house = House::open(&scratch, &module);
    let mut receiving = house.receiving("x", upload_wish("/up")).await.unwrap();
    let busy = house.receiving("x", upload_wish("/up")).await.unwrap_err();
    assert!(matches!(busy.cause, Cause::TransferBusy));
    for part in content[..2_500_000].chunks(65536) {
        receiving.push(Bytes::copy_from_slice(part)).await.unwrap();
    }
    drop(receiving);
    house.kill().await;

    let house = House::open(&scratch, &module);
    let committed = house.record("x").committed;
    assert!((1_500_000..=2_500_000).contains(&committed), "{committed}");
    let wrong = house.transfers.resume_upload(&me(), id("x"), 7).await;
    let wrong = wrong.unwrap_err();
    assert_eq!(wrong.committed, Some(committed));
    let mut receiving = house
        .transfers
        .resume_upload(&me(), id("x"), committed)
        .await
        .unwrap();
    let rest = &content[usize::try_from(committed).unwrap()..];
    receiving.push(Bytes::copy_from_slice(rest)).await.unwrap();
    let hash = Sha256::digest(&content).into();
    receiving.finish(Some(hash)).await.unwrap();
    assert_eq!(house.over("x").await.record.state, State::Done);
    assert_eq!(house.module.content("/up").unwrap(), content);
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_file_that_arrived_before_the_crash_is_not_sent_again() {
    let scratch = tempfile::tempdir().unwrap();
    let module = Module::new();
    let house = House::idle(settings(&scratch), &module);
    house
        .upload("x", upload_wish("/up"), &content(900))
        .await
        .unwrap();
    // The state that a crash leaves between the last byte and its record.
    let journal = Arc::clone(house.transfers.storage.journal().unwrap());
    journal
        .change(&key("x"), |record, now| {
            record.begun = Some(settle::ServerFile::Absent);
            record.start(now);
            Ok(())
        })
        .await
        .unwrap();
    drop(journal);
    house.kill().await;
    let module = module.file("/up", content(900));

    let house = House::open(&scratch, &module);
    assert_eq!(house.record("x").state, State::Queued);
    let done = house.over("x").await.record;
    assert_eq!(done.state, State::Done);
    assert_eq!(done.evidence.unwrap().state, PutState::VerifiedSize);
    assert_eq!(house.uploads(), 0);
    house.end().await;
}

/// The state that a crash in the middle of the last block leaves, after the next bring-up.
async fn with_a_wrong_end(wish: Wish, module: Module) -> (House, Record) {
    let scratch = tempfile::tempdir().unwrap();
    let house = House::idle(settings(&scratch), &module);
    house.upload("x", wish, &content(9000)).await.unwrap();
    let journal = Arc::clone(house.transfers.storage.journal().unwrap());
    journal
        .change(&key("x"), |record, now| {
            record.begun = Some(settle::ServerFile::Absent);
            record.start(now);
            Ok(())
        })
        .await
        .unwrap();
    drop(journal);
    house.kill().await;
    let mut there = content(9000);
    there[8700..].fill(0);
    let house = House::open(&scratch, &module.file("/up", there));
    let done = house.over("x").await.record;
    (house, done)
}

#[tokio::test(start_paused = true)]
async fn a_file_of_the_right_size_with_a_wrong_end_is_not_taken_for_whole() {
    let mut thorough = upload_wish("/up");
    if let Direction::Upload(upload) = &mut thorough.direction {
        upload.verify = Verify::ReadBack;
    }
    for wish in [upload_wish("/up"), thorough] {
        let (house, done) = with_a_wrong_end(wish, Module::new()).await;
        assert_eq!(done.state, State::Done);
        assert_eq!(house.uploads(), 1);
        assert_eq!(house.module.content("/up").unwrap(), content(9000));
        house.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_whose_end_cannot_be_read_is_sent_again() {
    let module = Module::new();
    module.refuses_rest();
    let (house, done) = with_a_wrong_end(upload_wish("/up"), module).await;
    assert_eq!((done.state, done.attempts), (State::Done, 2));
    assert_eq!(house.uploads(), 1);
    assert_eq!(house.module.content("/up").unwrap(), content(9000));
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_spool_file_that_changed_is_not_sent() {
    let scratch = tempfile::tempdir().unwrap();
    let module = Module::new();
    let house = House::idle(settings(&scratch), &module);
    house.upload("x", upload_wish("/up"), b"abc").await.unwrap();
    for entry in std::fs::read_dir(scratch.path().join("files")).unwrap() {
        std::fs::write(entry.unwrap().path(), b"abd").unwrap();
    }
    let house = house.deliver();
    let lost = house.over("x").await.record;
    assert_eq!(lost.last_error.unwrap().reason, "SpoolLost");
    assert_eq!(house.uploads(), 0);
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_file_that_was_cut_off_by_the_crash_goes_on() {
    let scratch = tempfile::tempdir().unwrap();
    let module = Module::new();
    let content = content(200_000);
    let house = House::open(&scratch, &module);
    house
        .upload("x", upload_wish("/up"), &content)
        .await
        .unwrap();
    house.until("x", |there| there.live.moved > 0).await;
    house.kill().await;
    let module = module.file("/up", content[..70_000].to_vec());

    let house = House::open(&scratch, &module);
    let done = house.over("x").await.record;
    assert_eq!((done.state, done.attempts), (State::Done, 2));
    assert_eq!(done.moved, 130_000);
    assert_eq!(house.module.content("/up").unwrap(), content);
    let begun = house
        .module
        .log()
        .into_iter()
        .filter_map(|(_, task)| match task {
            Task::Upload(upload) => Some(upload.begun.map(|begun| begun.at)),
            _ => None,
        });
    assert_eq!(begun.collect::<Vec<_>>(), [None, Some(70_000)]);
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_orderly_end_suspends_and_the_next_start_goes_on() {
    let scratch = tempfile::tempdir().unwrap();
    let content = content(500_000);
    let module = Module::new().file("/down", content.clone());
    let house = House::open(&scratch, &module);
    let wish = download_wish("/down");
    house
        .transfers
        .create_download(&me(), id("x"), wish)
        .await
        .unwrap();
    house.until("x", |there| there.record.committed > 0).await;
    house.end().await;

    let house = House::open(&scratch, &module);
    let record = house.record("x");
    assert_eq!(record.state, State::Queued);
    let committed = record.committed;
    assert!(committed >= 256 * 1024, "{committed}");
    let done = house.over("x").await.record;
    assert_eq!(done.sha256, Some(Sha256::digest(&content).into()));
    let offsets = house
        .module
        .log()
        .into_iter()
        .filter_map(|(_, task)| match task {
            Task::Download(download) => Some(download.begun.map_or(0, |begun| begun.got)),
            _ => None,
        });
    assert_eq!(offsets.collect::<Vec<_>>(), [0, committed]);
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn bytes_that_vanished_are_told_and_nothing_is_sent() {
    let scratch = tempfile::tempdir().unwrap();
    let module = Module::new();
    let house = House::idle(settings(&scratch), &module);
    house.upload("x", upload_wish("/up"), b"abc").await.unwrap();
    house.kill().await;
    let folder = scratch.path().join("files");
    for entry in std::fs::read_dir(&folder).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    std::fs::write(folder.join(uuid::Uuid::new_v4().to_string()), b"orphan").unwrap();
    let house = House::open(&scratch, &module);
    let lost = house.record("x");
    assert_eq!(lost.state, State::Failed);
    assert_eq!(lost.last_error.unwrap().reason, "SpoolLost");
    assert_eq!(files(&scratch), 0);
    assert_eq!(house.uploads(), 0);
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_store_of_another_daemon_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let house = House::open(&scratch, &Module::new());
    house.upload("x", upload_wish("/a"), b"a").await.unwrap();
    let second = Storage::open(settings(&scratch), told);
    assert!(matches!(second, Err(store::Error::InUse(_))));
    house.end().await;
}
