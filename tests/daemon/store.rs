//! A store of transfers that is damaged or taken away.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::{CELLFTP, CELLFTPD, Service, run, text};

/// Nobody listens at port 1: transfers to it wait.
const CONFIG: &str = "[log]\nformat = \"text\"\n[servers.gone]\nhost = \"127.0.0.1\"\nport = 1\n\
                      security = \"none\"\nusername = \"u\"\npassword = \"p\"\n";

/// A directory with transfers, and the daemons that use it one after the other.
struct State {
    scratch: TempDir,
}

impl State {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        fs::create_dir(scratch.path().join("state")).unwrap();
        fs::write(scratch.path().join("up"), "abc").unwrap();
        Self { scratch }
    }

    fn directory(&self) -> PathBuf {
        self.scratch.path().join("state")
    }

    fn store(&self) -> PathBuf {
        self.directory().join("transfers.redb")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.scratch.path().join("log")).unwrap()
    }

    /// A daemon that is ready, with its log in a file.
    fn daemon(&self) -> Service {
        let mut command = Command::new(CELLFTPD);
        command.stderr(File::create(self.scratch.path().join("log")).unwrap());
        command.env("CELLFTPD_DURABLE__DIRECTORY", self.directory());
        let service = Service::by(command, CONFIG);
        // Its disk may be told of behind it.
        service.hear_any("STATUS=ready", |line| line.starts_with("STATUS=ready"));
        service
    }

    /// Makes the daemon accept an upload.
    fn accept(&self, service: &Service, id: &str) {
        let said = self.put(service, id);
        assert!(said.is_ok(), "{said:?}");
    }

    /// Asks for an upload. Returns why it is not accepted.
    fn put(&self, service: &Service, id: &str) -> Result<(), Value> {
        let up = self.scratch.path().join("up").display().to_string();
        let words = ["-p", "gone", "transfer", "put", &up, "/up", "--id", id];
        json(service, &words).map(drop)
    }

    fn kept(&self, name: &str) -> Vec<u8> {
        fs::read(self.directory().join(name)).unwrap()
    }
}

/// Calls the daemon. Returns its answer or its error.
fn json(service: &Service, words: &[&str]) -> Result<Value, Value> {
    let door = service.door().display().to_string();
    let line = ["--socket", &door, "--timeout", "60s", "--json"];
    let output = run(CELLFTP, &[&line[..], words].concat());
    if output.status.success() {
        let answer = text(&output.stdout);
        Ok(serde_json::from_str(&answer).unwrap_or(Value::String(answer)))
    } else {
        let error: Value = serde_json::from_slice(&output.stderr).unwrap();
        Err(error.get("error").cloned().unwrap_or_default())
    }
}

/// Asks the module for free space, which needs no transfers.
fn serves(service: &Service) {
    json(service, &["module", "df"]).unwrap();
}

fn ends(mut service: Service) {
    service.signal(Signal::TERM);
    assert_eq!(service.process.wait().unwrap().code(), Some(0));
}

fn health(door: &Path, name: &str) -> ServingStatus {
    Runtime::new().unwrap().block_on(async {
        let endpoint = Endpoint::from_shared(format!("unix:{}", door.display()));
        let channel = endpoint.unwrap().connect().await.unwrap();
        let request = HealthCheckRequest {
            service: name.into(),
        };
        let answer = HealthClient::new(channel).check(request).await.unwrap();
        answer.into_inner().status()
    })
}

