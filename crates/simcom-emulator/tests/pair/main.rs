//! The dialogue against the emulated module, in virtual time: no runtime, no clock, no network.
//!
//! More than 400 lines: this file has the helpers of all these tests, and the first tests.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that is wrong should stop where it is"
)]

mod again;
mod breaks;
mod faults;
mod field;
mod forms;
mod found;
mod getting;
mod line;
mod link;
mod listing;
mod making_way;
mod matrix;
mod names;
mod never;
mod noise;
mod ours;
mod pairs;
mod repair;
mod short;
mod storage;
mod survey;
mod tls;

use std::time::Duration;

use link::{HOST, Link, at, nasty, on, path, pieces};
use simcom_emulator::{Effect, Family, Fault, Knobs, Phase, Trigger};
use simcom_talk::dialogue::failure::{Cause, Finding};
use simcom_talk::dialogue::operation::{
    Delivered, Directory, Download, Output, Piece, Standing, Stored, Task, Upload,
};
use simcom_talk::dialogue::{Dialogue, Moment, Patience, Setup, Step};
use simcom_talk::ftps::ErrCode;
use simcom_talk::ftps::value::Offset;

fn get(file: &str) -> Task {
    get_from(file, 0)
}

fn get_from(file: &str, offset: u64) -> Task {
    Task::Download(Download::of(path(file), Offset::new(offset).unwrap()))
}

fn put(file: &str) -> Task {
    Task::Upload(Upload {
        path: path(file),
        must_be_new: false,
        verify_size: true,
        delete_on_failure: true,
        begun: None,
        at_hand: None,
    })
}

fn both() -> [Family; 2] {
    [Family::Sim7600, Family::A7670]
}

const SIZES: [usize; 12] = [0, 1, 2, 17, 18, 421, 1023, 1024, 1025, 1480, 2048, 2049];

#[test]
fn files_of_all_sizes_go_up_and_come_back() {
    for family in both() {
        let mut link = Link::new(family, Knobs::default());
        for size in SIZES.into_iter().chain([100_000]) {
            let content = nasty(size);
            let stored = link.run(on(put("/f")), pieces(&content));
            let sent = size as u64;
            let want = Stored {
                sent,
                acknowledged: true,
                confirmed: Some(sent),
                doubt: None,
                resumes: 0,
            };
            assert_eq!(stored.result, Ok(Output::Stored(want)), "{family:?} {size}");
            assert_eq!(link.file("/f").unwrap(), content);
            let got = link.run(on(get("/f")), vec![]);
            assert_eq!(
                got.result,
                Ok(Output::Delivered(Delivered {
                    bytes: sent,
                    resumes: 0
                })),
                "{family:?} {size}"
            );
            assert_eq!(got.size, Some(sent));
            assert_eq!(got.content, content);
            let told = link.run(on(Task::Size(path("/f"))), vec![]);
            assert_eq!(told.result, Ok(Output::Size(sent)), "{family:?} {size}");
        }
    }
}

#[test]
fn one_byte_at_a_time_makes_no_difference() {
    for family in both() {
        let mut link = Link::new(family, Knobs::default());
        link.cut = 1;
        let content = nasty(5000);
        link.run(on(put("/f")), pieces(&content)).result.unwrap();
        assert_eq!(link.run(on(get("/f")), vec![]).content, content);
    }
}

#[test]
fn a_download_begins_where_it_is_asked_to() {
    let content = nasty(5000);
    let mut link = Link::sim7600().with_file("/f", &content);
    for offset in [1, 1480, 4999, 5000] {
        let got = link.run(on(get_from("/f", offset as u64)), vec![]);
        assert!(got.result.is_ok(), "{got:?}");
        assert_eq!(got.content, content[offset..]);
    }
    let beyond = link
        .run(on(get_from("/f", 5001)), vec![])
        .result
        .unwrap_err();
    assert_eq!(
        beyond.cause,
        Cause::SizeMismatch {
            expected: 5001,
            found: 5000
        }
    );
}

#[test]
fn what_is_larger_than_allowed_is_not_asked_for() {
    let content = nasty(5000);
    for family in both() {
        let mut link = Link::new(family, Knobs::default()).with_file("/f", &content);
        let within = |offset, limit| {
            Task::Download(Download {
                limit: Some(limit),
                ..Download::of(path("/f"), Offset::new(offset).unwrap())
            })
        };
        let got = link.run(on(within(0, 4999)), vec![]);
        let refused = Cause::OverLimit {
            size: 5000,
            limit: 4999,
        };
        assert_eq!(got.result.unwrap_err().cause, refused, "{family:?}");
        assert_eq!((got.size, got.content.len()), (None, 0));
        for (offset, limit) in [(0, 5000), (4000, 1000)] {
            let got = link.run(on(within(offset, limit)), vec![]);
            assert_eq!(got.content.len() as u64, 5000 - offset);
        }
    }
}

