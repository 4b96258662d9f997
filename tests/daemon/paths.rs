//! Paths that the programs read or create, whatever is there.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{FileTypeExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::site::{Site, failed, succeeded};
use crate::{CELLFTPD, PATIENCE, wait};

/// More bytes than a pipe holds, and bytes that are no text.
fn content() -> Vec<u8> {
    (0..100_000_u32).map(|n| (n % 251) as u8).collect()
}

fn fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

/// What is written to a fifo once somebody reads it.
fn written(path: &Path, bytes: Vec<u8>) -> std::thread::JoinHandle<()> {
    let path = path.to_owned();
    std::thread::spawn(move || fs::write(path, bytes).unwrap())
}

#[test]
fn a_put_reads_whatever_can_be_read_and_refuses_a_link_that_leads_nowhere() {
    let site = Site::start();
    fs::write(site.local("real"), content()).unwrap();
    symlink("real", site.local("link")).unwrap();
    symlink("nowhere", site.local("dangling")).unwrap();
    symlink("/dev/null", site.local("null")).unwrap();
    fifo(&site.local("fifo"));

    site.done(&["put", "link", "/link"]);
    assert!(fs::read(site.remote("link")).unwrap() == content());
    let writer = written(&site.local("fifo"), content());
    site.done(&["put", "fifo", "/fifo"]);
    writer.join().unwrap();
    assert!(fs::read(site.remote("fifo")).unwrap() == content());
    site.done(&["put", "null", "/null"]);
    assert_eq!(fs::read(site.remote("null")).unwrap(), b"");
    let said = site.refused(3, &["put", "dangling", "/dangling"]);
    assert!(said.contains("dangling"), "{said}");
    assert!(!site.remote("dangling").exists());
    // The files that were read are unchanged.
    let kind = |name: &str| fs::symlink_metadata(site.local(name)).unwrap().file_type();
    assert!(kind("fifo").is_fifo());
    for name in ["link", "dangling", "null"] {
        assert!(kind(name).is_symlink(), "{name}");
    }
}

fn check(config: &Path) -> Output {
    let check = ["check-config"];
    let mut daemon = Command::new(CELLFTPD);
    let daemon = daemon.arg("--config").arg(config).args(check);
    daemon.output().unwrap()
}

#[test]
fn a_configuration_is_read_from_a_link_a_fifo_a_device_and_a_process_substitution() {
    let scratch = tempfile::tempdir().unwrap();
    let at = |name: &str| scratch.path().join(name);
    let shipped = fs::read("config/cellftpd.toml").unwrap();
    fs::write(at("real"), &shipped).unwrap();
    symlink("real", at("link")).unwrap();
    symlink("nowhere", at("dangling")).unwrap();
    fifo(&at("fifo"));

    succeeded(check(&at("link")));
    let writer = written(&at("fifo"), shipped);
    succeeded(check(&at("fifo")));
    writer.join().unwrap();
    succeeded(check(Path::new("/dev/null")));
    let mut substituted = Command::new("bash");
    let script = "\"$1\" --config <(cat \"$2\") check-config";
    let substituted = substituted.args(["-c", script, "bash", CELLFTPD]);
    succeeded(substituted.arg(at("real")).output().unwrap());
    for name in ["dangling", "."] {
        let said = failed(2, check(&at(name)));
        assert!(said.contains(at(name).to_str().unwrap()), "{said}");
    }
}

/// `emulate --link` replaced any link: as root, even `/dev/stdout` of the machine.
#[test]
fn a_link_to_the_emulated_port_replaces_nothing_but_such_a_link() {
    let scratch = tempfile::tempdir().unwrap();
    let at = |name: &str| scratch.path().join(name);
    fs::write(at("file"), "mine").unwrap();
    fifo(&at("fifo"));
    let links = [
        ("link", "file"),
        ("dangling", "nowhere"),
        ("stdout", "/proc/self/fd/1"),
        ("device", "/dev/full"),
    ];
    for (name, leads) in links {
        symlink(leads, at(name)).unwrap();
    }
    for name in ["file", "fifo", "link", "dangling", "stdout", "device"] {
        let mut emulate = Command::new(CELLFTPD);
        let emulate = emulate.args(["emulate", "--link"]).arg(at(name));
        let said = failed(1, emulate.output().unwrap());
        assert!(said.contains(at(name).to_str().unwrap()), "{said}");
    }
    assert_eq!(fs::read(at("file")).unwrap(), b"mine");
    assert!(fs::metadata(at("fifo")).unwrap().file_type().is_fifo());
    for (name, leads) in links {
        assert_eq!(fs::read_link(at(name)).unwrap(), Path::new(leads));
    }
    // What an emulator left that was killed.
    symlink("/dev/pts/4294967295", at("left")).unwrap();
    let mut emulate = Command::new(CELLFTPD);
    let emulate = emulate.args(["emulate", "--link"]).arg(at("left"));
    let mut emulate = emulate.stdout(Stdio::null()).spawn().unwrap();
    let mut port = wait::until("port", PATIENCE, || {
        File::options().read(true).write(true).open(at("left")).ok()
    });
    port.write_all(b"AT\r").unwrap();
    kill_process(Pid::from_child(&emulate), Signal::TERM).unwrap();
    assert_eq!(emulate.wait().unwrap().code(), Some(0));
}

#[test]
fn manual_pages_that_cannot_be_written_say_where() {
    let scratch = tempfile::tempdir().unwrap();
    let at = |name: &str| scratch.path().join(name);
    fs::write(at("file"), "mine").unwrap();
    symlink("nowhere", at("dangling")).unwrap();
    for name in ["file", "dangling"] {
        let mut man = Command::new(CELLFTPD);
        let said = failed(1, man.arg("man").arg(at(name)).output().unwrap());
        assert!(said.contains(at(name).to_str().unwrap()), "{said}");
    }
    assert_eq!(fs::read(at("file")).unwrap(), b"mine");
}
