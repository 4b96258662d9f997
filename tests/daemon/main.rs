//! The daemon as a process: its command line, its signals, and its notifications to systemd.
//!
//! Above 400 lines because it begins with what the tests of this program share.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test says what is wrong by panicking, and that it cannot run by printing; its waits have \
              an end by the clock"
)]

mod agree;
mod asking;
#[path = "../support/authority.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod authority;
mod config;
mod config_help;
#[path = "../support/disk.rs"]
mod disk;
mod edge;
mod ftp;
mod log;
mod module;
mod noise;
mod observed;
mod outbox;
mod paths;
#[path = "../support/process.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod process;
mod reload;
mod secrets;
mod site;
mod stopping;
mod store;
mod sure;
mod systemd;
#[path = "../support/tap.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod tap;
#[path = "../support/wait.rs"]
mod wait;

use std::cell::RefCell;
use std::io::{Read, Write};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const CELLFTPD: &str = env!("CARGO_BIN_EXE_cellftpd");
const CELLFTP: &str = env!("CARGO_BIN_EXE_cellftp");

/// More than any step of a test takes.
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
        Self::with("")
    }

    /// The same with additional configuration.
    fn with(more: &str) -> Self {
        Self::set(more, &[])
    }

    /// The same with variables in its environment.
    fn set(more: &str, environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(CELLFTPD);
        command.envs(environment.iter().copied());
        command.stderr(Stdio::null());
        Self::by(command, more)
    }

    /// The same by a command that becomes the daemon and gets these arguments.
    fn by(mut command: Command, more: &str) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let socket = scratch.path().join("notify");
        let notifications = UnixDatagram::bind(&socket).unwrap();
        notifications.set_read_timeout(Some(PATIENCE)).unwrap();
        let config = scratch.path().join("cellftpd.toml");
        let door = scratch.path().join("s");
        let text = format!(
            "[module]\ndevice = \"emulator\"\n[durable]\ndirectory = \"\"\n\
             [listen]\nunix = \"{}\"\n{more}",
            door.display()
        )
        .replace(
            "STATE",
            &scratch.path().join("usage.json").display().to_string(),
        );
        std::fs::write(&config, text).unwrap();
        let process = command
            .arg("--config")
            .arg(config)
            .env("NOTIFY_SOCKET", &socket)
            .env("WATCHDOG_USEC", "1000000")
            .spawn()
            .unwrap();
        // It holds ends of pipes that only the daemon should have.
        drop(command);
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

    /// Waits for a notification with this line. An earlier one counts, too.
    fn hear(&self, line: &str) {
        self.hear_any(line, |heard| heard == line);
    }

    /// Waits for a notification with a line that is meant.
    fn hear_any(&self, line: &str, is_meant: impl Fn(&str) -> bool) {
        let mut heard = self.heard.borrow_mut();
        let mut buffer = [0; 4096];
        let began = std::time::Instant::now();
        while !heard.iter().any(|heard| is_meant(heard)) {
            // The watchdog's signals go on whatever happens.
            let late = began.elapsed() > 2 * PATIENCE;
            assert!(!late, "no {line} in {heard:?}");
            let received = self.notifications.recv(&mut buffer);
            let size = received.unwrap_or_else(|error| panic!("no {line} in {heard:?}: {error}"));
            let text = String::from_utf8_lossy(buffer.get(..size).unwrap());
            heard.extend(text.lines().map(str::to_owned));
        }
    }

    /// Takes all notifications that have come.
    fn gather(&self) {
        let mut buffer = [0; 4096];
        self.notifications.set_nonblocking(true).unwrap();
        while let Ok(size) = self.notifications.recv(&mut buffer) {
            let text = String::from_utf8_lossy(buffer.get(..size).unwrap()).into_owned();
            let mut heard = self.heard.borrow_mut();
            heard.extend(text.lines().map(str::to_owned));
        }
        self.notifications.set_nonblocking(false).unwrap();
    }

    /// Empties the notification socket, so that later notifications are found soon.
    fn drain(&self) {
        let mut buffer = [0; 4096];
        self.notifications.set_nonblocking(true).unwrap();
        while self.notifications.recv(&mut buffer).is_ok() {}
        self.notifications.set_nonblocking(false).unwrap();
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.process);
        kill_process(pid, signal).unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It has ended by itself where the test succeeded.
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
    service.drain();
    service.heard.borrow_mut().clear();
    let config = service.scratch.path().join("cellftpd.toml");
    service.process = Command::new(CELLFTPD)
        .arg("--config")
        .arg(config)
        .env("NOTIFY_SOCKET", service.scratch.path().join("notify"))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    service.hear("READY=1");
    std::os::unix::net::UnixStream::connect(service.door()).unwrap();
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
fn a_client_of_a_daemon_that_is_killed_is_told_that_the_connection_broke() {
    let mut service = Service::start();
    service.hear("STATUS=ready");
    let door = service.door().display().to_string();
    let mut watching = Command::new(CELLFTP)
        .args(["--socket", &door, "events"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut events = watching.stdout.take().unwrap();
    let told = std::thread::spawn(move || events.read_exact(&mut [0]).map(|()| events));
    // Operations go on until the call was told of one: then the call is running.
    while !told.is_finished() {
        run(CELLFTP, &["--socket", &door, "module", "stop"]);
    }
    let _more = told.join().unwrap().unwrap();
    service.process.kill().unwrap();
    let ended = watching.wait_with_output().unwrap();
    let error = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(5), "{error}");
    assert!(
        error.contains("the connection to the daemon broke"),
        "{error}"
    );
}

/// The value of the line of the text format that begins like this. `None` where there is none.
fn metric(text: &str, begins: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with(begins))?;
    line.rsplit(' ').next()?.parse().ok()
}

