//! Secrets: passwords in the daemon's memory, in its core dumps, and in its output.

use std::fs;
use std::io::BufRead;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use cellftp::proto::ftps_service_client::FtpsServiceClient;
use cellftp::proto::{self, open_session_request as open, target};
use rustix::process::geteuid;
use tonic::transport::Endpoint;

use super::process::Process;
use super::site::Site;
use super::{CELLFTP, CELLFTPD, PATIENCE, run, text, wait};

/// The user `nobody` on Linux.
const NOBODY: u32 = 65_534;

/// A number that `/proc` tells about a process of this user, as `Uid:`.
fn told(pid: u32, key: &str) -> u32 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let number = line.unwrap().split_whitespace().next();
    number.unwrap().parse().unwrap()
}

/// A program that serves an emulated module at `link`.
fn module(link: &Path, user: Option<u32>) -> Process {
    let mut command = Command::new(CELLFTPD);
    command.args(["emulate", "--link"]).arg(link);
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    let module = Process::start(&mut command, &link.with_extension("log"));
    wait::until("a module", PATIENCE, || link.exists().then_some(()));
    module
}

/// If a process may not be dumped, `/proc` shows it as root's, whoever runs it (proc(5)).
#[test]
fn nobody_but_root_reads_the_memory_and_no_core_is_written() {
    let scratch = tempfile::tempdir().unwrap();
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let user = geteuid().is_root().then_some(NOBODY);
    let process = module(&scratch.path().join("module"), user);
    assert_ne!(told(process.id(), "Uid:"), 0);
    let owner = fs::metadata(format!("/proc/{}/mem", process.id())).unwrap();
    assert_eq!(owner.uid(), 0, "it may be dumped");
}

#[test]
fn the_units_have_no_core_written() {
    for unit in ["cellftpd.service", "cellftpd@.service"] {
        let unit = fs::read_to_string(format!("systemd/{unit}")).unwrap();
        assert!(unit.lines().any(|line| line == "LimitCORE=0"), "{unit}");
    }
}

/// The places of a text in the writable memory of a process, each with its surroundings.
fn remembered(process: &Child, text: &str) -> Vec<String> {
    let of = PathBuf::from(format!("/proc/{}", process.id()));
    let memory = fs::File::open(of.join("mem")).unwrap();
    let maps = fs::read(of.join("maps")).unwrap();
    let mut found = Vec::new();
    for line in maps.lines() {
        let line = line.unwrap();
        let mut words = line.split_whitespace();
        let (range, mode) = (words.next().unwrap(), words.next().unwrap());
        if !mode.starts_with("rw") {
            continue;
        }
        let (from, to) = range.split_once('-').unwrap();
        let [from, to] = [from, to].map(|hex| u64::from_str_radix(hex, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
        // Some regions exist in name only.
        if memory.read_exact_at(&mut bytes, from).is_err() {
            continue;
        }
        let last = text.len() - 1;
        let places = bytes
            .iter()
            .enumerate()
            .filter(|(_, byte)| Some(*byte) == text.as_bytes().first());
        for (at, _) in places {
            if bytes.get(at..=at + last) == Some(text.as_bytes()) {
                let around = at.saturating_sub(80)..bytes.len().min(at + last + 80);
                let around = bytes.get(around).unwrap_or_default();
                found.push(around.escape_ascii().to_string());
            }
        }
    }
    found
}

/// A core held a password ninety times: in the buffers of requests, of lines for the module, of the
/// file, and of what had read it.
#[test]
fn a_password_goes_with_its_session() {
    if !geteuid().is_root() {
        eprintln!("only root reads the memory of the daemon: this is not tested");
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let link = scratch.path().join("module");
    // A process of its own, so that the module's memory is separate.
    let _module = module(&link, None);
    let kept = ["kept", "in", "the", "file", "5519"].join("-");
    let site = Site::with(
        &format!(
            "[transfers]\nallow_inline_servers = true\n[servers.other]\nhost = \"127.0.0.1\"\n\
             port = 1\nsecurity = \"none\"\nusername = \"u\"\npassword = \"{kept}\"\n"
        ),
        &[("CELLFTPD_MODULE__DEVICE", &link.display().to_string())],
    );
    site.serve("file", b"1234");
    let daemon = &site.service.process;
    let once = remembered(daemon, &kept).len();
    let password = ["correct", "horse", "7731"].join("-");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let at = format!("unix:{}", site.service.door().display());
        let channel = Endpoint::from_shared(at).unwrap().connect().await.unwrap();
        let mut ftps = FtpsServiceClient::new(channel);
        let server = proto::InlineServer {
            host: "127.0.0.1".into(),
            port: site.port.into(),
            username: "u".into(),
            password: password.clone(),
            security: proto::Security::None.into(),
            ..Default::default()
        };
        let request = proto::OpenSessionRequest {
            destination: Some(open::Destination::InlineServer(server)),
            ..Default::default()
        };
        let session = ftps.open_session(request).await.unwrap().into_inner();
        let request = proto::GetSizeRequest {
            target: Some(proto::Target {
                destination: Some(target::Destination::SessionId(session.session_id.clone())),
            }),
            path: "/file".into(),
            ..Default::default()
        };
        let size = ftps.get_size(request).await.unwrap().into_inner().size;
        assert_eq!(size, 4);
        let during = remembered(daemon, &password);
        assert!(!during.is_empty(), "the daemon needs it to log in again");
        let request = proto::CloseSessionRequest {
            session_id: session.session_id,
            ..Default::default()
        };
        ftps.close_session(request).await.unwrap();
    });
    // The module logs in elsewhere, twice: what it echoes of the last two logins is not logged.
    site.done(&["size", "/file"]);
    let door = site.service.door().display().to_string();
    let other = ["--socket", &door, "--timeout", "60s", "-p", "other"];
    let other = run(CELLFTP, &[other.as_slice(), &["size", "/file"]].concat());
    assert!(!other.status.success(), "nobody is there");
    let after = remembered(daemon, &password);
    eprintln!(
        "a password of the file: {once} times; one of a session that is over: {}",
        after.len()
    );
    assert!(after.is_empty(), "{after:#?}");
    assert!(once <= 3, "{once} copies of a password that is in use");
}

/// A profile that is a text may be a password in the wrong place.
#[test]
fn what_stands_where_a_table_belongs_is_not_printed() {
    let secret = "hunter2-77317731";
    let scratch = tempfile::tempdir().unwrap();
    let config = scratch.path().join("x.toml");
    let path = config.display().to_string();
    for text_of in [
        "servers = \"SECRET\"",
        "servers = [\"SECRET\"]",
        "servers.here = \"SECRET\"",
        "servers.here = [\"SECRET\"]",
        "servers.here = 77317731",
        "servers.here.password = [\"SECRET\"]",
        "servers.here.password = { is = \"SECRET\" }",
        "access.here = \"SECRET\"",
        "access = \"SECRET\"",
        "listen = \"SECRET\"",
        "listen.tls = \"SECRET\"",
        "module.emulator = \"SECRET\"",
        "roles = \"SECRET\"",
        "[servers.here]\npassword = \"SECRET",
        "[servers.here]\npassword = SECRET",
    ] {
        fs::write(&config, text_of.replace("SECRET", secret)).unwrap();
        for command in ["check-config", "print-config"] {
            let output = run(CELLFTPD, &["--config", &path, command]);
            let said = text(&output.stdout) + &text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{text_of}: {said}");
            assert!(!said.contains("77317731"), "{text_of}: {said}");
        }
    }
}
