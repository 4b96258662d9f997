//! Links that break in the middle of a stream, with servers that go on and servers that do not.

use std::time::Duration;

use crate::link::{Link, nasty, on, pieces};
use crate::{both, get, put};
use simcom_emulator::uplink::memory::Rest;
use simcom_emulator::{Effect, Family, Fault, Knobs, Phase, Trigger};
use simcom_talk::dialogue::failure::Cause;
use simcom_talk::dialogue::operation::Output;

/// Injects effects, each once when this many bytes were moved.
fn broken_at(family: Family, effects: &[(usize, Effect)]) -> Link {
    let mut effects = effects.to_vec();
    Link::new(family, Knobs::default()).with_script(move |link, seen| {
        link.plugged = true;
        let moved = seen.delivered + seen.fetched * 3000;
        if effects.first().is_some_and(|(at, _)| moved >= *at) {
            let (_, effect) = effects.remove(0);
            link.module.inject(link.now, effect);
        }
    })
}

#[test]
fn an_upload_that_breaks_off_goes_on_at_what_the_server_has() {
    let content = nasty(30_000);
    for family in both() {
        for at in (0..33_000).step_by(3000) {
            for effect in [Effect::Reboot, Effect::Hangup, Effect::PdnDeactivated] {
                let mut link = broken_at(family, &[(at, effect.clone())]);
                let outcome = link.run(on(put("/f")), pieces(&content));
                let Ok(Output::Stored(stored)) = outcome.result else {
                    panic!("{family:?} {at} {effect:?}: {:?}", outcome.result)
                };
                assert_eq!(stored.confirmed, Some(30_000));
                assert!(link.file("/f").unwrap() == content, "{at} {effect:?}");
            }
        }
    }
}

/// The server has as many bytes as it was given, except one in the middle: the size would be right.
#[test]
fn a_byte_that_was_lost_before_a_break_is_not_built_upon() {
    let content = nasty(30_000);
    for family in both() {
        for lost in [Effect::Lose(1), Effect::Lose(40), Effect::Duplicate(9)] {
            for kept in [usize::MAX, 12_000] {
                let mut link = broken_at(family, &[(6000, lost.clone()), (15_000, Effect::Reboot)]);
                link.kept = kept;
                let outcome = link.run(on(put("/f")), pieces(&content));
                match outcome.result {
                    Ok(_) => assert!(link.file("/f").unwrap() == content, "{lost:?} {kept}"),
                    Err(_) => assert_eq!(link.file("/f"), None, "{lost:?} {kept}"),
                }
            }
        }
    }
}

#[test]
fn a_server_that_does_not_go_on_with_an_upload_is_given_it_again() {
    let content = nasty(30_000);
    for rest in [Rest::Refuse, Rest::Ignore] {
        for family in both() {
            let mut link = broken_at(family, &[(15_000, Effect::Reboot)]);
            link.peer().rest = rest;
            let outcome = link.run(on(put("/f")), pieces(&content));
            assert!(matches!(outcome.result, Ok(Output::Stored(_))), "{rest:?}");
            assert!(link.file("/f").unwrap() == content, "{rest:?}");
            // The source cannot give bytes again that it did not keep, and the partial file is
            // deleted.
            let mut link = broken_at(family, &[(15_000, Effect::Reboot)]);
            link.peer().rest = rest;
            link.kept = 4000;
            let outcome = link.run(on(put("/f")), pieces(&content));
            outcome.result.unwrap_err();
            assert_eq!(link.file("/f"), None, "{rest:?}");
        }
    }
}

#[test]
fn a_server_that_sends_from_the_beginning_only_is_read_from_there() {
    let content = nasty(60_000);
    for rest in [Rest::Refuse, Rest::Ignore] {
        for family in both() {
            for at in [100, 600, 1480, 30_000, 59_000] {
                let mut link = broken_at(family, &[(at, Effect::Reboot)]).with_file("/f", &content);
                link.peer().rest = rest;
                let outcome = link.run(on(get("/f")), vec![]);
                let Ok(Output::Delivered(delivered)) = outcome.result else {
                    panic!("{rest:?} {at}: {:?}", outcome.result)
                };
                assert!(outcome.content == content, "{rest:?} {at}");
                assert_eq!(delivered.resumes > 0, at < 59_000, "{rest:?} {at}");
            }
        }
    }
}

/// Zeros look the same everywhere: only the checksum shows that an offset was ignored.
#[test]
fn zeros_from_a_server_that_ignores_offsets_are_not_taken_for_more() {
    let content = vec![0; 60_000];
    let mut link =
        broken_at(Family::Sim7600, &[(30_000, Effect::Reboot)]).with_file("/f", &content);
    link.peer().rest = Rest::Ignore;
    let outcome = link.run(on(get("/f")), vec![]);
    let failure = outcome.result.unwrap_err();
    assert!(
        matches!(failure.cause, Cause::SizeMismatch { .. }),
        "{failure}"
    );
}

/// The port is lost in the middle of the last escape, and the mark that ends the stream then
/// completes it: the file has the right size and a wrong last byte.
#[test]
fn a_file_whose_last_byte_is_the_mark_that_ended_it_is_not_called_whole() {
    let mut content = nasty(5000);
    content.push(0x03);
    let escapes = content.iter().filter(|byte| matches!(byte, 0x03 | 0x1A));
    let typed = (content.len() + escapes.count() + 1) as u64;
    for family in both() {
        let mut link = Link::new(family, Knobs::default());
        link.cut = 1;
        link.module.arm(Fault {
            trigger: Trigger::Command {
                command: "+CFTPSPUT".into(),
                // The first is the question at bring-up.
                nth: 2,
                phase: Phase::InData(typed - 3),
            },
            effect: Effect::Lose(2),
        });
        let mut unplugged = false;
        link = link.with_script(move |link, _| {
            link.plugged = true;
            if !unplugged && link.written.ends_with(&[0x03, 0x03, 0x1A]) {
                unplugged = true;
                link.unplug();
            }
        });
        let outcome = link.run(on(put("/f")), pieces(&content));
        assert!(matches!(outcome.result, Ok(Output::Stored(_))));
        assert!(link.file("/f").unwrap() == content, "{family:?}");
    }
}

#[test]
fn content_that_is_gathered_is_whole_wherever_the_link_breaks() {
    let content = nasty(200_000);
    for family in both() {
        for at in (0..200_000).step_by(40_000) {
            for effect in [Effect::Reboot, Effect::Hangup, Effect::PdnDeactivated] {
                let mut link = broken_at(family, &[(at, effect.clone())])
                    .gathering(Duration::from_millis(5))
                    .with_file("/f", &content);
                let got = link.run(on(get("/f")), vec![]);
                let Ok(Output::Delivered(delivered)) = got.result else {
                    panic!("{family:?} {at} {effect:?}: {:?}", got.result)
                };
                assert_eq!(delivered.bytes, 200_000);
                assert!(got.content == content, "{family:?} {at} {effect:?}");
            }
        }
    }
}
