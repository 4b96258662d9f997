//! The data budget. Its own tests show how limits count and when they end; these show what they do
//! to operations.

use super::*;
use crate::broker::terms::{Access, Exceeded, Limit, Scope};
use crate::broker::usage;

/// A broker whose module may have `per_day` bytes on the air in a day.
fn within(per_day: u64, module: Module) -> (Broker, Module) {
    let module_limit = Limit {
        per_day,
        per_month: 0,
    };
    let limits = Limits {
        usage: usage::Limits {
            module: module_limit,
            ..usage::Limits::default()
        },
        ..Limits::default()
    };
    broker_within(module, limits)
}

fn uploads(module: &Module) -> usize {
    let log = module.log();
    let uploads = log
        .iter()
        .filter(|(_, task)| matches!(task, Task::Upload(_)));
    uploads.count()
}

fn exceeded(error: &Error) -> Exceeded {
    match error.cause {
        Cause::DataBudget(exceeded) => exceeded,
        _ => panic!("this is no limit: {error:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_moves_is_booked_for_whom_it_moved() {
    let (broker, _) = broker(Module::new().file("/f", content(50_000)));
    get(&broker, "/f").await.unwrap();
    put(&broker, header("/g"), &content(20_000)).await.unwrap();
    broker
        .size(&caller("other"), &Target::Profile("b".into()), &path("/f"))
        .await
        .unwrap();
    let report = broker.usage(&caller("me"));
    let total = report.total.day;
    assert_eq!((total.up, total.down), (20_000, 50_000));
    // Content, two data connections, logins (the module is not logged in) and a command of another
    // operation.
    assert!((75_000..90_000).contains(&total.air), "{total:?}");
    let [(account, counts)] = report.own.as_slice() else {
        panic!("one profile was used: {:?}", report.own);
    };
    assert_eq!(account.profile.as_deref(), Some("a"));
    assert_eq!((counts.day.up, counts.day.down), (20_000, 50_000));
    assert!(counts.day.air < total.air);
    assert_eq!(counts.day, counts.month);
    let other = broker.usage(&caller("other")).own;
    assert_eq!(other.len(), 1);
    assert!(other[0].1.day.air > 0);
    assert!(broker.usage(&caller("nobody")).own.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_a_cancelled_transfer_had_moved_is_booked() {
    let (broker, _) = broker(Module::new());
    let mut writing = broker.put(&caller("me"), header("/f")).unwrap();
    writing.push(Bytes::from(content(30_000))).await.unwrap();
    sleep(SECOND).await;
    drop(writing);
    sleep(SECOND).await;
    assert_eq!(broker.usage(&caller("me")).total.day.up, 30_000);
}

#[tokio::test(start_paused = true)]
async fn a_declared_upload_beyond_the_limit_never_reaches_the_module() {
    let (broker, module) = within(100_000, Module::new());
    let declared = |size| PutHeader {
        size: Some(size),
        ..header("/f")
    };
    let error = put(&broker, declared(100_000), &content(100_000))
        .await
        .unwrap_err();
    let found = exceeded(&error);
    assert_eq!(
        (found.limit_use.scope, found.limit_use.used),
        (Scope::Module, 0)
    );
    assert_eq!(found.retry_after, None, "no day is long enough for it");
    assert!(module.log().is_empty());
    assert_eq!(broker.status().queued, 0);

    put(&broker, declared(80_000), &content(80_000))
        .await
        .unwrap();
    let error = put(&broker, declared(20_000), &content(20_000))
        .await
        .unwrap_err();
    let wait = exceeded(&error).retry_after.unwrap();
    assert!(wait <= 86_400 * SECOND, "{wait:?}");
    assert_eq!(uploads(&module), 1);
}

#[tokio::test(start_paused = true)]
async fn reading_back_counts_before_it_begins() {
    let (broker, module) = within(100_000, Module::new());
    let header = PutHeader {
        size: Some(60_000),
        verify: Some(Verify::ReadBack),
        ..header("/f")
    };
    exceeded(&put(&broker, header, &content(60_000)).await.unwrap_err());
    assert!(module.log().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_upload_of_unknown_size_is_ended_at_the_limit() {
    let (broker, module) = within(100_000, Module::new());
    let mut writing = broker.put(&caller("me"), header("/f")).unwrap();
    let error = loop {
        if let Err(error) = writing.push(Bytes::from(content(1000))).await {
            break error;
        }
        sleep(Module::CHUNK_TIME).await;
    };
    exceeded(&error);
    assert_eq!(module.content("/f"), None, "it is not completed");
    sleep(SECOND).await;
    let moved = broker.usage(&caller("me")).total.day;
    assert!(moved.up > 0 && moved.air <= 110_000, "{moved:?}");
}

#[tokio::test(start_paused = true)]
async fn two_that_fit_alone_and_not_together_do_not_both_begin() {
    let (broker, module) = within(100_000, Module::new().file("/long", content(10_000)));
    let reading = busy(&broker).await;
    let [first, second] = ["/f", "/g"].map(|name| {
        let broker = broker.clone();
        tokio::spawn(async move {
            let header = PutHeader {
                size: Some(60_000),
                ..header(name)
            };
            put(&broker, header, &content(60_000)).await
        })
    });
    settle().await;
    drop(reading);
    let outcomes = [first.await.unwrap(), second.await.unwrap()];
    let refused = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    assert_eq!(refused.map(exceeded).count(), 1);
    assert_eq!(uploads(&module), 1);
}

#[tokio::test(start_paused = true)]
async fn a_download_is_told_what_it_may_have_and_one_of_unknown_size_is_ended_there() {
    let module = Module::new().file("/f", content(200_000));
    let (broker, module) = within(100_000, module);
    // This module reports the size and ignores limits, as a module would that learns the size late.
    let error = get(&broker, "/f").await.unwrap_err();
    exceeded(&error);
    let log = module.log();
    let [(_, Task::Download(Download { limit, .. }))] = log.as_slice() else {
        panic!("one download was begun");
    };
    assert!((85_000..100_000).contains(&limit.unwrap()), "{limit:?}");
    sleep(SECOND).await;
    let moved = broker.usage(&caller("me")).total.day;
    assert!((80_000..110_000).contains(&moved.down), "{moved:?}");
    assert!(broker.status().running.is_none());
}

#[tokio::test(start_paused = true)]
async fn when_all_is_used_nothing_is_said_to_a_server_and_the_module_is_still_there() {
    let (broker, module) = within(1, Module::new());
    let me = caller("me");
    let refused = broker.size(&me, &profile(), &path("/f")).await;
    exceeded(&refused.unwrap_err());
    broker.start_ftps(&me).await.unwrap();
    assert_eq!(module.log().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_and_a_profile_have_limits_of_their_own() {
    let limit = Limit {
        per_day: 0,
        per_month: 50_000,
    };
    let limits = Limits {
        usage: usage::Limits {
            client: limit,
            ..usage::Limits::default()
        },
        ..Limits::default()
    };
    let profiles = ["a", "b"].map(|name| (name.to_owned(), (*server(name)).clone()));
    let smaller = Limit {
        per_day: 20_000,
        per_month: 0,
    };
    let servers = Servers::new(profiles, false).with_data_limit("a", smaller);
    let broker = Broker::new(Module::new().start(), servers.clone(), limits.clone());
    let scope = |at: &str, who: &str, size| {
        let header = PutHeader {
            target: Target::Profile(at.into()),
            size: Some(size),
            ..header("/f")
        };
        let error = broker.put(&caller(who), header).map(drop).unwrap_err();
        exceeded(&error).limit_use.scope
    };
    assert_eq!(scope("a", "me", 30_000), Scope::Profile);
    assert_eq!(scope("b", "me", 60_000), Scope::Client);
    put(&broker, header("/f"), &content(10_000)).await.unwrap();
    assert_eq!(scope("a", "you", 10_000), Scope::Profile);
    assert_eq!(scope("b", "me", 40_000), Scope::Client);
    let told = broker.usage(&caller("me")).limits;
    let of: Vec<_> = told
        .iter()
        .map(|(profile, standing)| (profile.as_deref(), standing.scope))
        .collect();
    assert_eq!(of, [(None, Scope::Client), (Some("a"), Scope::Profile)]);
    let another = Access {
        read: Vec::new(),
        write: vec!["uid:7".parse().unwrap()],
    };
    broker.reload(servers.with_access("a", another), limits);
    let limits = broker.usage(&caller("me")).limits;
    let profiles: Vec<_> = limits.into_iter().map(|(profile, _)| profile).collect();
    assert_eq!(profiles, [None], "a profile that is not its own");
}

#[tokio::test(start_paused = true)]
async fn counts_outlive_the_daemon() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("usage.json");
    let (first, _) = broker(Module::new());
    put(&first, header("/f"), &content(10_000)).await.unwrap();
    first.usage_keeper(&file).save().await;
    let before = first.usage(&caller("me"));
    let (second, _) = within(15_000, Module::new());
    second.usage_keeper(&file).restore().await;
    let after = second.usage(&caller("me"));
    assert_eq!((after.total, after.own), (before.total, before.own));
    exceeded(
        &put(&second, header("/f"), &content(10_000))
            .await
            .unwrap_err(),
    );
}
