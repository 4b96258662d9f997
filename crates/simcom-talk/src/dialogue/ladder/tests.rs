//! The ladder without a module.

use super::*;
use crate::dialogue::failure::{Awaited, Cause, Stage};
use crate::ftps::ErrCode;
use crate::ftps::tls::TlsPolicy;
use crate::ftps::value::{Host, Password, ServerType, Username};

const SECOND: Duration = Duration::from_secs(1);

fn failure(command: &'static str, cause: Cause) -> Failure {
    Failure::new(cause, Some(command.into()), Stage::Network)
}

fn reported(command: &'static str, code: ErrCode) -> Failure {
    failure(command, Cause::Reported(code))
}

fn start_fails() -> Failure {
    reported("AT+CFTPSSTART", ErrCode::NETWORK)
}

fn server(host: &str) -> Server {
    Server {
        host: Host::new(host).unwrap(),
        port: ServerType::Ftp.default_port(),
        username: Username::new("u").unwrap(),
        password: Password::new("p").unwrap(),
        server_type: ServerType::Ftp,
        single_ip: true,
        tls: TlsPolicy::unverified(),
    }
}

/// The rungs tried when the same failure comes again at each of these seconds.
fn climb(ladder: &mut Ladder, failure: &Failure, seconds: &[u64]) -> Vec<Option<Rung>> {
    let next = |second: &u64| {
        let now = Duration::from_secs(*second);
        ladder.next(failure, None, now).ok()
    };
    seconds.iter().map(next).collect()
}

#[test]
fn it_climbs_as_long_as_nothing_helps_and_then_waits() {
    let mut ladder = Ladder::new(Limits::default());
    let tried = climb(&mut ladder, &start_fails(), &[0, 1, 2, 3, 599]);
    let all = [Rung::Context, Rung::Radio, Rung::Reset].map(Some);
    assert_eq!(tried, [&all[..], &[None, None]].concat());
    let refusal = ladder.next(&start_fails(), None, 599 * SECOND);
    let until = 602 * SECOND;
    assert_eq!(refusal, Err(Refusal::Cooling { until }));
    // The highest rung has cooled down: the ladder begins again from below.
    let tried = climb(&mut ladder, &start_fails(), &[602, 603, 604, 605]);
    assert_eq!(tried, [&all[..], &[None]].concat());
}

#[test]
fn what_helped_is_tried_first_the_next_time() {
    let mut ladder = Ladder::new(Limits::default());
    let tried = climb(&mut ladder, &start_fails(), &[0, 1]);
    assert_eq!(tried, [Some(Rung::Context), Some(Rung::Radio)]);
    ladder.served();
    // The rung has not cooled down and may still help, so nothing above it is tried.
    let refusal = ladder.next(&start_fails(), None, 10 * SECOND);
    let until = 30 * SECOND;
    assert_eq!(refusal, Err(Refusal::Cooling { until }));
    let tried = climb(&mut ladder, &start_fails(), &[30, 31, 121]);
    // The radio was tried at 1 s and waits for its own cool-down.
    assert_eq!(tried, [Some(Rung::Context), None, Some(Rung::Radio)]);
}

#[test]
fn a_budget_that_is_spent_tells_that_the_rung_is_not_enough() {
    let limits = Limits {
        context: Bound {
            cool_down: SECOND,
            per_hour: 2,
        },
        ..Limits::default()
    };
    let mut ladder = Ladder::new(limits);
    let mut tried = Vec::new();
    for minute in 0..3 {
        tried.extend(climb(&mut ladder, &start_fails(), &[minute * 60]));
        ladder.served();
    }
    let rungs = [Rung::Context, Rung::Context, Rung::Radio].map(Some);
    assert_eq!(tried, rungs);
    // After an hour there is room again.
    let later = climb(&mut ladder, &start_fails(), &[3600]);
    assert_eq!(later, [Some(Rung::Context)]);
}

