//! Servers with unreliable listings, as in public reports.
//!
//! More than 400 lines: each test is one fault that was seen, or a rule, and they share the helpers of this
//! file.

use crate::link::{Link, nasty, on, path, pieces};
use crate::{both, get, put};
use simcom_emulator::uplink::memory::{ListPath, Names, Server};
use simcom_emulator::{Family, Knobs};
use simcom_talk::dialogue::failure::{Cause, Finding};
use simcom_talk::dialogue::operation::{
    Delivered, Directory, Operation, Output, Standing, Task, Upload,
};
use simcom_talk::ftps::ErrCode;

/// A server with a login directory and `/sub`. No name is in both.
fn link_with(family: Family, mood: impl Fn(&mut Server)) -> Link {
    let mut link = Link::new(family, Knobs::default())
        .with_file("/root.bin", &nasty(500))
        .with_file("/sub/inner.bin", b"123456789")
        .with_file("/sub/big.bin", &nasty(5000));
    link.peer().directories.insert(b"/sub".to_vec());
    mood(link.peer());
    link
}

fn new(file: &str) -> Task {
    Task::Upload(Upload {
        path: path(file),
        must_be_new: true,
        verify_size: true,
        delete_on_failure: true,
        begun: None,
        at_hand: None,
    })
}

fn list(link: &mut Link, directory: &str) -> Result<String, simcom_talk::dialogue::Failure> {
    let listed = link.run(on(Task::List(Some(path(directory)))), vec![]);
    listed
        .result
        .map(|_| String::from_utf8(listed.content).unwrap())
}

/// An operation from the login directory.
fn at_home(task: Task) -> Operation {
    let mut operation = on(task);
    if let Standing::LoggedIn(place) = &mut operation.standing {
        place.directory = Directory::Login;
    }
    operation
}

fn size(link: &mut Link, file: &str) -> Result<Output, simcom_talk::dialogue::Failure> {
    link.run(on(Task::Size(path(file))), vec![]).result
}

/// Asserts that a file which must be new overwrites nothing.
fn assert_not_overwritten(link: &mut Link, file: &str) {
    let before = link.file(file).unwrap();
    let refused = link.run(on(new(file)), pieces(b"new")).result.unwrap_err();
    assert_eq!(refused.cause, Cause::Exists, "{file}");
    assert_eq!(link.file(file).unwrap(), before, "{file}");
}

#[test]
fn a_directory_is_listed_whatever_the_server_makes_of_the_path_of_list() {
    for family in both() {
        for form in [
            ListPath::Honour,
            ListPath::Ignore,
            ListPath::Itself,
            ListPath::Pattern,
        ] {
            let mut link = link_with(family, |server| server.list_path = form);
            for named in ["/sub", "/sub/", "/sub/../sub", "/./sub"] {
                let listed = list(&mut link, named).unwrap();
                assert!(
                    listed.contains(" inner.bin\r\n") && listed.contains(" big.bin\r\n"),
                    "{form:?} {named}: {listed}"
                );
                assert!(!listed.contains("root.bin"), "{form:?} {named}: {listed}");
            }
            let listed = list(&mut link, "/").unwrap();
            assert!(listed.contains(" root.bin\r\n"), "{form:?}: {listed}");
            let sub = link.run(at_home(Task::List(Some(path("sub")))), vec![]);
            let listed = String::from_utf8(sub.content).unwrap();
            assert!(
                listed.contains("inner.bin") && !listed.contains("root.bin"),
                "{form:?}: {listed}"
            );
            // 9 may be a size.
            assert_eq!(size(&mut link, "/sub/inner.bin"), Ok(Output::Size(9)));
            assert_eq!(
                link.run(on(get("/sub/inner.bin")), vec![]).content,
                b"123456789"
            );
            assert_not_overwritten(&mut link, "/sub/inner.bin");
            let none = list(&mut link, "/none").unwrap_err();
            assert_eq!(none.finding, Some(Finding::NameAbsent), "{form:?}");
        }
    }
}

