//! The daemon as a process of its own, with an emulated module, and an FTP server beside it.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cellftp::client::{Address, Client, LinkState};
use libunftp::ServerBuilder;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use unftp_sbe_fs::Filesystem;

/// More than a start takes on any machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running `cellftpd`, ended with this value.
pub(crate) struct Program {
    pub(crate) process: Child,
    scratch: TempDir,
}

/// What it has of the machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    /// Bytes resident that are its own, and not of its file.
    pub(crate) memory: u64,
    /// Bytes resident in all, and the most of them at any time.
    pub(crate) resident: u64,
    pub(crate) peak: u64,
    /// Open files. 0 where only root may know them, since the daemon protects its memory.
    pub(crate) descriptors: u64,
    /// Bytes of its log.
    pub(crate) log: u64,
    /// Time that processors have worked for it.
    pub(crate) work: Duration,
}

impl Program {
    /// Starts a daemon with this configuration (without the module and the unix socket) that may open
    /// this many files, and waits until its module is ready. It keeps its files in `scratch`.
    pub(crate) async fn start(scratch: TempDir, descriptors: u64, config: &str) -> Self {
        let config = config.replacen(
            "[listen]\n",
            &format!("[listen]\nunix = {:?}\n", scratch.path().join("s")),
            1,
        );
        let file = scratch.path().join("cellftpd.toml");
        std::fs::write(&file, format!("[module]\ndevice = \"emulator\"\n{config}")).unwrap();
        let log = std::fs::File::create(log(&scratch)).unwrap();
        let script = "ulimit -n \"$1\" && exec \"$2\" --config \"$3\"";
        let process = Command::new("/bin/sh")
            .args(["-c", script, "sh"])
            .arg(descriptors.to_string())
            .arg(env!("CARGO_BIN_EXE_cellftpd"))
            .arg(file)
            .env_remove("NOTIFY_SOCKET")
            .envs(as_a_service())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let program = Self { process, scratch };
        timeout(PATIENCE, program.ready()).await.unwrap();
        program
    }

    pub(crate) fn unix(&self) -> Address {
        Address::Unix(self.scratch.path().join("s"))
    }

    pub(crate) fn figures(&self) -> Figures {
        let descriptors = std::fs::read_dir(self.proc("fd")).map_or(0, Iterator::count);
        Figures {
            memory: self.status("RssAnon:"),
            resident: self.status("VmRSS:"),
            peak: self.status("VmHWM:"),
            descriptors: descriptors as u64,
            log: std::fs::metadata(log(&self.scratch)).unwrap().len(),
            work: self.work(),
        }
    }

    /// Time in user and in system mode, by hundredths of a second (proc(5)).
    fn work(&self) -> Duration {
        let stat = std::fs::read_to_string(self.proc("stat")).unwrap();
        let (_, behind_name) = stat.rsplit_once(')').unwrap();
        let numbers = behind_name.split_whitespace().skip(11).take(2);
        let ticks = numbers.map(|number| number.parse::<u64>().unwrap());
        Duration::from_millis(10 * ticks.sum::<u64>())
    }

    fn status(&self, key: &str) -> u64 {
        let status = std::fs::read_to_string(self.proc("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        let kibibytes = line.unwrap().trim().strip_suffix(" kB").unwrap();
        kibibytes.parse::<u64>().unwrap() * 1024
    }

    fn proc(&self, of: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{of}", self.process.id()))
    }

    async fn ready(&self) {
        loop {
            if let Ok(client) = Client::connect(&self.unix()).await
                && let Ok(status) = client.status().await
                && status.state() == LinkState::Ready
            {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The environment that the unit sets: the daemon is measured as it is installed.
fn as_a_service() -> impl Iterator<Item = (&'static str, &'static str)> {
    let unit = include_str!("../../systemd/cellftpd.service");
    let set = unit
        .lines()
        .filter_map(|line| line.strip_prefix("Environment="));
    set.filter_map(|set| set.split_once('='))
}

fn log(scratch: &TempDir) -> PathBuf {
    scratch.path().join("log")
}

pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// An FTP server of these files, which accepts any user. Returns its port.
pub(crate) async fn ftp_server(root: PathBuf) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let root = root.clone();
            let open = Box::new(move || Filesystem::new(root.clone()).unwrap());
            tokio::spawn(
                ServerBuilder::new(open)
                    .build()
                    .unwrap()
                    .service(connection),
            );
        }
    });
    port
}
