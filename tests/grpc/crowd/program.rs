//! The daemon as a process of its own, with three principals.

use std::fmt::Write as _;

use cellftp::client::{Address, Client, Credentials};

use crate::authority::Authority;
use crate::program::{self, free_port};

/// Files that the daemon may open: its connections, and all else.
const DESCRIPTORS: u64 = 4096;

/// A running `cellftpd`, ended with this value.
pub(super) struct Program {
    program: program::Program,
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
            "[durable]\ndirectory = \"\"\n\
             [queue]\npatience = \"{patience}s\"\n[transfers]\nmemory_in_all = {memory}\n\
             [listen]\ntcp = \"127.0.0.1:{port}\"\n\
             [listen.tls]\ncert_file = {:?}\nkey_file = {:?}\nclient_ca_file = {:?}\n",
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
        let credentials = ["a certificate", "another"].map(|name| {
            let own = authority.client(name);
            Credentials::from_pem(
                authority.pem().as_bytes(),
                own.certificate.as_bytes(),
                own.key.as_bytes(),
            )
        });
        Self {
            program: program::Program::start(scratch, DESCRIPTORS, &text).await,
            tls: Address::Tls(format!("127.0.0.1:{port}")),
            credentials,
        }
    }

    /// A connection of a principal: 0 is the user at the unix socket, the others have certificates.
    pub(super) async fn client(&self, principal: usize) -> Client {
        let client = match principal.checked_sub(1) {
            None => Client::connect(&self.program.unix()).await,
            Some(which) => Client::connect_with(&self.tls, Some(&self.credentials[which])).await,
        };
        client.unwrap()
    }

    /// The most memory that it ever had resident, in bytes.
    pub(super) fn peak(&self) -> u64 {
        self.program.figures().peak
    }
}
