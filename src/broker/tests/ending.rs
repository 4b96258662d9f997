//! Cancellation, deadlines, callers that vanish, and a full queue.

use super::*;
use crate::modem;

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
        priority: None,
        yields: None,
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
        priority: None,
        yields: None,
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

#[tokio::test(start_paused = true)]
async fn cancelling_does_not_wait_for_a_client_that_does_not_read() {
    let limits = Limits {
        spool: spool::Limits {
            memory: 1000,
            disk: 0,
            ..spool::Limits::default()
        },
        ..Limits::default()
    };
    let (broker, _) = broker_within(Module::new().file("/long", content(1_000_000)), limits);
    let reading = busy(&broker).await;
    // The spool is full, and the link waits.
    sleep(SECOND).await;
    let cancelled = broker.cancel(&caller("busy"), reading.operation()).await;
    assert_eq!(cancelled.unwrap().cost, Module::DRAIN_TIME);
}
