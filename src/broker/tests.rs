//! The floor as a whole, in virtual time, over a module that is played by a task.

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::error::Hashed;
use super::get::{GetResult, Next};
use super::put::{PutResult, PutStage, PutState, Verify};
use super::testing::{Module, path, server};
use super::*;
use crate::modem::failure;
use crate::modem::operation::{Directory, Place};
use failure::Finding;

const SECOND: Duration = Duration::from_secs(1);

fn caller(name: &str) -> Caller {
    Caller {
        principal: Principal::new(name),
        deadline: None,
    }
}

fn profile() -> Target {
    Target::Profile("a".into())
}

/// A broker over a module.
fn broker(module: Module) -> (Broker, Module) {
    broker_within(module, Limits::default())
}

fn broker_within(module: Module, limits: Limits) -> (Broker, Module) {
    let profiles = ["a", "b"].map(|name| (name.to_owned(), (*server(name)).clone()));
    let broker = Broker::new(module.start(), Servers::new(profiles, false), limits);
    (broker, module)
}

fn header(name: &str) -> PutHeader {
    PutHeader {
        target: profile(),
        path: path(name),
        must_be_new: false,
        verify: Verify::Size,
        delete_on_failure: true,
        size: None,
        sentinel: None,
    }
}

async fn get(broker: &Broker, name: &str) -> Result<(Vec<u8>, GetResult), Error> {
    let me = caller("me");
    let mut reading = broker
        .get(&me, &profile(), &path(name), Offset::ZERO)
        .await?;
    let mut all = Vec::new();
    loop {
        match reading.next().await? {
            Next::Chunk(chunk) => all.extend_from_slice(&chunk),
            Next::End(result) => return Ok((all, result)),
        }
    }
}

async fn put(broker: &Broker, header: PutHeader, content: &[u8]) -> Result<PutResult, Error> {
    let mut writing = broker.put(&caller("me"), header)?;
    for part in content.chunks(1000) {
        writing.push(Bytes::copy_from_slice(part)).await?;
    }
    writing.finish(None).await
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from(at % 253).unwrap()).collect()
}

/// Waits until all tasks that can go on have gone on.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

/// A Get of another principal that has the link until the module's file ends.
async fn busy(broker: &Broker) -> Reading {
    broker
        .get(&caller("busy"), &profile(), &path("/long"), Offset::ZERO)
        .await
        .unwrap()
}

