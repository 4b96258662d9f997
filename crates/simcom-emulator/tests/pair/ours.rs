//! Files of other writers under the name of an upload: they are not deleted, not replaced unless that was asked
//! for, and not taken for the upload's own.
//!
//! More than 400 lines: each test is one fault that was seen, or a rule, and they share the helpers of this
//! file.

use std::cell::RefCell;
use std::rc::Rc;

use crate::link::{Link, Outcome, nasty, on, path, pieces};
use crate::{both, get, put};
use simcom_emulator::uplink::memory::Rest;
use simcom_emulator::{Effect, Family, Fault, Knobs, Phase, Trigger};
use simcom_talk::dialogue::Moment;
use simcom_talk::dialogue::failure::{Cause, Finding};
use simcom_talk::dialogue::operation::{BegunUpload, Doubt, Output, Piece, Stored, Task, Upload};
use simcom_talk::ftps::ErrCode;

fn put_new(file: &str) -> Task {
    resumed(file, true, None)
}

fn resumed(file: &str, must_be_new: bool, begun: Option<BegunUpload>) -> Task {
    Task::Upload(Upload {
        path: path(file),
        must_be_new,
        verify_size: true,
        delete_on_failure: true,
        begun,
        at_hand: None,
    })
}

/// A source that goes away before its end.
fn cut(content: &[u8]) -> Vec<Piece> {
    let mut cut = pieces(content);
    assert_eq!(cut.pop(), Some(Piece::End));
    cut
}

/// An upload of `/f` that yielded after 9000 bytes.
fn made_way(content: &[u8], must_be_new: bool) -> (Link, BegunUpload) {
    let mut asked = false;
    let mut link = Link::sim7600().with_script(move |link, seen| {
        if !asked && seen.fetched == 3 {
            asked = true;
            link.dialogue.yield_link(Moment::after(link.now));
        }
    });
    let first = link.run(on(resumed("/f", must_be_new, None)), pieces(content));
    let Ok(Output::UploadYielded(begun)) = first.result else {
        panic!("{:?}", first.result)
    };
    assert_eq!(begun.at, 9000);
    (link.with_script(|_, _| {}), begun)
}

fn stored(outcome: &Outcome) -> &Stored {
    match &outcome.result {
        Ok(Output::Stored(stored)) => stored,
        other => panic!("{other:?}"),
    }
}

fn said(link: &Link, line: &[u8]) -> usize {
    let all = link.written.windows(line.len());
    all.filter(|part| *part == line).count()
}

fn at_put(nth: u32, phase: Phase, effect: Effect) -> Fault {
    Fault {
        trigger: Trigger::Command {
            command: "+CFTPSPUT".into(),
            nth,
            phase,
        },
        effect,
    }
}

#[test]
fn what_another_wrote_meanwhile_is_not_deleted_by_a_resumed_upload() {
    let content = nasty(20_000);
    for theirs in [
        nasty(8000)[1..].to_vec(),
        vec![7; 9000],
        vec![7; 30_000],
        vec![],
    ] {
        let (mut link, begun) = made_way(&content, false);
        link = link.with_file("/f", &theirs);
        // It would have to start over, and cannot.
        (link.kept, link.taken) = (0, 9000);
        let last = link.run(on(resumed("/f", false, Some(begun))), cut(&content[..9000]));
        let failure = last.result.unwrap_err();
        assert_eq!(failure.finding, Some(Finding::LeftBehind), "{failure:?}");
        assert!(link.file("/f").unwrap() == theirs, "{}", theirs.len());
    }
}

#[test]
fn what_an_upload_left_itself_is_deleted_by_the_resumed_one() {
    let content = nasty(20_000);
    let (mut link, begun) = made_way(&content, false);
    let last = link.run(
        on(resumed("/f", false, Some(begun))),
        cut(&content[..12_000]),
    );
    assert_eq!(last.result.unwrap_err().cause, Cause::SourceGone);
    assert_eq!(link.file("/f"), None);
}

#[test]
fn a_refused_upload_does_not_delete_what_its_owner_appends_to() {
    let content = nasty(20_000);
    for late in [false, true] {
        let mut appended = false;
        // The file there is the beginning of this upload's, and longer than the old one.
        let mut link = Link::sim7600()
            .with_file("/live.csv", &content[..5000])
            .with_script({
                let content = content.clone();
                move |link, seen| {
                    if !appended && seen.fetched > 0 {
                        appended = true;
                        let owner = &mut link.peer().files;
                        owner.insert(b"/live.csv".to_vec(), [&content[..5000], b"new\n"].concat());
                    }
                }
            });
        link.peer().protected.insert(b"/live.csv".to_vec());
        link.peer().refuses_late = late;
        let failure = link.run(on(put("/live.csv")), pieces(&content)).result;
        let failure = failure.unwrap_err();
        assert_eq!(failure.cause, Cause::Reported(ErrCode::REJECTED), "{late}");
        assert_eq!(link.file("/live.csv").unwrap().len(), 5004, "{late}");
    }
}

