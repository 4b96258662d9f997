//! The edge of the file system: whatever the programs' output goes to.
//!
//! Above 400 lines because these tests are one table: each output and each place for it, and what becomes of it.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::disk::Disk;
use crate::site::{Site, failed, succeeded};
use crate::{CELLFTP, CELLFTPD, PATIENCE, text, wait};

/// More bytes than a pipe holds, and bytes that are no text.
fn content() -> Vec<u8> {
    (0..100_000_u32).map(|n| (n % 251) as u8).collect()
}

fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

/// A site whose server has `a.bin`.
fn site() -> Site {
    let site = Site::start();
    site.serve("a.bin", &content());
    site
}

/// Names that only links of proc(5) can have. A test that fails as root must not endanger the machine's
/// own `/dev/stdout`.
fn link_to_stdout(site: &Site) {
    symlink("/proc/self/fd/1", site.local("stdout")).unwrap();
}

#[test]
fn a_file_goes_to_standard_output_by_any_name_and_no_name_is_replaced() {
    let site = site();
    link_to_stdout(&site);
    for name in ["-", "stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        // A pipe.
        let piped = site.done(&["get", "/a.bin", name]);
        assert_eq!(piped.stdout, content(), "{name}");
        // A file, at the position that earlier writers have reached.
        let path = site.local("out");
        let mut out = File::create(&path).unwrap();
        out.write_all(b"before ").unwrap();
        let mut get = site.cellftp(&["get", "/a.bin", name]);
        get.stdout(out.try_clone().unwrap());
        succeeded(get.output().unwrap());
        out.write_all(b" behind").unwrap();
        let whole = [b"before ", &content()[..], b" behind"].concat();
        assert!(fs::read(&path).unwrap() == whole, "{name}");
        // A closed one is as good as /dev/null.
        succeeded(
            site.by("sh", "\"$@\" >&-", &["get", "/a.bin", name])
                .output()
                .unwrap(),
        );
        // One that is full.
        let mut get = site.cellftp(&["get", "/a.bin", name]);
        let said = failed(1, get.stdout(full()).output().unwrap());
        assert!(said.contains("No space left"), "{name}: {said}");
        // One that nobody reads any more.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let gone = site
            .cellftp(&["get", "/a.bin", name])
            .stdout(writer)
            .status();
        assert_eq!(gone.unwrap().code(), Some(141), "{name}");
    }
    let stays = fs::read_link(site.local("stdout")).unwrap();
    assert_eq!(stays, Path::new("/proc/self/fd/1"));
}

#[test]
fn another_descriptor_is_written_to_where_it_stands() {
    let site = site();
    let script = "exec 9>kept; echo before >&9; \"$@\" /dev/fd/9 || exit; echo behind >&9";
    succeeded(site.by("sh", script, &["get", "/a.bin"]).output().unwrap());
    let whole = [b"before\n", &content()[..], b"behind\n"].concat();
    assert!(fs::read(site.local("kept")).unwrap() == whole);
    // One that is not open.
    let said = site.refused(1, &["get", "/a.bin", "/dev/fd/9"]);
    assert!(said.contains("/dev/fd/9"), "{said}");
}

#[test]
fn process_substitution_takes_and_gives_a_file() {
    let site = site();
    let get = site.by("bash", "\"$@\" >(cat) | cat", &["--json", "get", "/a.bin"]);
    let got = succeeded({ get }.output().unwrap());
    // What `cellftp` prints goes the same way, in one piece, before or behind what `cat` writes.
    let find = |text: &[u8], from: usize| {
        let found = got.stdout[from..]
            .windows(text.len())
            .position(|part| part == text);
        from + found.unwrap()
    };
    let begin = find(b"{\"", 0);
    let end = find(b"}\n", begin) + 2;
    let told: serde_json::Value = serde_json::from_slice(&got.stdout[begin..end]).unwrap();
    assert_eq!(told["size"], content().len());
    assert!([&got.stdout[..begin], &got.stdout[end..]].concat() == content());

    let put = site.by("bash", "\"$@\" <(printf abc) /up", &["put"]);
    succeeded({ put }.output().unwrap());
    assert_eq!(fs::read(site.remote("up")).unwrap(), b"abc");
}

