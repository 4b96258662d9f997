//! `cellftp` as a person uses it: names and files on a server, and its messages when it fails.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::process::{Command, Output};

use serde_json::Value;

use crate::content::{assert_holds, traps};
use crate::support::servers::{Security, Server, ServerKind};
use crate::support::site::{Family, Site};
use crate::support::tools;

#[test]
fn a_file_and_a_directory_come_and_go_by_the_command_line() {
    if !tools::wanted("a_file_and_a_directory_come_and_go_by_the_command_line") {
        return;
    }
    let server = Server::start(ServerKind::Pyftpdlib, Security::None);
    let site = Site::start(Family::Sim7600, &[("server", &server)]);
    let (directory, file) = (server.remote("day"), server.remote("day/file"));
    let (local, back) = (site.scratch("local"), site.scratch("back"));
    std::fs::write(&local, traps(30_000)).expect("a scratch directory is writable");
    let local = local.to_str().expect("UTF-8");

    assert_eq!(said(&site, &["mkdir", &directory]), "");
    said(&site, &["put", local, &file]);
    assert_holds(&server.local("day/file"), &traps(30_000));
    assert_eq!(said(&site, &["size", &file]), "30000\n");
    assert!(said(&site, &["ls", &directory]).ends_with(" file\n"));
    said(&site, &["get", &file, back.to_str().expect("UTF-8")]);
    assert_holds(&back, &traps(30_000));
    // Exit code 4: the server does not remove a directory that is not empty.
    assert_eq!(refused(&site, &["rmdir", &directory]), 4);
    assert_eq!(said(&site, &["rm", &file]), "");
    assert!(!server.local("day/file").exists());
    assert_eq!(refused(&site, &["rm", &file]), 3);
    assert_eq!(refused(&site, &["size", &file]), 3);
    assert_eq!(said(&site, &["rmdir", &directory]), "");
    assert!(!server.local("day").exists());
    assert_eq!(refused(&site, &["cancel", "no-such-operation"]), 3);
}

/// vsftpd takes names as they are. The shown form of a name in Latin-1 names no file: a client that sends it is
/// refused, and never gets another file.
#[test]
fn a_name_in_latin_1_is_listed_read_and_written_by_its_bytes_and_not_by_what_is_shown_of_it() {
    if !tools::wanted(
        "a_name_in_latin_1_is_listed_read_and_written_by_its_bytes_and_not_by_what_is_shown_of_it",
    ) {
        return;
    }
    let server = Server::start(ServerKind::Vsftpd, Security::None);
    let site = Site::start(Family::Sim7600, &[("server", &server)]);
    let (name, copy) = (b"caf\xE9.txt".as_slice(), b"\xE9\xE8".as_slice());
    let there = |name: &[u8]| {
        let marker = server.local("marker");
        marker.with_file_name(OsStr::from_bytes(name))
    };
    std::fs::write(there(name), "latin").expect("the served directory is writable");
    let remote = |name: &[u8]| {
        let marker = server.remote("marker").into_bytes();
        let directory = marker.strip_suffix(b"marker").expect("its end");
        OsString::from_vec([directory, name].concat())
    };
    let shown = remote("caf\u{FFFD}.txt".as_bytes());
    let (latin, directory) = (remote(name), remote(b""));

    let told = run(&site, &["--json".as_ref(), "ls".as_ref(), &directory]);
    let listed: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    let entries = listed.as_array().expect("entries");
    let [entry] = entries.as_slice() else {
        panic!("{listed}")
    };
    assert_eq!(entry["name"], "caf\u{FFFD}.txt");
    assert_eq!(entry["raw_name"], "636166e92e747874");
    assert_eq!(entry["addressable"], true);
    let told = run(&site, &["ls".as_ref(), &directory]);
    assert!(told.stdout.ends_with(b" $'caf\\xe9.txt'\n"), "{told:?}");

    let size = run(&site, &["size".as_ref(), &latin]);
    assert_eq!(size.stdout, b"5\n", "{size:?}");
    let back = site.scratch("back");
    let got = run(&site, &["get".as_ref(), &latin, back.as_os_str()]);
    assert!(got.status.success(), "{got:?}");
    assert_eq!(std::fs::read(&back).expect("it came"), b"latin");
    let put = run(&site, &["put".as_ref(), back.as_os_str(), &remote(copy)]);
    assert!(put.status.success(), "{put:?}");
    assert_eq!(
        std::fs::read(there(copy)).expect("it was written"),
        b"latin"
    );
    let again = ["put", "--if-exists", "fail"].map(OsStr::new);
    let words = [again.as_slice(), &[back.as_os_str(), &latin]].concat();
    assert!(!run(&site, &words).status.success());

    for words in [
        ["size".as_ref(), shown.as_os_str()].as_slice(),
        &["get".as_ref(), &shown, back.as_os_str()],
        &["put".as_ref(), back.as_os_str(), &shown],
        &["rm".as_ref(), &shown],
    ] {
        let refused = run(&site, words);
        let why = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && why.contains("U+FFFD"), "{why}");
    }
    let deleted = run(&site, &["rm".as_ref(), &latin]);
    assert!(deleted.status.success(), "{deleted:?}");
    assert!(!there(name).exists() && there(copy).exists());
}

