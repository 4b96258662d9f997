//! Modules that behave as in public reports: the whole way, from the caller to a real server.

use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use crate::content::{assert_holds, traps};
use crate::storage::cellftp;
use crate::support::failure::failed;
use crate::support::servers::{Security, Server, ServerKind};
use crate::support::site::{Family, Site};
use crate::support::tools;

const SENTENCE: &str = r#"chatter = "$GNRMC,,V,,,,,,,,,,N,V*37\r\n""#;

/// A site with such a module, and its faults.
fn site(family: Family, server: &Server, knobs: &str, faults: &str) -> (Site, TempDir) {
    let directory = TempDir::with_prefix("cellftpd-").expect("a scratch directory");
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).expect("a scratch directory is writable");
        path.to_str().expect("UTF-8").to_owned()
    };
    let (knobs, faults) = (file("knobs.toml", knobs), file("faults.toml", faults));
    let module = ["--knobs", &knobs, "--faults", &faults];
    (
        Site::start_on(family, &[("server", server)], &module),
        directory,
    )
}

fn fault(command: &str, nth: u32, phase: &str, effect: &str) -> String {
    format!(
        "[[fault]]\ntrigger = {{ command = {{ command = \"{command}\", nth = {nth}, phase = {phase} }} }}\n\
         effect = {effect}\n"
    )
}

/// Fetches a file within this many seconds, and lists its directory.
fn fetches(site: &Site, server: &Server, content: &[u8], within: u64) {
    let down = site.scratch("down");
    let remote = server.remote("file");
    let begin = Instant::now();
    let get = [
        "get",
        "--profile",
        "server",
        &remote,
        &down.to_string_lossy(),
    ]
    .map(str::to_owned);
    site.python()
        .call(&get.each_ref().map(String::as_str))
        .unwrap_or_else(|failure| panic!("{failure:#?}\n{}", site.log()));
    assert_holds(&down, content);
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(within), "{took:?}");
    let directory = server.remote("");
    let list = site.ftps(
        "List",
        &json!({"target": {"profile": "server"}, "path": directory}),
    );
    let list = list.unwrap_or_else(|failure| panic!("{failure:#?}"));
    assert!(list.to_string().contains("\"file\""), "{list:#}");
    assert!(!list.to_string().contains('$'), "{list:#}");
}

/// Point 8: a sentence ten times a second, once where a switch ends them, once where none does.
#[test]
fn sentences_of_a_satellite_receiver_on_the_port() {
    if !tools::wanted("sentences_of_a_satellite_receiver_on_the_port") {
        return;
    }
    let server = Server::start(ServerKind::Pyftpdlib, Security::None);
    let content = traps(300_000);
    server.place("file", &content);
    for family in Family::ALL {
        for switch in ["+CGNSSTST", "+CGNSSPORTSWITCH", ""] {
            let knobs =
                format!("{SENTENCE}\nchatter_every = \"100ms\"\nchatter_switch = \"{switch}\"\n");
            let (site, _files) = site(family, &server, &knobs, "");
            fetches(&site, &server, &content, 60);
            let log = site.log();
            assert!(log.contains("sentences of a satellite receiver"), "{log}");
            assert!(log.contains("AT+CGNSSPORTSWITCH=0,0"), "{log}");
        }
    }
}

/// Point 8: a receiver that starts sends more than sentences, in the middle of whatever is running.
#[test]
fn a_receiver_that_starts_at_any_moment() {
    if !tools::wanted("a_receiver_that_starts_at_any_moment") {
        return;
    }
    const STARTS: &str = "{ text = \"\\r\\n#CFGSYS,H101\\r\\n$OK*04\\r\\n$OK*04\\r\\n\" }";
    let server = Server::start(ServerKind::Pyftpdlib, Security::None);
    let content = traps(300_000);
    server.place("file", &content);
    let faults = [
        fault("+CGMM", 1, "\"before_ok\"", STARTS),
        fault("+CPIN", 1, "\"before_ok\"", STARTS),
        fault("+CFTPSLOGIN", 1, "\"before_result\"", STARTS),
        fault("+CFTPSGET", 2, "{ in_block = 1480 }", STARTS),
        fault("+CFTPSLIST", 1, "\"before_result\"", STARTS),
    ]
    .concat();
    for family in Family::ALL {
        let (site, _files) = site(family, &server, "", &faults);
        fetches(&site, &server, &content, 60);
    }
}

