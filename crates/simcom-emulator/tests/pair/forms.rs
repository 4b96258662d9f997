//! Files read through the module's cache, and written in blocks.

use crate::link::{Link, nasty, on, pieces};
use crate::{get, get_from, put};
use simcom_emulator::uplink::memory::Rest;
use simcom_emulator::{CacheFull, Effect, Family, Knobs};
use simcom_talk::dialogue::failure::{Cause, Ending, Finding};
use simcom_talk::dialogue::operation::{Delivered, Output, Piece, Stored};
use simcom_talk::ftps::ErrCode;

const SIZES: [usize; 9] = [0, 1, 17, 421, 1024, 2048, 2049, 4096, 30_000];

fn caches() -> Vec<Knobs> {
    let mut knobs = Vec::new();
    for cache_complete_early in [true, false] {
        for cache_limit in [102_400, 3000] {
            knobs.push(Knobs {
                cache_complete_early,
                cache_limit,
                ..Knobs::default()
            });
        }
    }
    knobs
}

#[test]
fn files_of_all_sizes_are_read_and_written_in_pieces() {
    for knobs in caches() {
        for family in crate::both() {
            let mut link = Link::new(family, knobs.clone()).piecewise();
            for size in SIZES {
                let content = nasty(size);
                let sent = size as u64;
                let stored = link.run(on(put("/f")), pieces(&content)).result;
                let want = Stored {
                    sent,
                    acknowledged: true,
                    confirmed: Some(sent),
                    doubt: None,
                    resumes: 0,
                };
                assert_eq!(stored, Ok(Output::Stored(want)), "{family:?} {size}");
                assert_eq!(link.file("/f").unwrap(), content);
                let got = link.run(on(get("/f")), vec![]);
                let want = Delivered {
                    bytes: sent,
                    resumes: 0,
                };
                assert_eq!(got.result, Ok(Output::Delivered(want)), "{family:?} {size}");
                assert_eq!(got.content, content);
            }
            let written = String::from_utf8_lossy(&link.written).into_owned();
            let pulled = family == Family::Sim7600;
            assert_eq!(written.contains("AT+CFTPSGET=\"/f\",0,1\r"), pulled);
            assert!(written.contains("AT+CFTPSPUT=\"/f\",2048,2048\r"));
        }
    }
}

#[test]
fn a_pull_begins_where_it_is_asked_to() {
    let content = nasty(5000);
    let mut link = Link::sim7600().piecewise().with_file("/f", &content);
    for offset in [1, 1024, 4999, 5000] {
        let got = link.run(on(get_from("/f", offset as u64)), vec![]);
        assert!(got.result.is_ok(), "{got:?}");
        assert_eq!(got.content, content[offset..]);
    }
}

/// Cancels after this many bytes were delivered.
fn cancelled_after(mut link: Link, bytes: usize) -> (Link, crate::link::Outcome) {
    let mut done = false;
    link = link.with_script(move |link, seen| {
        if !done && seen.delivered > bytes {
            done = true;
            let now = simcom_talk::dialogue::Moment::after(link.now);
            link.dialogue
                .abandon(Cause::Cancelled(Ending::Drained), now);
        }
    });
    let outcome = link.run(on(get("/f")), vec![]);
    (link, outcome)
}

#[test]
fn a_pull_that_the_network_has_done_is_left_at_no_cost() {
    let link = Link::sim7600().piecewise().with_file("/f", &nasty(90_000));
    let (mut link, outcome) = cancelled_after(link, 5000);
    let failure = outcome.result.unwrap_err();
    assert_eq!(failure.cause, Cause::Cancelled(Ending::Drained));
    assert!(outcome.content.len() < 10_000, "{}", outcome.content.len());
    link.written.clear();
    assert_eq!(link.run(on(get("/f")), vec![]).content, nasty(90_000));
    assert!(!String::from_utf8_lossy(&link.written).contains("LOGIN"));
}

#[test]
fn a_long_pull_that_nobody_wants_is_aborted() {
    let content = nasty(2_000_000);
    let link = Link::sim7600().piecewise().with_file("/f", &content);
    let (mut link, outcome) = cancelled_after(link, 5000);
    let failure = outcome.result.unwrap_err();
    assert_eq!(failure.cause, Cause::Cancelled(Ending::Aborted));
    assert!(String::from_utf8_lossy(&link.written).contains("AT+CFTPSABORT\r"));
    let again = link.run(on(get_from("/f", 1_990_000)), vec![]);
    assert_eq!(again.content, content[1_990_000..]);
}

