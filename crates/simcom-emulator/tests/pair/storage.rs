//! Files on the module, and the data address mode.
//!
//! More than 400 lines: each test is one fault that was seen, or a rule, and they share the helpers of this
//! file.

use std::time::Duration;

use crate::link::{Link, nasty, on, path, pieces};
use crate::{both, get};
use simcom_emulator::{Effect, FailureForm, Family, Knobs, OkOrder};
use simcom_talk::dialogue::failure::{Cause, Ending, Finding};
use simcom_talk::dialogue::operation::{
    Delivered, ModuleTransfer, MovedFile, Output, Piece, Standing, Stored, Task, WriteModuleFile,
};
use simcom_talk::dialogue::{Failure, Moment, Operation};
use simcom_talk::ftps::storage::ModulePath;
use simcom_talk::ftps::value::{Drive, Offset, RemotePath};

/// The drive that a family takes by default.
pub(crate) fn drive(family: Family) -> Drive {
    match family {
        Family::Sim7600 => Drive::F,
        Family::A7670 => Drive::C,
    }
}

pub(crate) fn file(family: Family, name: &str) -> ModulePath {
    ModulePath::of_remote(drive(family), name).unwrap()
}

/// A task that needs only the module.
pub(crate) fn alone(task: Task) -> Operation {
    Operation {
        standing: Standing::Ready,
        task,
    }
}

pub(crate) fn write(file: ModulePath, content: &[u8]) -> Operation {
    alone(Task::WriteModuleFile(WriteModuleFile {
        file,
        size: u32::try_from(content.len()).unwrap(),
        must_be_new: false,
    }))
}

pub(crate) fn transfer(family: Family, remote: &str, offset: usize) -> ModuleTransfer {
    let path: RemotePath = path(remote);
    ModuleTransfer {
        file: file(family, path.file_name().unwrap()),
        path,
        offset: Offset::new(offset as u64).unwrap(),
        must_be_new: false,
        limit: None,
    }
}

fn names(link: &mut Link, family: Family) -> Vec<(String, bool, Option<u64>)> {
    let root = ModulePath::root(drive(family));
    match link.run(alone(Task::ListModule(root)), vec![]).result {
        Ok(Output::ModuleFiles(files)) => files
            .into_iter()
            .map(|(entry, size)| (entry.name, entry.directory, size))
            .collect(),
        other => panic!("{other:?}"),
    }
}

fn failed(link: &mut Link, operation: Operation, source: Vec<Piece>) -> Failure {
    link.run(operation, source).result.unwrap_err()
}

#[test]
fn files_of_all_sizes_go_to_the_module_and_come_back() {
    for family in both() {
        let mut link = Link::new(family, Knobs::default());
        for size in [0, 1, 17, 511, 512, 513, 4096, 70_000] {
            let content = nasty(size);
            let stored = link.run(write(file(family, "x.bin"), &content), pieces(&content));
            let sent = size as u64;
            let want = Stored {
                sent,
                acknowledged: true,
                confirmed: Some(sent),
                doubt: None,
                resumes: 0,
            };
            assert_eq!(stored.result, Ok(Output::Stored(want)), "{family:?} {size}");
            let got = link.run(alone(Task::ReadModuleFile(file(family, "x.bin"))), vec![]);
            let want = Delivered {
                bytes: sent,
                resumes: 0,
            };
            assert_eq!(got.result, Ok(Output::Delivered(want)), "{family:?} {size}");
            assert_eq!(got.size, Some(sent));
            assert_eq!(got.content, content);
        }
    }
}

#[test]
fn a_directory_of_the_module_is_listed_with_sizes() {
    for family in both() {
        let mut link = Link::new(family, Knobs::default());
        assert_eq!(names(&mut link, family), []);
        link.run(write(file(family, "a b.txt"), b"abc"), pieces(b"abc"))
            .result
            .unwrap();
        link.run(write(file(family, "RINGING"), b""), pieces(b""))
            .result
            .unwrap();
        let want = [
            ("RINGING".to_owned(), false, Some(0)),
            ("a b.txt".to_owned(), false, Some(3)),
        ];
        assert_eq!(names(&mut link, family), want);
        let delete = |name| alone(Task::DeleteModuleFile(file(family, name)));
        link.run(delete("a b.txt"), vec![]).result.unwrap();
        let failure = failed(&mut link, delete("a b.txt"), vec![]);
        assert_eq!(failure.cause, Cause::NotOnModule);
        assert_eq!(names(&mut link, family), want[..1]);
    }
}

