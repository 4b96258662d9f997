//! Answers with a part that never comes: the failure comes in time, and the next operation is right.

use std::time::Duration;

use crate::link::{Link, Outcome, nasty, on, path, pieces};
use crate::storage::transfer;
use crate::{both, get, put};
use simcom_emulator::{Effect, Family, Fault, Knobs, Phase, Trigger};
use simcom_talk::dialogue::Moment;
use simcom_talk::dialogue::failure::{Awaited, Cause, Ending};
use simcom_talk::dialogue::operation::{Output, Task};

/// Every command that an operation says, with an operation that says it.
fn cases() -> Vec<(&'static str, Task)> {
    vec![
        ("+CFTPSSTART", Task::WorkingDirectory),
        ("+CFTPSSTOP", Task::WorkingDirectory),
        ("+CFTPSLOGIN", Task::WorkingDirectory),
        ("+CFTPSLOGOUT", Task::WorkingDirectory),
        ("+CFTPSSINGLEIP", Task::WorkingDirectory),
        ("+CFTPSTYPE", Task::WorkingDirectory),
        ("+CFTPSPWD", Task::WorkingDirectory),
        ("+CFTPSCWD", Task::ChangeDirectory(path("/d"))),
        ("+CFTPSMKD", Task::MakeDirectory(path("/new"))),
        ("+CFTPSRMD", Task::RemoveDirectory(path("/d"))),
        ("+CFTPSDELE", Task::DeleteFile(path("/f"))),
        ("+CFTPSSIZE", Task::Size(path("/f"))),
        ("+CFTPSLIST", Task::List(Some(path("/")))),
        ("+CFTPSGET", get("/f")),
        ("+CFTPSCACHERD", get("/f")),
        ("+CFTPSPUT", put("/up")),
    ]
}

fn link(family: Family, knobs: Knobs, piecewise: bool) -> Link {
    let mut link = Link::new(family, knobs).with_file("/f", &nasty(3000));
    link.peer().directories.insert(b"/d".to_vec());
    if piecewise { link.piecewise() } else { link }
}

fn run(link: &mut Link, task: &Task) -> Outcome {
    link.run(on(task.clone()), pieces(&nasty(3000)))
}

/// Whether the result of a half answer is honest: the truth, or that the answer did not come.
fn is_honest(link: &mut Link, task: &Task, outcome: &Outcome) -> bool {
    match (&outcome.result, task) {
        (Err(failure), _) => {
            matches!(
                failure.cause,
                Cause::Timeout(
                    Awaited::FinalCode | Awaited::Result | Awaited::Data | Awaited::Prompt
                )
            ) || failure.finding.is_some()
        }
        (Ok(_), Task::Download(_)) => outcome.content == nasty(3000),
        (Ok(_), Task::Upload(_)) => link.file("/up").is_some_and(|file| file == nasty(3000)),
        (Ok(output), Task::Size(_)) => *output == Output::Size(3000),
        (Ok(_), Task::MakeDirectory(_)) => link.peer().directories.contains(&b"/new"[..]),
        (Ok(_), Task::RemoveDirectory(_)) => !link.peer().directories.contains(&b"/d"[..]),
        (Ok(_), Task::DeleteFile(_)) => link.file("/f").is_none(),
        (Ok(_), _) => true,
    }
}

/// The next operation, on the same dialogue, gets whole answers and succeeds.
fn is_right_next(link: &mut Link, what: &str) {
    link.module.knobs_mut().ok_never.clear();
    link.module.knobs_mut().result_never.clear();
    link.module.knobs_mut().result_latency = Duration::ZERO;
    let next = link.run(on(Task::MakeDirectory(path("/next"))), vec![]);
    assert_eq!(next.result, Ok(Output::Done), "after {what}");
    assert!(link.peer().directories.contains(&b"/next"[..]));
    link.peer().files.insert(b"/after".to_vec(), nasty(2000));
    let next = link.run(on(get("/after")), vec![]);
    assert!(next.result.is_ok(), "after {what}: {:?}", next.result);
    assert_eq!(next.content, nasty(2000), "after {what}");
}

