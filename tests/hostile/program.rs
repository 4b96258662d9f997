//! The daemon as a process of its own, with an emulated module and an FTP server beside it.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cellftp::client::{Address, Client, LinkState};
use libunftp::ServerBuilder;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use unftp_sbe_fs::Filesystem;

use crate::PATIENCE;

/// A running `cellftpd`, ended with this value.
pub(crate) struct Program {
    process: Child,
    scratch: TempDir,
    pub(crate) tcp: String,
}

/// What it has of the machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    /// Bytes resident.
    pub(crate) memory: u64,
    /// Open files; 0 where only root may know them, since the daemon keeps its memory to itself.
    pub(crate) descriptors: u64,
    /// Bytes of its log.
    pub(crate) log: u64,
}

impl Program {
    /// Starts one that may open so many files, and waits until its module is ready.
    pub(crate) async fn start(descriptors: u64, more: &str) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().join("server");
        std::fs::create_dir(&root).unwrap();
        std::fs::write(root.join("small"), b"content").unwrap();
        let durable = scratch.path().join("durable");
        std::fs::create_dir(&durable).unwrap();
        let ftp = ftp_server(root).await;
        let port = free_port();
        let text = format!(
            "[module]\ndevice = \"emulator\"\n[durable]\ndirectory = {durable:?}\n\
             [listen]\nunix = {:?}\ntcp = \"127.0.0.1:{port}\"\n\
             [servers.here]\nhost = \"127.0.0.1\"\nport = {ftp}\nsecurity = \"none\"\n{more}",
            scratch.path().join("s"),
        );
        let config = scratch.path().join("cellftpd.toml");
        std::fs::write(&config, text).unwrap();
        let log = std::fs::File::create(scratch.path().join("log")).unwrap();
        let process = Command::new("/bin/sh")
            .args([
                "-c",
                "ulimit -n \"$1\" && exec \"$2\" --config \"$3\"",
                "sh",
            ])
            .arg(descriptors.to_string())
            .arg(env!("CARGO_BIN_EXE_cellftpd"))
            .arg(config)
            .env_remove("NOTIFY_SOCKET")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let program = Self {
            process,
            scratch,
            tcp: format!("127.0.0.1:{port}"),
        };
        timeout(PATIENCE, program.ready()).await.unwrap();
        program
    }

    pub(crate) fn unix(&self) -> Address {
        Address::Unix(self.scratch.path().join("s"))
    }

    /// A file of the FTP server.
    pub(crate) fn store(&self, name: &str, content: &[u8]) {
        std::fs::write(self.scratch.path().join("server").join(name), content).unwrap();
    }

    pub(crate) fn figures(&self) -> Figures {
        let descriptors = std::fs::read_dir(self.proc("fd")).map_or(0, Iterator::count);
        let log = std::fs::metadata(self.scratch.path().join("log")).unwrap();
        Figures {
            memory: self.status("VmRSS:"),
            descriptors: descriptors as u64,
            log: log.len(),
        }
    }

    /// The most memory that it ever had resident, in bytes.
    pub(crate) fn peak(&self) -> u64 {
        self.status("VmHWM:")
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

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// An FTP server of these files, which takes anybody in. Answers its port.
async fn ftp_server(root: PathBuf) -> u16 {
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
