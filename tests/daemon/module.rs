//! `cellftp module ...` about the module itself: what it prints, for people and for programs, and
//! its exit codes.

use std::process::Output;

use serde_json::{Value, json};

use super::{CELLFTP, Service, run, text};

/// A daemon whose notification socket is silent unless something happens, and whose module is up
/// again at once.
fn quiet(environment: &[(&str, &str)]) -> Service {
    let knobs = "[module.emulator.knobs]\nboot_time = \"1s\"\n";
    let calm = [environment, &[("WATCHDOG_USEC", "600000000")]].concat();
    Service::set(knobs, &calm)
}

/// `cellftp module` with a daemon.
struct Cellftp<'a> {
    service: &'a Service,
    door: String,
}

impl<'a> Cellftp<'a> {
    fn of(service: &'a Service) -> Self {
        service.hear("STATUS=ready");
        Self::of_any(service)
    }

    /// The same, whatever the module does.
    fn of_any(service: &'a Service) -> Self {
        service.hear("READY=1");
        let door = service.door().display().to_string();
        Self { service, door }
    }

    fn run(&self, options: &[&str], words: &[&str]) -> Output {
        self.service.drain();
        let door = ["--socket", &self.door, "module"];
        run(CELLFTP, &[options, &door, words].concat())
    }

    /// What it prints for people.
    fn text(&self, words: &[&str]) -> String {
        let output = self.run(&[], words);
        let errors = text(&output.stderr);
        assert!(output.status.success(), "{words:?}: {errors}");
        text(&output.stdout)
    }

