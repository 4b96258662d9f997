//! The daemon says the same in five ways: to systemd, by gRPC's health, in its status, in its metrics and in its log.
//!
//! Above 400 lines because all that the five say is asked for and compared in one place.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use cellftp::client::{Address, Client, GetStatusResponse, TransferStorage};

use crate::disk::Disk;
use crate::process::Process;
use crate::wait::{self, free_port};
use crate::{CELLFTP, CELLFTPD, PATIENCE, Service, metric, scrape};

const FILES: &str = "cellftp.v1.FtpsService";
const MODULE_FILES: &str = "cellftp.v1.ModuleStorageService";
const TRANSFERS: &str = "cellftp.v1.TransferService";
const MODEM: &str = "cellftp.v1.ModemService";

/// A daemon, and everybody who is told of its condition.
struct Told {
    runtime: Runtime,
    channel: Channel,
    client: Client,
    /// What `Watch` said last of the service that moves files.
    watched: Arc<Mutex<ServingStatus>>,
    port: u16,
    log: PathBuf,
    scratch: TempDir,
    service: Service,
}

impl Told {
    /// A daemon whose module is this device, with these knobs of the emulated module inside it.
    fn of(device: &str, knobs: &str) -> Self {
        Self::by(Command::new(CELLFTPD), device, knobs, "")
    }

    /// The same by a command that becomes the daemon; it keeps transfers in `durable`.
    fn by(mut command: Command, device: &str, knobs: &str, durable: &str) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let log = scratch.path().join("log");
        command
            .stderr(File::create(&log).unwrap())
            .env("CELLFTPD_MODULE__DEVICE", device)
            .env("CELLFTPD_DURABLE__DIRECTORY", durable);
        let port = free_port();
        let more = format!(
            "[metrics]\nlisten = \"127.0.0.1:{port}\"\n[log]\nformat = \"text\"\n\
             [servers.mute]\nhost = \"127.0.0.1\"\nport = 1\nsecurity = \"none\"\n\
             [module.emulator.knobs]\n{knobs}"
        );
        let service = Service::by(command, &more);
        service.hear("READY=1");
        let runtime = Runtime::new().unwrap();
        let door = service.door();
        let (channel, client) = runtime.block_on(async {
            let endpoint = Endpoint::from_shared(format!("unix:{}", door.display())).unwrap();
            let client = Client::connect(&Address::Unix(door)).await.unwrap();
            (endpoint.connect().await.unwrap(), client)
        });
        let watched = Arc::new(Mutex::new(ServingStatus::Unknown));
        let (health, said) = (HealthClient::new(channel.clone()), Arc::clone(&watched));
        runtime.spawn(watch(health, said));
        Self {
            runtime,
            channel,
            client,
            watched,
            port,
            log,
            scratch,
            service,
        }
    }

    fn serves(&self, service: &str) -> bool {
        let request = HealthCheckRequest {
            service: service.into(),
        };
        let mut client = HealthClient::new(self.channel.clone());
        let answer = self.runtime.block_on(client.check(request)).unwrap();
        answer.into_inner().status() == ServingStatus::Serving
    }

    fn status(&self) -> GetStatusResponse {
        self.runtime.block_on(self.client.status()).unwrap()
    }

    /// What systemd shows.
    fn systemd(&self) -> String {
        self.service.gather();
        let heard = self.service.heard.borrow();
        let mut said = heard.iter().rev();
        let last = said.find_map(|line| line.strip_prefix("STATUS="));
        last.unwrap_or_default().to_owned()
    }

    /// The last line of the log that names a state.
    fn logged(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap();
        let states = log.lines().rev().find(|line| line.contains("state=\""));
        states.unwrap_or_default().to_owned()
    }

    /// Who does not say that the daemon is in this state, and what they say.
    fn dissenters(&self, state: &str) -> Vec<String> {
        let status = self.status();
        let mut wrong = Vec::new();
        let mut is = |who: &str, agrees: bool, said: String| {
            if !agrees {
                wrong.push(format!("{who}: {said}"));
            }
        };
        let name = match state {
            "absent" => "LINK_STATE_DEVICE_ABSENT".to_owned(),
            state => format!("LINK_STATE_{}", state.to_uppercase()),
        };
        let told = status.state().as_str_name();
        is("status", told == name, told.into());
        let line = self.systemd();
        let agrees = match state {
            "ready" | "stopping" => line == state,
            "bringing_up" => line == "bringing the module up",
            _ => !status.detail.is_empty() && line.contains(&status.detail),
        };
        is("systemd", agrees, format!("{line:?} {:?}", status.detail));
        let (ready, up) = (state == "ready", matches!(state, "ready" | "searching"));
        let runs = state != "stopping";
        for (service, serves) in [
            (FILES, ready),
            (MODULE_FILES, up),
            (MODEM, runs),
            ("", runs),
        ] {
            let said = self.serves(service);
            is("health", said == serves, format!("{service:?} {said}"));
        }
        let watched = *self.watched.lock().unwrap() == ServingStatus::Serving;
        is("watch", watched == ready, watched.to_string());
        let metrics = scrape(self.port).unwrap();
        let states = metrics
            .lines()
            .filter(|line| line.starts_with("cellftpd_link_state{") && line.ends_with(" 1"));
        let states: Vec<_> = states.collect();
        let only = format!("cellftpd_link_state{{state=\"{state}\"}} 1");
        is("metrics", states == [only], format!("{states:?}"));
        let up = metric(&metrics, "cellftpd_modem_up ");
        is(
            "metrics",
            up == Some(f64::from(u8::from(ready))),
            format!("{up:?}"),
        );
        let logged = self.logged();
        let agrees = match state {
            "stopping" => fs::read_to_string(&self.log)
                .unwrap()
                .contains("stopping: "),
            state => logged.contains(&format!("state=\"{state}\"")),
        };
        // The log has the reason as well.
        let agrees = agrees && (!runs || logged.contains(&status.detail));
        is("log", agrees, logged);
        wrong
    }

    /// Waits until all of them say that the daemon is in this state.
    #[track_caller]
    fn all_say(&self, state: &str) {
        nobody_dissents(state, || self.dissenters(state));
    }

    /// Who does not say that transfers are kept, or not, for this reason.
    fn dissenters_about_transfers(&self, storage: TransferStorage) -> Vec<String> {
        let status = self.status();
        let mut wrong = Vec::new();
        let mut is = |who: &str, agrees: bool, said: String| {
            if !agrees {
                wrong.push(format!("{who}: {said}"));
            }
        };
        let told = status.transfer_storage();
        is("status", told == storage, told.as_str_name().into());
        let on = storage == TransferStorage::On;
        let why = status.transfer_storage_detail;
        let line = self.systemd();
        let agrees = match on {
            true => line == "ready",
            false => !why.is_empty() && line.contains(&why),
        };
        is("systemd", agrees, format!("{line:?} {why:?}"));
        let serves = self.serves(TRANSFERS);
        is("health", serves == on, serves.to_string());
        is("health", self.serves(FILES), "no files are moved".into());
        let name = storage.as_str_name().to_lowercase();
        let name = name.strip_prefix("transfer_storage_").unwrap();
        let metrics = scrape(self.port).unwrap();
        let is_set = metric(
            &metrics,
            &format!("cellftpd_transfer_storage{{state=\"{name}\"}}"),
        );
        is("metrics", is_set == Some(1.0), format!("{is_set:?}"));
        let log = fs::read_to_string(&self.log).unwrap();
        let about = log.lines().rfind(|line| {
            line.contains("transfers go on") || line.contains("no transfer is taken")
        });
        let about = about.unwrap_or_default();
        let agrees = match on {
            true => about.is_empty() || about.contains("the store is there"),
            false => about.contains(&why),
        };
        is("log", agrees, about.into());
        wrong
    }

    #[track_caller]
    fn all_say_of_transfers(&self, storage: TransferStorage) {
        let name = storage.as_str_name();
        nobody_dissents(name, || self.dissenters_about_transfers(storage));
    }
}

