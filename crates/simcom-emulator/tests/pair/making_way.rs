//! Transfers that yield to others, and go on later.

use crate::link::{Link, Outcome, nasty, on, path, pieces};
use crate::{both, get, put};
use simcom_emulator::uplink::memory::Rest;
use simcom_emulator::{Family, Hearing, Knobs};
use simcom_talk::dialogue::failure::Cause;
use simcom_talk::dialogue::operation::{
    Before, BegunDownload, BegunUpload, Delivery, Download, Output, Task, Trail, Upload,
};
use simcom_talk::dialogue::{Moment, Operation};
use simcom_talk::ftps::value::Offset;

/// Asks the running job to yield after this many bytes were moved.
fn asked_after(link: Link, bytes: usize) -> Link {
    let mut asked = false;
    link.with_script(move |link, seen| {
        if !asked && seen.delivered + seen.fetched * 3000 >= bytes {
            asked = true;
            link.dialogue.yield_link(Moment::after(link.now));
        }
    })
}

/// How far a download has come that yielded, and all bytes that it had handed over.
fn handed_over(outcome: Outcome) -> (BegunDownload, Vec<u8>) {
    let Ok(Output::DownloadYielded(mut begun)) = outcome.result else {
        panic!("{:?}", outcome.result)
    };
    let mut content = outcome.content;
    for delivery in begun.undelivered.drain(..) {
        if let Delivery::Chunk(bytes) = delivery {
            content.extend_from_slice(&bytes);
        }
    }
    (begun, content)
}

fn upload(begun: BegunUpload) -> Operation {
    on(Task::Upload(Upload {
        path: path("/f"),
        must_be_new: false,
        verify_size: true,
        delete_on_failure: true,
        begun: Some(begun),
        at_hand: None,
    }))
}

fn download(begun: BegunDownload) -> Operation {
    on(Task::Download(Download {
        begun: Some(begun),
        ..Download::of(path("/f"), Offset::ZERO)
    }))
}

