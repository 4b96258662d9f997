//! Named requests without an operation behind them.

use super::*;
use crate::broker::terms::{Labels, Priority};
use crate::broker::watch::{About, Outcome};

fn me() -> Principal {
    Principal::new("me")
}

fn named(id: &str, what: u8) -> Named {
    Named {
        id: RequestId::new(id).unwrap(),
        fingerprint: [what; 32],
    }
}

fn ended(operation: &JobId, who: &Principal, at: Instant) -> Ended {
    Ended {
        about: About {
            operation: operation.clone(),
            method: "Put",
            principal: Some(who.clone()),
            path: None,
            profile: None,
            priority: Priority::Normal,
            labels: Labels::default(),
        },
        outcome: Outcome::Done,
        on_link: Duration::ZERO,
        bytes: 0,
        at,
    }
}

#[track_caller]
fn anew(begin: Result<Begin, Cause>) -> Ticket {
    match begin {
        Ok(Begin::Anew(ticket)) => ticket,
        other => panic!("it is not carried out: {other:?}"),
    }
}

#[track_caller]
fn answered(begin: Result<Begin, Cause>) -> Bytes {
    match begin {
        Ok(Begin::Answered(answer)) => answer,
        other => panic!("it was not answered: {other:?}"),
    }
}

/// Carries a request out to its end.
fn carry_out(requests: &Arc<Requests>, who: &Principal, named: &Named, answer: &[u8]) {
    let ticket = anew(requests.begin(who, named, clock::now()));
    let operation = JobId::new(named.id.as_str());
    requests.bind(who, named, &operation, clock::now()).unwrap();
    requests.ended(named, &ended(&operation, who, clock::now()));
    ticket.answer(Bytes::copy_from_slice(answer));
}

#[tokio::test(start_paused = true)]
async fn a_request_is_carried_out_once_and_its_answer_is_known_for_ten_minutes() {
    let requests = Arc::<Requests>::default();
    carry_out(&requests, &me(), &named("x", 1), b"done");
    let again = |at| requests.begin(&me(), &named("x", 1), at);
    let now = clock::now();
    assert_eq!(answered(again(now)), "done");
    // Another request, another principal's request, and the same one later.
    let other = requests.begin(&me(), &named("x", 2), now);
    assert!(matches!(other, Err(Cause::RequestIdUsed)));
    drop(anew(requests.begin(
        &Principal::new("you"),
        &named("x", 1),
        now,
    )));
    assert_eq!(answered(again(now + KEPT - Duration::from_secs(1))), "done");
    drop(anew(again(now + KEPT)));
}

#[tokio::test(start_paused = true)]
async fn a_second_call_waits_for_the_first() {
    let requests = Arc::<Requests>::default();
    let (x, now) = (named("x", 1), clock::now());
    let ticket = anew(requests.begin(&me(), &x, now));
    let operation = JobId::new("o");
    requests.bind(&me(), &x, &operation, now).unwrap();
    let Ok(Begin::Running(mut running)) = requests.begin(&me(), &x, now) else {
        panic!("it runs")
    };
    assert_eq!(running.operation, Some(operation.clone()));
    let waiting = tokio::spawn(async move { running.over().await });
    requests.ended(&x, &ended(&operation, &me(), now));
    ticket.answer(Bytes::from_static(b"done"));
    waiting.await.unwrap();
    assert_eq!(answered(requests.begin(&me(), &x, now)), "done");
}

