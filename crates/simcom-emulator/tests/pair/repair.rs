//! The repair ladder: the right rung repairs each fault, and no higher one is tried. The running
//! operation survives it. A fault that no rung repairs is reported and not tried for ever.

use std::time::Duration;

use crate::link::{Link, Outcome, at, nasty, on, pieces};
use crate::{both, get, put};
use simcom_emulator::{Effect, Family, Fault, Knobs, Phase, Stuck, Trigger};
use simcom_talk::dialogue::failure::Cause;
use simcom_talk::dialogue::ladder::{Ladder, Limits};
use simcom_talk::dialogue::operation::{Operation, Output, Standing, Task};
use simcom_talk::dialogue::{Repaired, Rung};
use simcom_talk::ftps::ErrCode;

const CASES: [(Stuck, &[Rung]); 3] = [
    (Stuck::Context, &[Rung::Context]),
    // Without a network there is no context to repair.
    (Stuck::Radio, &[Rung::Context, Rung::Radio]),
    (Stuck::Stack, &[Rung::Context, Rung::Radio, Rung::Reset]),
];

fn link(family: Family) -> Link {
    link_within(family, Limits::default())
}

fn link_within(family: Family, limits: Limits) -> Link {
    let knobs = Knobs {
        registration_time: Duration::from_secs(7),
        ..Knobs::default()
    };
    let mut link = Link::new(family, knobs);
    link.ladder = Some(Ladder::new(limits));
    link
}

/// The rungs above those of the planner that were tried, and whether each helped.
fn climbed(outcome: &Outcome) -> Vec<(Rung, bool)> {
    let told = |repaired: &Repaired| (repaired.rung, repaired.outcome.is_ok());
    let tried = outcome.repairs.iter().map(told);
    tried.filter(|(rung, _)| *rung >= Rung::Context).collect()
}

/// Each rung except the last fails.
fn helped(rungs: &[Rung]) -> Vec<(Rung, bool)> {
    let last = rungs.last();
    rungs
        .iter()
        .map(|rung| (*rung, Some(rung) == last))
        .collect()
}

#[test]
fn what_is_stuck_before_an_operation_is_mended_by_its_rung() {
    for family in both() {
        for (stuck, rungs) in CASES {
            let mut link = link(family)
                .with_file("/f", b"content")
                .with_script(|link, _| link.plugged = true);
            link.module.inject(link.now, Effect::Stuck(stuck));
            let got = link.run(on(get("/f")), vec![]);
            assert!(got.result.is_ok(), "{family:?} {stuck:?}: {:?}", got.result);
            assert_eq!(got.content, b"content");
            assert_eq!(climbed(&got), helped(rungs), "{family:?} {stuck:?}");
            let again = link.run(on(get("/f")), vec![]);
            assert_eq!(climbed(&again), [], "{family:?} {stuck:?}");
        }
    }
}

#[test]
fn a_download_goes_on_where_it_was_once_the_link_is_mended() {
    for family in both() {
        for (stuck, rungs) in CASES {
            let content = nasty(300_000);
            let mut struck = false;
            let mut link = link(family)
                .with_file("/f", &content)
                .with_script(move |link, seen| {
                    link.plugged = true;
                    if !struck && seen.delivered > 100_000 {
                        struck = true;
                        link.module.inject(link.now, Effect::Stuck(stuck));
                    }
                });
            let got = link.run(on(get("/f")), vec![]);
            let Ok(Output::Delivered(delivered)) = &got.result else {
                panic!("{family:?} {stuck:?}: {:?}", got.result)
            };
            assert_eq!((delivered.bytes, delivered.resumes), (300_000, 1));
            assert_eq!(got.content, content, "{family:?} {stuck:?}");
            assert_eq!(climbed(&got), helped(rungs), "{family:?} {stuck:?}");
        }
    }
}