#[test]
fn a_name_that_reads_like_an_answer_is_listed_and_deleted() {
    let family = Family::Sim7600;
    let mut link = Link::new(family, Knobs::default());
    link.run(write(file(family, "OK"), b"x"), pieces(b"x"))
        .result
        .unwrap();
    let ok = ("OK".to_owned(), false, Some(1));
    assert_eq!(names(&mut link, family), [ok]);
    let delete = alone(Task::DeleteModuleFile(file(family, "OK")));
    link.run(delete, vec![]).result.unwrap();
    assert_eq!(names(&mut link, family), []);
}

#[test]
fn room_is_told_for_every_drive_that_there_is() {
    for (family, drives) in [(Family::Sim7600, 4), (Family::A7670, 2)] {
        let mut link = Link::new(family, Knobs::default());
        link.run(write(file(family, "x"), &[7; 900]), pieces(&[7; 900]))
            .result
            .unwrap();
        let Ok(Output::Space(all)) = link.run(alone(Task::Space(None)), vec![]).result else {
            panic!("no room told");
        };
        assert_eq!(all.len(), drives);
        let one = alone(Task::Space(Some(drive(family))));
        let Ok(Output::Space(one)) = link.run(one, vec![]).result else {
            panic!("no room told");
        };
        assert_eq!(one.len(), 1);
        assert_eq!(one[0].used, 900);
        assert!(all.contains(&one[0]));
    }
    let mut link = Link::new(Family::A7670, Knobs::default());
    let failure = failed(&mut link, alone(Task::Space(Some(Drive::F))), vec![]);
    assert_eq!(failure.cause, Cause::NotOnModule);
}

#[test]
fn files_are_fetched_and_sent_by_the_module() {
    for family in both() {
        let content = nasty(100_000);
        let mut link = Link::new(family, Knobs::default()).with_file("/d/f.bin", &content);
        let fetch = on(Task::Fetch(transfer(family, "/d/f.bin", 0)));
        let moved = |size: usize| {
            Ok(Output::Moved(MovedFile {
                size: size as u64,
                confirmed: Some(size as u64),
                resumes: 0,
            }))
        };
        // Twice: the second file replaces the first.
        for _ in 0..2 {
            assert_eq!(link.run(fetch.clone(), vec![]).result, moved(100_000));
        }
        let read = alone(Task::ReadModuleFile(file(family, "f.bin")));
        assert_eq!(link.run(read, vec![]).content, content);
        link.peer().directories.insert(b"/up".to_vec());
        let send = |offset| on(Task::Send(transfer(family, "/up/f.bin", offset)));
        assert_eq!(link.run(send(0), vec![]).result, moved(100_000));
        assert_eq!(link.file("/up/f.bin").unwrap(), content);
        link.peer()
            .files
            .insert(b"/up/f.bin".to_vec(), content[..60_000].to_vec());
        assert_eq!(link.run(send(60_000), vec![]).result, moved(100_000));
        assert_eq!(link.file("/up/f.bin").unwrap(), content);
    }
}

#[test]
fn what_is_larger_than_allowed_is_neither_fetched_nor_sent() {
    for family in both() {
        let content = nasty(5000);
        let mut link = Link::new(family, Knobs::default()).with_file("/f", &content);
        let within = |remote, limit| ModuleTransfer {
            limit: Some(limit),
            ..transfer(family, remote, 0)
        };
        let refused = Cause::OverLimit {
            size: 5000,
            limit: 4999,
        };
        let fetch = on(Task::Fetch(within("/f", 4999)));
        assert_eq!(failed(&mut link, fetch, vec![]).cause, refused);
        assert_eq!(names(&mut link, family), []);
        let fetch = on(Task::Fetch(within("/f", 5000)));
        link.run(fetch, vec![]).result.unwrap();
        let send = on(Task::Send(within("/g/f", 4999)));
        assert_eq!(failed(&mut link, send, vec![]).cause, refused);
        assert_eq!(link.file("/g/f"), None);
    }
}

#[test]
fn a_partial_file_on_the_module_is_gone_on_with() {
    for family in both() {
        let content = nasty(50_000);
        let mut link = Link::new(family, Knobs::default()).with_file("/f", &content);
        let part = &content[..20_000];
        link.run(write(file(family, "f"), part), pieces(part))
            .result
            .unwrap();
        let fetch = |offset| on(Task::Fetch(transfer(family, "/f", offset)));
        let wrong = failed(&mut link, fetch(30_000), vec![]);
        let mismatch = Cause::SizeMismatch {
            expected: 30_000,
            found: 20_000,
        };
        assert_eq!(wrong.cause, mismatch);
        link.run(fetch(20_000), vec![]).result.unwrap();
        let read = alone(Task::ReadModuleFile(file(family, "f")));
        assert_eq!(link.run(read, vec![]).content, content);
    }
}

