//! `cellftp` with many files: trees that go up and come back, what they cost, and what is left of them when the
//! program or the daemon ends in the middle.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::support::servers::{Options, Security, Server, ServerKind};
use crate::support::site::{Family, Site};
use crate::support::{tools, wait};
use rustix::process::{Pid, Signal, kill_process};

/// Files of the tree.
pub(crate) const FILES: usize = 500;

/// Commands that the module carries out on the network.
const NETWORK: [&str; 8] = [
    "CFTPSPUT",
    "CFTPSGET",
    "CFTPSSIZE",
    "CFTPSLIST",
    "CFTPSCWD",
    "CFTPSPWD",
    "CFTPSMKD",
    "CFTPSDELE",
];

/// Directories of the tree: five with files, one without. None of the module's commands that make a directory
/// takes a name outside ASCII.
const DIRECTORIES: [&str; 7] = ["a", "b b", "it's", "-x", "sub/deep", "sub", "none"];

/// The bytes of the nth name.
fn odd_name(n: usize) -> Vec<u8> {
    match n % 6 {
        0 => format!("file {n}.txt").into_bytes(),
        1 => format!("\u{fc}n{n}").into_bytes(),
        2 => format!("it's (n) {n}").into_bytes(),
        3 => format!("[{n}]*?").into_bytes(),
        4 => format!("-{n}").into_bytes(),
        _ => [b"caf\xE9 ".as_slice(), n.to_string().as_bytes()].concat(),
    }
}

pub(crate) fn content(n: usize) -> Vec<u8> {
    let line = format!("{n}: \x1a\x03 line of a small file\r\nOK\r\n");
    line.bytes().cycle().take(n * 7).collect()
}

/// Makes the tree.
fn plant(top: &Path) {
    for directory in DIRECTORIES {
        fs::create_dir_all(top.join(directory)).expect("a scratch directory is writable");
    }
    for n in 0..FILES {
        let path = top
            .join(DIRECTORIES[n % 5])
            .join(OsStr::from_bytes(&odd_name(n)));
        fs::write(path, content(n)).expect("a scratch directory is writable");
    }
}

/// All names below a directory, with the content of files.
fn tree(top: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let (mut all, mut waiting) = (BTreeMap::new(), vec![top.to_owned()]);
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("readable").path();
            let below = path.strip_prefix(top).expect("below").to_owned();
            if path.is_dir() {
                all.insert(below, None);
                waiting.push(path);
            } else {
                all.insert(below, Some(fs::read(&path).expect("a file")));
            }
        }
    }
    all
}

pub(crate) fn assert_same(one: &Path, other: &Path) {
    let (one, other) = (tree(one), tree(other));
    let names =
        |tree: &BTreeMap<PathBuf, Option<Vec<u8>>>| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&one), names(&other));
    assert!(one == other, "the content of a file differs");
}

/// Network commands that the daemon has said, by its log.
fn commands(site: &Site) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for (_, line) in site
        .log()
        .lines()
        .filter_map(|line| line.split_once("line=AT+"))
    {
        let verb = line.split(['=', ' ', '"']).next().unwrap_or_default();
        let known = NETWORK.iter().find(|known| **known == verb);
        if let Some(verb) = known.filter(|_| !line.contains("=?")) {
            *counts.entry(*verb).or_insert(0) += 1;
        }
    }
    counts
}

pub(crate) fn command(site: &Site, words: &[&OsStr]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cellftp"));
    command
        .args(["--profile", "server", "--socket"])
        .arg(site.scratch("cellftpd.sock"))
        .args(words);
    command
}

fn run(site: &Site, words: &[&str]) -> Output {
    let words: Vec<_> = words.iter().map(OsStr::new).collect();
    command(site, &words).output().expect("cellftp starts")
}

pub(crate) fn said(site: &Site, words: &[&str]) -> String {
    let output = run(site, words);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cellftp {words:?}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

/// Runs a command that must fail: its exit code and what it says.
pub(crate) fn failed(site: &Site, words: &[&str]) -> (i32, String) {
    let output = run(site, words);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!errors.is_empty(), "cellftp {words:?} says nothing");
    (output.status.code().expect("an exit code"), errors)
}

pub(crate) fn server() -> Server {
    let kind = if ServerKind::Vsftpd.runs_here() {
        ServerKind::Vsftpd
    } else {
        ServerKind::Pyftpdlib
    };
    Server::start(kind, Security::None)
}