#[test]
fn an_upload_ends_right_or_honestly() {
    for family in both() {
        for (stuck, rungs) in CASES {
            for blocks in [false, true] {
                let content = nasty(60_000);
                let mut struck = false;
                let mut link = link(family);
                if blocks {
                    link = link.piecewise();
                }
                let mut link = link.with_script(move |link, seen| {
                    link.plugged = true;
                    if !struck && seen.fetched > 5 {
                        struck = true;
                        link.module.inject(link.now, Effect::Stuck(stuck));
                    }
                });
                let sent = link.run(on(put("/f")), pieces(&content));
                let what = format!("{family:?} {stuck:?} {blocks}");
                assert_eq!(climbed(&sent), helped(rungs), "{what}");
                match sent.result {
                    Ok(_) => assert_eq!(link.file("/f").unwrap(), content, "{what}"),
                    // A stream cannot go on: what it left on the server was deleted.
                    Err(failure) => {
                        assert!(!blocks, "{what}: {failure:?}");
                        assert_eq!(failure.repairs, rungs, "{what}");
                        assert_eq!(link.file("/f"), None, "{what}");
                    }
                }
            }
        }
    }
}

/// A subscription that has expired: START is always refused.
fn dead(link: &mut Link) {
    for nth in 1..200 {
        link.module.arm(Fault {
            trigger: Trigger::Command {
                command: "+CFTPSSTART".into(),
                nth,
                phase: Phase::BeforeResult,
            },
            effect: Effect::Fail(10),
        });
    }
}

#[test]
fn a_network_that_never_carries_is_told_with_what_was_tried() {
    for family in both() {
        let mut link = link(family).with_script(|link, _| link.plugged = true);
        dead(&mut link);
        let failure = link.run(on(put("/f")), pieces(b"x")).result.unwrap_err();
        assert_eq!(failure.cause, Cause::Reported(ErrCode::NETWORK));
        assert_eq!(failure.command, Some("AT+CFTPSSTART".into()));
        assert_eq!(failure.repairs, [Rung::Context, Rung::Radio, Rung::Reset]);
    }
}

#[test]
fn a_day_without_a_network_costs_no_more_resets_than_the_budget() {
    let limits = Limits::default();
    let mut link = link_within(Family::Sim7600, limits).with_script(|link, _| link.plugged = true);
    dead(&mut link);
    let (began, mut tried) = (link.now, Vec::new());
    while link.now - began < Duration::from_secs(2 * 3600) {
        let outcome = link.run(on(get("/f")), vec![]);
        outcome.result.as_ref().unwrap_err();
        tried.extend(climbed(&outcome));
        link.now += Duration::from_secs(20);
    }
    for (rung, bound) in [
        (Rung::Context, limits.context),
        (Rung::Radio, limits.radio),
        (Rung::Reset, limits.reset),
    ] {
        let count = tried.iter().filter(|(other, _)| *other == rung).count();
        let most = 2 * usize::try_from(bound.per_hour).unwrap();
        assert!((1..=most).contains(&count), "{rung}: {count}, not {most}");
    }
}

#[test]
fn nothing_is_tried_above_the_highest_rung_allowed() {
    for (highest, allowed) in [
        (Rung::Service, &[][..]),
        (Rung::Context, &[Rung::Context]),
        (Rung::Radio, &[Rung::Context, Rung::Radio]),
    ] {
        let limits = Limits {
            highest,
            ..Limits::default()
        };
        let mut link = link_within(Family::Sim7600, limits);
        link.module.inject(link.now, Effect::Stuck(Stuck::Stack));
        let failure = link.run(on(get("/f")), vec![]).result.unwrap_err();
        assert_eq!(failure.cause, Cause::Reported(ErrCode::CREATE_SOCKET));
        assert_eq!(failure.repairs, allowed, "{highest}");
    }
}

#[test]
fn a_wrong_password_moves_no_rung() {
    for family in both() {
        let mut link = link(family);
        let denied = simcom_emulator::uplink::memory::Server::with_user("user", "another");
        link.network.insert("ftp.example", 21, denied);
        let refused = link.run(on(Task::WorkingDirectory), vec![]);
        let failure = refused.result.unwrap_err();
        assert_eq!(failure.cause, Cause::Reported(ErrCode::REJECTED));
        assert_eq!((failure.repairs, failure.attempt), (vec![], 1));
        let logins = link.network.take_seen();
        let logins = logins.iter().filter(|seen| seen.starts_with("LOGIN"));
        assert_eq!(logins.count(), 1);
    }
}