#[test]
fn a_daemon_on_a_damaged_store_serves_takes_up_what_can_be_read_and_keeps_the_rest() {
    let state = State::new();
    let service = state.daemon();
    for id in ["one", "two"] {
        state.accept(&service, id);
    }
    ends(service);
    let mut damaged = fs::read(state.store()).unwrap();
    damaged[..64].fill(0);
    fs::write(state.store(), &damaged).unwrap();

    let service = state.daemon();
    serves(&service);
    for id in ["one", "two"] {
        json(&service, &["transfer", "show", id]).unwrap();
    }
    assert!(state.kept("transfers.redb.damaged-1") == damaged);
    let status = json(&service, &["status"]).unwrap();
    assert_eq!(status["transfer_storage"], "TRANSFER_STORAGE_ON");
    let kept = &status["transfer_storage_set_aside"];
    assert_eq!(kept[0], "transfers.redb.damaged-1", "{status}");
    let door = service.door();
    let transfers = "cellftp.v1.TransferService";
    assert_eq!(health(&door, transfers), ServingStatus::Serving);
    let shown = run(
        CELLFTP,
        &["--socket", &door.display().to_string(), "status"],
    );
    let shown = text(&shown.stdout);
    assert!(
        shown.contains("kept beside it as transfers.redb.damaged-1"),
        "{shown}"
    );
    state.accept(&service, "three");
    ends(service);
    let log = state.log();
    let told = log.lines().filter(|line| line.contains("was damaged"));
    assert_eq!(told.count(), 1, "{log}");
    assert!(
        log.contains("taken_up=2") && log.contains("lost=0"),
        "{log}"
    );
}

#[test]
fn a_daemon_whose_store_cannot_be_set_aside_serves_without_transfers_and_says_so() {
    let state = State::new();
    let service = state.daemon();
    state.accept(&service, "one");
    ends(service);
    fs::write(state.store(), "no store").unwrap();
    for number in 1..=4 {
        let name = format!("transfers.redb.damaged-{number}");
        fs::write(state.directory().join(name), "an earlier one").unwrap();
    }
    let service = state.daemon();
    serves(&service);
    let status = json(&service, &["status"]).unwrap();
    assert_eq!(status["transfer_storage"], "TRANSFER_STORAGE_UNUSABLE");
    let door = service.door();
    let transfers = "cellftp.v1.TransferService";
    assert_eq!(health(&door, transfers), ServingStatus::NotServing);
    for name in ["", "cellftp.v1.FtpsService", "cellftp.v1.ModemService"] {
        assert_eq!(health(&door, name), ServingStatus::Serving, "{name}");
    }
    let refused = state.put(&service, "two").unwrap_err();
    assert_eq!(refused["reason"], "STORE_DAMAGED", "{refused}");
    let refused = json(&service, &["transfer", "show", "one"]).unwrap_err();
    assert_eq!(refused["reason"], "STORE_DAMAGED", "{refused}");
    let shown = run(
        CELLFTP,
        &["--socket", &door.display().to_string(), "status"],
    );
    assert!(text(&shown.stdout).contains("transfers none: the store of transfers is damaged"));
    ends(service);
    let log = state.log();
    let told = log
        .lines()
        .filter(|line| line.contains("serves without transfers"));
    assert_eq!(told.count(), 1, "{log}");
    assert_eq!(fs::read(state.store()).unwrap(), b"no store");
    let files = fs::read_dir(state.directory().join("files")).unwrap();
    assert_eq!(files.count(), 1);
}

#[test]
fn an_upload_to_a_directory_that_was_moved_away_is_not_acknowledged() {
    let state = State::new();
    let service = state.daemon();
    state.accept(&service, "one");
    let away = state.scratch.path().join("away");
    fs::rename(state.directory(), &away).unwrap();
    let refused = state.put(&service, "two").unwrap_err();
    assert_eq!(refused["reason"], "STORE_REPLACED", "{refused}");
    // Nor in another one that takes its place.
    fs::create_dir(state.directory()).unwrap();
    let refused = state.put(&service, "three").unwrap_err();
    assert_eq!(refused["reason"], "STORE_REPLACED", "{refused}");
    assert_eq!(fs::read_dir(state.directory()).unwrap().count(), 0);
    let status = json(&service, &["status"]).unwrap();
    assert_eq!(status["transfer_storage"], "TRANSFER_STORAGE_UNUSABLE");
    serves(&service);
    // It comes back, with everything that was acknowledged.
    fs::remove_dir(state.directory()).unwrap();
    fs::rename(&away, state.directory()).unwrap();
    state.accept(&service, "four");
    ends(service);
    let service = state.daemon();
    for id in ["one", "four"] {
        json(&service, &["transfer", "show", id]).unwrap();
    }
    let gone = json(&service, &["transfer", "show", "two"]).unwrap_err();
    assert_eq!(gone["reason"], "TRANSFER_NOT_FOUND", "{gone}");
    ends(service);
}
