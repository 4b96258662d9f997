//! Puts. Above 400 lines because these tests are one table: what the server has, and what a Put may
//! conclude.

use super::*;
use crate::broker::api::Heard;
use simcom_talk::dialogue::operation::Doubt;
use simcom_talk::ftps::value::TransferType;

#[tokio::test(start_paused = true)]
async fn a_file_is_written_and_its_size_compared() {
    let (broker, module) = broker(Module::new());
    let result = put(&broker, header("/f"), &content(50_000)).await.unwrap();
    assert_eq!(module.content("/f"), Some(content(50_000)));
    assert_eq!(
        (result.size, result.state),
        (50_000, PutState::VerifiedSize)
    );
    assert!(
        result.evidence.contains("the server names the size"),
        "{}",
        result.evidence
    );
}

#[tokio::test(start_paused = true)]
async fn an_empty_file_is_written() {
    let (broker, module) = broker(Module::new());
    put(&broker, header("/f"), &[]).await.unwrap();
    assert_eq!(module.content("/f"), Some(Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_before_its_end_is_never_completed() {
    let (broker, module) = broker(Module::new());
    let mut writing = broker.put(&caller("me"), header("/f")).unwrap();
    writing.push(Bytes::from(content(5000))).await.unwrap();
    sleep(SECOND).await;
    drop(writing);
    sleep(SECOND).await;
    assert_eq!(module.content("/f"), None);
    assert!(broker.status().running.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_nothing_never_has_the_link() {
    let module = Module::new().file("/f", content(10));
    let (broker, module) = broker(module);
    let mut writing = broker.put(&caller("me"), header("/g")).unwrap();
    get(&broker, "/f").await.unwrap();
    let error = writing.failed().await;
    assert!(matches!(error.cause, Cause::WriterTooSlow), "{error:?}");
    assert!(writing.push(Bytes::from_static(b"x")).await.is_err());
    assert_eq!(module.log().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_sending_makes_way_and_has_failed_in_the_end() {
    let (broker, module) = broker(Module::new().file("/f", content(10)));
    let mut writing = broker.put(&caller("me"), header("/g")).unwrap();
    writing.push(Bytes::from_static(b"x")).await.unwrap();
    settle().await;
    let began = clock::now();
    get(&broker, "/f").await.unwrap();
    assert!(began.elapsed() < 3 * SECOND);
    assert_eq!(
        (module.made_way(), module.content("/g")),
        (1, Some(vec![b'x']))
    );
    let error = writing.failed().await;
    assert!(matches!(error.cause, Cause::WriterTooSlow), "{error:?}");
    assert!(began.elapsed() < 34 * SECOND);
    assert_eq!((error.left_behind, module.content("/g")), (false, None));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_sending_loses_the_link_though_nobody_waits() {
    let (broker, module) = broker(Module::new());
    let mut writing = broker.put(&caller("me"), header("/g")).unwrap();
    writing.push(Bytes::from_static(b"x")).await.unwrap();
    let error = writing.failed().await;
    assert!(matches!(error.cause, Cause::WriterTooSlow), "{error:?}");
    assert_eq!((module.made_way(), module.content("/g")), (0, None));
}

#[tokio::test(start_paused = true)]
async fn more_or_less_than_declared_is_refused_before_the_file_is_complete() {
    let (broker, module) = broker(Module::new());
    for (declared, sent) in [(100, 101), (100, 99)] {
        let header = PutHeader {
            size: Some(declared),
            ..header("/f")
        };
        let error = put(&broker, header, &content(sent)).await.unwrap_err();
        assert!(
            matches!(error.cause, Cause::SizeMismatch { expected: 100, found } if found == sent as u64),
            "{error:?}"
        );
        assert_eq!(module.content("/f"), None);
    }
    let header = PutHeader {
        size: Some(u64::MAX),
        ..header("/f")
    };
    assert!(
        put(&broker, header, &content(10)).await.is_err(),
        "nothing is set aside for it"
    );
}

#[tokio::test(start_paused = true)]
async fn a_wrong_hash_is_found_before_the_file_is_complete() {
    let (broker, module) = broker(Module::new());
    let mut writing = broker.put(&caller("me"), header("/f")).unwrap();
    writing.push(Bytes::from_static(b"abc")).await.unwrap();
    sleep(SECOND).await;
    let error = writing.finish(Some([0; 32])).await.unwrap_err();
    assert!(
        matches!(error.cause, Cause::HashMismatch(Hashed::Sent)),
        "{error:?}"
    );
    assert_eq!(module.content("/f"), None);
}

#[tokio::test(start_paused = true)]
async fn reading_back_compares_the_bytes_and_tells_of_what_is_wrong() {
    let (broker, module) = broker(Module::new());
    let read_back = || PutHeader {
        verify: Some(Verify::ReadBack),
        ..header("/f")
    };
    let result = put(&broker, read_back(), &content(3000)).await.unwrap();
    assert_eq!(result.state, PutState::VerifiedHash);
    module.corrupts();
    let error = put(&broker, read_back(), &content(3000)).await.unwrap_err();
    assert!(
        matches!(error.cause, Cause::HashMismatch(Hashed::ReadBack)),
        "{error:?}"
    );
    // The content differs, so nothing proves whose file it is.
    assert!(error.left_behind);
    assert!(module.content("/f").is_some());
    let keep = PutHeader {
        delete_on_failure: false,
        ..read_back()
    };
    put(&broker, keep, &content(3000)).await.unwrap_err();
    assert!(module.content("/f").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_sentinel_follows_a_verified_file_and_no_other() {
    let (broker, module) = broker(Module::new());
    let sentinel = Some(path("f.ok"));
    let with = PutHeader {
        sentinel: sentinel.clone(),
        ..header("/d/f")
    };
    put(&broker, with, b"abc").await.unwrap();
    let text = String::from_utf8(module.content("/d/f.ok").unwrap()).unwrap();
    // SHA-256 of "abc" (FIPS 180-2, appendix B.1).
    assert_eq!(
        text,
        "size=3\nsha256=ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n"
    );
    let without = PutHeader {
        sentinel,
        verify: Some(Verify::Nothing),
        ..header("/e/f")
    };
    let error = put(&broker, without, b"abc").await.unwrap_err();
    assert!(matches!(error.cause, Cause::Unverified { .. }), "{error:?}");
    let reached = error.reached.unwrap();
    assert_eq!(reached.state, PutState::Unverified);
    assert!(!reached.sentinel_written);
    assert_eq!(module.content("/e/f"), Some(b"abc".to_vec()));
    assert_eq!(module.content("/e/f.ok"), None);
}

#[tokio::test(start_paused = true)]
async fn a_sentinel_that_is_its_own_file_in_the_sessions_directory_is_refused() {
    let (broker, module) = broker(Module::new());
    let me = caller("me");
    let request = SessionRequest {
        server: ServerChoice::Profile("a".into()),
        directory: None,
        transfer_type: Default::default(),
        lease: None,
    };
    let session = broker.open_session(&me, request).await.unwrap();
    let before = module.log().len();
    for sentinel in ["/home/f", "/home/x/../f", "../home/f"] {
        let header = PutHeader {
            target: Target::Session(session.id.clone()),
            sentinel: Some(path(sentinel)),
            ..header("f")
        };
        let error = broker.put(&me, header).unwrap_err();
        assert!(matches!(error.cause, Cause::OwnSentinel), "{error}");
    }
    assert_eq!(module.log().len(), before);
}

/// The broker reported that a server does not tell the size when the server had named the right
/// one.
#[tokio::test(start_paused = true)]
async fn why_a_right_size_proves_nothing_is_told_as_it_is() {
    for (doubt, words) in [
        (None, "does not tell the size"),
        (Some(Doubt::SameBefore), "named the same one before"),
        (Some(Doubt::BeforeUnknown), "before is not known"),
        (Some(Doubt::EndUnread), "could not be read back"),
    ] {
        let (broker, module) = broker(Module::new());
        module.answers_uploads(false, None);
        module.doubts_uploads(doubt);
        let error = put(&broker, header("/f"), b"abc").await.unwrap_err();
        let result = error.reached.expect("what was reached");
        assert_eq!(result.state, PutState::Indeterminate);
        assert!(result.evidence.contains(words), "{}", result.evidence);
        let silent = result.evidence.contains("does not tell the size");
        assert_eq!(silent, doubt.is_none(), "{}", result.evidence);
    }
}

#[tokio::test(start_paused = true)]
async fn a_size_that_nobody_tells_is_no_proof() {
    use PutState::{Indeterminate, Unverified};
    // Whether the verification is met: by the module's report, and by no evidence at all.
    for (verify, met) in [
        (None, [false, false]),
        (Some(Verify::Size), [false, false]),
        (Some(Verify::Nothing), [true, false]),
        (Some(Verify::BestEffort), [true, false]),
    ] {
        for (acknowledged, state, met) in
            [(true, Unverified, met[0]), (false, Indeterminate, met[1])]
        {
            let (broker, module) = broker(Module::new());
            module.answers_uploads(acknowledged, None);
            let wished = PutHeader {
                verify,
                ..header("/f")
            };
            let outcome = put(&broker, wished, b"abc").await;
            assert_eq!(
                outcome.is_ok(),
                met,
                "{verify:?} {acknowledged}: {outcome:?}"
            );
            let result = outcome.unwrap_or_else(|error| {
                let told = match error.cause {
                    Cause::Unverified { .. } => Unverified,
                    Cause::Indeterminate => Indeterminate,
                    cause => panic!("{cause:?}"),
                };
                assert_eq!(told, state);
                *error.reached.expect("what was reached")
            });
            assert_eq!((result.state, result.size), (state, 3));
            // Nobody deletes a file that may be complete.
            let deleted = |task: &Task| matches!(task, Task::DeleteFile(_));
            assert!(!module.log().iter().any(|(_, task)| deleted(task)));
        }
    }
    let (broker, module) = broker(Module::new());
    module.answers_uploads(true, Some(2));
    let error = put(&broker, header("/f"), b"abc").await.unwrap_err();
    assert!(
        matches!(
            error.cause,
            Cause::SizeMismatch {
                expected: 3,
                found: 2
            }
        ),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn progress_tells_the_place_and_the_bytes() {
    let (broker, _) = broker(Module::new().file("/long", content(100_000)));
    let first = busy(&broker).await;
    let waiting: Vec<_> = (0..2)
        .map(|_| {
            let broker = broker.clone();
            tokio::spawn(async move { put(&broker, header("/g"), b"x").await })
        })
        .collect();
    settle().await;
    let mut writing = broker.put(&caller("me"), header("/f")).unwrap();
    let progress = writing.progress();
    writing.push(Bytes::from(content(3000))).await.unwrap();
    settle().await;
    let seen = *progress.borrow();
    assert_eq!((seen.stage, seen.place.ahead), (PutStage::Queued, 2));
    drop(first);
    for waiting in waiting {
        waiting.await.unwrap().unwrap();
    }
    sleep(SECOND).await;
    let seen = *progress.borrow();
    assert_eq!(
        (seen.stage, seen.sent, seen.place.ahead),
        (PutStage::Sending, 3000, 0)
    );
    writing.finish(None).await.unwrap();
    assert_eq!(progress.borrow().stage, PutStage::Verifying);
}

#[tokio::test(start_paused = true)]
async fn a_writer_is_held_back_while_it_waits_for_the_link() {
    let (broker, module) = broker(Module::new().file("/long", content(100_000)));
    let _first = busy(&broker).await;
    let mut writing = broker.put(&caller("me"), header("/f")).unwrap();
    let big = content(3 << 20);
    let pushed = timeout(SECOND / 2, writing.push(Bytes::from(big.clone()))).await;
    assert!(pushed.is_err(), "3 MiB are more than the spool takes");
    drop(writing);
    put(&broker, header("/f"), &big).await.unwrap();
    assert!(module.content("/f").unwrap() == big);
}

#[tokio::test(start_paused = true)]
async fn one_that_makes_way_is_queued_again_and_ends_once() {
    let (broker, module) = broker(Module::new().file("/f", content(10)));
    let me = Caller {
        yields: Some(Yields::Always),
        ..caller("me")
    };
    let mut writing = broker.put(&me, header("/g")).unwrap();
    let whole = content(800_000);
    writing.push(Bytes::from(whole.clone())).await.unwrap();
    let mut watcher = broker.watch(&caller("me"), Whose::Own, &[]).unwrap();
    let finishing = tokio::spawn(writing.finish(None));
    settle().await;
    let size = broker.size(&caller("asks"), &profile(), &path("/f")).await;
    assert_eq!(size.unwrap(), 10);
    assert!(module.made_way() > 0);
    let result = finishing.await.unwrap().unwrap();
    assert_eq!((result.size, result.resumes), (800_000, 0));
    assert!(module.content("/g").unwrap() == whole);
    let mut ended = 0;
    while let Ok(Some(Heard::Event(event))) = timeout(SECOND, watcher.next()).await {
        let events::What::Operation { about, change } = event.what else {
            continue;
        };
        let ends = matches!(change, events::OperationChange::Ended { .. });
        ended += usize::from(ends && about.method == "Put");
    }
    assert_eq!(ended, 1);
}

/// A sends a part and falls silent; B writes the name; A sends the rest.
#[tokio::test(start_paused = true)]
async fn a_put_whose_name_another_wrote_deletes_nothing_and_does_not_go_on() {
    for goes_on in [false, true] {
        let (broker, module) = broker(Module::new());
        let mut slow = broker.put(&caller("a"), header("/d/report.bin")).unwrap();
        slow.push(Bytes::from(content(9000))).await.unwrap();
        settle().await;
        let theirs = vec![7; 5000];
        let other = put(&broker, header("//d/./report.bin"), &theirs).await;
        assert_eq!(other.unwrap().state, PutState::VerifiedSize);
        let module = module.file("/d/report.bin", theirs.clone());
        let error = if goes_on {
            slow.push(Bytes::from(content(9000))).await.unwrap();
            slow.finish(None).await.unwrap_err()
        } else {
            slow.failed().await
        };
        match error.cause {
            Cause::NameTaken(ref name) => assert!(goes_on && name == "/d/report.bin"),
            Cause::WriterTooSlow => assert!(!goes_on),
            ref cause => panic!("{cause:?}"),
        }
        assert!(!error.left_behind);
        sleep(60 * SECOND).await;
        assert_eq!(module.content("/d/report.bin"), Some(theirs));
    }
}

/// B writes the name after A's file was verified and before A's sentinel is written.
#[tokio::test(start_paused = true)]
async fn a_put_that_lost_its_name_before_its_sentinel_is_no_success() {
    let (broker, module) = broker(Module::new());
    let with = PutHeader {
        sentinel: Some(path("f.ok")),
        verify: Some(Verify::ReadBack),
        ..header("/f")
    };
    let mut first = broker.put(&caller("a"), with).unwrap();
    first.push(Bytes::from(content(9000))).await.unwrap();
    let first = tokio::spawn(first.finish(None));
    settle().await;
    put(&broker, header("/f"), &[7; 500]).await.unwrap();
    let error = first.await.unwrap().unwrap_err();
    assert!(matches!(error.cause, Cause::NameTaken(ref name) if name == "/f"));
    assert_eq!(error.committed, Some(9000));
    assert_eq!(module.content("/f"), Some(vec![7; 500]));
    assert_eq!(module.content("/f.ok"), None);
}

#[tokio::test(start_paused = true)]
async fn a_put_whose_name_was_deleted_does_not_go_on() {
    let (broker, module) = broker(Module::new());
    let mut slow = broker.put(&caller("a"), header("/f")).unwrap();
    slow.push(Bytes::from(content(9000))).await.unwrap();
    settle().await;
    let deleted = broker
        .delete_file(&caller("b"), &profile(), &path("/f"))
        .await;
    deleted.unwrap();
    slow.push(Bytes::from(content(9000))).await.unwrap();
    let error = slow.finish(None).await.unwrap_err();
    assert!(matches!(error.cause, Cause::NameTaken(_)), "{error:?}");
    assert_eq!(module.content("/f"), None);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_somebody_is_writing_is_not_new() {
    let (broker, module) = broker(Module::new());
    let mut slow = broker.put(&caller("a"), header("/f")).unwrap();
    slow.push(Bytes::from(content(9000))).await.unwrap();
    settle().await;
    let new = PutHeader {
        must_be_new: true,
        ..header("/f")
    };
    let error = put(&broker, new, b"new").await.unwrap_err();
    assert!(matches!(error.cause, Cause::NameBusy(ref name) if name == "/f"));
    // The first goes on as if nothing had happened.
    slow.push(Bytes::from(content(9000))).await.unwrap();
    slow.finish(None).await.unwrap();
    assert_eq!(module.content("/f").unwrap().len(), 18_000);
}

#[tokio::test(start_paused = true)]
async fn a_sentinel_whose_outcome_was_lost_is_not_told_as_written() {
    let (broker, module) = broker(Module::new());
    let with = PutHeader {
        sentinel: Some(path("f.ok")),
        ..header("/f")
    };
    module.answers_uploads_of("/f.ok", Some((false, None)));
    let error = put(&broker, with.clone(), b"abc").await.unwrap_err();
    assert!(matches!(error.cause, Cause::SentinelUnknown), "{error:?}");
    assert_eq!(error.committed, Some(3));
    module.answers_uploads_of("/f.ok", Some((true, None)));
    let result = put(&broker, with, b"abc").await.unwrap();
    assert!(result.evidence.ends_with("the sentinel was written"));
}

/// The server rewrites line ends, so the text that is read back rightly differs.
#[tokio::test(start_paused = true)]
async fn reading_back_in_an_ascii_session_deletes_nothing() {
    let (broker, module) = broker(Module::new());
    let request = SessionRequest {
        server: ServerChoice::Profile("a".into()),
        directory: Some(path("/d")),
        transfer_type: TransferType::Ascii,
        lease: None,
    };
    let session = broker.open_session(&caller("me"), request).await.unwrap();
    module.corrupts();
    for verify in [Verify::ReadBack, Verify::Size] {
        let header = PutHeader {
            target: Target::Session(session.id.clone()),
            verify: Some(verify),
            ..header("/f")
        };
        let error = put(&broker, header, b"abc").await.unwrap_err();
        assert!(matches!(error.cause, Cause::NoVerifyInAscii), "{error:?}");
        assert_eq!(module.content("/f"), None, "nothing reached the module");
    }
    let header = PutHeader {
        target: Target::Session(session.id),
        verify: Some(Verify::BestEffort),
        ..header("/f")
    };
    let result = put(&broker, header, b"abc").await.unwrap();
    assert_eq!(result.state, PutState::Unverified);
    assert!(result.evidence.contains("ASCII"), "{}", result.evidence);
    assert!(module.content("/f").is_some());
}

/// A was verified and its sentinel waits; B, before it in the queue, writes the same name.
#[tokio::test(start_paused = true)]
async fn a_sentinel_that_waited_while_another_wrote_the_file_is_not_written() {
    for verify in [Verify::Size, Verify::ReadBack] {
        let (broker, module) = broker(Module::new());
        let with = PutHeader {
            sentinel: Some(path("f.ok")),
            verify: Some(verify),
            ..header("/f")
        };
        let mut first = broker.put(&caller("a"), with).unwrap();
        first.push(Bytes::from(content(9000))).await.unwrap();
        let first = tokio::spawn(first.finish(None));
        settle().await;
        put(&broker, header("/f"), &[7; 500]).await.unwrap();
        let error = first.await.unwrap().unwrap_err();
        assert!(matches!(error.cause, Cause::NameTaken(ref name) if name == "/f"));
        assert_eq!(error.committed, Some(9000));
        assert_eq!(module.content("/f"), Some(vec![7; 500]));
        assert_eq!(module.content("/f.ok"), None);
        // Nothing of the other file was read for comparison either.
        let log = module.log();
        let read = log
            .iter()
            .any(|(_, task)| matches!(task, Task::Download(_)));
        assert!(!read);
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_goes_on_behind_what_was_sent_is_not_verified_by_its_beginning() {
    let (broker, module) = broker(Module::new());
    module.appends(b"more");
    module.grows_from(3000);
    let read_back = PutHeader {
        verify: Some(Verify::ReadBack),
        ..header("/f")
    };
    let error = put(&broker, read_back, &content(3000)).await.unwrap_err();
    assert!(
        matches!(
            error.cause,
            Cause::SizeMismatch {
                expected: 3000,
                found: 3004
            }
        ),
        "{error:?}"
    );
    assert!(error.left_behind);
    assert_eq!(module.content("/f").unwrap().len(), 3004);
}

/// B gets the link and fails before it writes: at its login, or because the server deletes nothing.
#[tokio::test(start_paused = true)]
async fn one_that_never_wrote_takes_no_name() {
    for deletes in [false, true] {
        let (broker, module) = broker(Module::new());
        let mut slow = broker.put(&caller("a"), header("/f")).unwrap();
        slow.push(Bytes::from(content(9000))).await.unwrap();
        settle().await;
        if deletes {
            module.refuses_deletions();
            broker
                .delete_file(&caller("b"), &profile(), &path("/f"))
                .await
                .unwrap_err();
        } else {
            // It waits until the slow one has yielded.
            let other = tokio::spawn({
                let broker = broker.clone();
                // It does not wait for the next try of a refused login.
                let soon = Caller {
                    deadline: Some(clock::now() + 5 * SECOND),
                    ..caller("me")
                };
                async move {
                    let mut writing = broker.put(&soon, header("/f"))?;
                    writing.push(Bytes::from_static(b"other")).await?;
                    writing.finish(None).await
                }
            });
            settle().await;
            module.lets_nobody_in(true);
            other.await.unwrap().unwrap_err();
            module.lets_nobody_in(false);
        }
        slow.push(Bytes::from(content(9000))).await.unwrap();
        slow.finish(None).await.unwrap();
        assert_eq!(module.content("/f").unwrap().len(), 18_000);
    }
}

/// A name relative to the login directory may be any name with this ending.
#[tokio::test(start_paused = true)]
async fn nobody_fails_for_a_name_that_is_only_perhaps_the_same() {
    for must_be_new in [false, true] {
        let (broker, module) = broker(Module::new());
        let mut slow = broker.put(&caller("a"), header("f")).unwrap();
        slow.push(Bytes::from(content(9000))).await.unwrap();
        settle().await;
        for name in ["/archive/f", "F"] {
            let other = PutHeader {
                must_be_new,
                ..header(name)
            };
            put(&broker, other, b"other").await.unwrap();
        }
        slow.push(Bytes::from(content(9000))).await.unwrap();
        slow.finish(None).await.unwrap();
        assert_eq!(module.content("f").unwrap().len(), 18_000);
        assert_eq!(module.content("/archive/f").unwrap(), b"other");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_perhaps_anothers_is_not_deleted() {
    let (broker, module) = broker(Module::new());
    let mut slow = broker.put(&caller("a"), header("f")).unwrap();
    slow.push(Bytes::from(content(9000))).await.unwrap();
    settle().await;
    put(&broker, header("/home/f"), b"other").await.unwrap();
    let error = slow.failed().await;
    assert!(matches!(error.cause, Cause::WriterTooSlow), "{error:?}");
    assert!(error.left_behind && module.content("f").is_some());
}
