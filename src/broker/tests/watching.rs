//! What watchers see, and what an idle link does.

use super::*;
use crate::broker::api::{Heard, Watcher};
use crate::broker::operation::State;
use crate::broker::watch::{OperationChange, Outcome, SessionChange, What};
use simcom_talk::dialogue::operation::Task;

/// Changes of operations and sessions reported so far, in short, with the principal that the
/// watcher may see.
async fn heard(watcher: &mut Watcher) -> Vec<String> {
    let mut all = Vec::new();
    while let Ok(Some(heard)) = timeout(Duration::from_millis(1), watcher.next()).await {
        let Heard::Event(event) = heard else {
            panic!("{heard:?}")
        };
        all.push(match event.what {
            What::Operation { about, change } => {
                let change = match change {
                    OperationChange::Admitted { admitted } => format!("admitted {admitted}"),
                    OperationChange::Started { waited } => format!("started {waited:?}"),
                    OperationChange::Progress { bytes } => format!("{bytes}"),
                    OperationChange::Yielded { bytes, why } => format!("yielded {bytes} {why:?}"),
                    OperationChange::Resumed { .. } => "resumed".into(),
                    OperationChange::Ended { outcome, .. } => match outcome {
                        Outcome::Done => "done".into(),
                        Outcome::Failed { why, .. } => format!("failed {}", why.is_some()),
                    },
                };
                let principal = about.principal.map_or("?".into(), |who| who.to_string());
                format!("{principal} {} {change}", about.method)
            }
            What::Session { own, change } => format!("session {} {change:?}", own.is_some()),
            What::Link { .. } => "link".into(),
            What::Repair(what) => format!("repair {}", what.rung),
        });
    }
    all
}

fn request() -> SessionRequest {
    SessionRequest {
        server: ServerChoice::Profile("a".into()),
        directory: None,
        transfer_type: simcom_talk::ftps::value::TransferType::Binary,
        lease: Some(10 * SECOND),
    }
}

#[tokio::test(start_paused = true)]
async fn an_operation_is_told_from_its_admission_to_its_end() {
    let (broker, _) = broker(Module::new().file("/long", content(250_000)));
    let mut mine = broker.watch(&caller("me"), Whose::Own, &[]).unwrap();
    let mut others = broker.watch(&caller("other"), Whose::Own, &[]).unwrap();
    get(&broker, "/long").await.unwrap();
    get(&broker, "/missing").await.unwrap_err();
    let told = heard(&mut mine).await;
    assert_eq!(
        told,
        [
            "me Get admitted 1",
            "me Get started 0ns",
            "me Get 0",
            "me Get 100000",
            "me Get 200000",
            "me Get done",
            "me Get admitted 1",
            "me Get started 0ns",
            "me Get failed true",
        ]
    );
    let told = heard(&mut others).await;
    assert_eq!((told.len(), told[8].as_str()), (9, "? Get failed false"));
}

#[tokio::test(start_paused = true)]
async fn a_slow_watcher_learns_how_much_it_lost() {
    let (broker, _) = broker(Module::new().file("/f", content(10)));
    let mut watcher = broker.watch(&caller("me"), Whose::Own, &[]).unwrap();
    let me = caller("me");
    for _ in 0..2000 {
        broker.size(&me, &profile(), &path("/f")).await.unwrap();
    }
    let Some(Heard::Lost(lost)) = watcher.next().await else {
        panic!("6000 events are kept")
    };
    let Some(Heard::Event(event)) = watcher.next().await else {
        panic!("nothing was kept")
    };
    assert_eq!(event.sequence, lost + 1);
    assert!((1000..6000).contains(&lost), "{lost}");
}

#[tokio::test(start_paused = true)]
async fn watchers_are_bounded_and_leave_their_places() {
    let (broker, _) = broker(Module::new());
    let mut watchers = Vec::new();
    let refusal = loop {
        match broker.watch(&caller("me"), Whose::Own, &[]) {
            Ok(watcher) => watchers.push(watcher),
            Err(error) => break error,
        }
    };
    assert!(matches!(
        refusal.cause,
        Cause::TooManyWatchers { own: true }
    ));
    let row = format!("| watchers of events | {} | 64 |", watchers.len());
    assert!(
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).contains(&row),
        "{row}"
    );
    broker.watch(&caller("other"), Whose::Own, &[]).unwrap();
    watchers.pop();
    broker.watch(&caller("me"), Whose::Own, &[]).unwrap();
    // Sixteen of each of three principals, and then one of each.
    let mut others = 0;
    while let Ok(watcher) =
        broker.watch(&caller(&format!("other {}", others / 16)), Whose::Own, &[])
    {
        watchers.push(watcher);
        others += 1;
    }
    let mut late = 0;
    while let Ok(watcher) = broker.watch(&caller(&format!("late {late}")), Whose::Own, &[]) {
        watchers.push(watcher);
        late += 1;
    }
    assert_eq!(watchers.len(), 64, "in all");
}