    /// The one document that it prints for programs.
    fn json(&self, words: &[&str]) -> Value {
        let output = self.run(&["--json"], words);
        let errors = text(&output.stderr);
        assert!(output.status.success(), "{words:?}: {errors}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The exit code and the reason of a failure, of which standard output has nothing.
    fn failure(&self, words: &[&str]) -> (Option<i32>, Value) {
        let output = self.run(&["--json"], words);
        assert_eq!(text(&output.stdout), "", "{words:?}");
        let error: Value = serde_json::from_slice(&output.stderr).unwrap();
        let reason = error.pointer("/error/reason").cloned();
        (output.status.code(), reason.unwrap_or_default())
    }
}

#[test]
fn the_service_is_started_and_stopped() {
    let service = quiet(&[]);
    let cellftp = Cellftp::of(&service);
    // Twice: starting what is started is no error.
    for _ in 0..2 {
        assert_eq!(cellftp.text(&["start"]), "");
        assert_eq!(cellftp.json(&["start"]), json!({ "started": true }));
    }
    for _ in 0..2 {
        assert_eq!(cellftp.text(&["stop"]), "");
        assert_eq!(cellftp.json(&["stop"]), json!({ "started": false }));
    }
}

#[test]
fn the_address_of_data_connections_is_shown_and_set() {
    let service = quiet(&[]);
    let cellftp = Cellftp::of(&service);
    for mode in ["control", "reply"] {
        assert_eq!(cellftp.text(&["address", mode]), "");
        assert_eq!(cellftp.text(&["address"]), format!("{mode}\n"));
        assert_eq!(cellftp.json(&["address"]), json!({ "address": mode }));
        let set = cellftp.json(&["address", mode]);
        assert_eq!(set, json!({ "address": mode }));
    }
    let wrong = cellftp.run(&[], &["address", "x"]);
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn what_the_module_can_do_is_shown() {
    let service = quiet(&[]);
    let cellftp = Cellftp::of(&service);
    let shown = cellftp.text(&["capabilities"]);
    for line in [
        "family       SIM7600",
        "abort        yes",
        "cache        yes",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{shown}");
    }
    let probed = shown.lines().find(|line| line.starts_with("AT+CFTPSMODE"));
    assert!(
        probed.is_some_and(|line| line.ends_with("refused")),
        "{shown}"
    );
    let told = cellftp.json(&["capabilities"]);
    assert_eq!(told["family"], "SIM7600", "{told:#}");
    assert_eq!(told["abort"], true, "{told:#}");
    assert_eq!(told["max_path"], 256, "{told:#}");
    let probe = told["probe"].as_array().unwrap();
    let mode = probe
        .iter()
        .find(|probe| probe["command"] == "AT+CFTPSMODE=?");
    assert_eq!(mode.unwrap()["answer"], Value::Null, "{told:#}");
}

#[test]
fn the_forms_of_the_commands_are_asked_for() {
    let service = quiet(&[]);
    let cellftp = Cellftp::of(&service);
    let shown = cellftp.text(&["forms"]);
    assert_eq!(shown.lines().count(), 23, "{shown}");
    let line = shown
        .lines()
        .find(|line| line.starts_with("AT+CFTPSTYPE=? "));
    let line = line.unwrap_or_default();
    assert!(line.ends_with(" +CFTPSTYPE: (A,I)  OK"), "{shown}");
    let told = cellftp.json(&["forms"]);
    let forms = told.as_array().unwrap();
    assert_eq!(forms.len(), 23, "{told:#}");
    let form = forms
        .iter()
        .find(|form| form["command"] == "AT+CFTPSTYPE=?");
    let want = json!({
        "command": "AT+CFTPSTYPE=?", "lines": ["+CFTPSTYPE: (A,I)"], "result": "OK",
    });
    assert_eq!(form, Some(&want), "{told:#}");
}

#[test]
fn a_command_of_the_users_own_is_passed_on_where_the_daemon_allows_it() {
    let forbidding = quiet(&[]);
    let refused = Cellftp::of(&forbidding).failure(&["at", "AT+CSQ"]);
    assert_eq!(refused, (Some(4), json!("AT_COMMANDS_DISABLED")));

    let service = quiet(&[("CELLFTPD_MODULE__ALLOW_AT_COMMANDS", "true")]);
    let cellftp = Cellftp::of(&service);
    let shown = cellftp.text(&["at", "AT+CFTPSTYPE=?"]);
    assert_eq!(shown, "+CFTPSTYPE: (A,I)\nOK\n");
    let told = cellftp.json(&["at", "AT+CFTPSTYPE=?"]);
    let want = json!({ "lines": ["+CFTPSTYPE: (A,I)"], "result": "OK" });
    assert_eq!(told, want);
    // The module's answer is the result, even where it is a refusal.
    assert_eq!(cellftp.json(&["at", "AT+NONE?"])["result"], "ERROR");
    // Two lines are not one, and an unknown command could leave the line in disorder.
    for line in ["AT\rAT", "AT+NONE"] {
        let refused = cellftp.failure(&["at", line]);
        assert_eq!(refused, (Some(2), json!("INVALID_FIELDS")), "{line:?}");
    }
}

#[test]
fn the_module_is_started_anew() {
    let service = quiet(&[]);
    let cellftp = Cellftp::of(&service);
    assert_eq!(cellftp.text(&["reset"]), "the module is back\n");
    assert_eq!(cellftp.json(&["reset"]), json!({ "reset": true }));
    assert_eq!(cellftp.text(&["start"]), "");
}

#[test]
fn every_command_about_a_module_that_is_away_says_so() {
    let service = quiet(&[("CELLFTPD_MODULE__DEVICE", "/no/such/port")]);
    let cellftp = Cellftp::of_any(&service);
    for words in [
        &["start"][..],
        &["stop"],
        &["address"],
        &["address", "control"],
        &["forms"],
        &["reset"],
    ] {
        let (code, reason) = cellftp.failure(words);
        assert_eq!(
            (code, &reason),
            (Some(5), &json!("DEVICE_ABSENT")),
            "{words:?}"
        );
    }
    // These are the capabilities that the daemon knows, which are none yet.
    assert_eq!(cellftp.json(&["capabilities"])["family"], "unknown");
}
