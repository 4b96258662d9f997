//! Everything between a client and its servers: the daemon, the line, the emulated module.

use std::fmt::Write as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::disk::Disk;
use super::failure::Failure;
use super::grpcurl::{Address, Grpcurl, Tls};
use super::process::Process;
use super::python::PythonClient;
use super::servers::{Security, Server};
use super::tap::Tap;
use super::wait;

/// A family of modules that the emulator knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Sim7600,
    A7670,
}

/// One installation. Its parts end in the order of the fields: daemon, line, module.
pub(crate) struct Site {
    daemon: Process,
    tap: Option<Tap>,
    module: Option<Module>,
    family: Family,
    port: u16,
    environment: Vec<(String, String)>,
    /// What the daemon keeps transfers on, where it has a disk of its own.
    disk: Option<Disk>,
    scratch: TempDir,
}

/// An emulated module on a pty of its own.
pub(crate) struct Module {
    _process: Process,
}

impl Family {
    pub(crate) const ALL: [Self; 2] = [Self::Sim7600, Self::A7670];

    fn name(self) -> &'static str {
        match self {
            Self::Sim7600 => "sim7600",
            Self::A7670 => "a7670",
        }
    }
}

impl Module {
    /// Starts one; `link` then leads to its port.
    pub(crate) fn start(family: Family, link: &Path, options: &[&str]) -> Self {
        // A link of a module that was killed.
        if link.is_symlink() {
            std::fs::remove_file(link).expect("the scratch directory is writable");
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_cellftpd"));
        command
            .args(["emulate", "--family", family.name(), "--link"])
            .arg(link)
            .args(options);
        let mut process = Process::start(&mut command, &link.with_extension("log"));
        wait::until("pty of the emulator", wait::START, || {
            let ended = process.ended();
            assert!(ended.is_none(), "the emulator ended: {ended:?}");
            link.exists().then_some(())
        });
        Self { _process: process }
    }
}

impl Site {
    /// Starts a daemon with a profile for each server, named by the caller, on the pty of
    /// an emulated module, and waits until it can serve.
    pub(crate) fn start(family: Family, servers: &[(&str, &Server)]) -> Self {
        Self::start_with(family, servers, &[], false, &[], None)
    }

    /// The same, with options of `cellftpd emulate` for the module, and variables of the daemon's
    /// environment.
    pub(crate) fn start_set(
        family: Family,
        servers: &[(&str, &Server)],
        module: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        Self::start_with(family, servers, module, false, environment, None)
    }

    /// The same, with a disk of so many bytes for what the daemon writes.
    pub(crate) fn start_on_disk(
        servers: &[(&str, &Server)],
        bytes: u64,
        environment: &[(&str, &str)],
    ) -> Self {
        Self::start_with(
            Family::Sim7600,
            servers,
            &[],
            false,
            environment,
            Some(bytes),
        )
    }

    /// The same, with a tap on the line.
    pub(crate) fn start_tapped(family: Family, servers: &[(&str, &Server)]) -> Self {
        Self::start_with(family, servers, &[], true, &[], None)
    }

    /// The same, with variables of the daemon's environment.
    pub(crate) fn start_tapped_with(
        family: Family,
        servers: &[(&str, &Server)],
        environment: &[(&str, &str)],
    ) -> Self {
        Self::start_with(family, servers, &[], true, environment, None)
    }

    /// The same as [`Site::start`], with content in pieces: files are read through the module's
    /// cache, where it has one, and written in blocks. The module is started with these options of
    /// `cellftpd emulate`.
    pub(crate) fn start_in_pieces(
        family: Family,
        servers: &[(&str, &Server)],
        module: &[&str],
    ) -> Self {
        let pieces = [
            ("CELLFTPD_TRANSFERS__DOWNLOAD", "pull"),
            ("CELLFTPD_TRANSFERS__UPLOAD", "blocks"),
        ];
        Self::start_with(family, servers, module, false, &pieces, None)
    }

    /// The same as [`Site::start`], with a line that moves 11,520 bytes a second; in pieces or not.
    pub(crate) fn start_slow(family: Family, servers: &[(&str, &Server)], pieces: bool) -> Self {
        let form = if pieces { "pull" } else { "push" };
        let form = [("CELLFTPD_TRANSFERS__DOWNLOAD", form)];
        Self::start_with(family, servers, &["--baud", "115200"], false, &form, None)
    }