#[test]
fn a_server_that_is_down_moves_no_rung() {
    for (host, code) in [
        ("ftp.example", ErrCode::CONNECT_SOCKET),
        ("nowhere.example", ErrCode::DNS),
    ] {
        let mut link = link(Family::Sim7600);
        let mut operation = at(host, Task::WorkingDirectory);
        if let Standing::LoggedIn(place) = &mut operation.standing {
            let server = std::sync::Arc::make_mut(&mut place.server);
            server.port = std::num::NonZeroU16::new(2121).unwrap();
        }
        for _ in 0..5 {
            let failed = link.run(operation.clone(), vec![]);
            let failure = failed.result.unwrap_err();
            assert_eq!(failure.cause, Cause::Reported(code));
            assert_eq!(failure.repairs, []);
        }
    }
}

#[test]
fn a_module_without_a_network_is_told_as_such() {
    let mut link = link(Family::Sim7600).with_script(|link, _| link.plugged = true);
    link.module.knobs_mut().registration = 2;
    let failure = link.run(on(get("/f")), vec![]).result.unwrap_err();
    assert_eq!(failure.cause, Cause::NotRegistered);
    assert_eq!(failure.repairs, [Rung::Context, Rung::Radio, Rung::Reset]);
    link.module.knobs_mut().registration = 5;
    let mut link = link.with_file("/f", b"x");
    assert_eq!(link.run(on(get("/f")), vec![]).content, b"x");
    assert_eq!(link.dialogue.facts().registration.registered, Some(true));
}

#[test]
fn a_module_is_reset_by_wish_and_brought_up_again() {
    for family in both() {
        for (hangs_up, refuses) in [(true, false), (false, false), (true, true)] {
            let mut link = link(family)
                .with_file("/f", b"x")
                .with_script(|link, _| link.plugged = true);
            let knobs = link.module.knobs_mut();
            knobs.reset_hangs_up = hangs_up;
            if refuses {
                knobs.refuse.push("+CRESET".into());
            }
            link.run(on(get("/f")), vec![]).result.unwrap();
            let reset = Operation {
                standing: Standing::Ready,
                task: Task::Repair(Rung::Reset),
            };
            let outcome = link.run(reset, vec![]);
            assert_eq!(outcome.result, Ok(Output::Done), "{family:?} {hangs_up}");
            assert_eq!(climbed(&outcome), [(Rung::Reset, true)]);
            // The boot takes ten seconds.
            assert!(
                outcome.took >= Duration::from_secs(10),
                "{:?}",
                outcome.took
            );
            let said = String::from_utf8_lossy(&link.written).into_owned();
            assert_eq!(said.contains("AT+CFUN=1,1\r"), refuses, "{family:?}");
            assert_eq!(link.run(on(get("/f")), vec![]).content, b"x");
        }
    }
}

#[test]
fn a_module_that_refuses_to_be_reset_says_so_and_serves_on() {
    let mut link = link(Family::Sim7600).with_file("/f", b"x");
    let refused = ["+CRESET", "+CFUN"].map(str::to_owned);
    link.module.knobs_mut().refuse.extend(refused);
    let reset = Operation {
        standing: Standing::Ready,
        task: Task::Repair(Rung::Reset),
    };
    let failure = link.run(reset, vec![]).result.unwrap_err();
    assert!(matches!(failure.cause, Cause::Refused(_)), "{failure:?}");
    assert_eq!(link.run(on(get("/f")), vec![]).content, b"x");
}

/// The rungs of the planner are told as well.
#[test]
fn a_server_that_closed_the_connection_is_told_as_a_new_login() {
    let mut link = link(Family::Sim7600).with_file("/f", b"x");
    link.run(on(get("/f")), vec![]).result.unwrap();
    let event = link.network.close_session().unwrap();
    link.module.handle_uplink(link.now, event);
    let got = link.run(on(get("/f")), vec![]);
    let rungs: Vec<_> = got.repairs.iter().map(|told| told.rung).collect();
    assert_eq!(rungs, [Rung::Login]);
    assert!(got.repairs.iter().all(|told| told.outcome.is_ok()));
}
