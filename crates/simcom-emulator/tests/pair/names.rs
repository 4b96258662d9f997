//! Paths that are too long for the module, and names outside ASCII.

use crate::link::{Link, nasty, on, path, pieces};
use crate::storage::{alone, transfer, write};
use crate::{both, get, put};
use simcom_emulator::{Family, Knobs};
use simcom_talk::dialogue::failure::{Cause, Finding};
use simcom_talk::dialogue::operation::{Download, Output, Task, Upload};
use simcom_talk::ftps::ErrCode;
use simcom_talk::ftps::value::{Offset, RemotePath, ValueError};

/// Creates a directory so deep that no command takes its path. Returns the path.
fn deep(link: &mut Link) -> String {
    let mut directory = String::new();
    for level in 0..12 {
        directory = format!("{directory}/{}{level:02}", "d".repeat(58));
        link.peer()
            .directories
            .insert(directory.clone().into_bytes());
    }
    directory
}

#[test]
fn every_operation_reaches_a_path_that_is_too_long_for_its_command() {
    for family in both() {
        for piecewise in [false, true] {
            let mut link = Link::new(family, Knobs::default());
            if piecewise {
                link = link.piecewise();
            }
            let directory = deep(&mut link);
            let at = |name: &str| format!("{directory}/{name}");
            let done = |link: &mut Link, task: Task| link.run(on(task), vec![]).result.unwrap();
            let content = nasty(5000);
            link.run(on(put(&at("f"))), pieces(&content))
                .result
                .unwrap();
            assert_eq!(link.file(&at("f")).unwrap(), content);
            assert_eq!(
                done(&mut link, Task::Size(path(&at("f")))),
                Output::Size(5000)
            );
            assert_eq!(link.run(on(get(&at("f"))), vec![]).content, content);
            done(&mut link, Task::MakeDirectory(path(&at("new"))));
            let moved = done(&mut link, Task::ChangeDirectory(path(&at("new"))));
            assert_eq!(moved, Output::Directory(at("new")));
            let list = link.run(on(Task::List(Some(path(&directory)))), vec![]);
            let list = String::from_utf8(list.content).unwrap();
            assert!(
                list.contains(" f\r\n") && list.contains(" new\r\n"),
                "{list}"
            );
            done(&mut link, Task::RemoveDirectory(path(&at("new"))));
            done(&mut link, Task::DeleteFile(path(&at("f"))));
            let absent = link.run(on(get(&at("f"))), vec![]).result.unwrap_err();
            assert_eq!(absent.cause, Cause::Reported(ErrCode::REJECTED));
            assert_eq!(absent.finding, Some(Finding::NameAbsent));
            // Short paths are as good as before.
            link.run(on(put("/f")), pieces(b"x")).result.unwrap();
            assert_eq!(link.file("/f").unwrap(), b"x");
        }
    }
}

#[test]
fn a_reboot_on_the_way_is_no_end_of_it() {
    let mut link = Link::sim7600();
    let file = format!("{}/f", deep(&mut link));
    let content = nasty(50_000);
    let mut rebooted = false;
    let mut link = link
        .with_file(&file, &content)
        .with_script(move |link, seen| {
            if !rebooted && seen.delivered > 20_000 {
                rebooted = true;
                link.module
                    .inject(link.now, simcom_emulator::Effect::Reboot);
            }
        });
    let got = link.run(on(get(&file)), vec![]);
    assert_eq!(got.content, content, "{:?}", got.result);
}

#[test]
fn a_component_that_is_too_long_is_named_as_the_reason() {
    for family in both() {
        let mut link = Link::new(family, Knobs::default());
        let name = format!("/{}", "n".repeat(300));
        for task in [
            get(&name),
            Task::DeleteFile(path(&name)),
            put(&format!("{name}/f")),
        ] {
            let failure = link.run(on(task), pieces(b"x")).result.unwrap_err();
            assert!(
                matches!(failure.cause, Cause::Unsuitable(ValueError::TooLong { .. })),
                "{failure:?}"
            );
        }
    }
}

