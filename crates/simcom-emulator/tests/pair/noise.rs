//! Unsolicited lines that never end and cannot be switched off, during each kind of wait.

use std::time::Duration;

use crate::link::{Link, Outcome, nasty, on, pieces};
use crate::{both, get, put};
use simcom_emulator::{Effect, Family, Fault, Hearing, Knobs, Phase, Reaction, Trigger};
use simcom_talk::dialogue::failure::Cause;
use simcom_talk::dialogue::ladder::{Ladder, Limits};
use simcom_talk::dialogue::operation::{Output, Standing, Task};
use simcom_talk::dialogue::{Operation, Rung};
use simcom_talk::ftps::ErrCode;

/// How often a line comes, in milliseconds, and which.
const PERIODS: [u64; 4] = [100, 250, 1500, 4000];
const LINES: [&str; 3] = [
    "\r\n+CIEV: 2,3\r\n",
    "\r\nRING\r\n",
    "$GNRMC,,V,,,,,,,,,,N,V*37\r\n",
];

fn noisy(line: &str, every: u64, knobs: Knobs) -> Knobs {
    Knobs {
        chatter: line.into(),
        chatter_every: Duration::from_millis(every),
        ..knobs
    }
}

/// A wait: the operation that leads to it, and the seconds within which that must be over.
struct Case {
    name: &'static str,
    knobs: fn() -> Knobs,
    run: fn(&mut Link) -> Outcome,
    ends: fn(&Outcome) -> bool,
    within: u64,
}

fn attached(task: Task) -> Operation {
    Operation {
        standing: Standing::Ready,
        task,
    }
}

fn strike(link: &mut Link, command: &str, nth: u32, effect: Effect) {
    link.module.arm(Fault {
        trigger: Trigger::Command {
            command: command.into(),
            nth,
            phase: Phase::BeforeResult,
        },
        effect,
    });
}

const CASES: [Case; 6] = [
    Case {
        name: "a reset",
        knobs: || Knobs {
            boot_time: Duration::from_secs(10),
            reset_hangs_up: false,
            ..Knobs::default()
        },
        run: |link| link.run(attached(Task::Repair(Rung::Reset)), vec![]),
        ends: |outcome| outcome.result == Ok(Output::Done),
        within: 40,
    },
    Case {
        name: "a login while the module is busy",
        knobs: Knobs::default,
        run: |link| {
            for nth in 1..3 {
                strike(link, "+CFTPSLOGIN", nth, Effect::Fail(3));
            }
            link.run(on(get("/f")), vec![])
        },
        ends: |outcome| outcome.content == b"content",
        within: 15,
    },
    Case {
        name: "a module that stays busy",
        knobs: || Knobs {
            start_when_started: Reaction::Code(3),
            ..Knobs::default()
        },
        run: |link| {
            for nth in 1..20 {
                strike(link, "+CFTPSSTART", nth, Effect::Fail(3));
            }
            link.run(on(get("/f")), vec![])
        },
        ends: |outcome| {
            let failure = outcome.result.as_ref().unwrap_err();
            failure.cause == Cause::Reported(ErrCode::BUSY)
        },
        within: 30,
    },
    Case {
        name: "a module that is not registered",
        knobs: || Knobs {
            registration: 2,
            ..Knobs::default()
        },
        run: |link| {
            strike(link, "+CFTPSSTART", 1, Effect::Fail(10));
            strike(link, "+CFTPSSTART", 2, Effect::Fail(10));
            link.ladder = Some(Ladder::new(Limits {
                highest: Rung::Context,
                ..Limits::default()
            }));
            link.run(on(get("/f")), vec![])
        },
        ends: |outcome| outcome.result.is_err(),
        within: 60,
    },
    Case {
        name: "a Get that is left, and aborted",
        knobs: || Knobs {
            abort_emits_terminal: true,
            ..Knobs::default()
        },
        run: |link| {
            link.peer().files.insert("/big".into(), nasty(3_000_000));
            let mut left = false;
            link.set_script(move |link, seen| {
                if !left && seen.delivered > 10_000 {
                    left = true;
                    link.leave();
                }
            });
            let outcome = link.run(on(get("/big")), vec![]);
            assert!(matches!(
                outcome.result.unwrap_err().cause,
                Cause::Cancelled(_)
            ));
            link.set_script(|_, _| {});
            link.run(on(put("/g")), pieces(b"next"))
        },
        ends: |outcome| outcome.result.is_ok(),
        within: 20,
    },
    Case {
        name: "an answer that was lost",
        knobs: || Knobs {
            typed_while_pushing: Hearing::Heard,
            ..Knobs::default()
        },
        run: |link| {
            link.run(on(get("/f")), vec![]).result.unwrap();
            link.module.arm(Fault {
                trigger: Trigger::Command {
                    command: "+CFTPSSIZE".into(),
                    nth: 2,
                    phase: Phase::BeforeOk,
                },
                effect: Effect::Lose(9),
            });
            link.run(on(get("/f")), vec![])
        },
        ends: |outcome| outcome.content == b"content",
        within: 60,
    },
];

/// With one line every 4 s a reset never answered. With one every 1.5 s a login that was busy or not
/// registered took minutes. With four a second an abandoned Get kept the link for three.
#[test]
fn noise_that_never_ends_starves_no_wait() {
    for family in both() {
        for case in &CASES {
            for every in PERIODS {
                for line in LINES {
                    let knobs = noisy(line, every, (case.knobs)());
                    let mut link = Link::new(family, knobs).with_file("/f", b"content");
                    let outcome = (case.run)(&mut link);
                    let what = format!("{family:?}: {}, {line:?} every {every} ms", case.name);
                    assert!((case.ends)(&outcome), "{what}: {:?}", outcome.result);
                    let within = Duration::from_secs(case.within);
                    assert!(outcome.took <= within, "{what}: {:?}", outcome.took);
                }
            }
        }
    }
}

/// The control: without a line, each of these waits takes as long.
#[test]
fn the_waits_end_as_soon_in_silence() {
    for case in &CASES {
        let knobs = (case.knobs)();
        let mut link = Link::new(Family::Sim7600, knobs).with_file("/f", b"content");
        let outcome = (case.run)(&mut link);
        assert!((case.ends)(&outcome), "{}: {outcome:?}", case.name);
        assert!(
            outcome.took <= Duration::from_secs(case.within),
            "{}",
            case.name
        );
    }
}