fn fifo(site: &Site) -> std::path::PathBuf {
    let fifo = site.local("fifo");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    fifo
}

#[test]
fn a_fifo_is_written_to_and_stays_one() {
    let site = site();
    let fifo = fifo(&site);
    let reader = std::thread::spawn({
        let fifo = fifo.clone();
        move || fs::read(fifo).unwrap()
    });
    site.done(&["get", "/a.bin", "fifo"]);
    assert!(reader.join().unwrap() == content());
    assert!(fs::symlink_metadata(&fifo).unwrap().file_type().is_fifo());
    // A name on the server does not mean a device.
    site.serve("fifo", b"x");
    let said = site.refused(1, &["get", "/fifo"]);
    assert!(said.contains("name it itself"), "{said}");
}

#[test]
fn a_fifo_without_a_reader_holds_up_neither_the_time_limit_nor_an_interruption() {
    let site = site();
    fifo(&site);
    let said = site.refused(6, &["--timeout", "100ms", "get", "/a.bin", "fifo"]);
    assert!(said.contains("not over after 100ms"), "{said}");

    let mut waiting = site.cellftp(&["get", "/a.bin", "fifo"]);
    let mut waiting = waiting.stderr(Stdio::null()).spawn().unwrap();
    let blocked = format!("/proc/{}/task", waiting.id());
    // A thread of its own waits at the fifo.
    wait::until("a thread that opens", PATIENCE, || {
        (fs::read_dir(&blocked).ok()?.count() > 1).then_some(())
    });
    kill_process(Pid::from_child(&waiting), Signal::TERM).unwrap();
    assert_eq!(waiting.wait().unwrap().code(), Some(8));
}

#[test]
fn a_device_is_written_to_and_never_replaced() {
    let site = site();
    for (name, device) in [("null", "/dev/null"), ("full", "/dev/full")] {
        symlink(device, site.local(name)).unwrap();
    }
    site.done(&["get", "/a.bin", "null"]);
    let said = site.refused(1, &["get", "/a.bin", "full"]);
    assert!(said.contains("No space left"), "{said}");
    for name in ["null", "full"] {
        assert!(fs::symlink_metadata(site.local(name)).unwrap().is_symlink());
        assert!(
            fs::metadata(site.local(name))
                .unwrap()
                .file_type()
                .is_char_device()
        );
    }
}

#[test]
fn a_link_that_was_named_is_followed_and_one_that_leads_nowhere_is_refused() {
    let site = site();
    fs::write(site.local("real"), "old").unwrap();
    symlink("real", site.local("link")).unwrap();
    symlink("nowhere", site.local("dangling")).unwrap();
    site.done(&["get", "/a.bin", "link"]);
    assert!(fs::read(site.local("real")).unwrap() == content());
    let said = site.refused(1, &["get", "/a.bin", "dangling"]);
    assert!(said.contains("nowhere, which is not there"), "{said}");
    for (name, leads) in [("link", "real"), ("dangling", "nowhere")] {
        assert_eq!(fs::read_link(site.local(name)).unwrap(), Path::new(leads));
    }
    assert!(!site.local("nowhere").exists());
}

#[test]
fn a_name_of_the_server_does_not_lead_out_of_the_directory() {
    let site = site();
    fs::write(site.local("mine"), "mine").unwrap();
    fs::create_dir(site.local("inbox")).unwrap();
    symlink("../mine", site.local("inbox/a.bin")).unwrap();
    let said = site.refused(1, &["get", "/a.bin", "inbox"]);
    assert!(said.contains("--follow-links"), "{said}");
    assert_eq!(fs::read(site.local("mine")).unwrap(), b"mine");
    site.done(&["get", "/a.bin", "inbox", "--follow-links"]);
    assert!(fs::read(site.local("mine")).unwrap() == content());
    assert!(
        fs::symlink_metadata(site.local("inbox/a.bin"))
            .unwrap()
            .is_symlink()
    );
}

