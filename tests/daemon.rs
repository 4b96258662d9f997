//! The daemon as a process: its command line, its signals, and what systemd hears of it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test says what is wrong by panicking, and that it cannot run by printing"
)]

use std::cell::RefCell;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const CELLFTPD: &str = env!("CARGO_BIN_EXE_cellftpd");
const CELLFTP: &str = env!("CARGO_BIN_EXE_cellftp");

/// No step of a test takes nearly as long.
const PATIENCE: Duration = Duration::from_secs(30);

/// A daemon with an emulated module, as systemd starts it.
struct Service {
    scratch: TempDir,
    notifications: UnixDatagram,
    heard: RefCell<Vec<String>>,
    process: Child,
}

impl Service {
    fn start() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let socket = scratch.path().join("notify");
        let notifications = UnixDatagram::bind(&socket).unwrap();
        notifications.set_read_timeout(Some(PATIENCE)).unwrap();
        let config = scratch.path().join("cellftpd.toml");
        let door = scratch.path().join("s");
        let text = format!(
            "[module]\ndevice = \"emulator\"\n[durable]\ndirectory = \"\"\n\
             [listen]\nunix = \"{}\"\n",
            door.display()
        );
        std::fs::write(&config, text).unwrap();
        let process = Command::new(CELLFTPD)
            .arg("--config")
            .arg(config)
            .env("NOTIFY_SOCKET", &socket)
            .env("WATCHDOG_USEC", "1000000")
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            scratch,
            notifications,
            heard: RefCell::default(),
            process,
        }
    }

    fn door(&self) -> std::path::PathBuf {
        self.scratch.path().join("s")
    }

    /// Waits for a notification with this line, or finds it among those that came before.
    fn hear(&self, line: &str) {
        let mut heard = self.heard.borrow_mut();
        let mut buffer = [0; 4096];
        while !heard.iter().any(|heard| heard == line) {
            let received = self.notifications.recv(&mut buffer);
            let size = received.unwrap_or_else(|error| panic!("no {line} in {heard:?}: {error}"));
            let text = String::from_utf8_lossy(buffer.get(..size).unwrap());
            heard.extend(text.lines().map(str::to_owned));
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.process);
        kill_process(pid, signal).unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It has ended by itself where the test went well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn systemd_hears_of_every_stage() {
    let mut service = Service::start();
    service.hear("READY=1");
    service.hear("STATUS=ready");
    service.hear("WATCHDOG=1");
    service.signal(Signal::TERM);
    service.hear("STOPPING=1");
    assert_eq!(service.process.wait().unwrap().code(), Some(0));
    assert!(!service.door().exists());
}

#[test]
fn a_killed_daemon_leaves_nothing_that_stops_the_next() {
    let mut service = Service::start();
    service.hear("READY=1");
    service.process.kill().unwrap();
    service.process.wait().unwrap();
    assert!(service.door().exists());
    let config = service.scratch.path().join("cellftpd.toml");
    service.process = Command::new(CELLFTPD)
        .arg("--config")
        .arg(config)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut tries = 0;
    while std::os::unix::net::UnixStream::connect(service.door()).is_err() {
        tries += 1;
        assert!(tries < 300, "the second daemon does not listen");
        std::thread::sleep(Duration::from_millis(100));
    }
    service.signal(Signal::INT);
    assert_eq!(service.process.wait().unwrap().code(), Some(0));
}

#[test]
fn the_client_sees_the_daemon() {
    let service = Service::start();
    service.hear("STATUS=ready");
    let door = service.door().display().to_string();
    let status = run(CELLFTP, &["--socket", &door, "status"]);
    assert!(status.status.success(), "{}", text(&status.stderr));
    assert!(
        text(&status.stdout).starts_with("link      ready"),
        "{}",
        text(&status.stdout)
    );

    let unknown = run(CELLFTP, &["--socket", &door, "-p", "none", "--json", "ls"]);
    assert_eq!(unknown.status.code(), Some(3), "{}", text(&unknown.stderr));
    let error: serde_json::Value = serde_json::from_slice(&unknown.stderr).unwrap();
    assert_eq!(error["error"]["reason"], "PROFILE_NOT_FOUND");
}

#[test]
fn a_client_without_a_daemon_says_where_it_looked() {
    let output = run(CELLFTP, &["--socket", "/no/such/socket", "status"]);
    assert_eq!(output.status.code(), Some(5));
    assert!(
        text(&output.stderr).contains("/no/such/socket"),
        "{}",
        text(&output.stderr)
    );
    let output = run(CELLFTP, &["--address", "ftp://x", "status"]);
    assert_eq!(output.status.code(), Some(2));
    let output = run(CELLFTP, &["no-such-command"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn an_unusable_configuration_has_an_exit_code_of_its_own() {
    let scratch = tempfile::tempdir().unwrap();
    let config = scratch.path().join("x.toml");
    std::fs::write(&config, "[listen]\ntcp = \"0.0.0.0:1\"\n").unwrap();
    let path = config.display().to_string();
    for arguments in [
        &["--config", &path, "check-config"][..],
        &["--config", &path],
    ] {
        let output = run(CELLFTPD, arguments);
        assert_eq!(output.status.code(), Some(2));
        let error = text(&output.stderr);
        assert!(
            error.contains(&path) && error.contains("listen.tcp"),
            "{error}"
        );
    }
    let output = run(
        CELLFTPD,
        &["--config", "config/cellftpd.toml", "check-config"],
    );
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn the_demo_makes_its_round_trip() {
    let output = run(CELLFTPD, &["demo", "--once", "--size", "1"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        text(&output.stdout).contains("identical"),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn systemd_takes_the_unit_and_finds_it_confined() {
    let unit = std::fs::read_to_string("systemd/cellftpd.service").unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("cellftpd.service");
    std::fs::write(&path, unit.replace("/usr/bin/cellftpd", CELLFTPD)).unwrap();
    let Some(verified) = systemd_analyze(&["verify", "--man=no"], &path) else {
        return;
    };
    // A key that it does not know is a warning to it, and an error here.
    assert!(
        verified.status.success() && verified.stderr.is_empty(),
        "{}",
        text(&verified.stderr)
    );
    let Some(exposure) = systemd_analyze(&["security", "--offline=true", "--threshold=20"], &path)
    else {
        return;
    };
    assert!(exposure.status.success(), "{}", text(&exposure.stdout));
}

fn systemd_analyze(arguments: &[&str], unit: &Path) -> Option<Output> {
    match Command::new("systemd-analyze")
        .args(arguments)
        .arg(unit)
        .output()
    {
        Ok(output) => Some(output),
        Err(error) => {
            eprintln!("NOT TESTED: systemd-analyze cannot be run: {error}");
            None
        }
    }
}