/// Point 9: lines that come while the SIM is read came between question and answer.
#[test]
fn lines_of_the_sim_between_the_question_for_the_model_and_its_answer() {
    if !tools::wanted("lines_of_the_sim_between_the_question_for_the_model_and_its_answer") {
        return;
    }
    let server = Server::start(ServerKind::Pyftpdlib, Security::None);
    let content = traps(30_000);
    server.place("file", &content);
    let faults: String = [
        ("+CGMI", "OPL UPDATING"),
        ("+CGMM", "PNN DONE"),
        ("+CGMR", "CALL READY"),
    ]
    .map(|(command, line)| {
        let effect = format!("{{ text = \"\\r\\n{line}\\r\\n\" }}");
        fault(command, 1, "\"before_ok\"", &effect)
    })
    .concat();
    for (family, model, named) in [
        (Family::Sim7600, "SIMCOM_SIM7600E", "SIM7600"),
        (Family::A7670, "A7670E-FASE", "A76xx"),
    ] {
        let (site, _files) = site(family, &server, "", &faults);
        fetches(&site, &server, &content, 60);
        let log = site.log();
        let up = log.lines().find(|line| line.contains("the module is up"));
        let up = up.unwrap_or_default().to_ascii_lowercase();
        assert!(up.contains(&model.to_ascii_lowercase()), "{up}");
        assert!(up.contains(&named.to_ascii_lowercase()), "{up}");
    }
}

/// Point 10: while its radio is off, a module says that the SIM fails.
#[test]
fn a_module_whose_radio_was_left_off() {
    if !tools::wanted("a_module_whose_radio_was_left_off") {
        return;
    }
    let server = Server::start(ServerKind::Pyftpdlib, Security::None);
    let content = traps(30_000);
    server.place("file", &content);
    for family in Family::ALL {
        let (site, _files) = site(
            family,
            &server,
            "functionality = 0\nsim_time = \"2s\"\n",
            "",
        );
        fetches(&site, &server, &content, 60);
        let log = site.log();
        assert!(
            log.contains("the radio of the module was switched off"),
            "{log}"
        );
        assert!(!log.contains("SIM_MISSING"), "{log}");
    }
}

/// Point 10: the card loses contact, and the login is refused for that.
#[test]
fn a_card_that_loses_contact() {
    if !tools::wanted("a_card_that_loses_contact") {
        return;
    }
    let server = Server::start(ServerKind::Pyftpdlib, Security::None);
    let faults = fault("+CFTPSSTART", 1, "\"before_result\"", "\"sim_removed\"");
    let (site, _files) = site(Family::Sim7600, &server, "", &faults);
    let path = server.remote("file");
    let size = site.ftps(
        "GetSize",
        &json!({"target": {"profile": "server"}, "path": path}),
    );
    let refused = failed(size);
    refused.expect("FAILED_PRECONDITION", "SIM_MISSING");
    assert_eq!(refused.metadata["command"], "AT+CFTPSLOGIN", "{refused:#?}");
}

/// Point 11: an empty slot for a card, and drives named as people type them.
#[test]
fn a_drive_that_does_not_tell_its_room_and_drives_in_either_case() {
    if !tools::wanted("a_drive_that_does_not_tell_its_room_and_drives_in_either_case") {
        return;
    }
    let server = Server::start(ServerKind::Pyftpdlib, Security::None);
    for (family, drives, lower) in [
        (Family::Sim7600, &["C:", "E:", "F:"][..], "f:"),
        (Family::A7670, &["C:"], "c:"),
    ] {
        let (site, _files) = site(family, &server, "memory_refused = \"D\"\n", "");
        let room = cellftp(&site, &["df"]).expect("the drives");
        let told: Vec<_> = room
            .as_array()
            .expect("rows")
            .iter()
            .map(|row| row["drive"].clone())
            .collect();
        assert_eq!(told, drives, "{room:#}");
        let local = site.scratch("a.txt");
        std::fs::write(&local, b"abc").expect("a scratch directory is writable");
        let on_module = format!("{lower}/a.txt");
        cellftp(&site, &["put", local.to_str().expect("UTF-8"), &on_module]).expect("written");
        let listing = cellftp(&site, &["ls", lower]).expect("a listing");
        assert_eq!(listing[0]["name"], "a.txt", "{listing:#}");
        cellftp(&site, &["rm", &on_module]).expect("deleted");
    }
}

/// Point 12: everything at once, while the module starts.
#[test]
fn registered_late_busy_and_noisy_at_once() {
    if !tools::wanted("registered_late_busy_and_noisy_at_once") {
        return;
    }
    let server = Server::start(ServerKind::Pyftpdlib, Security::None);
    let content = traps(300_000);
    server.place("file", &content);
    let knobs = format!(
        "{SENTENCE}\nchatter_every = \"1s\"\ncold_start = true\nboot_time = \"1s\"\nsim_time = \"3s\"\n\
         registration_time = \"7s\"\n"
    );
    let mut faults = fault(
        "+CFTPSGET",
        2,
        "{ in_block = 1480 }",
        "{ text = \"\\r\\n+CMTI: \\\"SM\\\",4\\r\\n\" }",
    );
    faults += &fault("+CFTPSLOGIN", 1, "\"before_result\"", "{ fail = 3 }");
    for second in 2..20 {
        let stat = 1 + second % 2;
        faults += &format!(
            "[[fault]]\ntrigger = {{ after = \"{second}s\" }}\neffect = {{ text = \"\\r\\n+CREG: {stat}\\r\\n\" }}\n"
        );
    }
    for family in Family::ALL {
        let (site, _files) = site(family, &server, &knobs, &faults);
        fetches(&site, &server, &content, 90);
    }
}