#[test]
fn no_hour_has_more_than_the_budget() {
    let limits = Limits::default();
    let mut ladder = Ladder::new(limits);
    let mut tried = Vec::new();
    // A failure every 5 s for a day. Now and then something helps.
    for tick in 0..17_280u64 {
        let now = Duration::from_secs(tick * 5);
        if let Ok(rung) = ladder.next(&start_fails(), None, now) {
            tried.push((rung, now));
        }
        if tick % 97 == 0 {
            ladder.served();
        }
    }
    for rung in [Rung::Context, Rung::Radio, Rung::Reset] {
        let bound = limits.bound(rung).unwrap();
        let times: Vec<_> = tried.iter().filter(|(other, _)| *other == rung).collect();
        assert!(!times.is_empty());
        for (at, (_, first)) in times.iter().enumerate() {
            let within = times[at..].iter().filter(|(_, t)| *t < *first + HOUR);
            assert!(within.count() <= usize::try_from(bound.per_hour).unwrap());
            if let Some((_, next)) = times.get(at + 1) {
                assert!(*next - *first >= bound.cool_down, "{rung}");
            }
        }
    }
}

#[test]
fn a_rung_that_is_not_allowed_is_left_out() {
    let never = Bound {
        cool_down: SECOND,
        per_hour: 0,
    };
    let limits = Limits {
        highest: Rung::Radio,
        context: never,
        ..Limits::default()
    };
    let tried = climb(&mut Ladder::new(limits), &start_fails(), &[0, 1]);
    assert_eq!(tried, [Some(Rung::Radio), None]);
    let limits = Limits {
        highest: Rung::Service,
        ..Limits::default()
    };
    let refusal = Ladder::new(limits).next(&start_fails(), None, SECOND);
    assert_eq!(refusal, Err(Refusal::Forbidden));
}

#[test]
fn what_failed_decides_how_far_it_goes() {
    let cases = [
        (
            failure("AT+CREG", Cause::NotRegistered),
            &[Rung::Radio, Rung::Reset][..],
        ),
        // The module reached a server, so it is well. Its context may not be.
        (reported("AT+CFTPSGET", ErrCode::NETWORK), &[Rung::Context]),
        (reported("AT+CFTPSLOGIN", ErrCode::REJECTED), &[]),
        (reported("AT+CFTPSLOGIN", ErrCode::DNS), &[]),
        (reported("AT+CFTPSLOGIN", ErrCode::CONNECT_SOCKET), &[]),
        (reported("AT+CFTPSGET", ErrCode::CONNECT_SOCKET), &[]),
        (failure("AT+CPIN", Cause::SimMissing), &[]),
    ];
    for (failure, rungs) in cases {
        let mut ladder = Ladder::new(Limits::default());
        let tried = climb(&mut ladder, &failure, &[0, 1, 2, 3]);
        let tried: Vec<_> = tried.into_iter().flatten().collect();
        assert_eq!(tried, rungs, "{failure}");
    }
}

#[test]
fn one_server_that_is_down_is_not_the_modules_fault_and_two_are() {
    let mut ladder = Ladder::new(Limits::default());
    let refused = reported("AT+CFTPSLOGIN", ErrCode::CONNECT_SOCKET);
    let meet = |ladder: &mut Ladder, host, second| {
        let now = Duration::from_secs(second);
        ladder.next(&refused, Some(&server(host)), now)
    };
    for second in 0..9 {
        let refusal = meet(&mut ladder, "a", second);
        assert_eq!(refusal, Err(Refusal::NotTheModule));
    }
    ladder.served();
    assert_eq!(meet(&mut ladder, "b", 9), Err(Refusal::NotTheModule));
    assert_eq!(meet(&mut ladder, "a", 10), Ok(Rung::Context));
    assert_eq!(meet(&mut ladder, "b", 11), Ok(Rung::Radio));
    // A reset is never tried for it.
    assert!(meet(&mut ladder, "c", 12).is_err());
}

#[test]
fn a_silent_module_has_its_port_opened_anew_at_every_second_try() {
    let mut ladder = Ladder::new(Limits::default());
    let silence = failure("AT", Cause::Timeout(Awaited::FinalCode));
    let tried = climb(&mut ladder, &silence, &[0, 20, 40, 60]);
    let reopen = Some(Rung::Reopen);
    assert_eq!(tried, [None, reopen, None, reopen]);
}