fn scrape(port: u16) -> std::io::Result<String> {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

#[test]
fn a_monitoring_system_reads_what_was_done() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let service = Service::with(&format!("[metrics]\nlisten = \"127.0.0.1:{port}\"\n"));
    service.hear("STATUS=ready");
    let door = service.door().display().to_string();
    for _ in 0..3 {
        let df = run(CELLFTP, &["--socket", &door, "module", "df"]);
        assert!(df.status.success(), "{}", text(&df.stderr));
    }
    let unknown = run(CELLFTP, &["--socket", &door, "-p", "none", "ls"]);
    assert!(!unknown.status.success());
    // An operation on a missing file fails and moves nothing.
    let gone = run(CELLFTP, &["--socket", &door, "module", "rm", "F:/none"]);
    assert!(!gone.status.success());

    let metrics = scrape(port).unwrap();
    let value = |begins: &str| metric(&metrics, begins);
    let done = "cellftpd_operations_total{method=\"GetModuleSpace\",outcome=\"done\"}";
    assert_eq!(value(done), Some(3.0), "{metrics}");
    let failed = "cellftpd_operations_total{method=\"DeleteModuleFile\",outcome=\"failed\"}";
    assert_eq!(value(failed), Some(1.0), "{metrics}");
    let calls = "grpc_server_handled_total{grpc_type=\"unary\",\
                 grpc_service=\"cellftp.v1.ModuleStorageService\",\
                 grpc_method=\"GetModuleSpace\",grpc_code=\"OK\"}";
    assert_eq!(value(calls), Some(3.0), "{metrics}");
    let refused = "grpc_server_handled_total{grpc_type=\"server_stream\",\
                   grpc_service=\"cellftp.v1.FtpsService\",\
                   grpc_method=\"List\",grpc_code=\"NotFound\"}";
    assert_eq!(value(refused), Some(1.0), "{metrics}");
    assert_eq!(value("cellftpd_operations_admitted "), Some(0.0));
    assert_eq!(value("cellftpd_link_state{state=\"ready\"}"), Some(1.0));
    assert_eq!(value("cellftpd_link_state{state=\"fault\"}"), Some(0.0));
    let waits = value("cellftpd_operation_wait_seconds_bucket{le=\"+Inf\"}");
    assert_eq!(waits, Some(4.0), "{metrics}");
    // The principal is in no label, and no path.
    assert!(
        !metrics.contains("uid:") && !metrics.contains("F:/none"),
        "{metrics}"
    );
}

#[test]
fn a_port_of_metrics_that_is_taken_is_said_at_once() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let scratch = tempfile::tempdir().unwrap();
    let config = scratch.path().join("x.toml");
    let door = scratch.path().join("s");
    let text = format!(
        "[module]\ndevice = \"emulator\"\n[listen]\nunix = \"{}\"\n\
         [metrics]\nlisten = \"127.0.0.1:{port}\"\n",
        door.display()
    );
    std::fs::write(&config, text).unwrap();
    let output = run(CELLFTPD, &["--config", &config.display().to_string()]);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        error.contains(&format!("metrics on 127.0.0.1:{port}")),
        "{error}"
    );
}

