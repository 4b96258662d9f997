//! Accepted transfers, and what becomes of them.

use super::*;

#[tokio::test(start_paused = true)]
async fn what_was_accepted_is_delivered_and_its_file_goes() {
    let scratch = tempfile::tempdir().unwrap();
    let house = House::open(&scratch, &Module::new());
    let content = content(5000);
    let accepted = house
        .upload("x", upload_wish("/up"), &content)
        .await
        .unwrap();
    assert_eq!(accepted.record.state, State::Queued);
    let hash: [u8; 32] = Sha256::digest(&content).into();
    assert_eq!(accepted.record.sha256, Some(hash));

    let done = house.over("x").await.record;
    assert_eq!(done.state, State::Done, "{done:?}");
    assert_eq!(done.evidence.unwrap().state, PutState::VerifiedSize);
    assert_eq!((done.attempts, done.moved), (1, 5000));
    assert_eq!(house.module.content("/up").unwrap(), content);
    house.end().await;
    assert_eq!(files(&scratch), 0);
}

/// The module reports success, and the server does not tell the size.
#[tokio::test(start_paused = true)]
async fn what_nobody_can_verify_is_left_and_is_done_only_for_whom_that_is_enough() {
    for (verify, state) in [
        (Verify::Size, State::Failed),
        (Verify::BestEffort, State::Done),
    ] {
        let scratch = tempfile::tempdir().unwrap();
        let house = House::open(&scratch, &Module::new());
        house.module.answers_uploads(true, None);
        let mut wish = upload_wish("/up");
        if let Direction::Upload(upload) = &mut wish.direction {
            upload.verify = verify;
        }
        house.upload("x", wish, b"abc").await.unwrap();
        let over = house.over("x").await.record;
        assert_eq!(over.state, state, "{over:?}");
        let told = over.evidence.map(|evidence| evidence.state);
        let done = state == State::Done;
        assert_eq!(told, done.then_some(PutState::Unverified));
        // The file may be whole: nobody deletes it.
        let remnant = if done {
            Remnant::Nothing
        } else {
            Remnant::Left
        };
        assert_eq!(over.remnant, remnant);
        assert_eq!(house.module.content("/up").unwrap(), b"abc");
        house.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_wish_again_is_the_same_transfer() {
    let scratch = tempfile::tempdir().unwrap();
    let house = House::open(&scratch, &Module::new());
    house.upload("x", upload_wish("/up"), b"abc").await.unwrap();
    house.over("x").await;
    let again = house
        .transfers
        .create_upload(&me(), id("x"), upload_wish("/up"))
        .await
        .unwrap();
    let Upload::Compare(mut comparing) = again else {
        panic!("whether it is the same is not known: {again:?}");
    };
    comparing.push(b"abc").unwrap();
    assert_eq!(comparing.finish(None).unwrap().record.state, State::Done);
    let other = house.receiving("x", upload_wish("/other")).await;
    assert!(matches!(other.unwrap_err().cause, Cause::TransferExists));
    let mut stranger = me();
    stranger.principal = Principal::new("you");
    let refused = house.transfers.transfer(&stranger, id("x")).unwrap_err();
    assert!(matches!(refused.cause, Cause::TransferNotFound));
    assert_eq!(house.uploads(), 1);
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_download_is_read_while_it_arrives_and_from_any_offset() {
    let scratch = tempfile::tempdir().unwrap();
    let content = content(300_000);
    let house = House::open(&scratch, &Module::new().file("/down", content.clone()));
    let wish = download_wish("/down");
    house
        .transfers
        .create_download(&me(), id("x"), wish)
        .await
        .unwrap();
    for offset in [0, 123_456, 300_000] {
        let mut reading = house
            .transfers
            .read_transfer(&me(), id("x"), offset)
            .await
            .unwrap();
        let mut all = Vec::new();
        let hash = loop {
            match reading.next().await.unwrap() {
                ReadNext::Chunk(chunk) => all.extend_from_slice(&chunk),
                ReadNext::End { size, sha256, .. } => {
                    assert_eq!(size, 300_000);
                    break sha256;
                }
            }
        };
        assert_eq!(all, content[usize::try_from(offset).unwrap()..]);
        assert_eq!(hash, <[u8; 32]>::from(Sha256::digest(&content)));
    }
    let mut beyond = house
        .transfers
        .read_transfer(&me(), id("x"), 300_001)
        .await
        .unwrap();
    let error = beyond.next().await.unwrap_err();
    assert!(matches!(
        error.cause,
        Cause::WrongOffset { committed: 300_000 }
    ));
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_download_of_a_file_that_grew_says_so() {
    let scratch = tempfile::tempdir().unwrap();
    let content = content(5000);
    let module = Module::new().file("/log", content.clone());
    module.grows_from(3000);
    let house = House::open(&scratch, &module);
    let wish = download_wish("/log");
    house
        .transfers
        .create_download(&me(), id("x"), wish)
        .await
        .unwrap();
    let done = house.over("x").await.record;
    assert_eq!((done.state, done.size), (State::Done, Some(3000)));
    assert_eq!(done.grown, Some(5000));
    let mut reading = house
        .transfers
        .read_transfer(&me(), id("x"), 0)
        .await
        .unwrap();
    let mut all = Vec::new();
    let grown = loop {
        match reading.next().await.unwrap() {
            ReadNext::Chunk(chunk) => all.extend_from_slice(&chunk),
            ReadNext::End { grown, .. } => break grown,
        }
    };
    assert_eq!(all, content[..3000]);
    assert_eq!(grown, Some(5000));
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_source_that_changed_is_brought_anew_and_its_readers_are_told() {
    let scratch = tempfile::tempdir().unwrap();
    let module = Module::new().file("/down", content(500_000));
    let house = House::open(&scratch, &module);
    let wish = download_wish("/down");
    house
        .transfers
        .create_download(&me(), id("x"), wish)
        .await
        .unwrap();
    house.until("x", |there| there.record.committed > 0).await;
    house.end().await;
    let module = module.file("/down", content(300_000));
    let house = House::idle(settings(&scratch), &module);
    let mut reading = house
        .transfers
        .read_transfer(&me(), id("x"), 0)
        .await
        .unwrap();
    assert!(matches!(reading.next().await, Ok(ReadNext::Chunk(_))));
    let house = house.deliver();
    let done = house.over("x").await.record;
    assert_eq!((done.state, done.size), (State::Done, Some(300_000)));
    let error = reading.next().await.unwrap_err();
    assert!(matches!(error.cause, Cause::SourceChanged), "{error}");
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_source_of_the_same_size_is_known_by_its_bytes() {
    let scratch = tempfile::tempdir().unwrap();
    let module = Module::new().file("/down", content(500_000));
    let house = House::open(&scratch, &module);
    let wish = download_wish("/down");
    house
        .transfers
        .create_download(&me(), id("x"), wish)
        .await
        .unwrap();
    house.until("x", |there| there.record.committed > 0).await;
    house.kill().await;
    let other: Vec<u8> = content(500_001)[1..].to_vec();
    let house = House::open(&scratch, &module.file("/down", other.clone()));
    let done = house.over("x").await.record;
    assert_eq!((done.state, done.attempts), (State::Done, 2));
    assert_eq!(done.sha256, Some(Sha256::digest(&other).into()));
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_what_was_named_is_not_kept() {
    let scratch = tempfile::tempdir().unwrap();
    let house = House::open(&scratch, &Module::new());
    let mut receiving = house.receiving("x", upload_wish("/up")).await.unwrap();
    receiving.push(Bytes::from_static(b"abc")).await.unwrap();
    let error = receiving.finish(Some([0; 32])).await.unwrap_err();
    assert!(matches!(error.cause, Cause::HashMismatch(_)));
    let gone = house.transfers.transfer(&me(), id("x")).unwrap_err();
    assert!(matches!(gone.cause, Cause::TransferNotFound));
    house.end().await;
    assert_eq!(files(&scratch), 0);
}

#[tokio::test(start_paused = true)]
async fn what_exists_and_must_be_new_is_not_touched() {
    let scratch = tempfile::tempdir().unwrap();
    let module = Module::new().file("/up", b"theirs".to_vec());
    let house = House::open(&scratch, &module);
    let mut wish = upload_wish("/up");
    if let Direction::Upload(upload) = &mut wish.direction {
        upload.must_be_new = true;
    }
    house.upload("x", wish, b"ours").await.unwrap();
    let failed = house.over("x").await.record;
    assert_eq!(
        (failed.state, failed.remnant),
        (State::Failed, Remnant::Nothing)
    );
    assert_eq!(house.module.content("/up").unwrap(), b"theirs");
    house.end().await;
}

/// All bytes that the server had announced came, and the link broke before the size was asked once
/// more.
#[tokio::test(start_paused = true)]
async fn a_download_whose_end_was_not_heard_asks_for_it_again() {
    let scratch = tempfile::tempdir().unwrap();
    let module = Module::new().file("/log", content(5000));
    module.grows_from(3000);
    module.loses_an_end();
    let house = House::open(&scratch, &module);
    let wish = download_wish("/log");
    house
        .transfers
        .create_download(&me(), id("x"), wish)
        .await
        .unwrap();
    let done = house.over("x").await.record;
    assert_eq!((done.state, done.attempts), (State::Done, 2));
    let told = (done.size, done.grown);
    assert!(
        told == (Some(3000), Some(5000)) || told == (Some(5000), None),
        "{told:?}"
    );
    house.end().await;
}