#[test]
fn directories_are_made_entered_listed_and_removed() {
    for family in both() {
        let mut link = Link::new(family, Knobs::default());
        let done = |link: &mut Link, task| link.run(on(task), vec![]).result.unwrap();
        done(&mut link, Task::MakeDirectory(path("/d")));
        let moved = done(&mut link, Task::ChangeDirectory(path("/d")));
        assert_eq!(moved, Output::Directory("/d".into()));
        link.run(on(put("/d/f")), pieces(b"abc")).result.unwrap();
        let list = link.run(on(Task::List(Some(path("/d")))), vec![]);
        assert!(String::from_utf8(list.content).unwrap().contains(" f\r\n"));
        done(&mut link, Task::DeleteFile(path("/d/f")));
        done(&mut link, Task::RemoveDirectory(path("/d")));
        let gone = link
            .run(on(Task::ChangeDirectory(path("/d"))), vec![])
            .result
            .unwrap_err();
        assert_eq!(gone.finding, Some(Finding::NameAbsent), "{gone:?}");
    }
}

#[test]
fn a_relative_move_is_answered_from_where_it_went() {
    for family in both() {
        let mut link = Link::new(family, Knobs::default());
        link.peer().directories.insert(b"/d".to_vec());
        let mut operation = on(Task::ChangeDirectory(path("d")));
        if let Standing::LoggedIn(place) = &mut operation.standing {
            place.directory = Directory::Login;
        }
        for _ in 0..2 {
            let moved = link.run(operation.clone(), vec![]).result;
            assert_eq!(moved, Ok(Output::Directory("/d".into())));
        }
    }
}

#[test]
fn a_refusal_is_looked_into() {
    for family in both() {
        let mut link = Link::new(family, Knobs::default()).with_file("/there", b"x");
        for (task, finding) in [
            (get("/none"), Finding::NameAbsent),
            (Task::Size(path("/none")), Finding::NameAbsent),
            (Task::DeleteFile(path("/none")), Finding::NameAbsent),
            (Task::MakeDirectory(path("/there")), Finding::NamePresent),
        ] {
            let failure = link.run(on(task.clone()), vec![]).result.unwrap_err();
            assert_eq!(
                failure.cause,
                Cause::Reported(ErrCode::REJECTED),
                "{task:?}"
            );
            assert_eq!(failure.finding, Some(finding), "{family:?} {task:?}");
            assert!(!failure.touched, "{family:?} {task:?}");
        }
    }
}

#[test]
fn a_missing_directory_is_named() {
    for family in both() {
        for piecewise in [false, true] {
            let mut link = Link::new(family, Knobs::default());
            link.peer().directories.insert(b"/there".to_vec());
            if piecewise {
                link = link.piecewise();
            }
            for (task, finding) in [
                (put("/none/f"), Some(Finding::DirectoryAbsent)),
                (put("/there/none/f"), Some(Finding::DirectoryAbsent)),
                (put("/none/deep/down/f"), Some(Finding::DirectoryAbsent)),
                (
                    Task::MakeDirectory(path("/none/d")),
                    Some(Finding::DirectoryAbsent),
                ),
                (
                    Task::DeleteFile(path("/none/f")),
                    Some(Finding::DirectoryAbsent),
                ),
                (Task::Size(path("/none/f")), Some(Finding::DirectoryAbsent)),
                (
                    Task::DeleteFile(path("/there/f")),
                    Some(Finding::NameAbsent),
                ),
            ] {
                let source = pieces(b"content");
                let failure = link.run(on(task.clone()), source).result.unwrap_err();
                assert_eq!(
                    failure.cause,
                    Cause::Reported(ErrCode::REJECTED),
                    "{task:?}"
                );
                assert_eq!(failure.finding, finding, "{family:?} {task:?}");
            }
            link.run(on(put("/there/f")), pieces(b"x")).result.unwrap();
        }
    }
}

#[test]
fn a_file_that_exists_is_left_alone_where_that_is_asked() {
    let mut link = Link::sim7600().with_file("/f", b"old");
    let task = Task::Upload(Upload {
        path: path("/f"),
        must_be_new: true,
        verify_size: true,
        delete_on_failure: true,
        begun: None,
        at_hand: None,
    });
    let failure = link.run(on(task), pieces(b"new")).result.unwrap_err();
    assert_eq!(failure.cause, Cause::Exists);
    assert_eq!(link.file("/f").unwrap(), b"old");
}