fn yielded(outcome: &Outcome) -> BegunUpload {
    match &outcome.result {
        Ok(Output::UploadYielded(begun)) => begun.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_upload_makes_way_at_any_byte_and_goes_on_there() {
    let content = nasty(20_000);
    for family in both() {
        for piecewise in [false, true] {
            for after in (0..20_000).step_by(1500) {
                let link = Link::new(family, Knobs::default());
                let link = if piecewise { link.piecewise() } else { link };
                let mut link =
                    asked_after(link.with_file("/other", b"0123456789abcdefghij"), after);
                let first = link.run(on(put("/f")), pieces(&content));
                link = link.with_script(|_, _| {});
                let begun = yielded(&first);
                assert!(begun.at <= 20_000, "{begun:?}");
                let size = link.run(on(Task::Size(path("/other"))), vec![]);
                assert_eq!(size.result, Ok(Output::Size(20)));
                let last = link.run(upload(begun), pieces(&content));
                let Ok(Output::Stored(stored)) = last.result else {
                    panic!("{family:?} {after}: {:?}", last.result)
                };
                assert_eq!((stored.sent, stored.confirmed), (20_000, Some(20_000)));
                assert_eq!(stored.resumes, 0);
                assert!(link.file("/f").unwrap() == content, "{family:?} {after}");
            }
        }
    }
}

#[test]
fn a_download_makes_way_where_the_module_can_abort() {
    let content = nasty(600_000);
    for piecewise in [false, true] {
        for after in [0, 1, 1480, 5000, 100_000] {
            let link = Link::sim7600().with_file("/f", &content);
            let link = if piecewise { link.piecewise() } else { link };
            let mut link = asked_after(link, after);
            let first = link.run(on(get("/f")), vec![]);
            link = link.with_script(|_, _| {});
            let (begun, first) = handed_over(first);
            assert_eq!(begun.got, first.len() as u64);
            assert!(begun.got < 300_000, "{after}: {}", begun.got);
            let size = link.run(on(Task::Size(path("/f"))), vec![]);
            assert_eq!(size.result, Ok(Output::Size(600_000)));
            let last = link.run(download(begun), vec![]);
            assert!(matches!(last.result, Ok(Output::Delivered(_))));
            let whole = [first, last.content].concat();
            assert!(whole == content, "{after}");
        }
    }
}

#[test]
fn a_download_that_cannot_be_stopped_goes_on_to_its_end() {
    let content = nasty(100_000);
    let link = Link::new(Family::A7670, Knobs::default()).with_file("/f", &content);
    let mut link = asked_after(link, 5000);
    let outcome = link.run(on(get("/f")), vec![]);
    assert!(matches!(outcome.result, Ok(Output::Delivered(_))));
    assert!(outcome.content == content);
}

/// The first try costs the rest of the file, and the wait for an answer. There is no second one.
#[test]
fn a_module_that_does_not_hear_an_abort_is_not_asked_again() {
    let content = nasty(300_000);
    for typed_while_pushing in [Hearing::Kept, Hearing::Lost] {
        let lost = typed_while_pushing == Hearing::Lost;
        let knobs = Knobs {
            typed_while_pushing,
            ..Knobs::default()
        };
        let link = Link::new(Family::Sim7600, knobs).with_file("/f", &content);
        let mut link = asked_after(link, 5000);
        let first = link.run(on(get("/f")), vec![]);
        let (begun, first) = handed_over(first);
        assert_eq!(begun.got, first.len() as u64);
        assert_eq!(link.dialogue.facts().capabilities.profile.abort, !lost);
        link = link.with_script(|_, _| {});
        let size = link.run(on(Task::Size(path("/f"))), vec![]);
        assert_eq!(size.result, Ok(Output::Size(300_000)));
        let mut link = asked_after(link, 5000);
        let last = link.run(download(begun), vec![]);
        assert_eq!(matches!(last.result, Ok(Output::Delivered(_))), lost);
        let whole = [first, last.content].concat();
        assert!(content.starts_with(&whole) && (whole == content) == lost);
    }
}

#[test]
fn a_file_that_was_replaced_meanwhile_is_not_gone_on_with() {
    let content = nasty(50_000);
    for changed in [b"x".repeat(50_000), nasty(60_000)[9..50_009].to_vec()] {
        let link = Link::sim7600().with_file("/f", &content);
        let mut link = asked_after(link, 5000);
        let first = link.run(on(get("/f")), vec![]);
        link = link.with_script(|_, _| {}).with_file("/f", &changed);
        let Ok(Output::DownloadYielded(begun)) = first.result else {
            panic!("{:?}", first.result)
        };
        let last = link.run(download(begun), vec![]);
        assert_eq!(last.result.unwrap_err().cause, Cause::SourceChanged);
        assert!(last.content.is_empty());
    }
}

/// It starts over, and where it cannot, it says so.
#[test]
fn an_upload_does_not_go_on_with_what_somebody_else_has_written() {
    let content = nasty(20_000);
    for kept in [usize::MAX, 1000] {
        let mut link = asked_after(Link::sim7600(), 9000);
        let first = link.run(on(put("/f")), pieces(&content));
        let begun = yielded(&first);
        assert_eq!(begun.at, 9000);
        link = link.with_script(|_, _| {}).with_file("/f", &[7; 8000]);
        link.kept = kept;
        link.taken = 9000;
        let last = link.run(upload(begun), pieces(&content));
        if kept == usize::MAX {
            assert!(matches!(last.result, Ok(Output::Stored(_))));
            assert!(link.file("/f").unwrap() == content);
        } else {
            assert_eq!(last.result.unwrap_err().cause, Cause::SourceForgotten);
        }
    }
}

#[test]
fn a_crashed_upload_goes_on_at_what_the_server_has() {
    let content = nasty(20_000);
    let lost = BegunUpload {
        at: 20_000,
        before: Before::Nothing,
        resumes: 0,
        trail: Trail::default(),
    };
    for has in [0, 1, 511, 512, 513, 8000, 19_999, 20_000] {
        let mut link = Link::sim7600().with_file("/f", &content[..has]);
        let outcome = link.run(upload(lost.clone()), pieces(&content));
        let Ok(Output::Stored(stored)) = outcome.result else {
            panic!("{has}: {:?}", outcome.result)
        };
        assert_eq!((stored.sent, stored.confirmed), (20_000, Some(20_000)));
        assert!(link.file("/f").unwrap() == content, "{has}");
    }
    // Another file of the name is not taken for the beginning of this one.
    let mut link = Link::sim7600().with_file("/f", &nasty(30_000)[5..15_005]);
    let outcome = link.run(upload(lost.clone()), pieces(&content));
    assert!(outcome.result.is_ok());
    assert!(link.file("/f").unwrap() == content);
}

/// A bring-up fills up the block that a crash cut off, and ends a stream with a mark that may have
/// become content.
#[test]
fn a_crashed_upload_goes_on_before_a_tail_that_is_not_its_own() {
    let content = nasty(40_000);
    let lost = BegunUpload {
        at: 40_000,
        before: Before::Nothing,
        resumes: 0,
        trail: Trail::default(),
    };
    for rest in [Rest::Honour, Rest::WriteOver] {
        for wrong in [1, 5, 511, 2047] {
            for has in [6_000, 20_480, 40_000] {
                let mut there = content[..has].to_vec();
                let own = has - wrong;
                there[own..].fill(0);
                let own = own + content[own..has].iter().take_while(|&&b| b == 0).count();
                let mut link = Link::sim7600().with_file("/f", &there);
                link.peer().rest = rest;
                let outcome = link.run(upload(lost.clone()), pieces(&content));
                let Ok(Output::Stored(stored)) = outcome.result else {
                    panic!("{rest:?} {has} {wrong}: {:?}", outcome.result)
                };
                assert_eq!((stored.sent, stored.confirmed), (40_000, Some(40_000)));
                assert!(
                    link.file("/f").unwrap() == content,
                    "{rest:?} {has} {wrong}"
                );
                let seen = link.network.take_seen();
                let first = seen.iter().position(|line| line == "STOR /f").unwrap();
                assert_eq!(seen[first - 1], format!("REST {own}"), "{rest:?} {has}");
            }
        }
    }
}

/// A byte that was lost long before moves all bytes behind it, so that no part of the end is right.
#[test]
fn a_crashed_upload_that_lost_a_byte_starts_over() {
    let content = nasty(20_000);
    let lost = BegunUpload {
        at: 20_000,
        before: Before::Nothing,
        resumes: 0,
        trail: Trail::default(),
    };
    let mut there = content.clone();
    there.remove(5_000);
    let mut link = Link::sim7600().with_file("/f", &there);
    let outcome = link.run(upload(lost.clone()), pieces(&content));
    assert!(outcome.result.is_ok(), "{:?}", outcome.result);
    assert!(link.file("/f").unwrap() == content);
}