/// A part has the bytes of the file, and a file that is there already is not sent again.
#[test]
fn a_part_is_read_and_a_file_that_is_there_is_not_sent_again() {
    if !tools::wanted("a_part_is_read_and_a_file_that_is_there_is_not_sent_again") {
        return;
    }
    let server = Server::start(ServerKind::Vsftpd, Security::None);
    let mut site = Site::start_tapped(Family::Sim7600, &[("server", &server)]);
    let content = traps(300_000);
    let (local, back, file) = (
        site.scratch("local"),
        site.scratch("back"),
        server.remote("f"),
    );
    std::fs::write(&local, &content).expect("a scratch directory is writable");
    let local = local.to_str().expect("UTF-8");
    let back = back.to_str().expect("UTF-8");
    said(&site, &["put", local, &file]);
    for (offset, length) in [(0, 1), (1000, 5000), (299_000, 5000), (0, 300_000)] {
        let (from, many) = (offset.to_string(), length.to_string());
        said(
            &site,
            &["get", "--offset", &from, "--length", &many, &file, back],
        );
        let end = content.len().min(offset + length);
        assert_holds(back.as_ref(), &content[offset..end]);
    }
    assert_eq!(
        said(&site, &["size", &file]),
        "300000\n",
        "the link is in order"
    );

    let puts = |site: &mut Site| {
        let heard = String::from_utf8_lossy(&site.tap().heard()).into_owned();
        heard.matches("AT+CFTPSPUT=\"").count()
    };
    let before = puts(&mut site);
    let again = ["put", "--if-exists", "skip-same", local, &file];
    assert!(said(&site, &again).contains("is there already"));
    let compared = [
        "put",
        "--if-exists",
        "skip-same",
        "--verify",
        "read-back",
        local,
        &file,
    ];
    assert!(said(&site, &compared).contains("is there already"));
    assert_eq!(puts(&mut site), before, "nothing was sent");
    // The same size, other bytes.
    let mut other = content.clone();
    other[150_000] ^= 1;
    server.place("f", &other);
    assert!(said(&site, &again).contains("is there already"));
    assert!(said(&site, &compared).contains("content verified"));
    assert_holds(&server.local("f"), &content);
    server.place("f", b"short");
    assert!(said(&site, &again).contains("size verified"));
    assert_holds(&server.local("f"), &content);
    assert_eq!(
        refused(
            &site,
            &["transfer", "put", "--if-exists", "skip-same", local, &file]
        ),
        2
    );
}