#[test]
fn a_new_file_of_nine_bytes_that_is_cancelled_is_deleted() {
    for family in both() {
        for size in [1, 9, 12, 17, 421, 3000] {
            let mut link = Link::new(family, Knobs::default());
            let failure = link.run(on(put("/f")), cut(&nasty(size))).result;
            assert_eq!(failure.unwrap_err().finding, None, "{family:?} {size}");
            assert_eq!(link.file("/f"), None, "{family:?} {size}");
        }
    }
}

#[test]
fn on_a_server_without_size_what_is_left_is_deleted_or_told() {
    for family in both() {
        for hidden in [false, true] {
            let mut link = Link::new(family, Knobs::default());
            link.peer().knows_size = false;
            if hidden {
                link.peer().hidden.insert(b"/f".to_vec());
            }
            let failure = link.run(on(put("/f")), cut(&nasty(9000))).result;
            let told = failure.unwrap_err().finding == Some(Finding::LeftBehind);
            let there = link.file("/f").is_some();
            assert_eq!((told, there), (hidden, hidden), "{family:?}");
        }
    }
}

#[test]
fn an_upload_into_a_missing_directory_is_said_once_and_told() {
    let no_size = Knobs {
        refuse: vec!["+CFTPSSIZE".into()],
        ..Knobs::default()
    };
    for family in both() {
        for knobs in [Knobs::default(), no_size.clone()] {
            for late in [false, true] {
                let mut link = Link::new(family, knobs.clone());
                link.peer().refuses_late = late;
                let failure = link.run(on(put("/none/f")), pieces(b"content")).result;
                let failure = failure.unwrap_err();
                assert_eq!(failure.cause, Cause::Reported(ErrCode::REJECTED));
                assert_eq!(failure.finding, Some(Finding::DirectoryAbsent), "{late}");
                assert_eq!(said(&link, b"CFTPSPUT=\"/none/f"), 1, "{family:?} {late}");
            }
        }
    }
}

#[test]
fn what_must_be_new_does_not_replace_a_file_that_the_listing_hides() {
    for family in both() {
        for size in (1..=18).chain([421, 422]) {
            let theirs = nasty(size);
            let mut link = Link::new(family, Knobs::default()).with_file("/f", &theirs);
            link.peer().hidden.insert(b"/f".to_vec());
            let failure = link.run(on(put_new("/f")), pieces(b"new")).result;
            assert_eq!(
                failure.unwrap_err().cause,
                Cause::Exists,
                "{family:?} {size}"
            );
            assert!(link.file("/f").unwrap() == theirs, "{family:?} {size}");
        }
        // A name in another case may be the same file.
        let mut link = Link::new(family, Knobs::default()).with_file("/F", b"theirs");
        let failure = link.run(on(put_new("/f")), pieces(b"new")).result;
        assert_eq!(failure.unwrap_err().cause, Cause::Exists);
        let mut link = Link::new(family, Knobs::default());
        link.run(on(put_new("/f")), pieces(b"new")).result.unwrap();
        assert_eq!(link.file("/f").unwrap(), b"new");
    }
}

#[test]
fn what_must_be_new_does_not_replace_what_somebody_created_meanwhile() {
    let content = nasty(20_000);
    for theirs in [nasty(8000)[1..].to_vec(), vec![7; 30_000]] {
        let (mut link, begun) = made_way(&content, true);
        link = link.with_file("/f", &theirs);
        let last = link.run(on(resumed("/f", true, Some(begun))), pieces(&content));
        assert_eq!(last.result.unwrap_err().cause, Cause::Exists);
        assert!(link.file("/f").unwrap() == theirs);
    }
    let (mut link, begun) = made_way(&content, true);
    let last = link.run(on(resumed("/f", true, Some(begun))), pieces(&content));
    assert_eq!(stored(&last).confirmed, Some(20_000));
    assert!(link.file("/f").unwrap() == content);
}

/// An upload that had yielded wrote over a file that began with the same six bytes.
#[test]
fn what_must_be_new_does_not_replace_a_file_that_only_begins_alike() {
    let content = nasty(20_000);
    for rest in [Rest::Honour, Rest::Refuse] {
        for same in [1, 6, 600, 2000] {
            for theirs in [&b"of another"[..], &[7; 600], &[7; 4000]] {
                let (mut link, begun) = made_way(&content, true);
                let theirs = [&content[..same], theirs].concat();
                link = link.with_file("/f", &theirs);
                link.peer().rest = rest;
                let last = link.run(on(resumed("/f", true, Some(begun))), pieces(&content));
                let failure = last.result.unwrap_err();
                assert_eq!(failure.cause, Cause::Exists, "{rest:?} {same}");
                assert!(link.file("/f").unwrap() == theirs, "{rest:?} {same}");
            }
        }
    }
}