/// The names in a directory.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn a_full_disk_and_a_limit_of_size_leave_nothing_behind_and_the_old_file_whole() {
    let site = site();
    let at = site.local("disk");
    fs::create_dir(&at).unwrap();
    let disk = Disk::mount(&at, 64 * 1024);
    let there = disk.path("");
    let there = there.to_str().unwrap();
    fs::write(disk.path("a.bin"), "old").unwrap();
    let said = site.refused(1, &["get", "/a.bin", there]);
    assert!(said.contains("No space left"), "{said}");
    assert_eq!(names(Path::new(there)), ["a.bin"]);
    assert_eq!(fs::read(disk.path("a.bin")).unwrap(), b"old");

    fs::create_dir(site.local("small")).unwrap();
    let limited = site.by(
        "sh",
        "ulimit -f 8; exec \"$@\"",
        &["get", "/a.bin", "small"],
    );
    let said = failed(1, { limited }.output().unwrap());
    assert!(said.contains("File too large"), "{said}");
    assert!(names(&site.local("small")).is_empty());
}

#[test]
fn whatever_cellftp_prints_on_a_full_device_is_a_failure() {
    let directory = tempfile::tempdir().unwrap();
    let durable = directory.path().to_str().unwrap();
    let site = Site::with("", &[("CELLFTPD_DURABLE__DIRECTORY", durable)]);
    site.serve("a.bin", b"abc");
    fs::write(site.local("up"), "abc").unwrap();
    let lines: &[&[&str]] = &[
        &["--help"],
        &["--version"],
        &["completions", "bash"],
        &["status"],
        &["--json", "status"],
        &["usage"],
        &["--json", "queue"],
        &["ls", "/"],
        &["size", "/a.bin"],
        &["--json", "mkdir", "/made"],
        &["--json", "rmdir", "/made"],
        &["put", "up", "/up"],
        &["get", "/a.bin", "down"],
        &["--json", "rm", "/up"],
        &["module", "df"],
        &["--json", "module", "ls", "F:"],
        &["module", "put", "up", "F:/up"],
        &["module", "get", "F:/up", "from-module"],
        &["--json", "module", "rm", "F:/up"],
        &["module", "address"],
        &["module", "capabilities"],
        &["module", "forms"],
        &["transfer", "put", "up", "/later", "--id", "later"],
        &["transfer", "get", "/a.bin", "--id", "soon"],
        &["transfer", "ls"],
        &["transfer", "show", "later"],
        &["transfer", "watch", "later"],
        &["transfer", "read", "soon", "read"],
        &["--json", "transfer", "rm", "soon"],
        &["events"],
    ];
    for line in lines {
        let mut printing = site.cellftp(line);
        let mut printing = printing
            .stdout(full())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        if line == &["events"] {
            // Operations go on until the watcher has been told of one.
            while printing.try_wait().unwrap().is_none() {
                site.done(&["module", "df"]);
            }
        }
        let said = failed(1, printing.wait_with_output().unwrap());
        assert!(
            said.contains("standard output: No space left"),
            "{line:?}: {said}"
        );
    }
    // The download was done anyway.
    assert_eq!(fs::read(site.local("down")).unwrap(), b"abc");
    assert_eq!(fs::read(site.local("read")).unwrap(), b"abc");
    assert!(!site.remote("made").exists());
}

#[test]
fn a_reader_that_had_enough_ends_a_command_that_has_no_end() {
    let site = site();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut watching = site.cellftp(&["events"]);
    let mut watching = watching.stdout(writer).spawn().unwrap();
    drop(reader);
    while watching.try_wait().unwrap().is_none() {
        site.done(&["module", "df"]);
    }
    assert_eq!(watching.wait().unwrap().code(), Some(141));
}

#[test]
fn a_hidden_character_of_a_name_is_seen_in_text_and_whole_in_json() {
    let site = site();
    let name = "a\u{202e}b\u{200b}c\u{9b}d.bin";
    let told = text(&site.done(&["get", "/a.bin", name]).stdout);
    assert!(
        told.starts_with("a\\u{202e}b\\u{200b}c\\u{9b}d.bin: "),
        "{told}"
    );
    let told = text(&site.done(&["--json", "get", "/a.bin", name]).stdout);
    assert!(told.contains("a\\u202eb\\u200bc\\u009bd.bin"), "{told}");
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["path"], name);
    let said = site.refused(1, &["get", "/a.bin", name, "--if-exists", "fail"]);
    assert!(
        !said.contains('\u{202e}') && said.contains("\\u{202e}"),
        "{said}"
    );
}