/// With the code of its names in the profile, the same server has names like any other.
#[test]
fn names_of_a_server_in_latin_1_are_text_for_its_clients_where_the_profile_says_so() {
    if !tools::wanted(
        "names_of_a_server_in_latin_1_are_text_for_its_clients_where_the_profile_says_so",
    ) {
        return;
    }
    let server = Server::start(ServerKind::Vsftpd, Security::None);
    let environment = [("CELLFTPD_SERVERS__SERVER__NAME_ENCODING", "latin1")];
    let site = Site::start_set(Family::Sim7600, &[("server", &server)], &[], &environment);
    let there = |name: &[u8]| {
        let marker = server.local("marker");
        marker.with_file_name(OsStr::from_bytes(name))
    };
    let (local, back) = (site.scratch("local"), site.scratch("back"));
    std::fs::write(&local, "text").expect("a scratch directory is writable");
    let (local, back) = (
        local.to_str().expect("UTF-8"),
        back.to_str().expect("UTF-8"),
    );

    said(
        &site,
        &[
            "put",
            "--sentinel",
            "\u{fc}",
            local,
            &server.remote("caf\u{e9}"),
        ],
    );
    assert_holds(&there(b"caf\xE9"), b"text");
    assert!(there(b"\xFC").exists());
    let listed = said(&site, &["ls", &server.remote("")]);
    assert!(
        listed.contains(" caf\u{e9}\n") && listed.contains(" \u{fc}\n"),
        "{listed}"
    );
    let found = said(&site, &["stat", &server.remote("caf\u{e9}")]);
    assert!(found.ends_with(" caf\u{e9}\n"), "{found}");
    said(&site, &["get", &server.remote("caf\u{e9}"), back]);
    // Bytes that are UTF-8 as well mean what they mean in the server's code.
    std::fs::write(there(b"\xC3\xA9"), "two").expect("the served directory is writable");
    let size = said(&site, &["size", &server.remote("\u{c3}\u{a9}")]);
    assert_eq!(size, "3\n");
    assert_eq!(refused(&site, &["size", &server.remote("\u{e9}")]), 3);
    // A name that is not UTF-8 is still found by its bytes.
    let mut bytes = server.remote("").into_bytes();
    bytes.extend(b"caf\xE9");
    let size = run(&site, &["size".as_ref(), &OsString::from_vec(bytes)]);
    assert_eq!(size.stdout, b"4\n", "{size:?}");

    said(&site, &["mkdir", &server.remote("arger")]);
    said(&site, &["put", local, &server.remote("arger/\u{e4}")]);
    assert_holds(&there(b"arger").join(OsStr::from_bytes(b"\xE4")), b"text");
    let removed = said(
        &site,
        &["--json", "rm", "-r", "--yes", &server.remote("arger")],
    );
    assert!(removed.contains("arger/\u{e4}\""), "{removed}");
    assert!(!there(b"arger").exists());
    let kept = [
        "transfer",
        "put",
        "--id",
        "t",
        local,
        &server.remote("d\u{e9}j\u{e0}"),
    ];
    said(&site, &kept);
    said(&site, &["transfer", "watch", "t"]);
    assert_holds(&there(b"d\xE9j\xE0"), b"text");
    // A character outside the code is refused before anything is sent.
    assert_eq!(
        refused(&site, &["put", local, &server.remote("\u{414}")]),
        2
    );
}

pub(crate) fn said(site: &Site, words: &[&str]) -> String {
    let output = cellftp(site, words);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cellftp {words:?}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

/// Runs a command that must fail with a message. Returns its exit code.
pub(crate) fn refused(site: &Site, words: &[&str]) -> i32 {
    let output = cellftp(site, words);
    assert!(!output.stderr.is_empty(), "cellftp {words:?} says nothing");
    output.status.code().expect("an exit code")
}

fn cellftp(site: &Site, words: &[&str]) -> Output {
    let words: Vec<_> = words.iter().map(OsStr::new).collect();
    run(site, &words)
}

fn run(site: &Site, words: &[&OsStr]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cellftp"))
        .args(["--profile", "server", "--timeout", "60s", "--socket"])
        .arg(site.scratch("cellftpd.sock"))
        .args(words)
        .output()
        .expect("cellftp starts")
}