#[test]
fn what_does_not_exist_is_named_on_either_side() {
    for family in both() {
        let mut link = Link::new(family, Knobs::default());
        let fetch = on(Task::Fetch(transfer(family, "/none", 0)));
        let failure = failed(&mut link, fetch, vec![]);
        assert_eq!(failure.finding, Some(Finding::NameAbsent), "{failure:?}");
        for operation in [
            on(Task::Send(transfer(family, "/none", 0))),
            alone(Task::ReadModuleFile(file(family, "none"))),
            alone(Task::ListModule(ModulePath::new("D:/none").unwrap())),
        ] {
            let failure = failed(&mut link, operation, vec![]);
            assert_eq!(failure.cause, Cause::NotOnModule, "{failure:?}");
        }
    }
}

#[test]
fn a_drive_that_is_full_is_told_before_a_byte_moves() {
    let family = Family::A7670;
    let mut link = Link::new(family, Knobs::default());
    let content = vec![0; (6 << 20) + 1];
    let failure = failed(
        &mut link,
        write(file(family, "big"), &content),
        pieces(b"never taken"),
    );
    assert!(
        matches!(failure.cause, Cause::DriveFull { .. }),
        "{failure:?}"
    );
    assert_eq!(names(&mut link, family), []);
}

#[test]
fn a_file_that_is_to_be_new_leaves_the_old_one_alone() {
    let family = Family::Sim7600;
    let mut link = Link::new(family, Knobs::default()).with_file("/f", b"server");
    link.run(write(file(family, "f"), b"old"), pieces(b"old"))
        .result
        .unwrap();
    let mut store = write(file(family, "f"), b"new");
    if let Task::WriteModuleFile(what) = &mut store.task {
        what.must_be_new = true;
    }
    let mut what = transfer(family, "/f", 0);
    what.must_be_new = true;
    for (operation, source) in [(store, pieces(b"new")), (on(Task::Fetch(what)), vec![])] {
        let failure = failed(&mut link, operation, source);
        assert_eq!(failure.cause, Cause::Exists);
    }
    let read = alone(Task::ReadModuleFile(file(family, "f")));
    assert_eq!(link.run(read, vec![]).content, b"old");
}

#[test]
fn a_source_that_vanishes_leaves_nothing_on_the_module() {
    for family in both() {
        let mut link = Link::new(family, Knobs::default());
        let content = nasty(30_000);
        let mut cut = pieces(&content);
        cut.truncate(2);
        let failure = failed(&mut link, write(file(family, "f"), &content), cut.clone());
        assert_eq!(failure.cause, Cause::SourceGone);
        cut.push(Piece::End);
        let failure = failed(&mut link, write(file(family, "f"), &content), cut);
        let mismatch = Cause::SizeMismatch {
            expected: 30_000,
            found: 6_000,
        };
        assert_eq!(failure.cause, mismatch);
        assert_eq!(names(&mut link, family), []);
    }
}

#[test]
fn a_module_that_reboots_at_work_on_a_file_is_waited_for() {
    for family in both() {
        let content = nasty(100_000);
        let mut rebooted = false;
        let mut link = Link::new(family, Knobs::default())
            .with_file("/f", &content)
            .with_script(move |link, _| {
                if !rebooted && link.written.windows(12).any(|w| w == b"CFTPSGETFILE") {
                    rebooted = true;
                    link.module.inject(link.now, Effect::Reboot);
                }
            });
        let fetched = link.run(on(Task::Fetch(transfer(family, "/f", 0))), vec![]);
        let Ok(Output::Moved(moved)) = fetched.result else {
            panic!("{fetched:?}");
        };
        assert_eq!(moved.confirmed, Some(100_000));
        let read = alone(Task::ReadModuleFile(file(family, "f")));
        assert_eq!(link.run(read, vec![]).content, content);
    }
}

