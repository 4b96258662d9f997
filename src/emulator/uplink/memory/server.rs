//! A server in memory, with the moods of real ones.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::emulator::uplink::{Identity, Security, TlsSettings, TlsVersions};

/// One server. Every field may be changed between two requests.
#[derive(Clone, Debug)]
pub struct Server {
    /// Passwords by user name.
    pub users: BTreeMap<String, String>,
    /// Files by absolute path.
    pub files: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Directories by absolute path, without a final slash; the root is always there.
    pub directories: BTreeSet<Vec<u8>>,
    /// The one kind of protection it accepts.
    pub security: Security,
    /// What vouches for its certificate, in PEM: a module that verifies must hold just this.
    pub ca: Option<Bytes>,
    /// What its clients must show, where it asks: a module must hold just this, key included.
    pub client: Option<Identity>,
    /// What it does with REST.
    pub rest: Rest,
    /// Bytes it can still store.
    pub room: Option<u64>,
    /// Closes the control and data connections after so many content bytes of one transfer.
    pub close_after: Option<u64>,
    /// Leaves every request unanswered.
    pub silent: bool,
    /// Files that no listing shows, though all else finds them.
    pub hidden: BTreeSet<Vec<u8>>,
    /// Whether it knows SIZE; a server without it refuses.
    pub knows_size: bool,
    /// Files that it lets nobody write (553).
    pub protected: BTreeSet<Vec<u8>>,
    /// It refuses a file only when all of its content has come.
    pub refuses_late: bool,
}

/// How a server treats REST.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rest {
    /// As RFC 3659 §5 says.
    #[default]
    Honour,
    /// The same, and what lies behind the offset stays until it is written over.
    WriteOver,
    /// 502.
    Refuse,
    /// 350, and the transfer starts at 0 all the same.
    Ignore,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            users: BTreeMap::new(),
            files: BTreeMap::new(),
            directories: BTreeSet::new(),
            security: Security::Plain,
            ca: None,
            client: None,
            rest: Rest::Honour,
            room: None,
            close_after: None,
            silent: false,
            hidden: BTreeSet::new(),
            knows_size: true,
            protected: BTreeSet::new(),
            refuses_late: false,
        }
    }
}

impl Server {
    /// A plain server with one user.
    #[must_use]
    pub fn with_user(user: &str, password: &str) -> Self {
        let users = BTreeMap::from([(user.to_owned(), password.to_owned())]);
        Self {
            users,
            ..Self::default()
        }
    }

    /// Whether a handshake with these settings goes well.
    pub(super) fn shakes_hands(&self, tls: &TlsSettings) -> bool {
        tls.versions != TlsVersions::Obsolete
            && (!tls.verify_server || (self.ca.is_some() && tls.ca == self.ca))
            && (self.client.is_none() || tls.identity == self.client)
    }

    pub(super) fn is_directory(&self, path: &[u8]) -> bool {
        path == b"/" || self.directories.contains(path)
    }

    pub(super) fn listing(&self, directory: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        let here = |path: &[u8]| parent(path) == directory;
        for path in self.directories.iter().filter(|path| here(path)) {
            text.extend_from_slice(b"drwxr-xr-x 2 ftp ftp 4096 Mar 19 13:51 ");
            text.extend_from_slice(base(path));
            text.extend_from_slice(b"\r\n");
        }
        let shown = |path: &Vec<u8>| here(path) && !self.hidden.contains(path);
        for (path, content) in self.files.iter().filter(|(path, _)| shown(path)) {
            let entry = format!("-rw-r--r-- 1 ftp ftp {} Mar 19 13:51 ", content.len());
            text.extend_from_slice(entry.as_bytes());
            text.extend_from_slice(base(path));
            text.extend_from_slice(b"\r\n");
        }
        text
    }
}

/// The directory a path lies in.
pub(super) fn parent(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(0) | None => b"/",
        Some(at) => path.get(..at).unwrap_or(b"/"),
    }
}

fn base(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or(path)
}