/// Another writer put a file there while the link was broken. It was written over, or gone on with, where some
/// blocks had arrived before.
#[test]
fn what_must_be_new_does_not_replace_what_came_during_a_break_between_blocks() {
    let content = nasty(30_000);
    for family in both() {
        for theirs in [vec![7; 40_000], vec![7; 300], vec![]] {
            let replaced = Rc::new(RefCell::new(None));
            let told = Rc::clone(&replaced);
            let theirs = theirs.clone();
            let mut link = Link::new(family, Knobs::default()).piecewise();
            link.set_script(move |link, _| {
                link.plugged = true;
                let there = link.file("/f").map_or(0, |file| file.len());
                if there >= 3 * 2048 && told.borrow().is_none() {
                    // Where it has no length of its own, it has that of the file there.
                    let theirs = if theirs.is_empty() {
                        vec![7; there]
                    } else {
                        theirs.clone()
                    };
                    link.peer().files.insert(b"/f".to_vec(), theirs.clone());
                    *told.borrow_mut() = Some(theirs);
                    link.module.inject(link.now, Effect::Reboot);
                }
            });
            let outcome = link.run(on(put_new("/f")), pieces(&content));
            assert!(outcome.result.is_err(), "{family:?} {:?}", outcome.result);
            assert_eq!(link.file("/f"), replaced.take(), "{family:?}");
        }
    }
}

/// The beginning of another file stayed in front of the bytes that were sent after the break. Size and end were
/// those of the upload, and it was called whole.
#[test]
fn a_file_that_was_replaced_in_a_break_between_blocks_is_written_from_its_beginning() {
    // Long enough that the break lies before all bytes that are read back at the end.
    let content = nasty(160_000);
    for family in both() {
        for more in [0, 1, 500, 2047] {
            let mut replaced = false;
            let mut link = Link::new(family, Knobs::default()).piecewise();
            link.set_script(move |link, _| {
                link.plugged = true;
                let there = link.file("/f").map_or(0, |file| file.len());
                if there >= 40 * 2048 && !replaced {
                    replaced = true;
                    let theirs = vec![7; there / 2048 * 2048 + more];
                    link.peer().files.insert(b"/f".to_vec(), theirs);
                    link.module.inject(link.now, Effect::Reboot);
                }
            });
            let outcome = link.run(on(put("/f")), pieces(&content));
            assert_eq!(stored(&outcome).confirmed, Some(160_000), "{family:?}");
            assert!(link.file("/f").unwrap() == content, "{family:?} {more}");
        }
    }
}

/// Files of one kind often begin with the same bytes.
#[test]
fn a_file_of_a_few_bytes_is_not_deleted_since_an_upload_begins_with_them() {
    let content = nasty(20_000);
    for len in [1, 2, 4, 15] {
        let (mut link, begun) = made_way(&content, false);
        link = link.with_file("/f", &content[..len]);
        // It would have to start over, and cannot.
        (link.kept, link.taken) = (0, 9000);
        let last = link.run(on(resumed("/f", false, Some(begun))), cut(&content[..9000]));
        let failure = last.result.unwrap_err();
        assert_eq!(failure.finding, Some(Finding::LeftBehind), "{failure:?}");
        assert!(link.file("/f").unwrap() == content[..len], "{len}");
    }
}

#[test]
fn what_must_be_new_goes_on_after_breaks() {
    let content = nasty(30_000);
    for family in both() {
        for at in 0..10 {
            let mut broken = false;
            let mut link = Link::new(family, Knobs::default()).with_script(move |link, seen| {
                link.plugged = true;
                if !broken && seen.fetched >= at {
                    broken = true;
                    link.module.inject(link.now, Effect::Reboot);
                }
            });
            let outcome = link.run(on(put_new("/f")), pieces(&content));
            assert_eq!(stored(&outcome).confirmed, Some(30_000), "{family:?} {at}");
            assert!(link.file("/f").unwrap() == content, "{family:?} {at}");
        }
    }
}

#[test]
fn a_small_file_that_the_listing_hides_is_there() {
    for family in both() {
        for size in (1..=18).chain([421]) {
            let content = nasty(size);
            let mut link = Link::new(family, Knobs::default()).with_file("/f", &content);
            link.peer().hidden.insert(b"/f".to_vec());
            let told = link.run(on(Task::Size(path("/f"))), vec![]).result;
            assert_eq!(told, Ok(Output::Size(size as u64)), "{family:?}");
            let got = link.run(on(get("/f")), vec![]);
            assert!(got.result.is_ok() && got.content == content, "{size}");
        }
    }
}

