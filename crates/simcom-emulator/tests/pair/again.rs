//! Uploads that broke off or failed: how often they are sent again, and what is said about their
//! partial files.

use crate::link::{Link, nasty, on, path, pieces};
use crate::{both, put};
use simcom_emulator::{Effect, Fault, Knobs, Phase, Trigger};
use simcom_talk::dialogue::failure::{Cause, Finding};
use simcom_talk::dialogue::operation::{Before, BegunUpload, Task, Trail, Upload};
use simcom_talk::ftps::ErrCode;

fn put_new(file: &str) -> Task {
    Task::Upload(Upload {
        path: path(file),
        must_be_new: true,
        verify_size: true,
        delete_on_failure: true,
        begun: None,
        at_hand: None,
    })
}

fn strike(link: &mut Link, command: &str, nth: u32, phase: Phase, effect: Effect) {
    let trigger = Trigger::Command {
        command: command.into(),
        nth,
        phase,
    };
    link.module.arm(Fault { trigger, effect });
}

fn puts(link: &Link) -> usize {
    let line = b"AT+CFTPSPUT=\"";
    let all = link.written.windows(line.len());
    all.filter(|part| part == line).count()
}

/// The source can give every byte again.
const ALL: usize = 1 << 30;

#[test]
fn a_block_that_never_arrives_is_not_sent_for_ever_where_the_name_must_be_new() {
    for family in both() {
        for code in [6, 4, 5, 421] {
            let mut link = Link::new(family, Knobs::default());
            link.kept = ALL;
            strike(
                &mut link,
                "+CFTPSPUT",
                2,
                Phase::InData(30_000),
                Effect::Fail(6),
            );
            for nth in 3..60 {
                strike(
                    &mut link,
                    "+CFTPSPUT",
                    nth,
                    Phase::BeforeResult,
                    Effect::Fail(code),
                );
            }
            let failure = link.run(on(put_new("/f")), pieces(&nasty(60_000))).result;
            assert!(failure.is_err(), "{family:?} {code}");
            assert!(puts(&link) < 8, "{family:?} {code}: {}", puts(&link));
        }
    }
}

#[test]
fn a_file_that_was_spoilt_on_its_way_is_not_said_to_have_been_there_before() {
    for family in both() {
        for effect in [Effect::Duplicate(1), Effect::Lose(1)] {
            let mut link = Link::new(family, Knobs::default());
            link.kept = ALL;
            strike(
                &mut link,
                "+CFTPSPUT",
                2,
                Phase::InData(4000),
                effect.clone(),
            );
            let content: Vec<u8> = (0..20_000u32)
                .map(|at| b'a' + (at * at % 23) as u8)
                .collect();
            let outcome = link.run(on(put_new("/f")), pieces(&content));
            let what = format!("{family:?} {effect:?}");
            let Err(failure) = outcome.result else {
                assert!(link.file("/f").unwrap() == content, "{what}");
                continue;
            };
            assert!(
                matches!(failure.cause, Cause::SizeMismatch { .. }),
                "{what} {failure:?}"
            );
            let told = failure.finding == Some(Finding::LeftBehind);
            assert_eq!(told, link.file("/f").is_some(), "{what} {failure:?}");
        }
    }
}

#[test]
fn a_part_that_cannot_be_read_is_not_said_to_be_somebody_elses() {
    for family in both() {
        for code in [5, 9] {
            let mut link = Link::new(family, Knobs::default());
            link.kept = ALL;
            strike(
                &mut link,
                "+CFTPSPUT",
                2,
                Phase::InData(9000),
                Effect::PeerClosed,
            );
            for nth in 1..60 {
                strike(
                    &mut link,
                    "+CFTPSGET",
                    nth,
                    Phase::BeforeResult,
                    Effect::Fail(code),
                );
            }
            let outcome = link.run(on(put_new("/f")), pieces(&nasty(20_000)));
            let failure = outcome.result.unwrap_err();
            let cause = Cause::Reported(ErrCode::CLOSED_BY_SERVER);
            assert_eq!(failure.cause, cause, "{family:?} {code}");
            let left = Some(Finding::LeftBehind);
            assert_eq!(failure.finding, left, "{family:?} {code}");
        }
    }
}

#[test]
fn an_upload_that_is_cancelled_while_its_size_is_asked_is_not_sent_again() {
    for family in both() {
        for lost in [1, 9000] {
            let mut link = Link::new(family, Knobs::default());
            link.kept = ALL;
            let at = Phase::InData(3000);
            strike(&mut link, "+CFTPSPUT", 2, at, Effect::Lose(lost));
            let mut left = false;
            let mut link = link.with_script(move |link, _| {
                let asked = link.written.ends_with(b"AT+CFTPSSIZE=\"/f\"\r");
                if asked && !left && puts(link) == 1 {
                    left = true;
                    link.leave();
                }
            });
            let outcome = link.run(on(put("/f")), pieces(&nasty(20_000)));
            let failure = outcome.result.unwrap_err();
            let what = format!("{family:?} {lost} {failure:?}");
            assert!(matches!(failure.cause, Cause::Cancelled(_)), "{what}");
            assert_eq!(puts(&link), 1, "{what}");
            let told = failure.finding == Some(Finding::LeftBehind);
            assert_eq!(told, link.file("/f").is_some(), "{what}");
        }
    }
}

#[test]
fn an_empty_file_of_its_own_is_gone_on_with_where_the_name_must_be_new() {
    let begun = BegunUpload {
        at: 0,
        before: Before::Nothing,
        resumes: 0,
        trail: Trail::default(),
    };
    for family in both() {
        for (begun, is_ours) in [(Some(begun.clone()), true), (None, false)] {
            let mut link = Link::new(family, Knobs::default()).with_file("/f", b"");
            let Task::Upload(mut upload) = put_new("/f") else {
                panic!("it is one");
            };
            upload.begun = begun;
            let content = nasty(9000);
            let outcome = link.run(on(Task::Upload(upload)), pieces(&content));
            assert_eq!(outcome.result.is_ok(), is_ours, "{:?}", outcome.result);
            let there = if is_ours { content } else { Vec::new() };
            assert!(link.file("/f").unwrap() == there, "{family:?} {is_ours}");
        }
    }
}
