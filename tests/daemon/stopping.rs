//! SIGTERM while work is running: who is told what, how long it takes, and how module and server are left.
//! The module is a process of its own, on a slow line.
//!
//! Above 400 lines because each test is one state in which a SIGTERM can come.

#![expect(
    clippy::disallowed_methods,
    reason = "how long a process takes to end is what is asked"
)]

use std::fs;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::ftp::Server;
use super::{CELLFTP, CELLFTPD, PATIENCE, Service, run, text};
use cellftp::rpc::server::{GRACE, IN_ORDER, LAST_WORD};

/// From the end of the grace to the last message to a client.
const TOLD: Duration = IN_ORDER.saturating_add(LAST_WORD);
/// How long the module has to end its work (`TimeoutStopSec` in the unit counts it).
const MODULE: Duration = Duration::from_secs(40);

/// How much later it may be on a busy machine.
const LATE: Duration = Duration::from_secs(20);

/// A module in a process of its own.
struct Module {
    process: Child,
    link: PathBuf,
    _scratch: tempfile::TempDir,
}

impl Module {
    fn start(family: &str, baud: u32) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let link = scratch.path().join("tty");
        let process = Command::new(CELLFTPD)
            .args([
                "emulate",
                "--family",
                family,
                "--baud",
                &baud.to_string(),
                "--link",
            ])
            .arg(&link)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until("the module has a port", || link.exists());
        Self {
            process,
            link,
            _scratch: scratch,
        }
    }

    /// The module hangs: it sends and hears nothing.
    fn hang(&self) {
        kill_process(Pid::from_child(&self.process), Signal::STOP).unwrap();
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits for something that no event tells this process.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A server, a module, and a daemon between them.
struct Scene {
    service: Service,
    module: Module,
    server: Server,
}

impl Scene {
    fn start(family: &str, baud: u32, server: Server) -> Self {
        let module = Module::start(family, baud);
        let device = module.link.display().to_string();
        let service = Service::set(
            &server.profile(),
            &[("CELLFTPD_MODULE__DEVICE", device.as_str())],
        );
        service.hear("STATUS=ready");
        Self {
            service,
            module,
            server,
        }
    }

    fn client(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(CELLFTP);
        command
            .arg("--socket")
            .arg(self.service.door())
            .args(["--json", "-p", "s"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn call(&self, arguments: &[&str]) -> Child {
        self.client(arguments).spawn().unwrap()
    }

    /// A Get whose content is on its way.
    fn get(&self) -> Child {
        let get = self.call(&["get", "/long", "-"]);
        until("the file is asked for", || self.server.heard("RETR"));
        get
    }

    /// Sends SIGTERM. Returns when the time begins to count.
    fn terminate(&self) -> Instant {
        self.service.signal(Signal::TERM);
        self.service.hear("STOPPING=1");
        Instant::now()
    }

    /// Waits for the end of the daemon.
    fn ended(&mut self) {
        assert_eq!(self.service.process.wait().unwrap().code(), Some(0));
    }
}

fn long(size: usize) -> Server {
    let content = (0..size).map(|at| (at * at / 7 % 251) as u8).collect();
    Server::start().with_file("long", content)
}

fn told_of_the_end(output: &Output) {
    let error = text(&output.stderr);
    let last = error.lines().last().unwrap_or_default();
    let error: serde_json::Value = serde_json::from_str(last).unwrap_or_else(|_| panic!("{error}"));
    let field = |name| error.pointer(name).and_then(serde_json::Value::as_str);
    assert_eq!(field("/error/reason"), Some("STOPPING"), "{error}");
    assert_eq!(field("/error/code"), Some("UNAVAILABLE"), "{error}");
    assert_eq!(output.status.code(), Some(5), "{error}");
}

#[test]
fn sigterm_in_a_long_get_is_told_after_the_grace_and_the_module_is_logged_out() {
    let mut scene = Scene::start("sim7600", 57_600, long(20_000_000));
    let get = scene.get();
    let waits = scene.call(&["ls", "/"]);
    let door = scene.service.door().display().to_string();
    until("one waits", || {
        let status = run(CELLFTP, &["--socket", &door, "--json", "status"]);
        let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
        status["queued"] == 1
    });
    let began = scene.terminate();
    told_of_the_end(&waits.wait_with_output().unwrap());
    assert!(began.elapsed() < LATE, "{:?}", began.elapsed());
    // New calls as well. Calls that only look are answered.
    told_of_the_end(&scene.client(&["ls", "/"]).output().unwrap());
    let status = run(CELLFTP, &["--socket", &door, "status"]);
    assert!(status.status.success(), "{}", text(&status.stderr));
    assert!(began.elapsed() < GRACE, "{:?}", began.elapsed());

    told_of_the_end(&get.wait_with_output().unwrap());
    let took = began.elapsed();
    assert!(took >= GRACE && took < GRACE + TOLD + LATE, "{took:?}");
    scene.ended();
    let took = began.elapsed();
    assert!(took < GRACE + TOLD + LATE, "{took:?}");
    until("nobody is logged in", || scene.server.sessions() == 0);
}

#[test]
fn a_get_that_ends_within_the_grace_is_whole_and_the_module_is_logged_out() {
    let size = 60_000;
    let mut scene = Scene::start("a7670", 115_200, long(size));
    let get = scene.get();
    let began = scene.terminate();
    let got = get.wait_with_output().unwrap();
    assert!(got.status.success(), "{}", text(&got.stderr));
    assert!(got.stdout.len() >= size);
    scene.ended();
    assert!(began.elapsed() < GRACE, "{:?}", began.elapsed());
    assert!(scene.server.heard("QUIT"));
    assert_eq!(scene.server.sessions(), 0);
}

/// It has no abort. What it pushes is thrown away, and it is logged out when that has ended.
#[test]
fn a_module_without_abort_is_logged_out_once_it_has_pushed_the_rest() {
    // 35 s on the line.
    let mut scene = Scene::start("a7670", 115_200, long(400_000));
    let get = scene.get();
    let began = scene.terminate();
    told_of_the_end(&get.wait_with_output().unwrap());
    assert!(
        began.elapsed() < GRACE + TOLD + LATE,
        "{:?}",
        began.elapsed()
    );
    scene.ended();
    let took = began.elapsed();
    assert!(took < GRACE + TOLD + MODULE + LATE, "{took:?}");
    assert!(scene.server.heard("QUIT"));
    assert_eq!(scene.server.sessions(), 0);
}

/// Nothing can be cleaned up there. The daemon ends anyway, and its client is told.
#[test]
fn a_module_that_is_silent_or_pushes_for_ever_does_not_hold_the_end_up() {
    let ends = |family: &str, hangs: bool| {
        let mut scene = Scene::start(family, 57_600, long(20_000_000));
        let get = scene.get();
        if hangs {
            scene.module.hang();
        }
        let began = scene.terminate();
        told_of_the_end(&get.wait_with_output().unwrap());
        let took = began.elapsed();
        assert!(took < GRACE + TOLD + LATE, "{family}: {took:?}");
        scene.ended();
        let took = began.elapsed();
        assert!(took < GRACE + TOLD + MODULE + LATE, "{family}: {took:?}");
    };
    std::thread::scope(|scope| {
        let silent = scope.spawn(|| ends("sim7600", true));
        ends("a7670", false);
        silent.join().unwrap();
    });
}

#[test]
fn a_put_that_trickles_is_told_and_leaves_nothing_on_the_server() {
    let mut scene = Scene::start("sim7600", 115_200, Server::start());
    let mut put = scene.call(&["put", "-", "/part"]);
    let mut source = put.stdin.take().unwrap();
    source.write_all(&[7; 20_000]).unwrap();
    until("the first bytes arrive", || {
        scene.server.size("part").is_some_and(|size| size > 0)
    });
    let began = scene.terminate();
    let trickle = std::thread::spawn(move || {
        while source.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    told_of_the_end(&put.wait_with_output().unwrap());
    let took = began.elapsed();
    assert!(took >= GRACE && took < GRACE + TOLD + LATE, "{took:?}");
    scene.ended();
    trickle.join().unwrap();
    assert_eq!(scene.server.size("part"), None);
    assert_eq!(scene.server.sessions(), 0);
}

#[test]
fn a_reader_that_stalls_does_not_hold_the_end_up() {
    let mut scene = Scene::start("sim7600", 115_200, long(20_000_000));
    let mut get = scene.get();
    let mut content = get.stdout.take().unwrap();
    content.read_exact(&mut [0; 1000]).unwrap();
    // From here on nobody reads.
    let began = scene.terminate();
    scene.ended();
    let took = began.elapsed();
    assert!(took < GRACE + TOLD + LATE, "{took:?}");
    drop(content);
    assert!(!get.wait().unwrap().success());
    assert_eq!(scene.server.sessions(), 0);
}

#[test]
fn a_second_sigterm_hurries_and_the_client_is_told_all_the_same() {
    let mut scene = Scene::start("a7670", 57_600, long(20_000_000));
    let get = scene.get();
    scene.terminate();
    scene.service.signal(Signal::TERM);
    let began = Instant::now();
    told_of_the_end(&get.wait_with_output().unwrap());
    scene.ended();
    assert!(began.elapsed() < LATE, "{:?}", began.elapsed());
}

/// The next daemon serves clients that come meanwhile. systemd holds the socket.
#[test]
fn who_comes_to_a_socket_that_was_passed_on_waits_for_the_next_daemon() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("activated");
    let held = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let module = Module::start("sim7600", 57_600);
    let server = long(20_000_000);
    let config = scratch.path().join("x.toml");
    let of = format!(
        "[module]\ndevice = \"{}\"\n[durable]\ndirectory = \"\"\n{}",
        module.link.display(),
        server.profile()
    );
    fs::write(&config, of).unwrap();
    let start = || {
        let script = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" --config \"$1\"";
        let socket: std::os::fd::OwnedFd = held.try_clone().unwrap().into();
        Command::new("sh")
            .args(["-c", script, CELLFTPD])
            .arg(&config)
            .stdin(Stdio::from(socket))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let client = |arguments: &[&str]| {
        let mut command = Command::new(CELLFTP);
        command
            .arg("--socket")
            .arg(&path)
            .args(["-p", "s"])
            .args(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let mut first = start();
    let status = || text(&client(&["status"]).output().unwrap().stdout);
    until("the module is ready", || status().contains("ready"));
    let mut get = client(&["get", "/long", "-"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    until("the file is asked for", || server.heard("RETR"));
    kill_process(Pid::from_child(&first), Signal::TERM).unwrap();
    // The request waits when no client is accepted any more. The kernel gives no event for that.
    let waits = loop {
        let mut asks = client(&["status"]).spawn().unwrap();
        let asked = Instant::now();
        while asks.try_wait().unwrap().is_none() && asked.elapsed() < Duration::from_secs(3) {
            std::thread::sleep(Duration::from_millis(10));
        }
        if asks.try_wait().unwrap().is_none() {
            break asks;
        }
    };
    kill_process(Pid::from_child(&first), Signal::TERM).unwrap();
    assert_eq!(first.wait().unwrap().code(), Some(0));
    assert!(!get.wait().unwrap().success());
    let mut second = start();
    let answer = waits.wait_with_output().unwrap();
    assert!(answer.status.success(), "{}", text(&answer.stderr));
    kill_process(Pid::from_child(&second), Signal::TERM).unwrap();
    second.wait().unwrap();
}

/// It has no caller that must be told, and goes on at the next start.
#[test]
fn a_transfer_that_is_kept_is_suspended_at_once_and_goes_on_at_the_next_start() {
    let server = long(1_000_000);
    let module = Module::start("sim7600", 921_600);
    let kept = tempfile::tempdir().unwrap();
    let device = module.link.display().to_string();
    let directory = kept.path().display().to_string();
    let environment = [
        ("CELLFTPD_MODULE__DEVICE", device.as_str()),
        ("CELLFTPD_DURABLE__DIRECTORY", directory.as_str()),
    ];
    let mut service = Service::set(&server.profile(), &environment);
    service.hear("STATUS=ready");
    let door = service.door().display().to_string();
    let get = [
        "--socket", &door, "-p", "s", "transfer", "get", "/long", "--id", "kept",
    ];
    let get = run(CELLFTP, &get);
    assert!(get.status.success(), "{}", text(&get.stderr));
    let show = || {
        let show = run(
            CELLFTP,
            &["--socket", &door, "--json", "transfer", "show", "kept"],
        );
        serde_json::from_slice::<serde_json::Value>(&show.stdout).unwrap_or_default()
    };
    let moved = || show()["moved"].as_i64();
    until("a part is here", || {
        moved().is_some_and(|moved| moved > 100_000)
    });
    let began = Instant::now();
    service.signal(Signal::TERM);
    assert_eq!(service.process.wait().unwrap().code(), Some(0));
    assert!(began.elapsed() < GRACE, "{:?}", began.elapsed());
    assert_eq!(server.sessions(), 0);
    service.heard.borrow_mut().clear();
    service.process = Command::new(CELLFTPD)
        .arg("--config")
        .arg(service.scratch.path().join("cellftpd.toml"))
        .env("NOTIFY_SOCKET", service.scratch.path().join("notify"))
        .envs(environment)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // What the first daemon said last may still wait to be heard, so that only an answer shows the second.
    until("the daemon answers", || show()["state"].is_string());
    // It ends with the transfer.
    let watch = [
        "--socket",
        &door,
        "--timeout",
        "90s",
        "transfer",
        "watch",
        "kept",
    ];
    let watch = run(CELLFTP, &watch);
    assert!(watch.status.success(), "{}", text(&watch.stderr));
    assert_eq!(show()["state"], "TRANSFER_STATE_DONE");
    assert!(server.heard("REST"), "it began anew");
}
