//! Files that change while they are read, and modules with troubles that are not the file's.

use crate::link::{Link, nasty, on, path};
use crate::{both, get, get_from};
use simcom_emulator::uplink::memory::Rest;
use simcom_emulator::{CacheFull, Effect, Family, Fault, Knobs, Phase, Trigger};
use simcom_talk::dialogue::failure::Cause;
use simcom_talk::dialogue::operation::{Delivered, Download, Growth, Output, Task};
use simcom_talk::ftps::value::Offset;

const FILE: &[u8] = b"/f";

fn ways() -> Vec<(Family, bool)> {
    let ways = both().map(|family| [(family, false), (family, true)]);
    ways.into_iter().flatten().collect()
}

fn link_of((family, piecewise): (Family, bool), knobs: Knobs) -> Link {
    let link = Link::new(family, knobs);
    if piecewise { link.piecewise() } else { link }
}

/// Does something once, when the server is asked for the size.
fn once_measured(link: Link, mut change: impl FnMut(&mut Link) + 'static) -> Link {
    let mut done = false;
    link.with_script(move |link, _| {
        if !done && link.network.take_seen().iter().any(|did| did == "SIZE /f") {
            done = true;
            change(link);
        }
    })
}

/// A file with content `was` when its size is asked for, and `is` when it is read.
fn growing(way: (Family, bool), was: &[u8], is: &[u8]) -> Link {
    let link = link_of(way, Knobs::default()).with_file("/f", was);
    let is = is.to_vec();
    once_measured(link, move |link| {
        link.peer().files.insert(FILE.to_vec(), is.clone());
    })
}

/// Does something and reboots the module, once when this many bytes were delivered.
fn broken_at(link: Link, at: usize, mut change: impl FnMut(&mut Link) + 'static) -> Link {
    let mut done = false;
    link.with_script(move |link, seen| {
        if !done && seen.delivered >= at {
            done = true;
            change(link);
            link.module.inject(link.now, Effect::Reboot);
        }
    })
}

fn delivered(outcome: &crate::link::Outcome) -> &Delivered {
    match &outcome.result {
        Ok(Output::Delivered(delivered)) => delivered,
        other => panic!("{other:?}"),
    }
}

/// Nobody tells the size, so only the bytes at the place where both parts meet could tell.
#[test]
fn a_file_replaced_by_a_shorter_one_in_a_break_is_not_called_whole() {
    let knobs = Knobs {
        refuse: vec!["+CFTPSSIZE".into(), "+CFTPSLIST".into()],
        ..Knobs::default()
    };
    for rest in [Rest::Honour, Rest::Refuse, Rest::Ignore] {
        for family in both() {
            for shorter in [nasty(10_000), nasty(60_000)[9..10_009].to_vec(), Vec::new()] {
                let link = Link::new(family, knobs.clone()).with_file("/f", &nasty(60_000));
                let mut link = broken_at(link, 30_000, move |link| {
                    link.peer().files.insert(FILE.to_vec(), shorter.clone());
                });
                link.peer().rest = rest;
                let got = link.run(on(get("/f")), vec![]);
                let failure = got.result.unwrap_err();
                assert_eq!(failure.cause, Cause::SourceChanged, "{rest:?} {family:?}");
            }
        }
    }
}

#[test]
fn a_block_that_comes_twice_is_handed_on_once() {
    let content = nasty(60_000);
    for way in ways() {
        for doubled in [vec![0], vec![7], vec![3, 9, 20], vec![40], vec![58]] {
            for breaks in [false, true] {
                let mut link = link_of(way, Knobs::default()).with_file("/f", &content);
                link.doubled.clone_from(&doubled);
                if breaks {
                    link = broken_at(link, 12_000, |_| ());
                }
                let got = link.run(on(get("/f")), vec![]);
                assert_eq!(
                    delivered(&got).bytes,
                    60_000,
                    "{way:?} {doubled:?} {breaks}"
                );
                assert!(got.content == content, "{way:?} {doubled:?} {breaks}");
            }
        }
    }
}

/// Once the server has shown that it does, nothing is read again.
#[test]
fn a_file_that_repeats_itself_is_believed() {
    for way in ways() {
        for chunk in [1024, 1480] {
            let content = nasty(5000)[700..700 + chunk].repeat(40);
            let mut link = link_of(way, Knobs::default()).with_file("/f", &content);
            let got = link.run(on(get("/f")), vec![]);
            assert!(delivered(&got).resumes <= 1, "{way:?} {chunk}");
            assert!(got.content == content, "{way:?} {chunk}");
        }
    }
}

