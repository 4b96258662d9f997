//! `cellftp` as a person uses it: names and files on a server, and what it says when it cannot.

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

/// vsftpd takes names as they are. What is shown of one in Latin-1 names no file: a client that gives it back is
/// refused, and never gets another one.
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

pub(crate) fn said(site: &Site, words: &[&str]) -> String {
    let output = cellftp(site, words);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cellftp {words:?}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

/// The exit code of a run that fails, and says why.
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