#[test]
fn a_fetch_that_nobody_wants_any_more_is_aborted_where_the_module_can() {
    // Before the module has accepted the command, and after.
    for (family, at, ending) in [
        (Family::Sim7600, 1, Ending::Aborted),
        (Family::Sim7600, 2, Ending::Aborted),
        (Family::A7670, 1, Ending::Drained),
        (Family::A7670, 2, Ending::Drained),
    ] {
        let knobs = Knobs {
            ok_order: OkOrder::OkFirst,
            result_latency: Duration::from_secs(30),
            ..Knobs::default()
        };
        let content = nasty(5000);
        let mut steps = 0;
        let mut link = Link::new(family, knobs)
            .with_file("/f", &content)
            .with_script(move |link, _| {
                let fetching = link.written.windows(12).any(|w| w == b"CFTPSGETFILE");
                steps += u32::from(fetching);
                if steps == at {
                    let now = Moment::after(link.now);
                    let wish = Cause::Cancelled(Ending::Drained);
                    link.dialogue.abandon(wish, now);
                }
            });
        let fetch = on(Task::Fetch(transfer(family, "/f", 0)));
        let failure = failed(&mut link, fetch, vec![]);
        assert_eq!(failure.cause, Cause::Cancelled(ending), "{family:?} {at}");
        let aborts = link.written.windows(11).filter(|w| w == b"CFTPSABORT\r");
        assert_eq!(aborts.count(), usize::from(ending == Ending::Aborted));
        assert_eq!(link.run(on(get("/f")), vec![]).content, content);
    }
}

#[test]
fn a_refusal_of_the_file_system_does_not_cost_the_login() {
    let family = Family::Sim7600;
    let mut link = Link::new(family, Knobs::default()).with_file("/f", b"abc");
    link.run(on(get("/f")), vec![]).result.unwrap();
    link.network.take_seen();
    failed(
        &mut link,
        alone(Task::ReadModuleFile(file(family, "none"))),
        vec![],
    );
    link.run(on(get("/f")), vec![]).result.unwrap();
    let seen = link.network.take_seen();
    assert!(!seen.iter().any(|ask| ask.starts_with("LOGIN")), "{seen:?}");
}

#[test]
fn the_data_address_mode_is_read_set_and_set_back_by_the_next_login() {
    for family in both() {
        let mut link = Link::new(family, Knobs::default()).with_file("/f", b"abc");
        let read = || alone(Task::ReadSingleIp);
        let set = Operation {
            standing: Standing::Started,
            task: Task::SingleIp(false),
        };
        link.run(on(get("/f")), vec![]).result.unwrap();
        let mode = link.run(read(), vec![]).result;
        assert_eq!(mode, Ok(Output::SingleIp(true)), "{family:?}");
        link.run(set, vec![]).result.unwrap();
        let mode = link.run(read(), vec![]).result;
        assert_eq!(mode, Ok(Output::SingleIp(false)));
        link.run(on(get("/f")), vec![]).result.unwrap();
        assert_eq!(link.run(read(), vec![]).result, Ok(Output::SingleIp(true)));
    }
}

/// The tasks of this file under every answer that the documents allow.
#[test]
fn module_files_are_right_under_every_answer() {
    let mut cases = 0u32;
    for family in both() {
        for ok_order in [OkOrder::Documented, OkOrder::OkFirst, OkOrder::ResultFirst] {
            for failure_form in [
                FailureForm::Documented,
                FailureForm::OkCode,
                FailureForm::CodeError,
                FailureForm::ErrorCode,
                FailureForm::Error,
            ] {
                for bits in 0..16u32 {
                    let bit = |at: u32| bits >> at & 1 == 1;
                    let knobs = Knobs {
                        ok_order,
                        failure_form,
                        space_after_colon: bit(0),
                        echo_data: bit(1),
                        ..Knobs::default()
                    };
                    let content = nasty(1700);
                    let mut link = Link::new(family, knobs).with_file("/f", &content);
                    link.cut = if bit(2) { 1 } else { 4096 };
                    for round in [0, 1] {
                        if bit(3) {
                            link.switch_echo_on();
                        }
                        cases += 7;
                        let here = (family, ok_order, failure_form, bits, round);
                        let store = write(file(family, "g"), &content);
                        link.run(store, pieces(&content)).result.unwrap();
                        let fetch = on(Task::Fetch(transfer(family, "/f", 0)));
                        link.run(fetch, vec![]).result.unwrap();
                        for name in ["f", "g"] {
                            let read = alone(Task::ReadModuleFile(file(family, name)));
                            assert_eq!(link.run(read, vec![]).content, content, "{here:?}");
                        }
                        let want = ["f", "g"].map(|name| (name.into(), false, Some(1700)));
                        assert_eq!(names(&mut link, family), want, "{here:?}");
                        let send = on(Task::Send(transfer(family, "/g", 0)));
                        link.run(send, vec![]).result.unwrap();
                        let missing = on(Task::Send(transfer(family, "/h", 0)));
                        let failure = failed(&mut link, missing, vec![]);
                        assert_eq!(failure.cause, Cause::NotOnModule, "{here:?}");
                        assert_eq!(link.file("/g").unwrap(), content);
                    }
                }
            }
        }
    }
    println!("{cases} operations on module files");
}