/// As in two examples of the application note for the SIM7600.
#[test]
fn a_login_that_is_only_acknowledged_is_used() {
    for family in both() {
        let knobs = Knobs {
            result_never: vec!["+CFTPSLOGIN".into()],
            ..Knobs::default()
        };
        let mut link = link(family, knobs, false);
        let got = link.run(on(get("/f")), vec![]);
        assert!(got.result.is_ok(), "{family:?} {:?}", got.result);
        assert_eq!(got.content, nasty(3000));
        let seen = link.network.take_seen();
        let logins = seen.iter().filter(|did| did.starts_with("LOGIN")).count();
        assert_eq!(logins, 1, "{family:?}: {seen:?}");
    }
}

/// Bytes that slipped into a block push as many bytes of its content out. Those then stand where no line
/// ends.
#[test]
fn a_download_with_a_line_inside_is_not_believed_without_its_last_line() {
    for slipped in ["\r\nRING\r\n", "x", "\r\n"] {
        let knobs = Knobs {
            result_never: vec!["+CFTPSGET".into()],
            ..Knobs::default()
        };
        let mut link = link(Family::Sim7600, knobs, false);
        link.peer().files.insert(b"/f".to_vec(), vec![b'x'; 200]);
        for nth in 2..9 {
            link.module.arm(Fault {
                trigger: Trigger::Command {
                    command: "+CFTPSGET".into(),
                    nth,
                    phase: Phase::InBlock(100),
                },
                effect: Effect::Text(slipped.into()),
            });
        }
        let got = link.run(on(get("/f")), vec![]);
        assert!(got.result.is_err(), "{slipped:?}: {:?}", got.result);
    }
}

/// A refused login that is only answered by `OK` is not taken for a login.
#[test]
fn a_login_that_is_acknowledged_and_refused_is_told() {
    let knobs = Knobs {
        result_never: vec!["+CFTPSLOGIN".into()],
        ..Knobs::default()
    };
    let mut link = link(Family::Sim7600, knobs, false);
    link.peer().users.clear();
    let got = link.run(on(get("/f")), vec![]);
    assert!(got.result.is_err(), "{:?}", got.result);
    assert_eq!(got.content, b"");
}

/// A part of the answer to an abort never comes: the caller that left gets its answer in time.
fn check_abort(knobs: fn(Vec<String>) -> Knobs) {
    for piecewise in [false, true] {
        let what = format!("+CFTPSABORT piecewise={piecewise}");
        let knobs = Knobs {
            result_latency: Duration::from_secs(30),
            ..knobs(vec!["+CFTPSABORT".into()])
        };
        let mut left = false;
        let mut link = link(Family::Sim7600, knobs, piecewise).with_script(move |link, _| {
            let line = b"CFTPSGETFILE=\"/f\"";
            if !left && link.written.windows(line.len()).any(|part| part == line) {
                left = true;
                let wish = Cause::Cancelled(Ending::Drained);
                link.dialogue.abandon(wish, Moment::after(link.now));
            }
        });
        let fetch = on(Task::Fetch(transfer(Family::Sim7600, "/f", 0)));
        let outcome = link.run(fetch, vec![]);
        let failure = outcome.result.unwrap_err();
        assert!(matches!(failure.cause, Cause::Cancelled(_)), "{failure:?}");
        assert!(link.written.windows(11).any(|part| part == b"CFTPSABORT\r"));
        assert!(
            outcome.took < Duration::from_secs(300),
            "{:?}",
            outcome.took
        );
        is_right_next(&mut link, &what);
    }
}

fn check(knobs: fn(Vec<String>) -> Knobs) {
    let mut told = 0;
    for family in both() {
        for piecewise in [false, true] {
            for (command, task) in cases() {
                let what = format!("{family:?} {command} piecewise={piecewise}");
                let mut link = link(family, knobs(vec![command.into()]), piecewise);
                let outcome = run(&mut link, &task);
                assert!(
                    is_honest(&mut link, &task, &outcome),
                    "{what}: {:?}",
                    outcome.result
                );
                told += u32::from(outcome.result.is_err());
                // Three tries of the longest command, and a way to the standing before each.
                assert!(
                    outcome.took < Duration::from_secs(900),
                    "{what}: {:?}",
                    outcome.took
                );
                is_right_next(&mut link, &what);
            }
        }
    }
    assert!(told > 0, "nothing was ever missed");
    println!("{told} half answers were told");
    check_abort(knobs);
}

#[test]
fn a_result_without_ok_ends_in_time() {
    check(|ok_never| Knobs {
        ok_never,
        ..Knobs::default()
    });
}

#[test]
fn an_ok_without_result_ends_in_time() {
    check(|result_never| Knobs {
        result_never,
        ..Knobs::default()
    });
}
