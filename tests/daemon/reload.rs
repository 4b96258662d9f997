//! SIGHUP: the configuration is taken over while the daemon works.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use rustix::process::Signal;
use serde_json::Value;

use super::ftp::Server;
use super::{CELLFTP, CELLFTPD, PATIENCE, Service, run, text, wait};

/// A daemon whose configuration is written anew.
struct Reloaded {
    service: Service,
    /// What its configuration begins with.
    head: String,
    log: PathBuf,
    _logs: tempfile::TempDir,
}

impl Reloaded {
    fn with(head: &str, more: &str) -> Self {
        Self::by(Command::new(CELLFTPD), head, more)
    }

    /// One that keeps transfers, and tries them each second.
    fn keeping(state: &Path, more: &str) -> Self {
        let mut command = Command::new(CELLFTPD);
        command.env("CELLFTPD_DURABLE__DIRECTORY", state);
        command.env("CELLFTPD_DURABLE__BACKOFF", "1s");
        command.env("CELLFTPD_DURABLE__MAX_BACKOFF", "1s");
        Self::by(command, "", more)
    }

    fn by(mut command: Command, head: &str, more: &str) -> Self {
        let logs = tempfile::tempdir().unwrap();
        let log = logs.path().join("log");
        command.stderr(File::create(&log).unwrap());
        let service = Service::by(command, &format!("{head}{more}"));
        service.hear("STATUS=ready");
        let written = fs::read_to_string(service.scratch.path().join("cellftpd.toml")).unwrap();
        Self {
            head: written.strip_suffix(more).unwrap().to_owned(),
            service,
            log,
            _logs: logs,
        }
    }

    fn config(&self) -> PathBuf {
        self.service.scratch.path().join("cellftpd.toml")
    }

    /// Has the daemon read another end of its configuration. What it logs meanwhile.
    fn reload(&self, more: &str) -> String {
        fs::write(self.config(), format!("{}{more}", self.head)).unwrap();
        self.hang_up()
    }