#[test]
fn the_counts_of_a_data_budget_are_there_after_a_restart() {
    let more = "[budget]\nper_month = 1000000000\nstate = \"STATE\"\n\
                [servers.gone]\nhost = \"127.0.0.1\"\nport = 1\nsecurity = \"none\"\n";
    let mut service = Service::with(more);
    service.hear("STATUS=ready");
    let door = service.door().display().to_string();
    // Nobody answers there. The cost of the failed login counts anyway.
    assert!(
        !run(CELLFTP, &["--socket", &door, "-p", "gone", "ls"])
            .status
            .success()
    );
    let used = || {
        let usage = run(CELLFTP, &["--socket", &door, "--json", "usage"]);
        assert!(usage.status.success(), "{}", text(&usage.stderr));
        let usage: serde_json::Value = serde_json::from_slice(&usage.stdout).unwrap();
        usage["total"]["this_month"]["on_air"].as_i64().unwrap()
    };
    let before = used();
    assert!(before > 0);
    service.signal(Signal::TERM);
    assert_eq!(service.process.wait().unwrap().code(), Some(0));
    let file = service.scratch.path().join("usage.json");
    assert!(file.exists());
    service.heard.borrow_mut().clear();
    service.process = Command::new(CELLFTPD)
        .arg("--config")
        .arg(service.scratch.path().join("cellftpd.toml"))
        .env("NOTIFY_SOCKET", service.scratch.path().join("notify"))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    service.hear("READY=1");
    assert_eq!(used(), before);
    service.signal(Signal::TERM);
    assert_eq!(service.process.wait().unwrap().code(), Some(0));
}

#[test]
fn the_manual_and_what_shells_need_are_printed() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().display().to_string();
    for (program, page, word, command) in [
        (CELLFTPD, "cellftpd.8", "check\\-config", "emulate"),
        (CELLFTPD, "cellftpd.8", ".SH SIGNALS", "doctor"),
        (CELLFTPD, "cellftpd-check-config.8", "strict", "doctor"),
        (CELLFTPD, "cellftpd.toml.5", ".SS [servers.NAME]", "doctor"),
        (CELLFTP, "cellftp.1", "CELLFTP_PROFILE", "CELLFTP_COMPLETE"),
        (
            CELLFTP,
            "cellftp-module-fetch.1",
            "drive",
            "CELLFTP_COMPLETE",
        ),
    ] {
        let written = run(program, &["man", &directory]);
        assert!(written.status.success(), "{}", text(&written.stderr));
        let page = std::fs::read_to_string(scratch.path().join(page)).unwrap();
        assert!(page.contains(word), "{page}");
        for shell in ["bash", "zsh", "fish"] {
            let script = run(program, &["completions", shell]);
            assert!(script.status.success());
            assert!(text(&script.stdout).contains(command), "{shell}");
        }
    }
    let nowhere = run(CELLFTP, &["man", "/no/such/directory"]);
    assert_eq!(nowhere.status.code(), Some(3));
    assert!(text(&nowhere.stderr).contains("/no/such/directory"));
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
fn systemd_takes_the_units_and_finds_them_confined() {
    for name in ["cellftpd.service", "cellftpd@.service"] {
        is_taken_and_confined(name);
    }
}

/// The unit of one module among several is that of the only one, except the names.
#[test]
fn the_units_differ_in_names_only() {
    let read = |name| std::fs::read_to_string(format!("systemd/{name}")).unwrap();
    let (one, instance) = (read("cellftpd.service"), read("cellftpd@.service"));
    let of_names = [
        "Description=",
        "ExecStart=",
        "Environment=",
        "RuntimeDirectory=",
        "StateDirectory=",
        "#",
    ];
    let rest = |unit: &str| {
        let lines = unit.lines().map(str::to_owned);
        let rest = lines.filter(|line| !of_names.iter().any(|name| line.starts_with(name)));
        rest.collect::<Vec<_>>()
    };
    assert_eq!(rest(&one), rest(&instance));
    assert!(rest(&one).len() > 40);
}

fn is_taken_and_confined(name: &str) {
    let unit = std::fs::read_to_string(format!("systemd/{name}")).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join(name);
    std::fs::write(&path, unit.replace("/usr/bin/cellftpd", CELLFTPD)).unwrap();
    let Some(verified) = systemd_analyze(&["verify", "--man=no"], &path) else {
        return;
    };
    // systemd only warns of an unknown key. Here it is an error.
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