#[test]
fn brackets_in_a_path_are_part_of_its_name() {
    for family in both() {
        let mut link = link_with(family, |server| {
            server.list_path = ListPath::Pattern;
            server.directories.insert(b"/d[1]".to_vec());
            server.directories.insert(b"/d1".to_vec());
            server.files.insert(b"/d1/wrong.txt".to_vec(), nasty(700));
        })
        .with_file("/d[1]/nine.bin", b"123456789")
        .with_file("/d[1]/big.bin", &nasty(3000));
        let listed = list(&mut link, "/d[1]").unwrap();
        assert!(
            listed.contains(" nine.bin\r\n") && !listed.contains("wrong"),
            "{listed}"
        );
        let got = link.run(on(get("/d[1]/nine.bin")), vec![]);
        assert_eq!(got.content, b"123456789", "{:?}", got.result);
        assert_not_overwritten(&mut link, "/d[1]/nine.bin");
        let absent = size(&mut link, "/d[1]/none").unwrap_err();
        assert_eq!(absent.finding, Some(Finding::NameAbsent));
    }
}

#[test]
fn relative_paths_mean_the_login_directory_after_another_one_was_listed() {
    for family in both() {
        let mut link = link_with(family, |_| {});
        link.run(at_home(put("here")), pieces(b"before"))
            .result
            .unwrap();
        list(&mut link, "/sub").unwrap();
        link.run(at_home(put("here")), pieces(b"after"))
            .result
            .unwrap();
        assert_eq!(link.file("/here").unwrap(), b"after");
        assert_eq!(link.file("/sub/here"), None);
        // The listing of a relative path, too.
        let listed = link.run(at_home(Task::List(Some(path("sub")))), vec![]);
        assert!(!listed.content.is_empty());
        link.run(at_home(put("there")), pieces(b"x"))
            .result
            .unwrap();
        assert_eq!(link.file("/there").unwrap(), b"x");
        let sub = link.run(at_home(get("sub/inner.bin")), vec![]);
        assert_eq!(sub.content, b"123456789", "{:?}", sub.result);
    }
}

#[test]
fn a_login_directory_that_lets_nobody_back_is_reached_by_a_new_login() {
    for family in both() {
        let mut link = link_with(family, |server| {
            server.not_entered.insert(b"/".to_vec());
        });
        list(&mut link, "/sub").unwrap();
        link.network.take_seen();
        link.run(at_home(put("here")), pieces(b"x")).result.unwrap();
        assert_eq!(link.file("/here").unwrap(), b"x");
        let seen = link.network.take_seen();
        assert!(seen.iter().any(|did| did.starts_with("LOGIN")), "{seen:?}");
    }
}

#[test]
fn a_server_that_lets_nobody_in_is_listed_by_path_where_that_shows_something() {
    for family in both() {
        let mut link = link_with(family, |server| {
            server.not_entered.insert(b"/sub".to_vec());
        });
        let listed = list(&mut link, "/sub").unwrap();
        assert!(listed.contains(" inner.bin\r\n"), "{listed}");
        for form in [ListPath::Ignore, ListPath::Itself] {
            link.peer().list_path = form;
            let refused = list(&mut link, "/sub").unwrap_err();
            assert_eq!(
                refused.cause,
                Cause::Reported(ErrCode::REJECTED),
                "{form:?}"
            );
            assert_eq!(refused.command, Some("AT+CFTPSCWD".into()));
            assert_eq!(refused.finding, None, "{form:?}");
        }
        assert_eq!(size(&mut link, "/sub/big.bin"), Ok(Output::Size(5000)));
        assert_eq!(size(&mut link, "/sub/inner.bin"), Ok(Output::Size(9)));
        assert_not_overwritten(&mut link, "/sub/inner.bin");
    }
}

#[test]
fn a_file_in_place_of_a_directory_is_its_own_listing() {
    for family in both() {
        for form in [ListPath::Honour, ListPath::Ignore, ListPath::Itself] {
            let mut link = link_with(family, |server| server.list_path = form);
            let listed = list(&mut link, "/sub/inner.bin").unwrap();
            assert_eq!(listed, "-rw-r--r-- 1 ftp ftp 9 Mar 19 13:51 inner.bin\r\n");
        }
    }
}

#[test]
fn a_link_to_a_directory_is_listed_as_that() {
    for family in both() {
        let mut link = link_with(family, |server| {
            server.links.insert(b"/link".to_vec(), b"/sub".to_vec());
        });
        let listed = list(&mut link, "/link").unwrap();
        assert!(listed.contains(" inner.bin\r\n"), "{listed}");
        assert_eq!(size(&mut link, "/link/inner.bin"), Ok(Output::Size(9)));
        assert_eq!(size(&mut link, "/link/big.bin"), Ok(Output::Size(5000)));
    }
}

