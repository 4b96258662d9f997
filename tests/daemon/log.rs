//! A log that cannot be written: only the log is lost.

use std::fs::File;
use std::io::Read as _;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::disk::Disk;
use crate::ftp::Server;
use crate::{CELLFTP, CELLFTPD, PATIENCE, Service, run, text, wait};

/// Every call of a client is in the log.
const TALKATIVE: &str = "[log]\nlevel = \"debug\"\nformat = \"text\"\n";

/// Enough calls that each thread of the daemon has written something.
const CALLS: usize = 20;

impl Service {
    /// Starts the daemon with its log here.
    fn logging_to(log: impl Into<Stdio>, more: &str) -> Self {
        let mut command = Command::new(CELLFTPD);
        command.stderr(log);
        Self::by(command, more)
    }

    /// Starts the daemon by a shell script, in which `"$@"` is the daemon.
    fn started_by(script: &str, more: &str) -> Self {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script, "sh", CELLFTPD]);
        Self::by(command, more)
    }

    /// The daemon serves, failing calls get the right errors, and it stops when it is told to.
    fn does_its_work_and_stops(mut self) {
        self.hear("STATUS=ready");
        self.serves();
        self.signal(Signal::TERM);
        self.hear("STOPPING=1");
        assert_eq!(self.process.wait().unwrap().code(), Some(0));
    }

    fn serves(&self) {
        let door = self.door().display().to_string();
        for _ in 0..CALLS {
            let done = ["--socket", &door, "--timeout", "20s", "module", "df"];
            let done = run(CELLFTP, &done);
            assert!(done.status.success(), "{}", text(&done.stderr));
            let none = ["module", "rm", "F:/none"];
            let none = run(
                CELLFTP,
                &[&["--socket", &door, "--timeout", "20s"], &none[..]].concat(),
            );
            assert_eq!(none.status.code(), Some(3), "{}", text(&none.stderr));
        }
    }
}

/// A pipe from the daemon's log.
fn pipe() -> (std::io::PipeReader, std::io::PipeWriter) {
    std::io::pipe().unwrap()
}

#[test]
fn a_log_whose_reader_has_gone_fails_no_call_and_no_stop() {
    let (reader, writer) = pipe();
    drop(reader);
    Service::logging_to(writer, TALKATIVE).does_its_work_and_stops();
}

#[test]
fn a_log_on_a_full_device_fails_no_call_and_no_stop() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    Service::logging_to(full, TALKATIVE).does_its_work_and_stops();
}

#[test]
fn a_log_that_nobody_reads_keeps_no_call_waiting() {
    let (mut reader, writer) = pipe();
    let mut service = Service::logging_to(writer, "[log]\nlevel = \"trace\"\nformat = \"text\"\n");
    service.hear("STATUS=ready");
    // Until the pipe is full: it has 64 KiB, in pages that are not quite full.
    wait::until("full pipe", PATIENCE, || {
        let before = rustix::io::ioctl_fionread(&reader).unwrap();
        service.serves();
        let after = rustix::io::ioctl_fionread(&reader).unwrap();
        (before == after && after > 32 * 1024).then_some(())
    });
    service.serves();
    service.signal(Signal::TERM);
    service.hear("STOPPING=1");
    assert_eq!(service.process.wait().unwrap().code(), Some(0));
    let mut read = String::new();
    reader.read_to_string(&mut read).unwrap();
    assert!(read.contains("listening on"), "{read}");
}

#[test]
fn a_full_disk_of_the_log_is_told_once_there_is_room_again() {
    let scratch = tempfile::tempdir().unwrap();
    let at = scratch.path().join("disk");
    std::fs::create_dir(&at).unwrap();
    let disk = Disk::mount(&at, 1 << 20);
    let log = || std::fs::read_to_string(disk.path("log")).unwrap();
    let mut options = File::options();
    let options = options.create(true).append(true);
    let file = options.open(disk.path("log")).unwrap();
    let service = Service::logging_to(file, TALKATIVE);
    service.hear("STATUS=ready");
    disk.fill();
    service.serves();
    disk.free();
    assert!(!log().contains("were lost"));
    // The next line is written as soon as it is logged.
    wait::until("word of the lost lines", PATIENCE, || {
        service.serves();
        log().contains("were lost").then_some(())
    });
    let log = log();
    let told = log.lines().filter(|line| line.contains("were lost"));
    assert_eq!(told.count(), 1, "{log}");
    service.does_its_work_and_stops();
}