#[test]
fn a_source_that_vanishes_leaves_nothing_behind() {
    for family in both() {
        let mut link = Link::new(family, Knobs::default());
        let mut cut = pieces(&nasty(10_000));
        assert_eq!(cut.pop(), Some(Piece::End));
        let failure = link.run(on(put("/f")), cut).result.unwrap_err();
        assert_eq!(failure.cause, Cause::SourceGone);
        assert!(failure.touched, "another's part is gone");
        assert_eq!(link.file("/f"), None);
        link.run(on(put("/f")), pieces(b"next")).result.unwrap();
        assert_eq!(link.file("/f").unwrap(), b"next");
    }
}

/// The module takes an upload and refuses it at the end. The server has a file of 8 bytes before
/// and after it, which it never touched.
#[test]
fn a_refused_upload_does_not_cost_the_file_that_was_there() {
    let mut dialogue = Dialogue::new(Setup::default(), Patience::default());
    dialogue.handle_port_opened();
    dialogue.begin(on(put("/f"))).unwrap();
    let mut said = Vec::new();
    let mut source = pieces(b"anything").into_iter();
    let mut now = Moment::ORIGIN;
    let failure = loop {
        match dialogue.poll(now) {
            Step::Write { bytes, .. } => {
                let line = String::from_utf8_lossy(&bytes).into_owned();
                let answer: &[u8] = match line.trim_end() {
                    "anything" => b"",
                    "\u{1a}" if said.is_empty() => b"",
                    "\u{1a}" => b"\r\nOK\r\n\r\n+CFTPSPUT: 9\r\n",
                    "AT+CFTPSSIZE=\"/f\"" => b"\r\nOK\r\n\r\n+CFTPSSIZE: 88\r\n",
                    "AT+CFTPSPUT=\"/f\"" => b"\r\n>",
                    "AT+CFTPSSTART" => b"\r\nOK\r\n\r\n+CFTPSSTART: 0\r\n",
                    "AT+CFTPSTYPE=I" => b"\r\nOK\r\n\r\n+CFTPSTYPE: 0\r\n",
                    line if line.starts_with("AT+CFTPSLOGIN") => {
                        b"\r\nOK\r\n\r\n+CFTPSLOGIN: 0\r\n"
                    }
                    "AT+CFTPSLOGOUT" | "AT+CFTPSSTOP" => b"\r\nERROR\r\n",
                    _ => b"\r\nOK\r\n",
                };
                said.push(line);
                dialogue.handle_bytes(answer, now);
            }
            Step::Fetch { .. } => dialogue.handle_piece(source.next().unwrap(), now),
            Step::Listen { until } => {
                now = until;
                dialogue.handle_deadline(now);
            }
            Step::Done(result) => break result.unwrap_err(),
            step => panic!("{step:?}"),
        }
    };
    assert_eq!(failure.cause, Cause::Reported(ErrCode::REJECTED));
    assert_eq!(failure.finding, None);
    assert!(failure.touched, "it took content");
    assert!(said.iter().all(|line| !line.contains("DELE")), "{said:?}");
}

/// A server insisted on TLS session reuse during an upload: the data connection failed, and so did
/// every inquiry afterwards.
#[test]
fn an_upload_that_failed_is_not_called_undecided_because_the_server_does_not_tell() {
    for family in both() {
        for code in [1, 6, 14] {
            let mut link = Link::new(family, Knobs::default());
            link.run(on(Task::WorkingDirectory), vec![]).result.unwrap();
            let strike = |command: &str, nth, effect| Fault {
                trigger: Trigger::Command {
                    command: command.into(),
                    nth,
                    phase: Phase::BeforeResult,
                },
                effect,
            };
            // A test command at bring-up counts as one.
            for nth in 1..4 {
                link.module
                    .arm(strike("+CFTPSPUT", nth, Effect::Fail(code)));
            }
            for nth in 2..9 {
                link.module
                    .arm(strike("+CFTPSSIZE", nth, Effect::Fail(code)));
            }
            for nth in 1..9 {
                link.module
                    .arm(strike("+CFTPSLIST", nth, Effect::Fail(code)));
            }
            let failure = link
                .run(on(put("/f")), pieces(b"content"))
                .result
                .unwrap_err();
            assert_eq!(
                failure.cause,
                Cause::Reported(ErrCode::new(code)),
                "{family:?}"
            );
        }
    }
}

#[test]
fn two_servers_in_turn_get_their_own_files() {
    let mut link = Link::sim7600();
    for round in 0..3u8 {
        link.run(at(HOST, put("/f")), pieces(&[round; 3000]))
            .result
            .unwrap();
        link.run(at("other.example", put("/f")), pieces(&[!round; 3000]))
            .result
            .unwrap();
        assert_eq!(link.run(at(HOST, get("/f")), vec![]).content, [round; 3000]);
        assert_eq!(
            link.run(at("other.example", get("/f")), vec![]).content,
            [!round; 3000]
        );
    }
}

