//! The daemon as a process of its own, with an emulated module.

use std::fmt::Write as _;
use std::process::{Child, Command, Stdio};

use cellftp::client::{Address, Client, Credentials, LinkState};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use crate::authority::Authority;
use crate::house::PATIENCE;

/// A running `cellftpd`, ended with this value.
pub(super) struct Program {
    process: Child,
    scratch: TempDir,
    tls: Address,
    credentials: [Credentials; 2],
}

impl Program {
    /// Starts one with these servers, by name and port, and waits until its module is ready.
    pub(super) async fn start(servers: &[(&str, u16)], patience: u32, memory: u64) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        let own = authority.server().files(scratch.path(), "own");
        let port = free_port();
        let mut text = format!(
            "[module]\ndevice = \"emulator\"\n[durable]\ndirectory = \"\"\n\
             [queue]\npatience = \"{patience}s\"\n[transfers]\nmemory_in_all = {memory}\n\
             [listen]\nunix = {:?}\ntcp = \"127.0.0.1:{port}\"\n\
             [listen.tls]\ncert_file = {:?}\nkey_file = {:?}\nclient_ca_file = {:?}\n",
            scratch.path().join("s"),
            own.certificate,
            own.key,
            authority.file(scratch.path()),
        );
        for (name, port) in servers {
            write!(
                text,
                "[servers.{name}]\nhost = \"127.0.0.1\"\nport = {port}\nsecurity = \"none\"\n"
            )
            .unwrap();
        }
        let config = scratch.path().join("cellftpd.toml");
        std::fs::write(&config, text).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_cellftpd"))
            .arg("--config")
            .arg(config)
            .env_remove("NOTIFY_SOCKET")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let credentials = ["a certificate", "another"].map(|name| {
            let own = authority.client(name);
            Credentials::from_pem(
                authority.pem().as_bytes(),
                own.certificate.as_bytes(),
                own.key.as_bytes(),
            )
        });
        let program = Self {
            process,
            scratch,
            tls: Address::Tls(format!("127.0.0.1:{port}")),
            credentials,
        };
        timeout(PATIENCE, program.ready()).await.unwrap();
        program
    }

    async fn ready(&self) {
        loop {
            if let Ok(client) = Client::connect(&self.unix()).await
                && let Ok(status) = client.status().await
                && status.state() == LinkState::Ready
            {
                return;
            }
            sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// A connection of a principal: 0 is the user at the unix socket, the others have certificates.
    pub(super) async fn client(&self, principal: usize) -> Client {
        let client = match principal.checked_sub(1) {
            None => Client::connect(&self.unix()).await,
            Some(which) => Client::connect_with(&self.tls, Some(&self.credentials[which])).await,
        };
        client.unwrap()
    }

    /// The most memory that it ever had resident, in bytes.
    pub(super) fn peak(&self) -> u64 {
        let status = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.unwrap().trim().strip_suffix(" kB").unwrap();
        kibibytes.parse::<u64>().unwrap() * 1024
    }

    fn unix(&self) -> Address {
        Address::Unix(self.scratch.path().join("s"))
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