#[test]
fn a_file_that_no_listing_shows_is_there_where_the_size_says_so() {
    for family in both() {
        for knows_size in [true, false] {
            let mut link = link_with(family, |server| {
                server.hides_dots = true;
                server.lists_at_most = Some(2);
                server.knows_size = knows_size;
                server.lists_nothing.insert(b"/in".to_vec());
                server.directories.insert(b"/in".to_vec());
            })
            .with_file("/.state", b"123456789")
            .with_file("/.big", &nasty(4000))
            .with_file("/in/old.bin", &nasty(4000))
            .with_file("/zz", &nasty(4000));
            for file in ["/.state", "/.big", "/in/old.bin", "/zz"] {
                assert_not_overwritten(&mut link, file);
            }
            if knows_size {
                assert_eq!(size(&mut link, "/.state"), Ok(Output::Size(9)));
                let got = link.run(on(get("/.state")), vec![]);
                assert_eq!(got.content, b"123456789", "{:?}", got.result);
                assert_eq!(link.run(on(get("/zz")), vec![]).content, nasty(4000));
            }
            let stored = link.run(on(new("/fresh")), pieces(b"x")).result;
            assert!(stored.is_ok(), "{stored:?}");
            assert_eq!(link.file("/fresh").unwrap(), b"x");
        }
    }
}

#[test]
fn a_name_is_found_in_every_form_that_servers_print() {
    for family in both() {
        for names in [Names::Dot, Names::Absolute, Names::Version] {
            let mut link = link_with(family, |server| {
                server.names = names;
                server.knows_size = false;
            });
            assert_not_overwritten(&mut link, "/sub/big.bin");
            let got = link.run(on(get("/sub/big.bin")), vec![]);
            assert_eq!(got.content, nasty(5000), "{names:?}: {:?}", got.result);
            let absent = size(&mut link, "/sub/none").unwrap_err();
            assert_eq!(absent.finding, Some(Finding::NameAbsent), "{names:?}");
            let made = link.run(on(Task::MakeDirectory(path("/sub"))), vec![]);
            let made = made.result.unwrap_err();
            assert_eq!(made.finding, Some(Finding::NamePresent), "{names:?}");
        }
    }
}

#[test]
fn an_unreadable_listing_is_told_with_a_line_and_the_size_decides() {
    for family in both() {
        let mut link = link_with(family, |server| server.names = Names::Nameless);
        // The server's answer is enough, for or against.
        assert_eq!(size(&mut link, "/sub/big.bin"), Ok(Output::Size(5000)));
        assert_not_overwritten(&mut link, "/sub/big.bin");
        assert_not_overwritten(&mut link, "/sub/inner.bin");
        let stored = link.run(on(new("/sub/fresh")), pieces(b"x")).result;
        assert!(stored.is_ok(), "{stored:?}");
        let mut link = link_with(family, |server| {
            server.names = Names::Nameless;
            server.knows_size = false;
        });
        let told = size(&mut link, "/sub/none").unwrap_err();
        assert!(
            matches!(&told.cause, Cause::Undecided(9) | Cause::ListingUnread(_)),
            "{told:?}"
        );
        assert_not_overwritten(&mut link, "/sub/big.bin");
        assert_eq!(
            link.run(on(get("/sub/big.bin")), vec![]).content,
            nasty(5000)
        );
        // A line that may belong to the name.
        link.peer().names = Names::Strange;
        link.peer().files.remove(b"/sub/big.bin".as_slice());
        link.peer()
            .files
            .insert(b"/sub/a big.bin".to_vec(), nasty(30));
        let stored = link.run(on(new("/sub/big.bin")), pieces(b"x")).result;
        assert_eq!(link.file("/sub/big.bin"), None, "{stored:?}");
        let told = stored.unwrap_err();
        assert!(
            matches!(told.cause, Cause::Undecided(_) | Cause::ListingUnread(_)),
            "{told:?}"
        );
    }
}

#[test]
fn a_directory_whose_listing_is_refused_is_empty_where_it_is_listed() {
    for family in both() {
        let mut link = link_with(family, |server| {
            server.refuses_empty = true;
            server.directories.insert(b"/empty".to_vec());
        });
        let listed = link.run(on(Task::List(Some(path("/empty")))), vec![]);
        assert_eq!(
            listed.result,
            Ok(Output::Delivered(Delivered {
                bytes: 0,
                resumes: 0
            }))
        );
        let deleted = link.run(on(Task::DeleteFile(path("/empty/none"))), vec![]);
        let deleted = deleted.result.unwrap_err();
        assert_eq!(deleted.finding, Some(Finding::NameAbsent));
        let none = list(&mut link, "/none").unwrap_err();
        assert_eq!(none.finding, Some(Finding::NameAbsent));
        let stored = link.run(on(new("/empty/f")), pieces(b"x")).result;
        assert!(stored.is_ok(), "{stored:?}");
        // The login directory, which no listing shows.
        let mut link = Link::new(family, Knobs::default());
        link.peer().refuses_empty = true;
        let stored = link.run(on(new("/f")), pieces(b"x")).result;
        assert!(stored.is_ok(), "{stored:?}");
    }
}