#[tokio::test(start_paused = true)]
async fn what_was_not_begun_or_was_let_go_of_may_be_carried_out_again() {
    let requests = Arc::<Requests>::default();
    let (x, now) = (named("x", 1), clock::now());
    // It was refused, so nothing of it is kept.
    let ticket = anew(requests.begin(&me(), &x, now));
    ticket.answer(Bytes::from_static(b"refused"));
    assert!(requests.table().entries.is_empty());
    // Its caller left in the middle. It does not begin again until its operation has ended.
    let ticket = anew(requests.begin(&me(), &x, now));
    let operation = JobId::new("o");
    requests.bind(&me(), &x, &operation, now).unwrap();
    drop(ticket);
    assert!(matches!(
        requests.begin(&me(), &x, now),
        Ok(Begin::Running(_))
    ));
    requests.ended(&x, &ended(&operation, &me(), now));
    // A caller can ask for its result meanwhile.
    assert!(matches!(
        requests.operation(&me(), &x.id, now),
        Some(Known::Ended(_))
    ));
    drop(anew(requests.begin(&me(), &x, now)));
}

#[tokio::test(start_paused = true)]
async fn one_who_looks_at_what_it_came_to_is_not_taken_for_the_request() {
    let requests = Arc::<Requests>::default();
    let (x, now) = (named("x", 1), clock::now());
    let _ticket = anew(requests.begin(&me(), &x, now));
    let (first, second) = (JobId::new("1"), JobId::new("2"));
    for operation in [&first, &second] {
        requests.bind(&me(), &x, operation, now).unwrap();
        requests.ended(&x, &ended(operation, &me(), now));
    }
    let Some(Known::Ended(ended)) = requests.operation(&me(), &x.id, now) else {
        panic!("it has ended")
    };
    assert_eq!(ended.about.operation, first);
    // A request that changes nothing is repeated, and its name stands for the last one.
    let read = named("r", 1);
    for operation in [&first, &second] {
        requests.bind(&me(), &read, operation, now).unwrap();
    }
    assert!(matches!(
        requests.operation(&me(), &read.id, now),
        Some(Known::Live(operation)) if operation == second
    ));
    let other = requests.bind(&me(), &named("r", 2), &first, now);
    assert!(matches!(other, Err(Cause::RequestIdUsed)));
}

#[tokio::test(start_paused = true)]
async fn requests_and_answers_are_bounded_and_those_that_run_are_never_forgotten() {
    let requests = Arc::<Requests>::default();
    let running = anew(requests.begin(&me(), &named("running", 1), clock::now()));
    carry_out(&requests, &Principal::new("quiet"), &named("q", 1), b"kept");
    for id in 0..300 {
        carry_out(&requests, &me(), &named(&id.to_string(), 1), b"x");
    }
    let of = |who: &str| {
        let table = requests.table();
        let own = table.entries.keys().filter(|key| key.0.as_str() == who);
        own.count() as u64
    };
    assert_eq!((of("me"), of("quiet")), (REQUESTS.of_one, 1));
    let first = requests.begin(&me(), &named("running", 1), clock::now());
    assert!(matches!(first, Ok(Begin::Running(_))));
    drop(running);
    for who in 0..600 {
        let who = Principal::new(who.to_string());
        carry_out(&requests, &who, &named("x", 1), b"x");
    }
    assert_eq!(requests.table().entries.len() as u64, REQUESTS.in_all);
    // Long answers go before the entries do.
    for id in 0..10 {
        carry_out(&requests, &me(), &named(&id.to_string(), 2), &[0; 60_000]);
    }
    let table = requests.table();
    let bytes = table
        .entries
        .values()
        .filter_map(|entry| entry.answer.as_ref());
    let bytes: usize = bytes.map(Bytes::len).sum();
    assert!(bytes as u64 <= ANSWERS.of_one + 600, "{bytes}");
    drop(table);
    let row = "| requests with a `request_id` | 128, for ten minutes | 512 |";
    assert!(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).contains(row));
    assert_eq!((REQUESTS.of_one, REQUESTS.in_all), (128, 512));
}

#[test]
fn a_name_is_what_every_tool_can_carry() {
    for name in ["a", ".", "2f1c-9_x.Y", &"x".repeat(128)] {
        assert!(RequestId::new(name).is_some(), "{name}");
    }
    for name in ["", "a b", "a/b", "\u{e9}", "a\n", &"x".repeat(129)] {
        assert!(RequestId::new(name).is_none(), "{name}");
    }
}
