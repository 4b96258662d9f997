//! Logins that are refused after they have worked, while a caller waits.

use super::*;
use simcom_talk::ftps::errcode::ErrCode;

/// Refused this many times in a row.
fn times(count: usize) -> impl Iterator<Item = ErrCode> {
    std::iter::repeat_n(ErrCode::REJECTED, count)
}

fn module() -> Module {
    Module::new().tells_logins().file("/f", content(5000))
}

#[tokio::test(start_paused = true)]
async fn a_session_that_the_server_still_counts_ends_no_get_and_no_put() {
    let (broker, module) = broker(module());
    get(&broker, "/f").await.unwrap();
    let began = clock::now();
    module.refuses_logins(times(2));
    let (all, _) = get(&broker, "/f").await.unwrap();
    assert_eq!(all, content(5000));
    // Ten seconds before the second try, and twenty before the third.
    assert!(began.elapsed() >= 30 * SECOND, "{:?}", began.elapsed());
    assert_eq!(module.asked_for_logins(), 3);
    module.refuses_logins(times(1));
    let done = put(&broker, header("/new"), &content(3000)).await.unwrap();
    assert_eq!(done.state, PutState::VerifiedSize);
    assert_eq!(module.content("/new"), Some(content(3000)));
    module.refuses_logins([ErrCode::SERVER_TIMEOUT]);
    get(&broker, "/f").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_login_that_never_worked_is_asked_for_once() {
    let (broker, module) = broker(module());
    module.refuses_logins(times(9));
    let began = clock::now();
    get(&broker, "/f").await.unwrap_err();
    put(&broker, header("/new"), b"x").await.unwrap_err();
    assert_eq!(module.asked_for_logins(), 2);
    assert!(began.elapsed() < SECOND);
}

/// Programs lock out users whose logins fail.
#[tokio::test(start_paused = true)]
async fn a_login_that_works_no_more_is_tried_a_few_times_by_all_calls_together() {
    let (broker, module) = broker(module());
    get(&broker, "/f").await.unwrap();
    module.refuses_logins(times(1000));
    let calls: Vec<_> = (0..4)
        .map(|_| {
            let broker = broker.clone();
            tokio::spawn(async move { get(&broker, "/f").await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap_err();
    }
    let asked = module.asked_for_logins();
    // The calls that came at once, and one wave behind each of three pauses.
    assert!(asked <= 4 * 4, "{asked}");
    get(&broker, "/f").await.unwrap_err();
    assert_eq!(module.asked_for_logins(), asked + 1);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_wait_so_long_is_told_of_the_refusal_and_not_of_the_time() {
    let (broker, module) = broker(module());
    get(&broker, "/f").await.unwrap();
    module.refuses_logins(times(9));
    let me = Caller {
        deadline: Some(clock::now() + 5 * SECOND),
        ..caller("me")
    };
    let began = clock::now();
    let refused = broker.get(&me, &profile(), &path("/f"), Offset::ZERO).await;
    let error = refused.map(drop).unwrap_err();
    assert!(matches!(error.cause, Cause::Modem(_)), "{error:?}");
    assert!(began.elapsed() < SECOND);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_in_the_pause_is_gone_at_once() {
    let (broker, module) = broker(module());
    get(&broker, "/f").await.unwrap();
    module.refuses_logins(times(9));
    let waiting = tokio::spawn({
        let broker = broker.clone();
        async move { get(&broker, "/f").await }
    });
    sleep(SECOND).await;
    waiting.abort();
    sleep(60 * SECOND).await;
    assert_eq!(module.asked_for_logins(), 1);
    assert!(broker.status().running.is_none());
}
