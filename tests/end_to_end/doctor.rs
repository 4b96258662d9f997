//! `cellftpd doctor`: what it finds on modules and servers with faults, and what it never prints.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::content::traps;
use crate::support::servers::{Options, Security, Server, ServerKind};
use crate::support::site::{Family, Module, Site};
use crate::support::tools;

/// An emulated module on a line of its own, and a configuration for it.
struct Patient {
    _module: Option<Module>,
    scratch: TempDir,
}

impl Patient {
    /// A module with these knobs, and a profile `server` with this password where there is a server.
    fn of(knobs: &str, server: Option<(&Server, &str)>) -> Self {
        let scratch = TempDir::with_prefix("cellftpd-").expect("a scratch directory");
        let file = scratch.path().join("knobs.toml");
        std::fs::write(&file, knobs).expect("a scratch directory is writable");
        let link = scratch.path().join("module");
        let knobs = ["--knobs", file.to_str().expect("UTF-8")];
        let module = Some(Module::start(Family::Sim7600, &link, &knobs));
        Self::set(module, scratch, server)
    }

    fn set(module: Option<Module>, scratch: TempDir, server: Option<(&Server, &str)>) -> Self {
        let device = scratch.path().join("module");
        let mut text = format!("[module]\ndevice = '{}'\n", device.display());
        if let Some((server, password)) = server {
            text += &format!(
                "[servers.server]\nhost = '{}'\nport = {}\nsecurity = '{}'\nusername = '{}'\npassword = '{password}'\n",
                server.host,
                server.port,
                server.security.name(),
                server.user,
            );
            if server.security != Security::None {
                text += "verify = 'none'\n";
            }
        }
        std::fs::write(scratch.path().join("cellftpd.toml"), text)
            .expect("a scratch directory is writable");
        Self {
            _module: module,
            scratch,
        }
    }

    fn config(&self) -> PathBuf {
        self.scratch.path().join("cellftpd.toml")
    }

    fn look(&self, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_cellftpd"))
            .arg("--config")
            .arg(self.config())
            .arg("doctor")
            .args(words)
            .output()
            .expect("cellftpd starts")
    }

    /// Its output and its exit code.
    fn text(&self, words: &[&str]) -> (String, Option<i32>) {
        let output = self.look(words);
        let text = String::from_utf8(output.stdout).expect("text");
        (text, output.status.code())
    }

    /// Its findings, which hold no secret, and its exit code.
    fn found(&self, words: &[&str]) -> (Found, Option<i32>) {
        let output = self.look(&[&["--json"], words].concat());
        let errors = String::from_utf8_lossy(&output.stderr);
        let value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {errors}"));
        (Found(value), output.status.code())
    }
}

/// A report for programs.
#[derive(Debug)]
struct Found(Value);

impl Found {
    /// Verdict and words of a check.
    fn of(&self, check: &str) -> (&str, &str) {
        let findings = self.0["findings"].as_array().expect("findings");
        let found = findings.iter().find(|found| found["check"] == check);
        let found = found.unwrap_or_else(|| panic!("no {check}: {:#}", self.0));
        let word = |key: &str| found[key].as_str().expect("a word");
        (word("verdict"), word("finding"))
    }

    #[track_caller]
    fn assert(&self, check: &str, verdict: &str, words: &str) {
        let (found, said) = self.of(check);
        assert_eq!(found, verdict, "{check}: {:#}", self.0);
        assert!(said.contains(words), "{check}: {said}");
    }
}

/// Numbers of the emulated module and its card.
const SECRETS: [&str; 3] = ["001017001234567", "001010123456789", "8901010000000000000"];