/// A live log: 5000 bytes when the size was asked, 5100 when it was read.
#[test]
fn a_file_that_grows_while_it_is_read_comes_as_it_was() {
    for way in ways() {
        for (was, is) in [(5000, 5100), (1000, 1001), (1480, 9000), (30_000, 30_001)] {
            let content = nasty(is);
            let mut link = growing(way, &content[..was], &content);
            let got = link.run(on(get("/f")), vec![]);
            assert_eq!(delivered(&got).bytes, was as u64, "{way:?} {was}");
            assert!(got.content == content[..was], "{way:?} {was}");
            assert_eq!((got.size, got.grown), (Some(was as u64), Some(is as u64)));
        }
    }
}

/// The same where the caller wants the new lines as well, with a break before the first size and one behind
/// it.
#[test]
fn all_of_a_file_that_grows_comes_where_that_is_wished() {
    let all = || {
        on(Task::Download(Download {
            growth: Growth::All,
            ..Download::of(path("/f"), Offset::ZERO)
        }))
    };
    for way in ways() {
        for (was, is) in [(5000, 5100), (1000, 1001), (1480, 9000), (30_000, 30_001)] {
            let content = nasty(is);
            let mut link = growing(way, &content[..was], &content);
            let got = link.run(all(), vec![]);
            assert_eq!(delivered(&got).bytes, is as u64, "{way:?} {was}");
            assert!(got.content == content, "{way:?} {was}");
            assert_eq!((got.size, got.grown), (Some(was as u64), Some(is as u64)));
        }
        // An unchanged file comes as usual.
        let mut link = link_of(way, Knobs::default()).with_file("/f", &nasty(5000));
        let got = link.run(all(), vec![]);
        assert_eq!((delivered(&got).bytes, got.grown), (5000, None), "{way:?}");
        for at in [20_000, 52_000] {
            let content = nasty(60_000);
            let grown = content.clone();
            let link = link_of(way, Knobs::default()).with_file("/f", &content[..50_000]);
            let mut rebooted = false;
            let mut link = link.with_script(move |link, seen| {
                // Before the file is read, or during the break.
                let is_measured = link.network.take_seen().iter().any(|did| did == "SIZE /f");
                if (at > 50_000 && is_measured) || seen.delivered >= at {
                    link.peer().files.insert(FILE.to_vec(), grown.clone());
                }
                if !rebooted && seen.delivered >= at {
                    rebooted = true;
                    link.module.inject(link.now, Effect::Reboot);
                }
            });
            let got = link.run(all(), vec![]);
            assert_eq!(delivered(&got).bytes, 60_000, "{way:?} {at}");
            assert!(got.content == content, "{way:?} {at}");
            assert_eq!(got.grown, Some(60_000), "{way:?} {at}");
        }
    }
}

#[test]
fn a_file_that_grows_in_a_break_comes_as_it_was() {
    let content = nasty(60_000);
    for way in ways() {
        let grown = content.clone();
        let link = link_of(way, Knobs::default()).with_file("/f", &content[..50_000]);
        let mut link = broken_at(link, 20_000, move |link| {
            link.peer().files.insert(FILE.to_vec(), grown.clone());
        });
        let got = link.run(on(get("/f")), vec![]);
        assert_eq!(delivered(&got).bytes, 50_000, "{way:?}");
        assert!(got.content == content[..50_000], "{way:?}");
        assert_eq!(got.grown, Some(60_000), "{way:?}");
    }
}

/// Another file, or a log that grew, was taken for the first file with more behind it: the bytes from its
/// beginning were handed on as those behind the offset.
#[test]
fn a_longer_file_from_a_server_that_ignores_the_offset_has_not_just_grown() {
    for way in ways() {
        for (was, is) in [(3001, 4615), (3001, 3274), (3001, 9000), (20_000, 40_000)] {
            let mut link = growing(way, &nasty(was), &nasty(is));
            link.peer().rest = Rest::Ignore;
            let got = link.run(on(get_from("/f", 273)), vec![]);
            let failure = got.result.unwrap_err();
            let told = matches!(
                failure.cause,
                Cause::SourceChanged | Cause::SizeMismatch { .. }
            );
            assert!(told, "{way:?} {was} {is}: {failure:?}");
        }
    }
}

#[test]
fn a_file_that_grows_while_it_is_read_from_an_offset_comes_as_it_was() {
    let content = nasty(5100);
    for way in ways() {
        for from in [1, 273, 4999] {
            for (growth, end) in [(Growth::FirstSize, 5000), (Growth::All, 5100)] {
                let mut link = growing(way, &content[..5000], &content);
                let wish = Download {
                    growth,
                    ..Download::of(path("/f"), Offset::new(from as u64).unwrap())
                };
                let got = link.run(on(Task::Download(wish)), vec![]);
                assert_eq!(got.grown, Some(5100), "{way:?} {from}: {:?}", got.result);
                assert!(got.content == content[from..end], "{way:?} {from}");
            }
        }
    }
}