#[test]
fn a_tree_of_odd_names_goes_up_and_comes_back_for_one_command_a_file() {
    if !tools::wanted("a_tree_of_odd_names_goes_up_and_comes_back_for_one_command_a_file") {
        return;
    }
    let server = server();
    let site = Site::start(Family::Sim7600, &[("server", &server)]);
    let (local, back) = (site.scratch("tree"), site.scratch("back"));
    plant(&local);
    let (local_name, back_name) = (
        local.to_str().expect("UTF-8"),
        back.to_str().expect("UTF-8"),
    );
    let remote = server.remote("up");

    let mut before = commands(&site);
    let mut cost = |what: &str| {
        let now = commands(&site);
        let spent: BTreeMap<_, _> = now
            .iter()
            .map(|(verb, count)| (*verb, count - before.get(verb).unwrap_or(&0)))
            .filter(|(_, count)| *count > 0)
            .collect();
        before = now;
        let all: usize = spent.values().sum();
        let a_file = all as f64 / FILES as f64;
        println!("{what}: {all} network commands for {FILES} files, {a_file:.3} a file: {spent:?}");
        a_file
    };
    let told = said(&site, &["put", "-r", local_name, &remote]);
    assert!(told.starts_with("500 files sent, "), "{told}");
    assert_same(&local, &server.local("up"));
    assert!(cost("put -r") <= 1.05);
    let told = said(&site, &["get", "-r", &remote, back_name]);
    assert!(told.starts_with("500 files fetched, "), "{told}");
    assert_same(&local, &back);
    // Each directory is listed twice: for the names, and by the daemon for the sizes.
    assert!(cost("get -r") <= 1.06);
    for again in [
        ["put", "--if-exists", "skip-same", "-r", local_name, &remote].as_slice(),
        &["sync", "up", local_name, &remote],
        &["sync", "down", &remote, back_name],
    ] {
        let told = said(&site, again);
        assert!(
            told.starts_with("0 files ") && told.contains("500 files there already"),
            "{told}"
        );
        assert!(cost(&again[..2].join(" ")) <= 0.05);
    }
}

/// A file that is gone, one that is new, one that has other bytes of the same number, and a directory too much.
#[test]
fn a_sync_makes_one_tree_like_the_other_and_deletes_nothing_unless_it_is_told_to() {
    if !tools::wanted(
        "a_sync_makes_one_tree_like_the_other_and_deletes_nothing_unless_it_is_told_to",
    ) {
        return;
    }
    let server = server();
    let site = Site::start(Family::Sim7600, &[("server", &server)]);
    let (here, back) = (site.scratch("here"), site.scratch("back"));
    let write = |path: &Path, text: &str| {
        fs::create_dir_all(path.parent().expect("a directory")).expect("writable");
        fs::write(path, text).expect("writable");
    };
    write(&here.join("a/one"), "1");
    write(&here.join("two"), "22");
    let (local, remote) = (here.to_str().expect("UTF-8"), server.remote("there"));
    let down = back.to_str().expect("UTF-8");
    said(&site, &["sync", "up", local, &remote]);
    assert_same(&here, &server.local("there"));
    said(&site, &["sync", "down", &remote, down]);
    assert_same(&here, &back);

    fs::remove_file(here.join("a/one")).expect("it is there");
    fs::remove_dir(here.join("a")).expect("it is empty");
    write(&here.join("two"), "33");
    write(&here.join("new"), "new");
    let before = tree(&server.local("there"));
    let told = said(&site, &["sync", "up", "--delete", "-n", local, &remote]);
    assert!(
        told.contains("/new: would be sent\n") && told.contains("/a: would be deleted\n"),
        "{told}"
    );
    assert!(
        before == tree(&server.local("there")),
        "a dry run does nothing"
    );
    said(&site, &["sync", "up", local, &remote]);
    assert!(server.local("there/a/one").exists(), "nothing is deleted");
    assert_eq!(
        fs::read(server.local("there/two")).expect("a file"),
        b"22",
        "its size is the same"
    );
    said(
        &site,
        &["sync", "up", "--checksum", "--delete", local, &remote],
    );
    assert_same(&here, &server.local("there"));

    said(&site, &["sync", "down", &remote, down]);
    assert!(back.join("a/one").exists(), "nothing is deleted");
    said(
        &site,
        &["sync", "down", "--checksum", "--delete", &remote, down],
    );
    assert_same(&here, &back);

    // A file here that has the name of a directory there stays.
    write(&here.join("dir/file"), "from the server");
    said(&site, &["sync", "up", local, &remote]);
    write(&back.join("dir"), "mine");
    let (code, told) = failed(&site, &["sync", "down", "--delete", &remote, down]);
    assert!(
        code != 0 && told.contains("1 files were not moved"),
        "{told}"
    );
    assert_eq!(fs::read(back.join("dir")).expect("it stays"), b"mine");
    // The directory of a variable without a value is the one after the login.
    assert_eq!(failed(&site, &["sync", "up", "--delete", local, ""]).0, 2);
    assert_eq!(failed(&site, &["sync", "down", "--delete", "", down]).0, 2);

    // Where the server does not tell `Two` from `two`, the one may be what is shown of the other.
    fs::rename(here.join("two"), here.join("Two")).expect("writable");
    let (code, told) = failed(&site, &["sync", "up", "--delete", local, &remote]);
    assert!(
        code == 1 && told.contains("/two: may be the server's name"),
        "{told}"
    );
    assert!(server.local("there/two").exists() && server.local("there/Two").exists());
}