mod getting {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_file_comes_whole_with_its_hash() {
        let (broker, _) = broker(Module::new().file("/f", content(100_000)));
        let (all, result) = get(&broker, "/f").await.unwrap();
        assert!(all == content(100_000));
        assert_eq!(result.size, 100_000);
        let mut tally = tally::Tally::default();
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
}

mod putting {
    use super::*;

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
    async fn a_client_that_stops_sending_loses_the_link() {
        let (broker, module) = broker(Module::new().file("/f", content(10)));
        let mut writing = broker.put(&caller("me"), header("/g")).unwrap();
        writing.push(Bytes::from_static(b"x")).await.unwrap();
        settle().await;
        let began = clock::now();
        get(&broker, "/f").await.unwrap();
        assert!(began.elapsed() < 31 * SECOND);
        let error = writing.finish(None).await.unwrap_err();
        assert!(matches!(error.cause, Cause::WriterTooSlow), "{error:?}");
        assert_eq!(module.content("/g"), None);
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
    async fn reading_back_compares_the_bytes_and_deletes_what_is_wrong() {
        let (broker, module) = broker(Module::new());
        let read_back = || PutHeader {
            verify: Verify::ReadBack,
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
        assert!(!error.left_behind);
        assert_eq!(module.content("/f"), None);
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
            verify: Verify::Nothing,
            ..header("/e/f")
        };
        let result = put(&broker, without, b"abc").await.unwrap();
        assert_eq!(result.state, PutState::Unverified);
        assert_eq!(module.content("/e/f.ok"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_size_that_nobody_tells_is_no_proof() {
        for (acknowledged, state) in [
            (true, PutState::Unverified),
            (false, PutState::Indeterminate),
        ] {
            let (broker, module) = broker(Module::new());
            module.answers_uploads(acknowledged, None);
            let result = put(&broker, header("/f"), b"abc").await.unwrap();
            assert_eq!(result.state, state);
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
        assert_eq!((seen.stage, seen.ahead), (PutStage::Queued, 2));
        drop(first);
        for waiting in waiting {
            waiting.await.unwrap().unwrap();
        }
        sleep(SECOND).await;
        let seen = *progress.borrow();
        assert_eq!(
            (seen.stage, seen.sent, seen.ahead),
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
}

mod ending {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_waits_is_cancelled_before_it_began() {
        let (broker, module) = broker(Module::new().file("/long", content(100_000)));
        let _first = busy(&broker).await;
        let mut writing = broker.put(&caller("me"), header("/f")).unwrap();
        writing.push(Bytes::from_static(b"x")).await.unwrap();
        settle().await;
        let id = writing.operation().clone();
        let cancelled = broker.cancel(&caller("me"), &id).await.unwrap();
        assert_eq!(cancelled.ending, Ending::BeforeItBegan);
        let error = writing.failed().await;
        assert!(
            matches!(error.cause, Cause::Cancelled(Ending::BeforeItBegan)),
            "{error:?}"
        );
        assert_eq!(error.operation, Some(id.clone()));
        assert_eq!(module.log().len(), 1);
        let again = broker.cancel(&caller("me"), &id).await.unwrap_err();
        assert!(matches!(again.cause, Cause::OperationNotFound));
    }

    #[tokio::test(start_paused = true)]
    async fn what_runs_is_ended_by_the_module_and_the_price_is_told() {
        let (broker, _) = broker(Module::new().file("/long", content(1_000_000)));
        let mut reading = busy(&broker).await;
        let id = reading.operation().clone();
        let stranger = broker.cancel(&caller("me"), &id).await.unwrap_err();
        assert!(
            matches!(stranger.cause, Cause::OperationNotFound),
            "it is not mine"
        );
        let cancelled = broker.cancel(&caller("busy"), &id).await.unwrap();
        assert_eq!(
            cancelled,
            Cancelled {
                ending: Ending::Drained,
                cost: Module::DRAIN_TIME
            }
        );
        let error = loop {
            match reading.next().await {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert!(
            matches!(error.cause, Cause::Cancelled(Ending::Drained)),
            "{error:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_only_to_be_read_is_thrown_away() {
        let (broker, _) = broker(Module::new().file("/long", content(5000)));
        let mut reading = busy(&broker).await;
        sleep(SECOND).await;
        let id = reading.operation().clone();
        let cancelled = broker.cancel(&caller("busy"), &id).await.unwrap();
        assert_eq!(
            cancelled,
            Cancelled {
                ending: Ending::Drained,
                cost: Duration::ZERO
            }
        );
        let error = reading.next().await.unwrap_err();
        assert!(matches!(error.cause, Cause::Cancelled(_)), "{error:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_is_met_by_an_answer_whatever_the_link_does() {
        let (broker, module) = broker(Module::new().file("/long", content(100_000)));
        let _first = busy(&broker).await;
        let began = clock::now();
        let me = Caller {
            deadline: Some(began + SECOND / 2),
            ..caller("me")
        };
        let error = broker.size(&me, &profile(), &path("/f")).await.unwrap_err();
        assert!(matches!(error.cause, Cause::Expired), "{error:?}");
        assert_eq!(began.elapsed(), SECOND / 2);
        let error = broker.size(&me, &profile(), &path("/f")).await.unwrap_err();
        assert!(matches!(error.cause, Cause::Expired) && error.operation.is_none());
        sleep(5 * SECOND).await;
        assert_eq!(module.log().len(), 1, "what had not begun was never sent");
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_passes_on_the_link_ends_the_job() {
        let (broker, _) = broker(Module::new().file("/long", content(100_000)));
        let me = Caller {
            deadline: Some(clock::now() + SECOND / 2),
            ..caller("me")
        };
        let mut reading = broker
            .get(&me, &profile(), &path("/long"), Offset::ZERO)
            .await
            .unwrap();
        let error = loop {
            match reading.next().await {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert!(matches!(error.cause, Cause::Expired), "{error:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn callers_that_vanish_while_they_wait_are_forgotten() {
        let (broker, module) = broker(Module::new().file("/long", content(100_000)));
        let first = busy(&broker).await;
        for _ in 0..10 {
            let me = caller("me");
            let (at, name) = (profile(), path("/f"));
            let asked = timeout(SECOND / 100, broker.size(&me, &at, &name));
            assert!(asked.await.is_err());
        }
        settle().await;
        assert_eq!(broker.status().queued, 0);
        drop(first);
        settle().await;
        assert_eq!(module.log().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_module_that_went_away_is_said_so() {
        let (modem, jobs) = testing::modem();
        drop(jobs);
        let profiles = [("a".to_owned(), (*server("a")).clone())];
        let broker = Broker::new(modem, Servers::new(profiles, false), Limits::default());
        let error = broker
            .size(&caller("me"), &profile(), &path("/f"))
            .await
            .unwrap_err();
        assert!(
            matches!(&error.cause, Cause::Modem(error) if matches!(**error, modem::Error::Stopping)),
            "{error:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_says_so_at_once() {
        let limits = Limits {
            queue: scheduler::Limits {
                max: 3,
                max_per_principal: 2,
                ..Default::default()
            },
            ..Limits::default()
        };
        let (broker, _) = broker_within(Module::new().file("/long", content(100_000)), limits);
        let _first = busy(&broker).await;
        let _second = broker.put(&caller("me"), header("/f")).unwrap();
        let _third = broker.put(&caller("me"), header("/f")).unwrap();
        let full = broker.put(&caller("me"), header("/f")).unwrap_err();
        assert!(matches!(full.cause, Cause::QueueFull { own: true, .. }));
        let full = broker
            .size(&caller("you"), &profile(), &path("/f"))
            .await
            .unwrap_err();
        assert!(matches!(full.cause, Cause::QueueFull { own: false, .. }));
        drop(_third);
        settle().await;
        assert!(broker.put(&caller("me"), header("/f")).is_ok());
    }
}

mod sessions {
    use super::*;

    fn request(directory: Option<&str>) -> SessionRequest {
        SessionRequest {
            server: ServerChoice::Profile("a".into()),
            directory: directory.map(path),
            transfer_type: TransferType::Binary,
            lease: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_reads_paths_from_its_own_directory() {
        let (broker, module) = broker(Module::new());
        let me = caller("me");
        let one = broker.open_session(&me, request(None)).await.unwrap();
        let two = broker.open_session(&me, request(Some("/x"))).await.unwrap();
        assert_eq!(
            (one.directory.as_str(), two.directory.as_str()),
            ("/home", "/x")
        );
        assert_eq!(
            broker
                .change_directory(&me, &one.id, &path("y"))
                .await
                .unwrap(),
            "/home/y"
        );
        assert_eq!(broker.working_directory(&me, &two.id).unwrap(), "/x");
        for (session, full) in [(&one, "/home/y/f"), (&two, "/x/f")] {
            let target = Target::Session(session.id.clone());
            broker
                .make_directory(&me, &target, &path("f"))
                .await
                .unwrap();
            let (standing, task) = module.log().pop().unwrap();
            assert!(matches!(task, Task::MakeDirectory(made) if made == path(full)));
            assert!(matches!(
                standing,
                Standing::LoggedIn(Place {
                    directory: Directory::Any,
                    ..
                })
            ));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_directory_that_is_refused_leaves_the_session_where_it_was() {
        let (broker, _) = broker(Module::new());
        let me = caller("me");
        let session = broker.open_session(&me, request(None)).await.unwrap();
        assert!(
            broker
                .change_directory(&me, &session.id, &path("missing"))
                .await
                .is_err()
        );
        assert_eq!(broker.working_directory(&me, &session.id).unwrap(), "/home");
        assert!(
            broker
                .open_session(&me, request(Some("missing")))
                .await
                .is_err()
        );
        assert_eq!(broker.status().sessions, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_transfer_type_is_the_sessions_own() {
        let (broker, module) = broker(Module::new());
        let me = caller("me");
        let session = broker.open_session(&me, request(None)).await.unwrap();
        broker
            .set_transfer_type(&me, &session.id, TransferType::Ascii)
            .unwrap();
        assert_eq!(
            broker.transfer_type(&me, &session.id).unwrap(),
            TransferType::Ascii
        );
        let target = Target::Session(session.id);
        let header = PutHeader {
            target,
            ..header("f")
        };
        let result = put(&broker, header, b"abc").await.unwrap();
        assert_eq!(
            result.state,
            PutState::Unverified,
            "sizes do not compare in ASCII"
        );
        let (standing, _) = module.log().pop().unwrap();
        assert!(matches!(
            standing,
            Standing::LoggedIn(Place {
                transfer_type: TransferType::Ascii,
                ..
            })
        ));
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_is_its_principals_own_and_ends() {
        let (broker, _) = broker(Module::new());
        let me = caller("me");
        let session = broker.open_session(&me, request(None)).await.unwrap();
        let target = Target::Session(session.id.clone());
        let error = broker
            .size(&caller("you"), &target, &path("f"))
            .await
            .unwrap_err();
        assert!(matches!(error.cause, Cause::SessionNotFound));
        sleep(session.lease).await;
        let error = broker.size(&me, &target, &path("f")).await.unwrap_err();
        assert!(matches!(error.cause, Cause::SessionNotFound));
        assert_eq!(broker.status().sessions, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_operation_keeps_its_session() {
        let (broker, _) = broker(Module::new().file("/home/f", content(1_000_000)));
        let me = caller("me");
        let lease = Some(SECOND);
        let session = broker
            .open_session(
                &me,
                SessionRequest {
                    lease,
                    ..request(None)
                },
            )
            .await
            .unwrap();
        let target = Target::Session(session.id.clone());
        let mut reading = broker
            .get(&me, &target, &path("f"), Offset::ZERO)
            .await
            .unwrap();
        while !matches!(reading.next().await.unwrap(), Next::End(_)) {}
        broker.close_session(&me, &session.id).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn unknown_servers_are_refused() {
        let (broker, module) = broker(Module::new());
        let me = caller("me");
        let unknown = Target::Profile("x".into());
        let error = broker.size(&me, &unknown, &path("f")).await.unwrap_err();
        assert!(matches!(error.cause, Cause::ProfileNotFound(name) if name == "x"));
        let inline = Target::Inline(server("x"));
        let error = broker.size(&me, &inline, &path("f")).await.unwrap_err();
        assert!(matches!(error.cause, Cause::InlineNotAllowed));
        assert!(module.log().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn the_status_names_who_runs_and_who_waits() {
    let (broker, _) = broker(Module::new().file("/long", content(100_000)));
    let reading = busy(&broker).await;
    let asking = tokio::spawn({
        let broker = broker.clone();
        async move { broker.size(&caller("me"), &profile(), &path("/long")).await }
    });
    sleep(SECOND / 2).await;
    let status = broker.status();
    let running = status.running.unwrap();
    assert_eq!(
        (&running.operation, running.method),
        (reading.operation(), "Get")
    );
    assert_eq!(running.elapsed, SECOND / 2 + Module::CHUNK_TIME);
    assert_eq!(status.queued, 1);
    drop(reading);
    assert_eq!(asking.await.unwrap().unwrap(), 100_000);
}

#[test]
fn what_the_module_found_out_is_carried_up() {
    let failure = failure::Failure {
        committed: Some(7),
        finding: Some(Finding::LeftBehind),
        ..failure::Failure::new(
            failure::Cause::SizeMismatch {
                expected: 9,
                found: 7,
            },
            None,
            failure::Stage::Commit,
        )
    };
    let error = Error::from(modem::Error::Failed(failure));
    assert!(matches!(
        error.cause,
        Cause::SizeMismatch {
            expected: 9,
            found: 7
        }
    ));
    assert_eq!((error.committed, error.left_behind), (Some(7), true));
}

/// What one client of the model does.
#[derive(Debug, Clone)]
struct Act {
    principal: u8,
    kind: u8,
    starts: u64,
    patience: Option<u64>,
    cancels: Option<u64>,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = (
        0_u8..3,
        0_u8..4,
        0_u64..3000,
        prop::option::of(0_u64..3000),
        prop::option::of(0_u64..3000),
    );
    let act = act.prop_map(|(principal, kind, starts, patience, cancels)| Act {
        principal,
        kind,
        starts,
        patience,
        cancels,
    });
    prop::collection::vec(act, 1..30)
}

/// Does what it is told and checks that the answer is its own.
async fn perform(broker: Broker, at: usize, act: Act, start: Instant) {
    let millis = Duration::from_millis;
    sleep(millis(act.starts)).await;
    let me = Caller {
        principal: Principal::new(act.principal.to_string()),
        deadline: act.cancels.map(|after| start + millis(act.starts + after)),
    };
    let size = 1000 + at * 7;
    let name = path(&format!("/{at}"));
    let work = async {
        match act.kind {
            0 => {
                if let Ok(found) = broker.size(&me, &profile(), &name).await {
                    assert_eq!(found, size as u64);
                }
            }
            1 | 2 => {
                let Ok(mut reading) = broker.get(&me, &profile(), &name, Offset::ZERO).await else {
                    return;
                };
                let mut all = Vec::new();
                loop {
                    match reading.next().await {
                        Ok(Next::Chunk(chunk)) => all.extend_from_slice(&chunk),
                        Ok(Next::End(_)) => break assert!(all == content(size)),
                        Err(_) => break,
                    }
                }
            }
            _ => {
                let header = PutHeader {
                    path: path(&format!("/put{at}")),
                    ..header("/f")
                };
                let Ok(mut writing) = broker.put(&me, header) else {
                    return;
                };
                for part in content(size).chunks(300) {
                    if writing.push(Bytes::copy_from_slice(part)).await.is_err() {
                        return;
                    }
                }
                if let Ok(result) = writing.finish(None).await {
                    assert_eq!(result.size, size as u64);
                }
            }
        }
    };
    // One that loses patience vanishes in the midst of it.
    match act.patience {
        Some(patience) => drop(timeout(millis(patience), work).await),
        None => work.await,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Whoever comes, vanishes or runs out of time: everybody gets an answer of their own, one
    /// job has the link at a time, and in the end nothing is left.
    #[test]
    fn every_admitted_job_gets_its_own_answer(acts in acts()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let module = (0..acts.len()).fold(Module::new(), |module, at| {
                module.file(&format!("/{at}"), content(1000 + at * 7))
            });
            let (broker, module) = broker(module);
            let start = clock::now();
            let clients: Vec<JoinHandle<()>> = acts
                .iter()
                .cloned()
                .enumerate()
                .map(|(at, act)| tokio::spawn(perform(broker.clone(), at, act, start)))
                .collect();
            for client in clients {
                timeout(600 * SECOND, client).await.expect("nobody waits for ever").unwrap();
            }
            sleep(60 * SECOND).await;
            let status = broker.status();
            assert!(status.running.is_none());
            assert_eq!(status.queued, 0);
            assert!(module.never_had_two());
            // All places are free again.
            let all: Vec<_> = (0..1024)
                .map(|_| broker.put(&caller("me"), header("/f")).unwrap())
                .collect();
            drop(all);
        });
    }
}

#[test]
fn handles_can_be_sent_to_other_tasks() {
    fn sendable<T: Send>(_: &T) {}
    fn shareable<T: Send + Sync + 'static>() {}
    shareable::<Broker>();
    let (broker, me) = (broker_of_nothing(), caller("me"));
    let (at, name) = (profile(), path("/f"));
    sendable(&broker.get(&me, &at, &name, Offset::ZERO));
    sendable(&broker.size(&me, &at, &name));
    sendable(&broker.cancel(&me, &JobId::new("x")));
    shareable::<Reading>();
    shareable::<Writing>();
}

fn broker_of_nothing() -> Broker {
    Broker::new(testing::modem().0, Servers::default(), Limits::default())
}