#[test]
fn a_limit_on_the_size_of_the_log_ends_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let log = scratch.path().join("log");
    let script = format!("ulimit -f 1; exec \"$@\" 2>{}", log.display());
    Service::started_by(&script, TALKATIVE).does_its_work_and_stops();
    assert!(std::fs::metadata(&log).unwrap().len() <= 1024);
}

#[test]
fn a_daemon_without_standard_streams_has_no_socket_in_their_place() {
    let service = Service::started_by("exec \"$@\" <&- >&- 2>&-", TALKATIVE);
    service.hear("STATUS=ready");
    for descriptor in 0..=2 {
        let link = format!("/proc/{}/fd/{descriptor}", service.process.id());
        let leads = std::fs::read_link(link).unwrap();
        assert_eq!(leads, std::path::Path::new("/dev/null"), "{descriptor}");
    }
    service.does_its_work_and_stops();
}

#[test]
fn a_daemon_that_cannot_start_and_cannot_say_so_ends_all_the_same() {
    // A pipe that is full from the beginning.
    let (reader, mut writer) = pipe();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    while std::io::Write::write(&mut writer, &[b'x'; 4096]).is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).unwrap();
    let ended = Command::new(CELLFTPD)
        .args(["--config", "/no/such/file", "check-config"])
        .stderr(writer)
        .status()
        .unwrap();
    assert_eq!(ended.code(), Some(2));
    drop(reader);
}

/// A daemon with a server, and its log.
fn with_server(more: &str) -> (Service, Server, tempfile::NamedTempFile) {
    let server = Server::start().with_file("f", vec![7; 5000]);
    let log = tempfile::NamedTempFile::new().unwrap();
    let text = format!("[log]\nformat = \"text\"\n{more}{}", server.profile());
    let service = Service::logging_to(log.reopen().unwrap(), &text);
    service.hear("STATUS=ready");
    (service, server, log)
}

/// The line of the log that has all these parts.
fn line(log: &tempfile::NamedTempFile, parts: &[&str]) -> String {
    wait::until(&format!("a line with {parts:?}"), PATIENCE, || {
        let log = std::fs::read_to_string(log.path()).unwrap();
        let mut lines = log.lines();
        let found = lines.find(|line| parts.iter().all(|part| line.contains(part)));
        found.map(str::to_owned)
    })
}

#[test]
fn each_operation_says_whose_it_is_where_on_what_and_how_much() {
    let (service, _server, log) = with_server("");
    let door = service.door().display().to_string();
    let cellftp = |words: &[&str]| run(CELLFTP, &[&["--socket", &door, "-p", "s"], words].concat());
    let me = format!("principal=uid:{}", rustix::process::getuid().as_raw());
    assert!(cellftp(&["get", "/f", "-"]).status.success());
    let got = line(&log, &["method=\"Get\"", "done"]);
    for part in [
        &*me,
        "profile=\"s\"",
        "path=\"/f\"",
        "bytes=5000",
        "took=",
        "on_link=",
    ] {
        assert!(got.contains(part), "{part}: {got}");
    }
    assert!(!cellftp(&["module", "rm", "F:/none"]).status.success());
    let failed = line(&log, &["method=\"DeleteModuleFile\"", "failed"]);
    for part in [&*me, "path=\"F:/none\"", "took=", "why="] {
        assert!(failed.contains(part), "{part}: {failed}");
    }
}

#[test]
fn paths_are_left_out_of_the_log_where_that_is_wished() {
    let (service, _server, log) = with_server("paths = false\n");
    let door = service.door().display().to_string();
    let get = run(CELLFTP, &["--socket", &door, "-p", "s", "get", "/f", "-"]);
    assert!(get.status.success());
    line(
        &log,
        &["method=\"Get\"", "done", "profile=\"s\"", "bytes=5000"],
    );
    assert!(
        !std::fs::read_to_string(log.path())
            .unwrap()
            .contains("/f\"")
    );
}