fn start(site: &Site, words: &[&str]) -> Child {
    let words: Vec<_> = words.iter().map(OsStr::new).collect();
    let mut command = command(site, &words);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("cellftp starts")
}

/// A person presses Ctrl-C, then the daemon is killed. The same command sends the rest, and no file is half there.
#[test]
fn a_tree_that_is_interrupted_is_taken_up() {
    if !tools::wanted("a_tree_that_is_interrupted_is_taken_up") {
        return;
    }
    let server = Server::start_with(ServerKind::Pyftpdlib, Security::None, &Options::default());
    let mut site = Site::start(Family::Sim7600, &[("server", &server)]);
    let local = site.scratch("tree");
    for n in 0..FILES {
        let path = local.join(format!("{}/file {n}", ["a", "b"][n % 2]));
        fs::create_dir_all(path.parent().expect("a directory")).expect("writable");
        fs::write(path, content(n)).expect("writable");
    }
    let local_name = local.to_str().expect("UTF-8").to_owned();
    let remote = server.remote("up");
    let words = [
        "put",
        "--if-exists",
        "skip-same",
        "-r",
        &local_name,
        &remote,
    ];
    let there = |least: usize| {
        wait::until("some of the files", wait::START, || {
            let top = server.local("up");
            let count = if top.exists() { tree(&top).len() } else { 0 };
            (count >= least).then_some(())
        });
    };

    let mut putting = start(&site, &words);
    there(60);
    kill_process(Pid::from_child(&putting), Signal::INT).expect("it runs");
    assert_eq!(putting.wait().expect("it ends").code(), Some(8));
    let had = tree(&server.local("up")).len();
    assert!(had < FILES, "it was interrupted in the middle");

    let mut putting = start(&site, &words);
    there(had + 60);
    site.kill_daemon();
    assert_eq!(putting.wait().expect("it ends").code(), Some(5));
    let had = tree(&server.local("up")).len();
    assert!(had < FILES, "it was interrupted in the middle");
    site.start_daemon();
    site.await_state("LINK_STATE_READY", wait::START);

    let told = said(&site, &words);
    println!("{had} names were there; then: {told}");
    assert!(told.contains("files there already"), "{told}");
    assert_same(&local, &server.local("up"));

    // The other way: no file is half there, and no name of a part is left.
    let back = site.scratch("back");
    let back_name = back.to_str().expect("UTF-8").to_owned();
    let mut getting = start(&site, &["get", "-r", &remote, &back_name]);
    wait::until("the first files", wait::START, || {
        (back.exists() && tree(&back).len() > 10).then_some(())
    });
    kill_process(Pid::from_child(&getting), Signal::INT)
        .expect("it runs, or nobody has waited for it");
    getting.wait().expect("it ends");
    let had = tree(&back);
    let whole = tree(&local);
    assert!(
        had.iter()
            .all(|(name, content)| whole.get(name) == Some(content))
    );
    println!("{} names had come", had.len());
    said(&site, &["sync", "down", &remote, &back_name]);
    assert_same(&local, &back);
}
