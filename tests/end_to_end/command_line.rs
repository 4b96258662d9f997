//! `cellftp` as a person uses it: names and files on a server, and what it says when it cannot.

use std::process::{Command, Output};

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

fn said(site: &Site, words: &[&str]) -> String {
    let output = cellftp(site, words);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cellftp {words:?}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

/// The exit code of a run that fails, and says why.
fn refused(site: &Site, words: &[&str]) -> i32 {
    let output = cellftp(site, words);
    assert!(!output.stderr.is_empty(), "cellftp {words:?} says nothing");
    output.status.code().expect("an exit code")
}

fn cellftp(site: &Site, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cellftp"))
        .args(["--profile", "server", "--timeout", "60s", "--socket"])
        .arg(site.scratch("cellftpd.sock"))
        .args(words)
        .output()
        .expect("cellftp starts")
}