#[test]
fn a_cache_that_overflows_is_read_again_from_where_it_was() {
    let content = nasty(20_000);
    let knobs = Knobs {
        cache_full: CacheFull::Fail,
        cache_limit: 8000,
        ..Knobs::default()
    };
    let mut link = Link::new(Family::Sim7600, knobs)
        .piecewise()
        .with_file("/f", &content);
    let got = link.run(on(get("/f")), vec![]);
    match got.result {
        Ok(_) => assert_eq!(got.content, content),
        Err(failure) => {
            assert_eq!(failure.cause, Cause::Reported(ErrCode::TRANSFER_FAILED));
            assert!(content.starts_with(&got.content));
        }
    }
    link.module
        .inject(link.now, Effect::Text("\r\nRING\r\n".into()));
    let size = link.run(
        on(simcom_talk::dialogue::operation::Task::Size(
            crate::link::path("/f"),
        )),
        vec![],
    );
    assert_eq!(size.result, Ok(Output::Size(20_000)));
}

#[test]
fn a_module_that_a_crashed_program_left_pulling_is_freed() {
    let content = nasty(500_000);
    let mut link = Link::sim7600()
        .with_file("/big", &content)
        .with_file("/f", b"abc");
    link.run(on(get("/f")), vec![]).result.unwrap();
    link.typed_before(b"AT+CFTPSGET=\"/big\",0,1\r");
    link.dialogue
        .handle_port_lost(simcom_talk::dialogue::Moment::after(link.now));
    link.dialogue.handle_port_opened();
    let got = link.run(on(get("/f")), vec![]);
    assert_eq!(got.content, b"abc", "{:?}", got.result);
}

#[test]
fn a_reboot_in_a_block_costs_that_block() {
    for family in crate::both() {
        let content = nasty(50_000);
        let mut rebooted = false;
        let mut link =
            Link::new(family, Knobs::default())
                .piecewise()
                .with_script(move |link, seen| {
                    if !rebooted && seen.fetched > 8 {
                        rebooted = true;
                        link.module.inject(link.now, Effect::Reboot);
                    }
                });
        let stored = link.run(on(put("/f")), pieces(&content));
        let Ok(Output::Stored(stored)) = stored.result else {
            panic!("{family:?}: {:?}", stored.result)
        };
        assert_eq!((stored.confirmed, stored.resumes), (Some(50_000), 1));
        assert_eq!(link.file("/f").unwrap(), content);
    }
}

/// The file is then sent as one stream, where the source still has all of it.
#[test]
fn a_server_that_cannot_go_on_is_found_out_at_the_second_block() {
    for rest in [Rest::Ignore, Rest::Refuse] {
        for family in crate::both() {
            for kept in [usize::MAX, 2000] {
                let mut link = Link::new(family, Knobs::default()).piecewise();
                link.peer().rest = rest;
                link.kept = kept;
                let content = nasty(100_000);
                let outcome = link.run(on(put("/f")), pieces(&content));
                let lines = String::from_utf8_lossy(&link.written);
                let puts = lines.matches("AT+CFTPSPUT=\"").count();
                if kept == usize::MAX {
                    outcome.result.unwrap();
                    assert_eq!(puts, 3);
                    assert!(link.file("/f").unwrap() == content);
                    continue;
                }
                assert_eq!(puts, 2);
                let honest = match rest {
                    Rest::Refuse => Cause::Reported(ErrCode::REJECTED),
                    _ => Cause::SizeMismatch {
                        expected: 4096,
                        found: 2048,
                    },
                };
                let failure = outcome.result.unwrap_err();
                assert_eq!(failure.cause, honest);
                // The first block is deleted. If the second block took its place, nothing shows
                // whose file it is.
                let stays = rest == Rest::Ignore;
                assert_eq!(link.file("/f").is_some(), stays);
                assert_eq!(failure.finding == Some(Finding::LeftBehind), stays);
            }
        }
    }
}

#[test]
fn a_source_that_vanishes_between_blocks_leaves_nothing_behind() {
    let mut link = Link::sim7600().piecewise();
    let mut cut = pieces(&nasty(10_000));
    assert_eq!(cut.pop(), Some(Piece::End));
    let failure = link.run(on(put("/f")), cut).result.unwrap_err();
    assert_eq!(failure.cause, Cause::SourceGone);
    assert_eq!(link.file("/f"), None);
    link.run(on(put("/f")), pieces(b"next")).result.unwrap();
    assert_eq!(link.file("/f").unwrap(), b"next");
}