    /// The same, with options of `cellftpd emulate` for the module.
    pub(crate) fn start_on(family: Family, servers: &[(&str, &Server)], module: &[&str]) -> Self {
        Self::start_with(family, servers, module, false, &[], None)
    }

    fn start_with(
        family: Family,
        servers: &[(&str, &Server)],
        module: &[&str],
        tapped: bool,
        environment: &[(&str, &str)],
        disk: Option<u64>,
    ) -> Self {
        let scratch = TempDir::with_prefix("cellftpd-").expect("a scratch directory");
        let module = Module::start(family, &module_path(scratch.path()), module);
        let tap =
            tapped.then(|| Tap::new(&module_path(scratch.path()), &scratch.path().join("tap")));
        let device = scratch.path().join(if tapped { "tap" } else { "module" });
        let port = wait::free_port();
        std::fs::write(
            scratch.path().join("cellftpd.toml"),
            configuration(scratch.path(), &device, port, servers),
        )
        .expect("a scratch directory is writable");
        std::fs::create_dir(durable(scratch.path())).expect("a scratch directory is writable");
        let disk = disk.map(|bytes| Disk::mount(&durable(scratch.path()), bytes));
        let environment: Vec<_> = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .chain(disk.as_ref().map(|_| {
                let directory = durable(scratch.path());
                let directory = directory.to_string_lossy().into_owned();
                ("CELLFTPD_TRANSFERS__DIRECTORY".to_owned(), directory)
            }))
            .collect();
        let mut site = Self {
            daemon: daemon(scratch.path(), &environment, disk.as_ref()),
            environment,
            disk,
            tap,
            module: Some(module),
            family,
            port,
            scratch,
        };
        site.await_listening();
        site.await_state("LINK_STATE_READY", wait::START);
        site
    }

    /// Where the daemon keeps transfers.
    pub(crate) fn durable(&self) -> PathBuf {
        durable(self.scratch.path())
    }

    /// grpcurl over the unix socket.
    pub(crate) fn grpcurl(&self) -> Grpcurl {
        Grpcurl::new(self.unix())
    }

    /// grpcurl over TCP.
    pub(crate) fn grpcurl_tcp(&self) -> Grpcurl {
        Grpcurl::new(self.tcp())
    }

    /// A Python client over TCP.
    pub(crate) fn python(&self) -> PythonClient {
        PythonClient::start(&self.tcp(), self.scratch.path())
    }

    /// A Python client over the unix socket.
    pub(crate) fn python_unix(&self) -> PythonClient {
        PythonClient::start(&self.unix(), self.scratch.path())
    }

    /// grpcurl over TCP with TLS.
    pub(crate) fn grpcurl_tls(&self, tls: &Tls) -> Grpcurl {
        Grpcurl::new(self.tls(tls))
    }

    /// A Python client over TCP with TLS.
    pub(crate) fn python_tls(&self, tls: &Tls) -> PythonClient {
        PythonClient::start(&self.tls(tls), self.scratch.path())
    }

    /// A method of FtpsService by grpcurl.
    pub(crate) fn ftps(&self, method: &str, request: &Value) -> Result<Value, Failure> {
        self.grpcurl()
            .call(&format!("cellftp.v1.FtpsService/{method}"), request)
    }

    /// `ModemService.GetStatus`.
    pub(crate) fn status(&self) -> Value {
        self.grpcurl()
            .call("cellftp.v1.ModemService/GetStatus", &json!({}))
            .expect("GetStatus works whatever the module does")
    }

    /// Waits until the link is in a state.
    pub(crate) fn await_state(&self, state: &str, limit: Duration) {
        wait::until(state, limit, || {
            (self.status()["state"] == state).then_some(())
        });
    }

    /// The line, where it is tapped.
    pub(crate) fn tap(&mut self) -> &mut Tap {
        self.tap.as_mut().expect("started with a tap")
    }