    fn hang_up(&self) -> String {
        let before = self.log().len();
        self.service.heard.borrow_mut().clear();
        self.service.signal(Signal::HUP);
        self.service.hear("RELOADING=1");
        self.service.hear("READY=1");
        let heard = self.service.heard.borrow();
        let at = |begins: &str| heard.iter().position(|line| line.starts_with(begins));
        assert!(at("MONOTONIC_USEC=") < at("READY=1"), "{heard:?}");
        wait::until("a line about the reload", PATIENCE, || {
            let log = self.log();
            let new = log.get(before..).unwrap();
            new.contains("SIGHUP: ").then(|| new.to_owned())
        })
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    fn cellftp(&self, words: &[&str]) -> std::process::Output {
        let door = self.service.door().display().to_string();
        run(
            CELLFTP,
            &[&["--socket", &door, "--timeout", "60s", "--json"], words].concat(),
        )
    }

    fn done(&self, words: &[&str]) -> Value {
        let output = self.cellftp(words);
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    /// The reason why a command fails.
    fn reason(&self, words: &[&str]) -> String {
        let output = self.cellftp(words);
        assert!(!output.status.success(), "{words:?} is done");
        let error: Value = serde_json::from_slice(&output.stderr).unwrap();
        let reason = error.pointer("/error/reason").and_then(Value::as_str);
        reason.unwrap_or_default().to_owned()
    }

    fn stops(mut self) {
        self.service.signal(Signal::TERM);
        assert_eq!(self.service.process.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn a_profile_comes_changes_and_goes_without_a_restart() {
    let server = Server::start().with_file("f", vec![7; 5000]);
    let daemon = Reloaded::with("", "");
    assert_eq!(
        daemon.reason(&["-p", "s", "size", "/f"]),
        "PROFILE_NOT_FOUND"
    );
    let log = daemon.reload(&server.profile());
    assert!(
        log.contains("SIGHUP: taken over: new profiles: \"s\""),
        "{log}"
    );
    daemon.done(&["-p", "s", "size", "/f"]);
    let log = daemon.reload(&(server.profile() + "data_per_day = 1\n"));
    assert!(log.contains("changed profiles: \"s\""), "{log}");
    assert_eq!(daemon.reason(&["-p", "s", "get", "/f", "-"]), "DATA_BUDGET");
    let log = daemon.reload("");
    assert!(log.contains("gone and refuse new work: \"s\""), "{log}");
    assert_eq!(
        daemon.reason(&["-p", "s", "size", "/f"]),
        "PROFILE_NOT_FOUND"
    );
    let log = daemon.hang_up();
    assert!(
        log.contains("SIGHUP: the configuration is as it was"),
        "{log}"
    );
    daemon.stops();
}

#[test]
fn a_running_transfer_ends_well_though_its_profile_is_gone() {
    let content: Vec<u8> = (0..400_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let server = Server::start().with_file("f", content.clone());
    // 400 kB take some three seconds.
    let slow = "[module.emulator.knobs]\nbaud = 1500000\n";
    let daemon = Reloaded::with(slow, &server.profile());
    let door = daemon.service.door().display().to_string();
    let mut get = Command::new(CELLFTP)
        .args(["--socket", &door, "-p", "s", "get", "/f", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = get.stdout.take().unwrap();
    let mut got = vec![0; 1];
    out.read_exact(&mut got).unwrap();
    daemon.reload("");
    assert_eq!(
        daemon.reason(&["-p", "s", "size", "/f"]),
        "PROFILE_NOT_FOUND"
    );
    assert!(
        get.try_wait().unwrap().is_none(),
        "it was too quick for this test"
    );
    out.read_to_end(&mut got).unwrap();
    assert!(get.wait().unwrap().success());
    assert!(got == content);
    daemon.stops();
}

#[test]
fn roles_access_and_the_level_of_the_log_are_taken_over() {
    let server = Server::start().with_file("f", b"x".to_vec());
    let profile = server.profile();
    let daemon = Reloaded::with("", &profile);
    daemon.done(&["-p", "s", "size", "/f"]);
    assert!(!daemon.log().contains("AT+CFTPSSIZE"));
    let log = daemon.reload(&format!(
        "{profile}[access.s]\nread = [\"uid:*\"]\n[log]\nlevel = \"debug\"\n[roles]\nmodule_files = []\n"
    ));
    assert!(
        log.contains("taken over: log.level, roles.module_files; access"),
        "{log}"
    );
    daemon.done(&["-p", "s", "size", "/f"]);
    assert!(daemon.log().contains("AT+CFTPSSIZE"), "{}", daemon.log());
    assert_eq!(
        daemon.reason(&["-p", "s", "rm", "/f"]),
        "PROFILE_NOT_ALLOWED"
    );
    assert_eq!(daemon.reason(&["module", "df"]), "ROLE_REQUIRED");
    daemon.reload(&profile);
    daemon.done(&["module", "df"]);
    daemon.stops();
}

#[test]
fn a_configuration_that_is_wrong_changes_nothing_and_is_told() {
    let server = Server::start().with_file("f", b"x".to_vec());
    let daemon = Reloaded::with("", &server.profile());
    let place = daemon.config().display().to_string();
    for (wrong, part) in [
        ("[qeue]\ncapacity = 5\n".to_owned(), "did you mean `queue`?"),
        ("[servers.s\n".to_owned(), "is no TOML"),
        (
            format!("{}host = \"x\"\n", server.profile()),
            "`host` is given twice",
        ),
    ] {
        let log = daemon.reload(&wrong);
        assert!(log.contains("SIGHUP: nothing is changed"), "{log}");
        assert!(
            log.contains(&format!("{place}:")) && log.contains(part),
            "{log}"
        );
        daemon.service.hear(
            "STATUS=ready; the configuration files are not usable and change nothing: see the log",
        );
        daemon.done(&["-p", "s", "size", "/f"]);
    }
    // It cannot be read at all.
    fs::remove_file(daemon.config()).unwrap();
    fs::create_dir(daemon.config()).unwrap();
    assert!(daemon.hang_up().contains("is a directory"));
    fs::remove_dir(daemon.config()).unwrap();
    let fifo = Command::new("mkfifo").arg(daemon.config()).status();
    assert!(fifo.unwrap().success());
    assert!(daemon.hang_up().contains("is a pipe"));
    fs::remove_file(daemon.config()).unwrap();
    daemon.done(&["-p", "s", "size", "/f"]);
    daemon.reload(&server.profile());
    daemon.service.hear("STATUS=ready");
    daemon.stops();
}

#[test]
fn what_needs_a_restart_is_named_again_and_again_and_stays() {
    let daemon = Reloaded::with("", "");
    let new = "[metrics]\nlisten = \"127.0.0.1:1\"\n[repair]\nhighest = \"service\"\n";
    for _ in 0..2 {
        let log = daemon.reload(new);
        assert!(
            log.contains("waits for a restart and stays as it was: metrics.listen, repair.highest"),
            "{log}"
        );
        daemon
            .service
            .hear("STATUS=ready; changes in the configuration wait for a restart: see the log");
    }
    daemon.reload("");
    daemon.service.hear("STATUS=ready");
    daemon.stops();
}

#[test]
fn a_drop_in_that_comes_later_is_read() {
    let server = Server::start().with_file("f", b"x".to_vec());
    let daemon = Reloaded::with("", "");
    let drop_ins = daemon.service.scratch.path().join("conf.d");
    fs::create_dir(&drop_ins).unwrap();
    fs::write(drop_ins.join("s.toml"), server.profile()).unwrap();
    daemon.hang_up();
    daemon.done(&["-p", "s", "size", "/f"]);
    daemon.stops();
}

/// It is told why, keeps its bytes, and goes on once there is a profile of its name again.
#[test]
fn a_kept_transfer_whose_profile_is_gone_fails_and_can_be_retried() {
    let scratch = tempfile::tempdir().unwrap();
    let state = scratch.path().join("state");
    fs::create_dir(&state).unwrap();
    let up = scratch.path().join("up");
    fs::write(&up, "abc").unwrap();
    // Nobody listens there: an attempt a second fails.
    let gone = "[servers.s]\nhost = \"127.0.0.1\"\nport = 1\nsecurity = \"none\"\nusername = \"u\"\n\
                password = \"p\"\n";
    let daemon = Reloaded::keeping(&state, gone);
    let up = up.display().to_string();
    daemon.done(&["-p", "s", "transfer", "put", &up, "/up", "--id", "t"]);
    daemon.reload("");
    let show = |what: &str| {
        wait::until(what, PATIENCE, || {
            let shown = daemon.done(&["transfer", "show", "t"]);
            shown.to_string().contains(what).then_some(shown)
        })
    };
    let failed = show("PROFILE_NOT_FOUND");
    assert!(failed.to_string().contains("FAILED"), "{failed}");
    let server = Server::start();
    daemon.reload(&server.profile());
    daemon.done(&["transfer", "retry", "t"]);
    let done = show("DONE");
    assert!(!done.to_string().contains("FAILED"), "{done}");
    assert_eq!(server.size("up"), Some(3));
    daemon.stops();
}

/// It went on until it ended by itself, with what others did.
#[test]
fn who_administers_no_more_is_told_no_more_of_others() {
    let server = Server::start().with_file("f", b"x".to_vec());
    let state = tempfile::tempdir().unwrap();
    let daemon = Reloaded::keeping(state.path(), &server.profile());
    let door = daemon.service.door().display().to_string();
    let put = || {
        let up = daemon.config().display().to_string();
        daemon.done(&[
            "-p",
            "s",
            "transfer",
            "put",
            &up,
            "/f",
            "--if-exists",
            "overwrite",
        ])
    };
    let watches = [&["events"][..], &["transfer", "watch"]].map(|words| {
        let mut watch = Command::new(CELLFTP)
            .args(["--socket", &door, "--json"])
            .args(words)
            .args(["--principal", "-"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(watch.stdout.take().unwrap()).lines();
        let (told, hears) = mpsc::channel();
        thread::spawn(move || {
            lines
                .map_while(Result::ok)
                .try_for_each(|line| told.send(line))
        });
        // What happens before it is there is not told.
        wait::until("a watch that is told", PATIENCE, || {
            put();
            hears.try_recv().ok()
        });
        // Its lines are read to the end.
        (watch, hears)
    });
    daemon.reload(&format!("[roles]\nadminister = []\n{}", server.profile()));
    put();
    for (mut watch, _hears) in watches {
        let ended = wait::until("a watch that ends", PATIENCE, || watch.try_wait().unwrap());
        assert!(!ended.success());
        let mut why = String::new();
        let stderr = watch.stderr.as_mut().unwrap();
        stderr.read_to_string(&mut why).unwrap();
        assert!(why.contains("ROLE_REQUIRED"), "{why}");
    }
    daemon.stops();
}

#[test]
fn thousands_of_signals_in_a_row_and_signals_while_stopping_do_no_harm() {
    let server = Server::start().with_file("f", b"x".to_vec());
    let mut daemon = Reloaded::with("", &server.profile());
    for _ in 0..3000 {
        daemon.service.signal(Signal::HUP);
    }
    daemon.service.drain();
    daemon.done(&["-p", "s", "size", "/f"]);
    daemon.service.signal(Signal::TERM);
    // It may be gone by any of these.
    for _ in 0..100 {
        let pid = rustix::process::Pid::from_child(&daemon.service.process);
        let _ = rustix::process::kill_process(pid, Signal::HUP);
    }
    assert_eq!(daemon.service.process.wait().unwrap().code(), Some(0));
}