/// The module's report is lost. The error said that the server does not tell the size, although it had told it.
#[test]
fn a_right_size_that_proves_nothing_is_not_called_untold() {
    let small = nasty(9000);
    // More than is read from the beginning where the server takes no offset.
    let large = nasty(300_000);
    let other = vec![7; small.len()];
    for family in both() {
        for (content, before, rest, doubt) in [
            (&small, None, Rest::Honour, None),
            (&small, Some(&other), Rest::Honour, Some(Doubt::SameBefore)),
            (&large, None, Rest::Refuse, Some(Doubt::EndUnread)),
        ] {
            let mut link = Link::new(family, Knobs::default());
            if let Some(before) = before {
                link = link.with_file("/f", before);
            }
            link.peer().rest = rest;
            link.module
                .arm(at_put(2, Phase::BeforeResult, Effect::Lose(17)));
            let outcome = link.run(on(put("/f")), pieces(content));
            let stored = stored(&outcome);
            assert!(!stored.acknowledged, "{family:?} {doubt:?}");
            assert_eq!(stored.doubt, doubt, "{family:?}");
            assert_eq!(stored.confirmed.is_some(), doubt.is_none(), "{family:?}");
            assert!(link.file("/f").unwrap() == *content, "{family:?} {doubt:?}");
        }
    }
}

/// The last nine bytes and the end mark are lost on the line, and a resynchronisation writes as many bytes into
/// the prompt that is still open.
#[test]
fn a_resynchronisation_does_not_make_up_for_bytes_that_were_lost() {
    let content: Vec<u8> = (0..20_000u32)
        .map(|at| b'a' + (at * at % 23) as u8)
        .collect();
    for family in both() {
        let mut link = Link::new(family, Knobs::default());
        link.cut = 1;
        let lost = Phase::InData(content.len() as u64 - 9);
        link.module.arm(at_put(2, lost, Effect::Lose(10)));
        let outcome = link.run(on(put("/f")), pieces(&content));
        assert_eq!(stored(&outcome).confirmed, Some(20_000), "{family:?}");
        assert!(link.file("/f").unwrap() == content, "{family:?}");
    }
}

#[test]
fn a_data_connection_that_fails_at_the_first_put_is_tried_in_a_new_session() {
    let phases = [Phase::BeforeResult, Phase::AtPrompt];
    for (family, phase) in both()
        .into_iter()
        .flat_map(|family| phases.map(|phase| (family, phase)))
    {
        let mut link = Link::new(family, Knobs::default());
        link.module.arm(at_put(2, phase, Effect::Fail(14)));
        let outcome = link.run(on(put("/f")), pieces(&nasty(9000)));
        assert_eq!(
            stored(&outcome).confirmed,
            Some(9000),
            "{family:?} {phase:?}"
        );
        assert!(
            link.file("/f").unwrap() == nasty(9000),
            "{family:?} {phase:?}"
        );
        let seen = link.network.take_seen();
        let logins = seen.iter().filter(|did| did.starts_with("LOGIN")).count();
        assert_eq!(logins, 2, "{phase:?} {seen:?}");
    }
}

#[test]
fn a_data_connection_that_fails_in_the_middle_is_gone_on_with() {
    let ways = both()
        .into_iter()
        .flat_map(|family| [(family, false), (family, true)]);
    for (family, failure_ends_prompt) in ways {
        for at in [1, 5000, 29_000] {
            let knobs = Knobs {
                failure_ends_prompt,
                ..Knobs::default()
            };
            let mut link = Link::new(family, knobs);
            link.module
                .arm(at_put(2, Phase::InData(at), Effect::Fail(14)));
            let outcome = link.run(on(put("/f")), pieces(&nasty(30_000)));
            let how = format!("{family:?} {failure_ends_prompt} {at}");
            assert_eq!(stored(&outcome).confirmed, Some(30_000), "{how}");
            assert!(link.file("/f").unwrap() == nasty(30_000), "{how}");
        }
    }
}

#[test]
fn a_size_that_is_wrong_after_success_is_mended() {
    for family in [Family::Sim7600, Family::A7670] {
        for effect in [Effect::Lose(500), Effect::Duplicate(9)] {
            let mut link = Link::new(family, Knobs::default());
            let content: Vec<u8> = (0..20_000u32)
                .map(|at| b'a' + (at * at % 23) as u8)
                .collect();
            link.module
                .arm(at_put(2, Phase::InData(8000), effect.clone()));
            let outcome = link.run(on(put("/f")), pieces(&content));
            assert_eq!(
                stored(&outcome).confirmed,
                Some(20_000),
                "{family:?} {effect:?}"
            );
            assert!(link.file("/f").unwrap() == content, "{family:?} {effect:?}");
        }
    }
}