#[test]
fn names_outside_ascii_go_where_the_command_has_a_form() {
    let mut link = Link::sim7600();
    let content = nasty(3000);
    let name = "/\u{fc}ber/\u{e4}";
    link.peer().directories.insert("/\u{fc}ber".into());
    link.run(on(put(name)), pieces(&content)).result.unwrap();
    assert_eq!(link.file(name).unwrap(), content);
    assert_eq!(link.run(on(get(name)), vec![]).content, content);
    let size = |link: &mut Link, name| link.run(on(Task::Size(path(name))), vec![]).result;
    // SIZE has no form for it: the listing tells.
    assert_eq!(size(&mut link, name), Ok(Output::Size(3000)));
    let absent = size(&mut link, "/\u{fc}ber/\u{f6}").unwrap_err();
    assert_eq!(absent.finding, Some(Finding::NameAbsent));
    // A command without a form for the path is sent from its directory, where only the directory is
    // outside ASCII.
    let make = Task::MakeDirectory(path("/\u{fc}ber/d"));
    assert_eq!(link.run(on(make), vec![]).result, Ok(Output::Done));
    let make = Task::MakeDirectory(path("/\u{e9}"));
    let refused = link.run(on(make), vec![]).result.unwrap_err();
    assert_eq!(refused.cause, Cause::Unsuitable(ValueError::NotAscii));
    assert_eq!(refused.command, Some("AT+CFTPSMKD".into()));
}

/// An old server has names in Latin-1. A name that is only shown alike must not be taken for it.
#[test]
fn a_name_in_latin_1_is_found_read_written_and_deleted_by_its_bytes() {
    let mut link = Link::sim7600();
    let name = b"/caf\xE9.txt".to_vec();
    let latin = RemotePath::from_bytes(&name).unwrap();
    let done = |link: &mut Link, task: Task, content: &[u8]| link.run(on(task), pieces(content));
    let size =
        |link: &mut Link, path: &RemotePath| done(link, Task::Size(path.clone()), b"").result;
    let upload = |must_be_new| {
        let Task::Upload(upload) = put("/f") else {
            panic!("a put")
        };
        Task::Upload(Upload {
            path: latin.clone(),
            must_be_new,
            ..upload
        })
    };
    // A name that is shown alike, and the same word in UTF-8: neither exists.
    link.peer().files.insert(name.clone(), b"latin".to_vec());
    for other in ["/caf\u{FFFD}.txt", "/caf\u{e9}.txt"] {
        let other = RemotePath::from_bytes(other.as_bytes()).unwrap();
        let absent = size(&mut link, &other).unwrap_err();
        assert_eq!(absent.finding, Some(Finding::NameAbsent));
    }
    assert_eq!(size(&mut link, &latin), Ok(Output::Size(5)));
    let read = done(
        &mut link,
        Task::Download(Download::of(latin.clone(), Offset::ZERO)),
        b"",
    );
    assert_eq!(read.content, b"latin");
    let said = String::from_utf8_lossy(&link.written).into_owned();
    assert!(
        said.contains("AT+CFTPSGET={non-ascii}\"2F636166E92E747874\"\r"),
        "{said}"
    );
    let taken = done(&mut link, upload(true), b"other").result.unwrap_err();
    assert_eq!(taken.cause, Cause::Exists, "{taken:?}");
    assert_eq!(link.peer().files[&name], b"latin");
    done(&mut link, upload(false), b"written").result.unwrap();
    assert_eq!(link.peer().files[&name], b"written");
    assert_eq!(link.peer().files.len(), 1);
    done(&mut link, Task::DeleteFile(latin.clone()), b"")
        .result
        .unwrap();
    assert!(link.peer().files.is_empty());
    // A directory, and the way back to it.
    let directory = RemotePath::from_bytes(b"/\xFCber").unwrap();
    link.peer().directories.insert(b"/\xFCber".to_vec());
    let moved = done(&mut link, Task::ChangeDirectory(directory.clone()), b"").result;
    assert_eq!(moved, Ok(Output::Directory(directory.as_str().into())));
    let made = RemotePath::from_bytes(b"/\xFCber/d").unwrap();
    done(&mut link, Task::MakeDirectory(made), b"")
        .result
        .unwrap();
    assert!(link.peer().directories.contains(b"/\xFCber/d".as_slice()));
}

