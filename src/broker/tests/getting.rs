//! Gets and listings.

use super::*;
use crate::broker::flow::get::Wanted;
use crate::broker::terms::Tally;
use simcom_talk::dialogue::operation::Growth;

#[tokio::test(start_paused = true)]
async fn a_file_comes_whole_with_its_hash() {
    let (broker, _) = broker(Module::new().file("/f", content(100_000)));
    let (all, result) = get(&broker, "/f").await.unwrap();
    assert!(all == content(100_000));
    assert_eq!(result.size, 100_000);
    let mut tally = Tally::default();
    tally.add(&all);
    assert_eq!(result.sha256, tally.sha256());
    assert_eq!(result.elapsed, 101 * Module::CHUNK_TIME);
}

#[tokio::test(start_paused = true)]
async fn an_empty_file_ends_at_once_and_says_so_again() {
    let (broker, _) = broker(Module::new().file("/f", content(0)));
    let me = caller("me");
    let mut reading = broker
        .get(&me, &profile(), &path("/f"), Offset::ZERO)
        .await
        .unwrap();
    assert_eq!(reading.size(), Some(0));
    let first = reading.next().await.unwrap();
    assert!(matches!(&first, Next::End(result) if result.size == 0));
    assert_eq!(reading.next().await.unwrap(), first);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_not_there_is_an_error_with_the_operation() {
    let (broker, _) = broker(Module::new());
    let error = get(&broker, "/f").await.unwrap_err();
    assert!(matches!(error.cause, Cause::Modem(_)));
    assert!(error.operation.is_some());
    settle().await;
    assert!(broker.status().running.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_reading_frees_the_link_and_then_fails() {
    let limits = Limits {
        spool: spool::Limits {
            memory: 10_000,
            disk: 10_000,
            ..spool::Limits::default()
        },
        ..Limits::default()
    };
    let module = Module::new()
        .file("/long", content(1_000_000))
        .file("/f", content(10));
    let (broker, _) = broker_within(module, limits);
    let mut slow = busy(&broker).await;
    let began = clock::now();
    get(&broker, "/f").await.unwrap();
    assert!(began.elapsed() < 32 * SECOND, "{:?}", began.elapsed());
    let error = loop {
        match slow.next().await {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(error.cause, Cause::ReaderTooSlow), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_fetches_what_has_come_loses_it() {
    let (broker, _) = broker(Module::new().file("/long", content(5000)));
    let mut slow = busy(&broker).await;
    sleep(60 * SECOND).await;
    let error = slow.next().await.unwrap_err();
    assert!(matches!(error.cause, Cause::ReaderTooSlow), "{error:?}");
    assert_eq!(error.committed, Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_gets_everything_though_the_link_went_on() {
    let (broker, _) = broker(Module::new().file("/long", content(300_000)));
    let mut slow = busy(&broker).await;
    let mut all = Vec::new();
    loop {
        sleep(20 * SECOND).await;
        match slow.next().await.unwrap() {
            Next::Chunk(chunk) => all.extend_from_slice(&chunk),
            Next::End(_) => break,
        }
        assert!(
            broker.status().running.is_none(),
            "the link is free after 3 s"
        );
    }
    assert!(all == content(300_000));
}

#[tokio::test(start_paused = true)]
async fn dropping_cancels_and_the_next_gets_the_link() {
    let module = Module::new()
        .file("/long", content(10_000_000))
        .file("/f", content(10));
    let (broker, module) = broker(module);
    let reading = busy(&broker).await;
    drop(reading);
    get(&broker, "/f").await.unwrap();
    assert_eq!(module.cancelled(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_listing_comes_as_it_is() {
    let (broker, _) = broker(Module::new().file("/d", b"-rw-r--r-- 1 f\r\n".to_vec()));
    let me = caller("me");
    let mut reading = broker
        .list(&me, &profile(), Some(&path("/d")))
        .await
        .unwrap();
    let Next::Chunk(text) = reading.next().await.unwrap() else {
        panic!("no text")
    };
    assert_eq!(text, "-rw-r--r-- 1 f\r\n");
}

#[tokio::test(start_paused = true)]
async fn one_that_yields_is_queued_again_and_whole_in_the_end() {
    let module = Module::new().aborts().file("/long", content(2_000_000));
    let (broker, module) = broker(module);
    let me = Caller {
        yields: Some(Yields::Always),
        ..caller("me")
    };
    let mut reading = broker
        .begin_get(&me, &profile(), &path("/long"), Offset::ZERO)
        .unwrap();
    reading.began().await.unwrap();
    let mut progress = reading.progress();
    let queued = tokio::spawn(async move {
        let queued = progress.wait_for(|now| now.stage == get::GetStage::Queued);
        queued.await.map(drop).is_ok()
    });
    let (at, name) = (profile(), path("/long"));
    let size = broker.size(&caller("asks"), &at, &name).await;
    assert_eq!(size.unwrap(), 2_000_000);
    assert!(queued.await.unwrap());
    assert_eq!(module.yielded(), 1);
    let mut all = Vec::new();
    let result = loop {
        match reading.next().await.unwrap() {
            Next::Chunk(chunk) => all.extend_from_slice(&chunk),
            Next::End(result) => break result,
        }
    };
    assert!(all == content(2_000_000));
    assert_eq!(result.resumes, 0);
}

/// The result of a reading with guards.
async fn guarded(
    broker: &Broker,
    offset: u64,
    guards: Guards,
) -> Result<(Vec<u8>, GetResult), Error> {
    let offset = Offset::new(offset).unwrap();
    wanted(
        broker,
        Wanted {
            path: path("/f"),
            offset,
            length: None,
            guards,
            growth: Growth::FirstSize,
        },
    )
    .await
}

async fn wanted(broker: &Broker, wanted: Wanted) -> Result<(Vec<u8>, GetResult), Error> {
    let mut reading = broker.begin_guarded_get(&caller("me"), &profile(), wanted)?;
    reading.began().await?;
    let mut all = Vec::new();
    loop {
        match reading.next().await? {
            Next::Chunk(chunk) => all.extend_from_slice(&chunk),
            Next::End(result) => return Ok((all, result)),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_get_that_goes_on_compares_what_its_caller_has() {
    let file = content(5000);
    let (broker, _) = broker(Module::new().file("/f", file.clone()));
    for offset in [0_usize, 1, 300, 4000, 5000] {
        let tail = Bytes::copy_from_slice(&file[offset.saturating_sub(300)..offset]);
        let guards = Guards {
            tail,
            if_size: Some(5000),
            sha256: None,
        };
        let (rest, result) = guarded(&broker, offset as u64, guards).await.unwrap();
        assert!(rest == file[offset..], "{offset}");
        let mut tally = Tally::default();
        tally.add(&rest);
        assert_eq!((result.size, result.sha256), (tally.size, tally.sha256()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_get_of_another_file_than_its_caller_means_hands_nothing_over() {
    let file = content(5000);
    let (broker, _) = broker(Module::new().file("/f", file.clone()));
    let mut other = file[700..1000].to_vec();
    other[299] ^= 1;
    let tail = Guards {
        tail: other.into(),
        ..Guards::default()
    };
    let size = Guards {
        if_size: Some(4999),
        ..Guards::default()
    };
    let hash = Guards {
        sha256: Some([7; 32]),
        ..Guards::default()
    };
    for (offset, guards, handed) in [(1000, tail, 0), (1000, size, 0), (0, hash, 5000)] {
        let error = guarded(&broker, offset, guards).await.unwrap_err();
        assert!(matches!(error.cause, Cause::SourceChanged), "{error:?}");
        assert_eq!(error.committed, Some(handed));
        // The rest is drained from the module.
        sleep(SECOND).await;
        assert!(broker.status().running.is_none());
    }
    // The file ends within the bytes that the caller has.
    let guards = Guards {
        tail: [&file[4100..], &[0; 100]].concat().into(),
        ..Guards::default()
    };
    let error = guarded(&broker, 5100, guards).await.unwrap_err();
    assert!(
        matches!(error.cause, Cause::WrongOffset { committed: 5000 }),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_get_of_a_part_ends_with_it_and_is_done() {
    let file = content(200_000);
    let module = Module::new().file("/f", file.clone()).aborts();
    let (broker, _) = broker(module.clone());
    let parts = [
        (0, 1, 1),
        (0, 70_000, 70_000),
        (100, 1480, 1480),
        (199_999, 1, 1),
        (199_000, 5000, 1000),
        (0, 200_000, 200_000),
    ];
    for (offset, length, comes) in parts {
        for tail in [0, offset.min(300)] {
            let part = Wanted {
                path: path("/f"),
                offset: Offset::new(offset as u64).unwrap(),
                length: Some(length),
                guards: Guards {
                    tail: Bytes::copy_from_slice(&file[offset - tail..offset]),
                    if_size: Some(200_000),
                    sha256: None,
                },
                growth: Growth::FirstSize,
            };
            let (bytes, result) = wanted(&broker, part).await.unwrap();
            assert!(bytes == file[offset..offset + comes], "{offset} {length}");
            let mut tally = Tally::default();
            tally.add(&bytes);
            assert_eq!((result.size, result.sha256), (comes as u64, tally.sha256()));
        }
    }
    sleep(SECOND).await;
    assert!(broker.status().running.is_none(), "the link is free");
    assert!(module.cancelled() > 0, "the rest is not taken");
}

#[tokio::test(start_paused = true)]
async fn an_operation_whose_caller_has_what_it_wanted_has_succeeded() {
    let (broker, _) = broker(Module::new().file("/f", content(200_000)));
    let me = caller("me");
    let part = Wanted {
        path: path("/f"),
        offset: Offset::ZERO,
        length: Some(10),
        guards: Guards::default(),
        growth: Growth::FirstSize,
    };
    let mut reading = broker.begin_guarded_get(&me, &profile(), part).unwrap();
    let id = reading.operation().clone();
    reading.began().await.unwrap();
    while !matches!(reading.next().await.unwrap(), Next::End(_)) {}
    drop(reading);
    sleep(SECOND).await;
    let ended = broker.operation(&me, &id).unwrap();
    assert!(format!("{ended:?}").contains("Done"), "{ended:?}");
}