/// No listing shows a login directory that the server calls `/`.
#[test]
fn an_empty_login_directory_whose_listing_is_refused_is_empty() {
    let empty = Ok(Output::Delivered(Delivered {
        bytes: 0,
        resumes: 0,
    }));
    for family in both() {
        let mut link = Link::new(family, Knobs::default());
        link.peer().refuses_empty = true;
        for task in [Task::List(None), Task::List(Some(path("/")))] {
            let listed = link.run(at_home(task.clone()), vec![]);
            assert_eq!(listed.result, empty, "{task:?}");
            // It is read from the login directory anyway.
            link.peer().files.insert(b"/f".to_vec(), nasty(500));
            let size = link.run(at_home(Task::Size(path("f"))), vec![]).result;
            assert_eq!(size, Ok(Output::Size(500)));
            link.peer().files.remove(b"/f".as_slice());
        }
        // A directory of a session, which the directory above lists.
        let mut link = link_with(family, |server| {
            server.refuses_empty = true;
            server.directories.insert(b"/empty".to_vec());
        });
        let mut in_empty = on(Task::List(None));
        if let Standing::LoggedIn(place) = &mut in_empty.standing {
            place.directory = Directory::At(path("/empty"));
        }
        assert_eq!(link.run(in_empty.clone(), vec![]).result, empty);
        // A server that lists no directory tells nothing about this one.
        link.peer().unlisted.insert(b"/".to_vec());
        let refused = link.run(in_empty, vec![]).result.unwrap_err();
        assert_eq!(refused.cause, Cause::Reported(ErrCode::REJECTED));
    }
}

/// Neither its size nor the listing shows it.
#[test]
fn a_hidden_file_is_read_where_the_server_has_no_size() {
    for family in both() {
        let mut link = link_with(family, |server| {
            server.knows_size = false;
            server.hides_dots = true;
            server.files.insert(b"/sub/.hidden".to_vec(), nasty(5000));
        });
        let got = link.run(on(get("/sub/.hidden")), vec![]);
        assert_eq!(got.content, nasty(5000), "{family:?}: {:?}", got.result);
        let none = link.run(on(get("/sub/.none")), vec![]).result.unwrap_err();
        assert_eq!(none.finding, Some(Finding::NameAbsent), "{none:?}");
        // Where the server tells sizes, a name without a size is no file. A refusal that may be a size of nine
        // bytes is decided by the file itself, once.
        link.peer().knows_size = true;
        size(&mut link, "/sub/big.bin").unwrap();
        link.written.clear();
        let none = link.run(on(get("/sub/.none")), vec![]).result.unwrap_err();
        assert_eq!(none.finding, Some(Finding::NameAbsent));
        let said = String::from_utf8_lossy(&link.written);
        let gets = said.matches("AT+CFTPSGET=").count();
        assert!(gets <= 1, "{said}");
    }
}

#[test]
fn what_may_be_a_size_is_never_called_a_code() {
    for family in both() {
        // A link to a file of nine bytes: no listing tells its size.
        let mut link = link_with(family, |server| {
            let target = b"/sub/inner.bin".to_vec();
            server.links.insert(b"/nine".to_vec(), target);
        });
        // The server may have no SIZE, and the file may be long.
        let undecided = size(&mut link, "/nine").unwrap_err();
        assert_eq!(undecided.cause, Cause::Undecided(9), "{family:?}");
        let got = link.run(on(get("/nine")), vec![]);
        assert_eq!(got.content, b"123456789", "{:?}", got.result);
        assert_eq!(size(&mut link, "/sub/big.bin"), Ok(Output::Size(5000)));
        assert_eq!(size(&mut link, "/nine"), Ok(Output::Size(9)));
        let directory = size(&mut link, "/sub").unwrap_err();
        assert_eq!(directory.finding, Some(Finding::NamePresent));
    }
}