#[tokio::test(start_paused = true)]
async fn a_session_lives_as_long_as_it_is_watched() {
    let (broker, _) = broker(Module::new());
    let me = caller("me");
    let upkeep = tokio::spawn({
        let broker = broker.clone();
        async move { broker.upkeep().await }
    });
    let watched = broker.open_session(&me, request()).await.unwrap().id;
    let watcher = broker
        .watch(&me, Whose::Own, std::slice::from_ref(&watched))
        .unwrap();
    sleep(60 * SECOND).await;
    assert_eq!(broker.status().sessions, 1);
    let mut others = broker.watch(&caller("other"), Whose::Own, &[]).unwrap();
    drop(watcher);
    sleep(12 * SECOND).await;
    assert_eq!(broker.status().sessions, 0);
    let expired = format!("session false {:?}", SessionChange::Expired);
    assert_eq!(heard(&mut others).await, [expired]);
    let gone = broker.watch(&me, Whose::Own, &[watched]).unwrap_err();
    assert!(matches!(gone.cause, Cause::SessionNotFound));
    upkeep.abort();
}

#[tokio::test(start_paused = true)]
async fn the_queue_shows_places_and_hides_what_is_anothers() {
    let (broker, _) = broker(Module::new().file("/long", content(100_000)));
    let reading = busy(&broker).await;
    let asking: Vec<_> = ["me", "other"]
        .map(|name| {
            let broker = broker.clone();
            tokio::spawn(
                async move { broker.size(&caller(name), &profile(), &path("/long")).await },
            )
        })
        .into();
    settle().await;
    let queue = broker.queue(&caller("me"), &Whose::Own);
    let [first, second, third] = &queue.operations[..] else {
        panic!("{queue:?}")
    };
    assert_eq!(&first.about.operation, reading.operation());
    assert!(matches!(first.state, State::Running { .. }));
    let (State::Waiting(one), State::Waiting(two)) = (second.state, third.state) else {
        panic!("{queue:?}")
    };
    assert_eq!((one.ahead, two.ahead), (0, 1));
    assert_eq!(two.start.unwrap() - one.start.unwrap(), queue.costs.small);
    let seen = [first, second, third].map(|queued| queued.about.principal.is_some());
    assert_eq!(seen, [false, true, false]);
    assert_eq!(third.about.profile, None);
    drop(reading);
    for task in asking {
        task.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_module_keeps_its_connection_for_a_while_and_then_logs_out() {
    let module = Module::new().file("/f", content(10));
    module.logged_in();
    let upkeep = Upkeep {
        idle_logout: 60 * SECOND,
        keep_alive: 25 * SECOND,
    };
    let limits = Limits {
        upkeep,
        ..Limits::default()
    };
    let (broker, module) = broker_within(module, limits);
    let keeper = broker.clone();
    let keeping = tokio::spawn(async move { keeper.upkeep().await });
    let me = caller("me");
    broker.size(&me, &profile(), &path("/f")).await.unwrap();
    sleep(70 * SECOND).await;
    let tasks: Vec<_> = module.log().into_iter().map(|(_, task)| task).collect();
    assert!(
        matches!(
            &tasks[..],
            [
                Task::Size(_),
                Task::WorkingDirectory,
                Task::WorkingDirectory,
                Task::Stand,
                ..
            ]
        ),
        "{tasks:?}"
    );
    broker.size(&me, &profile(), &path("/f")).await.unwrap();
    keeping.abort();
}

#[tokio::test(start_paused = true)]
async fn the_request_goes_before_the_profile_and_bulk_goes_last() {
    let module = Module::new().file("/long", content(100_000));
    let profiles = ["a", "b"].map(|name| (name.to_owned(), (*server("a")).clone()));
    let servers = Servers::new(profiles, false).with_priority("b", Priority::Bulk);
    let broker = Broker::new(module.start(), servers, Limits::default());
    let reading = busy(&broker).await;
    let ask = |profile: &'static str, priority| {
        let broker = broker.clone();
        let who = Caller {
            priority,
            ..caller(profile)
        };
        tokio::spawn(async move {
            let at = Target::Profile(profile.into());
            broker.get(&who, &at, &path("/long"), Offset::ZERO).await
        })
    };
    let asking = [
        ask("b", None),
        ask("a", None),
        ask("b", Some(Priority::Interactive)),
    ];
    settle().await;
    let queue = broker.queue(&caller("b"), &Whose::Own).operations;
    let order: Vec<_> = queue.iter().map(|queued| queued.about.priority).collect();
    assert_eq!(
        order,
        [
            Priority::Normal,
            Priority::Interactive,
            Priority::Normal,
            Priority::Bulk
        ]
    );
    drop(reading);
    for task in asking {
        task.abort();
    }
}