#[test]
fn two_files_here_are_not_taken_for_source_and_target() {
    let site = site();
    for name in ["a.csv", "b.csv"] {
        fs::write(site.local(name), name).unwrap();
        site.serve(name, b"the server's");
    }
    for line in [
        &["put", "a.csv", "b.csv"][..],
        &["get", "a.csv", "b.csv"],
        &["transfer", "put", "a.csv", "b.csv"],
    ] {
        let said = site.refused(2, line);
        assert!(said.contains("--to b.csv"), "{said}");
    }
    assert_eq!(fs::read(site.remote("b.csv")).unwrap(), b"the server's");
    assert_eq!(fs::read(site.local("b.csv")).unwrap(), b"b.csv");
    // Arguments that can have only one meaning.
    site.done(&["put", "a.csv", "--to", "b.csv"]);
    assert_eq!(fs::read(site.remote("b.csv")).unwrap(), b"a.csv");
    site.done(&["put", "b.csv", "b.csv"]);
    site.done(&["put", "a.csv", "/b.csv"]);
    site.done(&["get", "/b.csv", "b.csv"]);
    assert_eq!(fs::read(site.local("b.csv")).unwrap(), b"a.csv");
}

/// The daemon's other commands print, too.
#[test]
fn whatever_cellftpd_prints_on_a_full_device_is_a_failure() {
    for line in [
        &["--help"][..],
        &["--version"],
        &["completions", "bash"],
        &["--config", "config/cellftpd.toml", "check-config"],
        &["--config", "config/cellftpd.toml", "print-config"],
        &["demo", "--once", "--size", "1"],
    ] {
        let printed = Command::new(CELLFTPD).args(line).stdout(full()).output();
        let said = failed(1, printed.unwrap());
        assert!(
            said.contains("standard output: No space left"),
            "{line:?}: {said}"
        );
    }
    let printed = Command::new(CELLFTPD)
        .arg("emulate")
        .stdout(full())
        .output();
    let said = failed(1, printed.unwrap());
    assert!(
        said.contains("port's path to standard output: No space"),
        "{said}"
    );
}

#[test]
fn an_emulated_module_whose_link_is_known_needs_no_standard_output() {
    let scratch = tempfile::tempdir().unwrap();
    let link = scratch.path().join("port");
    let (reader, closed) = std::io::pipe().unwrap();
    drop(reader);
    for out in [Stdio::from(closed), full().into(), Stdio::null()] {
        let mut emulate = Command::new(CELLFTPD);
        let emulate = emulate.args(["emulate", "--link"]).arg(&link);
        let mut emulate = emulate.stdout(out).spawn().unwrap();
        let mut port = wait::until("port", PATIENCE, || {
            File::options().read(true).write(true).open(&link).ok()
        });
        port.write_all(b"AT\r").unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"OK\r\n") {
            let mut byte = [0];
            port.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        kill_process(Pid::from_child(&emulate), Signal::TERM).unwrap();
        assert_eq!(emulate.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn programs_without_standard_streams_do_their_work() {
    let site = site();
    let closed = "exec \"$@\" <&- >&- 2>&-";
    succeeded(
        site.by("sh", closed, &["get", "/a.bin", "down"])
            .output()
            .unwrap(),
    );
    assert!(fs::read(site.local("down")).unwrap() == content());
    succeeded(
        site.by("sh", closed, &["put", "down", "/up"])
            .output()
            .unwrap(),
    );
    assert!(fs::read(site.remote("up")).unwrap() == content());
    let mut demo = Command::new("sh");
    let demo = demo.args([
        "-c", closed, "sh", CELLFTPD, "demo", "--once", "--size", "1",
    ]);
    succeeded(demo.output().unwrap());
    let nothing = Command::new(CELLFTP).arg("--version").output().unwrap();
    assert!(text(&nothing.stdout).starts_with("cellftp "));
}