/// The first bytes of the file were handed on as those behind the offset.
#[test]
fn a_file_of_which_nobody_tells_the_size_begins_at_the_offset_whatever_the_server_makes_of_it() {
    let knobs = Knobs {
        refuse: vec!["+CFTPSSIZE".into(), "+CFTPSLIST".into()],
        ..Knobs::default()
    };
    let content = nasty(5000);
    for rest in [Rest::Honour, Rest::Refuse, Rest::Ignore] {
        for way in ways() {
            for from in [1, 273, 4999] {
                let mut link = link_of(way, knobs.clone()).with_file("/f", &content);
                link.peer().rest = rest;
                let got = link.run(on(get_from("/f", from as u64)), vec![]);
                assert!(got.result.is_ok(), "{rest:?} {way:?}: {:?}", got.result);
                assert!(got.content == content[from..], "{rest:?} {way:?} {from}");
            }
            let mut link = link_of(way, knobs.clone()).with_file("/f", &content);
            link.peer().rest = rest;
            let failure = link
                .run(on(get_from("/f", 5001)), vec![])
                .result
                .unwrap_err();
            let beyond = Cause::SizeMismatch {
                expected: 5001,
                found: 5000,
            };
            assert_eq!(failure.cause, beyond, "{rest:?} {way:?}");
        }
    }
}

#[test]
fn a_server_that_says_0_of_a_file_with_content_does_not_tell_the_size() {
    for way in ways() {
        let content = nasty(5000);
        let there = content.clone();
        let link = link_of(way, Knobs::default()).with_file("/f", b"");
        let mut link = once_measured(link, move |link| {
            link.peer().files.insert(FILE.to_vec(), there.clone());
        });
        let got = link.run(on(get("/f")), vec![]);
        assert_eq!(delivered(&got).bytes, 5000, "{way:?}");
        assert!(got.content == content, "{way:?}");
        assert_eq!((got.size, got.grown), (None, None), "{way:?}");
    }
}

#[test]
fn a_data_connection_that_does_not_come_about_is_tried_in_a_new_session() {
    let content = nasty(5000);
    for family in both() {
        for code in [13, 14] {
            for times in 1..3 {
                let mut link = Link::new(family, Knobs::default()).with_file("/f", &content);
                // The first is the question at bring-up.
                for nth in 2..2 + times {
                    link.module.arm(Fault {
                        trigger: Trigger::Command {
                            command: "+CFTPSGET".into(),
                            nth,
                            phase: Phase::BeforeResult,
                        },
                        effect: Effect::Fail(code),
                    });
                }
                let got = link.run(on(get("/f")), vec![]);
                assert_eq!(delivered(&got).bytes, 5000, "{family:?} {code}");
                assert!(got.content == content);
                let seen = link.network.take_seen();
                let logins = seen.iter().filter(|did| did.starts_with("LOGIN"));
                assert_eq!(logins.count() as u32, 1 + times, "{family:?} {code}");
            }
        }
    }
}

/// The listing that should tell the size needs a data connection too. The file has a connection of its own.
#[test]
fn a_listing_that_gets_no_data_connection_does_not_cost_the_file() {
    let content = nasty(5000);
    let knobs = Knobs {
        refuse: vec!["+CFTPSSIZE".into()],
        ..Knobs::default()
    };
    for family in both() {
        let mut link = Link::new(family, knobs.clone()).with_file("/f", &content);
        for nth in 1..4 {
            link.module.arm(Fault {
                trigger: Trigger::Command {
                    command: "+CFTPSLIST".into(),
                    nth,
                    phase: Phase::BeforeResult,
                },
                effect: Effect::Fail(14),
            });
        }
        let got = link.run(on(get("/f")), vec![]);
        assert_eq!(delivered(&got).bytes, 5000, "{family:?}");
        assert!(got.content == content && got.size.is_none(), "{family:?}");
    }
}

/// Everything that the cache holds came before the host could read: code 6 each time.
#[test]
fn a_full_cache_is_read_out_before_the_download_goes_on() {
    let content = nasty(200_000);
    for cache_limit in [8000, 50_000] {
        let knobs = Knobs {
            cache_full: CacheFull::Fail,
            cache_limit,
            ..Knobs::default()
        };
        let link = Link::new(Family::Sim7600, knobs).piecewise();
        let mut link = link.with_file("/f", &content);
        let got = link.run(on(get("/f")), vec![]);
        assert_eq!(delivered(&got).bytes, 200_000, "{cache_limit}");
        assert!(got.content == content, "{cache_limit}");
        let written = String::from_utf8_lossy(&link.written).into_owned();
        let gets = written.matches("AT+CFTPSGET=\"").count();
        let least = content.len() / (cache_limit - 512) + 1;
        assert!(gets <= least, "{cache_limit}: {gets}");
    }
}