#[test]
fn a_good_module_and_a_good_server() {
    if !tools::wanted("a_good_module_and_a_good_server") {
        return;
    }
    let server = Server::start(ServerKind::Pyftpdlib, Security::None);
    server.place("file.bin", &traps(200_000));
    let patient = Patient::of("", Some((&server, server.password)));
    let remote = server.remote("file.bin");
    let (found, code) = patient.found(&["--profile", "server", "--file", &remote]);
    assert_eq!(code, Some(0), "{:#}", found.0);
    found.assert("port", "ok", "no other program");
    found.assert("at", "ok", "with echo");
    found.assert("identity", "ok", "SIM7600");
    found.assert("sim", "ok", "ready");
    found.assert("radio", "ok", "on");
    found.assert("network", "ok", "at home");
    found.assert("signal", "ok", "dBm");
    found.assert("data", "ok", "with an IP address");
    found.assert("clock", "warning", "never set");
    found.assert("gnss", "ok", "No sentences");
    found.assert("tls", "warning", "Nothing is encrypted");
    found.assert("login", "ok", "lets the module in");
    found.assert("size", "ok", "tells sizes");
    found.assert("rest", "ok", "goes on where it is told");
    found.assert("rate", "ok", "200000 bytes");
    assert_eq!(found.0["problems"], 0);

    let (found, code) =
        patient.found(&["--profile", "server", "--file", &remote, "--limit", "100"]);
    assert_eq!(code, Some(0), "{:#}", found.0);
    found.assert("rate", "warning", "195 KiB, and 100 are allowed");

    // The same for people, of all profiles.
    let (text, code) = patient.text(&[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("server profile server"), "{text}");
    assert!(text.contains("ok       list"), "{text}");
    assert!(text.ends_with("problems: 0, warnings: 2\n"), "{text}");
    for report in [text, found.0.to_string()] {
        assert!(!report.contains(server.password), "{report}");
        for secret in SECRETS {
            assert!(!report.contains(secret), "{secret}: {report}");
        }
    }
}

#[test]
fn sentences_of_a_receiver_are_named_and_whether_they_could_be_switched_off() {
    for (switch, words) in [
        ("+CGNSSTST", "None came any more"),
        ("", "could not be switched off"),
    ] {
        let knobs = format!(
            "chatter = \"$GNRMC,,V,,,,,,,,,,N,V*37\\r\\n\"\nchatter_every = \"300ms\"\nchatter_switch = \"{switch}\"\n"
        );
        let patient = Patient::of(&knobs, None);
        let (found, code) = patient.found(&[]);
        assert_eq!(code, Some(0), "{:#}", found.0);
        found.assert("gnss", "warning", "$GNRMC");
        found.assert("gnss", "warning", words);
    }
}

#[test]
fn a_port_that_another_program_holds() {
    if !tools::wanted("a_port_that_another_program_holds") {
        return;
    }
    let server = Server::start(ServerKind::Pyftpdlib, Security::None);
    let site = Site::start(Family::Sim7600, &[("server", &server)]);
    let scratch = TempDir::with_prefix("cellftpd-").expect("a scratch directory");
    let device = scratch.path().join("module");
    let target = std::fs::canonicalize(site.scratch("module")).expect("the pty of the module");
    std::os::unix::fs::symlink(target, device).expect("a scratch directory is writable");
    let patient = Patient::set(None, scratch, None);
    let (found, code) = patient.found(&[]);
    assert_eq!(code, Some(1), "{:#}", found.0);
    found.assert("port", "problem", "cellftpd (pid ");
    let advice = found.0["findings"][0]["advice"]
        .as_str()
        .unwrap_or_default();
    assert!(advice.contains("cellftp status"), "{advice}");
}

#[test]
fn a_module_without_a_sim_and_one_whose_radio_is_off() {
    let (found, code) = Patient::of("sim = \"absent\"\n", None).found(&[]);
    assert_eq!(code, Some(1), "{:#}", found.0);
    found.assert("sim", "problem", "there is no SIM");
    found.assert("identity", "ok", "SIM7600");

    let (found, code) = Patient::of("sim = \"pin\"\n", None).found(&[]);
    assert_eq!(code, Some(1), "{:#}", found.0);
    found.assert("sim", "problem", "asks for a PIN");

    let (found, code) = Patient::of("functionality = 0\n", None).found(&[]);
    assert_eq!(code, Some(0), "{:#}", found.0);
    found.assert("radio", "warning", "was switched off");
    found.assert("sim", "ok", "ready");

    let (found, code) = Patient::of("registration = 3\n", None).found(&[]);
    assert_eq!(code, Some(1), "{:#}", found.0);
    found.assert("network", "problem", "denied");
}

#[test]
fn a_wrong_password_and_a_server_that_is_not_there() {
    if !tools::wanted("a_wrong_password_and_a_server_that_is_not_there") {
        return;
    }
    let server = Server::start(ServerKind::Pyftpdlib, Security::None);
    let patient = Patient::of("", Some((&server, "hunter2")));
    let (found, code) = patient.found(&[]);
    assert_eq!(code, Some(1), "{:#}", found.0);
    found.assert("login", "problem", "AT+CFTPSLOGIN");
    assert!(!found.0.to_string().contains("hunter2"), "{:#}", found.0);

    let mut gone = Server::start(ServerKind::Pyftpdlib, Security::None);
    gone.port = crate::support::wait::free_port();
    let (found, code) = Patient::of("", Some((&gone, gone.password))).found(&[]);
    assert_eq!(code, Some(1), "{:#}", found.0);
    found.assert("login", "problem", "AT+CFTPSLOGIN");
}

#[test]
fn no_device_and_no_such_profile() {
    let scratch = TempDir::with_prefix("cellftpd-").expect("a scratch directory");
    let patient = Patient::set(None, scratch, None);
    let (found, code) = patient.found(&[]);
    assert_eq!(code, Some(1), "{:#}", found.0);
    found.assert("port", "problem", "There is no device");
    let refused = patient.look(&["--profile", "none"]);
    assert_eq!(refused.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(errors.contains("--profile none"), "{errors}");
}

#[test]
fn a_server_without_size_and_one_that_does_not_go_on() {
    if !tools::wanted("a_server_without_size_and_one_that_does_not_go_on") {
        return;
    }
    let options = Options {
        refuse_rest: true,
        moods: vec!["no-size"],
        ..Options::default()
    };
    let server = Server::start_with(ServerKind::Pyftpdlib, Security::None, &options);
    server.place("file.bin", &traps(30_000));
    let patient = Patient::of("", Some((&server, server.password)));
    let remote = server.remote("file.bin");
    let (found, code) = patient.found(&["--profile", "server", "--file", &remote]);
    assert_eq!(code, Some(0), "{:#}", found.0);
    found.assert("size", "warning", "does not tell sizes");
    found.assert("rest", "warning", "does not go on");
}

#[test]
fn it_ends_in_time_and_says_what_it_did_not_look_at() {
    let patient = Patient::of("ok_never = [\"+CGMM\", \"+CGMR\", \"+CREG\"]\n", None);
    let (found, code) = patient.found(&["--timeout", "2"]);
    assert_eq!(code, Some(1), "{:#}", found.0);
    found.assert("doctor", "problem", "--timeout");
}
