//! A short file that is all at hand: the server is asked nothing before it is written.

use crate::both;
use crate::link::{Link, Outcome, nasty, on, path, pieces};
use simcom_emulator::uplink::memory::Rest;
use simcom_emulator::{Effect, Fault, Knobs, Phase, Trigger};
use simcom_talk::dialogue::Output;
use simcom_talk::dialogue::failure::Finding;
use simcom_talk::dialogue::operation::{Stored, Task, Upload};

fn short(content: &[u8], verify_size: bool) -> Task {
    Task::Upload(Upload {
        path: path("/f"),
        must_be_new: false,
        verify_size,
        delete_on_failure: true,
        begun: None,
        at_hand: Some(content.len() as u64),
    })
}

fn stored(outcome: &Outcome) -> &Stored {
    match &outcome.result {
        Ok(Output::Stored(stored)) => stored,
        other => panic!("{other:?}"),
    }
}

fn said(link: &Link, verb: &str) -> usize {
    let line = format!("AT+{verb}=\"");
    let all = link.written.windows(line.len());
    all.filter(|part| *part == line.as_bytes()).count()
}

#[test]
fn a_short_file_costs_a_put_and_a_size_and_without_verification_a_put() {
    let content = nasty(3000);
    for family in both() {
        for (verify_size, sizes) in [(true, 1), (false, 0)] {
            let mut link = Link::new(family, Knobs::default()).with_file("/f", &nasty(3000)[1..]);
            let outcome = link.run(on(short(&content, verify_size)), pieces(&content));
            assert!(stored(&outcome).acknowledged, "{family:?}");
            let cost = (said(&link, "CFTPSPUT"), said(&link, "CFTPSSIZE"));
            assert_eq!(cost, (1, sizes), "{family:?}");
            assert!(link.file("/f").unwrap() == content);
        }
    }
}

/// The size that was there before is not known: all bytes are read back instead.
#[test]
fn where_the_outcome_of_a_short_file_is_lost_all_of_it_is_read_back() {
    let content = nasty(6000);
    let mut other_head = content.clone();
    other_head[0] ^= 1;
    for family in both() {
        for before in [
            None,
            Some(vec![7; 6000]),
            Some(content.clone()),
            Some(other_head.clone()),
        ] {
            for phase in [Phase::AfterData, Phase::BeforeOk, Phase::BeforeResult] {
                for effect in [Effect::Reboot, Effect::PeerClosed] {
                    let fault = Fault {
                        trigger: Trigger::Command {
                            command: "+CFTPSPUT".into(),
                            nth: 2,
                            phase,
                        },
                        effect: effect.clone(),
                    };
                    let mut link = Link::new(family, Knobs::default());
                    link.module.arm(fault);
                    if let Some(before) = &before {
                        link = link.with_file("/f", before);
                    }
                    let outcome = link.run(on(short(&content, true)), pieces(&content));
                    let stored = stored(&outcome);
                    assert_eq!(
                        stored.confirmed,
                        Some(6000),
                        "{family:?} {phase:?} {effect:?}"
                    );
                    assert!(
                        link.file("/f").unwrap() == content,
                        "{family:?} {phase:?} {effect:?}"
                    );
                }
            }
        }
    }
}

/// An older file with the same first bytes, like a log that has grown, was still there.
#[test]
fn an_older_file_with_the_same_first_bytes_is_not_deleted_for_a_short_one_that_fails() {
    let content = nasty(20_000);
    for family in both() {
        let old = content[..3000].to_vec();
        let mut link = Link::new(family, Knobs::default());
        link.peer().rest = Rest::Refuse;
        let mut replaced = false;
        let theirs = old.clone();
        link.set_script(move |link, seen| {
            link.plugged = true;
            if seen.fetched >= 3 && !replaced {
                replaced = true;
                // It would have to start over, and cannot.
                (link.kept, link.taken) = (0, 9000);
                link.module.inject(link.now, Effect::Reboot);
                link.peer().files.insert(b"/f".to_vec(), theirs.clone());
            }
        });
        let outcome = link.run(on(short(&content, true)), pieces(&content));
        let failure = outcome.result.unwrap_err();
        assert_eq!(
            failure.finding,
            Some(Finding::LeftBehind),
            "{family:?} {failure:?}"
        );
        assert!(link.file("/f").unwrap() == old, "{family:?}");
    }
}

/// A file that the module has reported as written is the upload's own.
#[test]
fn a_short_file_that_is_given_up_is_deleted() {
    for family in both() {
        let content = nasty(3000);
        let mut cut = pieces(&content);
        cut.pop();
        let mut link = Link::new(family, Knobs::default()).with_file("/f", b"old");
        let failure = link.run(on(short(&content, true)), cut).result;
        assert_eq!(failure.unwrap_err().finding, None, "{family:?}");
        assert_eq!(link.file("/f"), None, "{family:?}");
    }
}