#[test]
fn names_outside_ascii_are_refused_by_a_family_without_a_form() {
    let mut link = Link::new(Family::A7670, Knobs::default());
    link = link.with_file("/\u{e4}", b"abc");
    for task in [
        get("/\u{e4}"),
        put("/\u{e4}"),
        Task::DeleteFile(path("/\u{e4}")),
    ] {
        let refused = link.run(on(task), pieces(b"x")).result.unwrap_err();
        assert_eq!(refused.cause, Cause::Unsuitable(ValueError::NotAscii));
    }
    assert_eq!(link.file("/\u{e4}").unwrap(), b"abc");
    let size = link.run(on(Task::Size(path("/\u{e4}"))), vec![]).result;
    assert_eq!(size, Ok(Output::Size(3)));
}

#[test]
fn module_files_outside_ascii_go_both_ways_and_are_listed() {
    for names_in_hex in [true, false] {
        let knobs = Knobs {
            names_in_hex,
            ..Knobs::default()
        };
        let family = Family::Sim7600;
        let mut link = Link::new(family, knobs);
        let content = nasty(3000);
        let name = "/\u{fc}ber/\u{6d4b} \u{e4}.jpg";
        link.peer().directories.insert("/\u{fc}ber".into());
        link = link.with_file(name, &content);
        let there = transfer(family, name, 0);
        let on_module = there.file.clone();
        assert_eq!(on_module.name(), Some("\u{6d4b} \u{e4}.jpg"));
        let moved = link.run(on(Task::Fetch(there.clone())), vec![]);
        assert!(
            matches!(&moved.result, Ok(Output::Moved(moved)) if moved.confirmed == Some(3000)),
            "{:?}",
            moved.result
        );
        let read = link.run(alone(Task::ReadModuleFile(on_module.clone())), vec![]);
        assert_eq!(read.content, content, "{:?}", read.result);
        let directory = on_module.directory();
        let listed = link.run(alone(Task::ListModule(directory)), vec![]).result;
        let Ok(Output::ModuleFiles(files)) = listed else {
            panic!("{listed:?}");
        };
        let names: Vec<_> = files
            .iter()
            .map(|(e, size)| (e.name.as_str(), *size))
            .collect();
        assert_eq!(names, [("\u{6d4b} \u{e4}.jpg", Some(3000))]);

        link.run(write(on_module.clone(), b"other"), pieces(b"other"))
            .result
            .unwrap();
        link.run(on(Task::Send(there)), vec![]).result.unwrap();
        assert_eq!(link.file(name).unwrap(), b"other");
        let delete = || alone(Task::DeleteModuleFile(on_module.clone()));
        link.run(delete(), vec![]).result.unwrap();
        let gone = link.run(delete(), vec![]).result.unwrap_err();
        assert_eq!(gone.cause, Cause::NotOnModule);
    }
}

#[test]
fn module_files_outside_ascii_are_refused_by_a_family_without_a_form() {
    let family = Family::A7670;
    let mut link = Link::new(family, Knobs::default()).with_file("/\u{e4}", b"abc");
    let there = transfer(family, "/\u{e4}", 0);
    let on_module = there.file.clone();
    for operation in [
        on(Task::Fetch(there.clone())),
        on(Task::Send(there)),
        alone(Task::ReadModuleFile(on_module.clone())),
        alone(Task::DeleteModuleFile(on_module.clone())),
        write(on_module, b"x"),
    ] {
        let refused = link.run(operation, pieces(b"x")).result.unwrap_err();
        assert_eq!(refused.cause, Cause::Unsuitable(ValueError::NotAscii));
    }
    let said = String::from_utf8_lossy(&link.written).into_owned();
    assert!(!said.contains("non-ascii"), "{said}");
}