#[track_caller]
fn nobody_dissents(what: &str, dissenters: impl Fn() -> Vec<String>) {
    let begin = Instant::now();
    loop {
        let wrong = dissenters();
        if wrong.is_empty() {
            return;
        }
        assert!(begin.elapsed() < PATIENCE, "not all say {what}: {wrong:#?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

async fn watch(mut health: HealthClient<Channel>, said: Arc<Mutex<ServingStatus>>) {
    let request = HealthCheckRequest {
        service: FILES.into(),
    };
    let mut news = health.watch(request).await.unwrap().into_inner();
    while let Ok(Some(news)) = news.message().await {
        *said.lock().unwrap() = news.status();
    }
}

/// An emulated module as a program. Its port is the file `pts` of the folder.
fn module(folder: &Path, options: &[&str]) -> Process {
    let link = folder.join("pts");
    let mut command = Command::new(CELLFTPD);
    command.args(["emulate", "--link"]).arg(&link).args(options);
    let module = Process::start(&mut command, &folder.join("module.log"));
    wait::until("port of the module", wait::START, || {
        link.exists().then_some(())
    });
    module
}

#[test]
fn of_a_device_that_is_not_there_then_held_then_free_then_gone_all_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let device = folder.path().join("device");
    let told = Told::of(&device.display().to_string(), "");
    told.all_say("absent");
    assert!(told.systemd().contains("is not there"));
    let module = module(folder.path(), &[]);
    let port = fs::canonicalize(folder.path().join("pts")).unwrap();
    let holder = File::options().read(true).write(true).open(&port).unwrap();
    flock(&holder, FlockOperation::NonBlockingLockExclusive).unwrap();
    std::os::unix::fs::symlink(&port, &device).unwrap();
    wait::until("word of who holds the port", PATIENCE, || {
        told.systemd()
            .contains("held by another program")
            .then_some(())
    });
    told.all_say("absent");
    drop(holder);
    told.all_say("ready");
    drop(module);
    told.all_say("absent");
}

#[test]
fn of_a_locked_sim_all_say_the_same() {
    for lock in ["pin", "puk"] {
        let told = Told::of("emulator", &format!("sim = \"{lock}\"\n"));
        told.all_say("fault");
        assert!(told.systemd().contains("the SIM is locked"), "{lock}");
    }
}

#[test]
fn of_a_module_that_starts_and_takes_long_to_find_its_network_all_say_the_same() {
    let told = Told::of(
        "emulator",
        "cold_start = true\nboot_time = \"4s\"\nregistration_time = \"12s\"\n",
    );
    told.all_say("bringing_up");
    told.all_say("searching");
    // Nobody works: the daemon notices by itself.
    told.all_say("ready");
}

#[test]
fn of_a_repair_that_is_under_way_all_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (faults, knobs) = (folder.path().join("faults"), folder.path().join("knobs"));
    // The last question of the bring-up: from then on the radio is stuck.
    let fault = "[[fault]]\ntrigger = { command = { command = \"+COPS\", nth = 1, phase = \
                 \"before_ok\" } }\neffect = { stuck = \"radio\" }\n";
    fs::write(&faults, fault).unwrap();
    fs::write(&knobs, "registration_time = \"8s\"\n").unwrap();
    let files = [faults.display().to_string(), knobs.display().to_string()];
    let _module = module(
        folder.path(),
        &["--faults", &files[0], "--knobs", &files[1]],
    );
    let device = folder.path().join("pts").display().to_string();
    let told = Told::of(&device, "");
    told.all_say("ready");
    let door = told.service.door().display().to_string();
    let mut start = Command::new(CELLFTP)
        .args(["--socket", &door, "module", "start"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    told.all_say("repairing");
    assert!(start.wait().unwrap().success());
    told.all_say("ready");
}

#[test]
fn of_the_end_all_say_the_same() {
    // The login never ends, so that the daemon waits for it.
    let mut told = Told::of("emulator", "result_never = [\"+CFTPSLOGIN\"]\n");
    told.all_say("ready");
    let door = told.service.door().display().to_string();
    let mut ls = Command::new(CELLFTP)
        .args(["--socket", &door, "-p", "mute", "ls"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait::until("operation on the link", PATIENCE, || {
        told.status().running.map(drop)
    });
    told.service.signal(Signal::TERM);
    told.all_say("stopping");
    assert!(!told.serves(TRANSFERS));
    told.service.signal(Signal::TERM);
    assert_eq!(told.service.process.wait().unwrap().code(), Some(0));
    assert!(!ls.wait().unwrap().success());
}

#[test]
fn of_a_disk_that_is_full_or_takes_nothing_all_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let durable = folder.path().join("durable");
    fs::create_dir(&durable).unwrap();
    let disk = Disk::mount(&durable, 4 << 20);
    let durable = durable.display().to_string();
    let told = Told::by(disk.command(CELLFTPD), "emulator", "", &durable);
    told.all_say_of_transfers(TransferStorage::On);
    disk.fill();
    told.all_say_of_transfers(TransferStorage::Waiting);
    disk.free();
    told.all_say_of_transfers(TransferStorage::On);
    disk.read_only(true);
    told.all_say_of_transfers(TransferStorage::Waiting);
    disk.read_only(false);
    told.all_say_of_transfers(TransferStorage::On);
}

#[test]
fn of_a_directory_that_is_gone_all_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (durable, away) = (folder.path().join("durable"), folder.path().join("away"));
    fs::create_dir(&durable).unwrap();
    let durable_name = durable.display().to_string();
    let told = Told::by(Command::new(CELLFTPD), "emulator", "", &durable_name);
    told.all_say_of_transfers(TransferStorage::On);
    fs::rename(&durable, &away).unwrap();
    told.all_say_of_transfers(TransferStorage::Unusable);
    fs::rename(&away, &durable).unwrap();
    told.all_say_of_transfers(TransferStorage::On);
}

#[test]
fn a_log_that_nobody_reads_changes_no_health() {
    let folder = tempfile::tempdir().unwrap();
    let durable = folder.path().join("durable");
    fs::create_dir(&durable).unwrap();
    let script = "exec \"$@\" 2>/dev/full";
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script, "sh", CELLFTPD]);
    let told = Told::by(command, "emulator", "", &durable.display().to_string());
    told.service.hear("STATUS=ready");
    for service in [FILES, MODULE_FILES, TRANSFERS, MODEM, ""] {
        wait::until(service, PATIENCE, || told.serves(service).then_some(()));
    }
    assert!(fs::read_to_string(&told.log).unwrap().is_empty());
    drop(told.scratch);
}