#[test]
fn a_wrong_password_is_tried_once() {
    let mut link = Link::sim7600();
    link.network.insert(
        HOST,
        21,
        simcom_emulator::uplink::memory::Server::with_user("user", "another"),
    );
    let failure = link
        .run(on(Task::WorkingDirectory), vec![])
        .result
        .unwrap_err();
    assert_eq!(failure.cause, Cause::Reported(ErrCode::REJECTED));
    assert_eq!(failure.command, Some("AT+CFTPSLOGIN".into()));
    let logins = link
        .network
        .take_seen()
        .iter()
        .filter(|seen| seen.starts_with("LOGIN"))
        .count();
    assert_eq!(logins, 1);
}

#[test]
fn a_module_that_reboots_in_a_download_is_waited_for() {
    for family in both() {
        let content = nasty(50_000);
        let mut rebooted = false;
        let mut link = Link::new(family, Knobs::default())
            .with_file("/f", &content)
            .with_script(move |link, seen| {
                if !rebooted && seen.delivered > 20_000 {
                    rebooted = true;
                    link.module.inject(link.now, Effect::Reboot);
                }
            });
        let got = link.run(on(get("/f")), vec![]);
        assert_eq!(
            got.result,
            Ok(Output::Delivered(Delivered {
                bytes: 50_000,
                resumes: 1
            })),
            "{family:?}"
        );
        assert_eq!(got.content, content);
    }
}

#[test]
fn a_port_that_comes_back_lets_a_download_go_on() {
    let content = nasty(50_000);
    let mut cuts = 0;
    let mut link = Link::sim7600()
        .with_file("/f", &content)
        .with_script(move |link, seen| {
            if !link.plugged {
                link.plugged = true;
            } else if cuts < 3 && seen.delivered > 10_000 * (cuts + 1) {
                cuts += 1;
                link.unplug();
            }
        });
    let got = link.run(on(get("/f")), vec![]);
    assert_eq!(
        got.result,
        Ok(Output::Delivered(Delivered {
            bytes: 50_000,
            resumes: 3
        }))
    );
    assert_eq!(got.content, content);
}

#[test]
fn a_port_that_stays_away_is_told() {
    let mut link = Link::sim7600()
        .with_file("/f", &nasty(50_000))
        .with_script(|link, seen| {
            if link.plugged && seen.delivered > 10_000 {
                link.unplug();
            }
        });
    let got = link.run(on(get("/f")), vec![]);
    let failure = got.result.unwrap_err();
    assert_eq!(failure.cause, Cause::PortLost);
    assert_eq!(failure.committed, Some(got.content.len() as u64));
    assert!(got.took < Duration::from_secs(60), "{:?}", got.took);
}

#[test]
fn a_silent_module_is_told_in_time() {
    let mut link = Link::sim7600();
    link.run(on(Task::WorkingDirectory), vec![]).result.unwrap();
    link.module.inject(link.now, Effect::Silence);
    let silent = link.run(on(Task::WorkingDirectory), vec![]);
    assert!(matches!(
        silent.result.unwrap_err().cause,
        Cause::Timeout(_)
    ));
    assert!(silent.took < Duration::from_secs(60), "{:?}", silent.took);
    link.module.power_cycle(link.now);
    link.run(on(Task::WorkingDirectory), vec![]).result.unwrap();
}

/// A module that answers `ERROR` to SIZE for any name: a new login may help, but only once.
#[test]
fn a_module_without_size_is_not_logged_in_anew_for_each_file() {
    let knobs = Knobs {
        refuse: vec!["+CFTPSSIZE".into()],
        ..Knobs::default()
    };
    for family in both() {
        let mut link = Link::new(family, knobs.clone()).with_file("/f", b"ours");
        let logins = |link: &mut Link| {
            let seen = link.network.take_seen();
            seen.iter().filter(|did| did.starts_with("LOGIN")).count()
        };
        for expected in [2, 0, 0] {
            let got = link.run(on(get("/f")), vec![]);
            assert_eq!(got.content, b"ours", "{:?}", got.result);
            assert_eq!(logins(&mut link), expected, "{family:?}");
            link.run(on(put("/g")), pieces(b"new")).result.unwrap();
            assert_eq!(logins(&mut link), 0, "{family:?}");
        }
        // A closed session is noticed anyway.
        let event = link.network.close_session().unwrap();
        link.module.handle_uplink(link.now, event);
        assert_eq!(link.run(on(get("/f")), vec![]).content, b"ours");
    }
}

#[test]
fn a_server_that_closed_the_connection_is_logged_in_to_again() {
    for family in both() {
        let mut link = Link::new(family, Knobs::default()).with_file("/f", b"abc");
        link.run(on(get("/f")), vec![]).result.unwrap();
        let event = link.network.close_session().unwrap();
        link.module.handle_uplink(link.now, event);
        assert_eq!(link.run(on(get("/f")), vec![]).content, b"abc");
    }
}