    /// The module loses power: it forgets everything, hears nothing for five seconds (hardware
    /// takes ten and more), and then greets as modules at a fixed rate do. The host's end of the
    /// line stays open.
    pub(crate) fn reboot_module(&mut self) {
        self.module = None;
        let link = module_path(self.scratch.path());
        let cold = ["--cold-start", "--boot-time", "5"];
        self.module = Some(Module::start(self.family, &link, &cold));
        if let Some(tap) = &mut self.tap {
            tap.follow();
        }
    }

    /// Kills the daemon like a power cut. Nothing serves until [`Site::start_daemon`].
    pub(crate) fn kill_daemon(&mut self) {
        self.daemon.kill();
    }

    /// Starts the daemon again, and waits until it listens.
    pub(crate) fn start_daemon(&mut self) {
        self.daemon = daemon(self.scratch.path(), &self.environment, self.disk.as_ref());
        self.await_listening();
    }

    /// The daemon's disk, where it has one of its own.
    pub(crate) fn disk(&self) -> &Disk {
        self.disk.as_ref().expect("started with a disk")
    }

    /// The daemon's socket.
    pub(crate) fn socket(&self) -> PathBuf {
        socket(self.scratch.path())
    }

    /// A scratch file.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Asks the daemon to end. Returns whether it did so with exit code 0.
    pub(crate) fn stop(&mut self) -> bool {
        self.daemon.stop(Duration::from_secs(30)).success()
    }

    /// Open descriptors of the daemon, and bytes of memory that are its own.
    pub(crate) fn usage(&self) -> (usize, u64) {
        self.daemon.usage()
    }

    /// The daemon's log.
    pub(crate) fn log(&self) -> String {
        self.daemon.log()
    }

    fn unix(&self) -> Address {
        Address::Unix(socket(self.scratch.path()).to_string_lossy().into_owned())
    }

    /// Address and port of the daemon.
    pub(crate) fn tcp_address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn tcp(&self) -> Address {
        Address::Tcp(self.tcp_address())
    }

    fn tls(&self, tls: &Tls) -> Address {
        Address::Tls(self.tcp_address(), tls.clone())
    }

    fn await_listening(&mut self) {
        let socket = socket(self.scratch.path());
        wait::until("socket of the daemon", wait::START, || {
            let ended = self.daemon.ended();
            assert!(ended.is_none(), "the daemon ended: {ended:?}");
            UnixStream::connect(&socket).ok()
        });
    }
}

fn daemon(scratch: &Path, environment: &[(String, String)], disk: Option<&Disk>) -> Process {
    let program = env!("CARGO_BIN_EXE_cellftpd");
    let mut command = disk.map_or_else(|| Command::new(program), |disk| disk.command(program));
    command
        .arg("--config")
        .arg(scratch.join("cellftpd.toml"))
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .env_remove("NOTIFY_SOCKET");
    Process::start(&mut command, &scratch.join("daemon.log"))
}

/// Where the daemon keeps transfers.
fn durable(scratch: &Path) -> PathBuf {
    scratch.join("durable")
}

fn module_path(scratch: &Path) -> PathBuf {
    scratch.join("module")
}

fn socket(scratch: &Path) -> PathBuf {
    scratch.join("cellftpd.sock")
}

fn configuration(scratch: &Path, device: &Path, port: u16, servers: &[(&str, &Server)]) -> String {
    let mut text = format!(
        "[module]\ndevice = '{}'\n[listen]\nunix = '{}'\ntcp = '127.0.0.1:{port}'\n\
         [durable]\ndirectory = '{}'\n[log]\nlevel = 'info,cellftp=debug,simcom_talk=debug'\n",
        device.display(),
        socket(scratch).display(),
        durable(scratch).display(),
    );
    for (name, server) in servers {
        let _ = write!(
            text,
            "[servers.{name}]\nhost = '{}'\nport = {}\nsecurity = '{}'\nusername = '{}'\n\
             password = '{}'\n",
            server.host,
            server.port,
            server.security.name(),
            server.user,
            server.password,
        );
        if server.security != Security::None && server.verify {
            let _ = writeln!(text, "ca_file = '{}'", server.certificate.display());
        } else if server.security != Security::None {
            text += "verify = 'none'\n";
        }
        if let Some(client) = &server.client {
            let client = client.display();
            let _ = writeln!(
                text,
                "client_cert_file = '{client}'\nclient_key_file = '{client}'"
            );
        }
    }
    text
}
