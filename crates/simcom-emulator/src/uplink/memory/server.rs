//! A server in memory that can behave like difficult real ones.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;

use crate::request::{ClientCertificate, Failure, Security, TlsSettings, TlsVersions};

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
    /// The certificate authority of its certificate, in PEM. A module that verifies must hold
    /// exactly this.
    pub ca: Option<Bytes>,
    /// The identity that its clients must show, where it asks: a module must hold exactly this,
    /// including the key.
    pub client: Option<ClientCertificate>,
    /// What it does with REST.
    pub rest: Rest,
    /// Bytes it can still store.
    pub room: Option<u64>,
    /// It closes the control and data connections after this many content bytes of one transfer.
    pub close_after: Option<u64>,
    /// It answers no request.
    pub silent: bool,
    /// Files that no listing shows although every other command finds them.
    pub hidden: BTreeSet<Vec<u8>>,
    /// Whether it knows SIZE. A server without it refuses.
    pub knows_size: bool,
    /// Files that nobody may write (553).
    pub protected: BTreeSet<Vec<u8>>,
    /// It lets nobody delete a file (550).
    pub keeps_all: bool,
    /// It refuses a file only after all of its content has come.
    pub refuses_late: bool,
    /// The outcomes of the next logins, whatever they say: 530 as [`Failure::Refused`], 421 as
    /// [`Failure::ServerTimeout`].
    pub logins: VecDeque<Failure>,
    /// What it makes of the path in LIST.
    pub list_path: ListPath,
    /// How a listing prints names.
    pub names: Names,
    /// No listing shows names that begin with a dot.
    pub hides_dots: bool,
    /// A listing ends after this many lines.
    pub lists_at_most: Option<usize>,
    /// It refuses to list an empty directory (450, 550).
    pub refuses_empty: bool,
    /// Directories that nobody may list.
    pub unlisted: BTreeSet<Vec<u8>>,
    /// Directories that it lists as empty, whatever is in them.
    pub lists_nothing: BTreeSet<Vec<u8>>,
    /// Directories that nobody can change to although they can be listed.
    pub not_entered: BTreeSet<Vec<u8>>,
    /// Links to directories, with their targets.
    pub links: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// What a server makes of the path in LIST.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListPath {
    /// It lists that directory, or that file.
    #[default]
    Honour,
    /// It lists the working directory.
    Ignore,
    /// It prints one line for the directory itself.
    Itself,
    /// It takes `[x]` for a pattern that `x` matches (pure-ftpd, ProFTPD).
    Pattern,
}

/// How a listing prints names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Names {
    /// The name.
    #[default]
    Bare,
    /// `./name`.
    Dot,
    /// `/directory/name`.
    Absolute,
    /// `NAME;1`, in the columns of OpenVMS.
    Version,
    /// In an unknown form of line, with the name at its end.
    Strange,
    /// The same, without the name.
    Nameless,
}

/// How a server treats REST.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rest {
    /// As RFC 3659 §5 says.
    #[default]
    Honour,
    /// The same, but what lies behind the offset stays until it is written over.
    WriteOver,
    /// 502.
    Refuse,
    /// 350, but the transfer starts at 0.
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
            keeps_all: false,
            refuses_late: false,
            logins: VecDeque::new(),
            list_path: ListPath::Honour,
            names: Names::Bare,
            hides_dots: false,
            lists_at_most: None,
            refuses_empty: false,
            unlisted: BTreeSet::new(),
            lists_nothing: BTreeSet::new(),
            not_entered: BTreeSet::new(),
            links: BTreeMap::new(),
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

    /// Whether a handshake with these settings succeeds.
    pub(super) fn shakes_hands(&self, tls: &TlsSettings) -> bool {
        tls.versions != TlsVersions::Obsolete
            && (!tls.verify_server || (self.ca.is_some() && tls.ca == self.ca))
            && (self.client.is_none() || tls.identity == self.client)
    }

    pub(super) fn is_directory(&self, path: &[u8]) -> bool {
        path == b"/" || self.directories.contains(path)
    }

    /// Whether a directory has no entries, whatever a listing shows of them.
    pub(super) fn is_empty(&self, directory: &[u8]) -> bool {
        let here = |path: &Vec<u8>| parent(path) == directory;
        !self.directories.iter().any(here) && !self.files.keys().any(here)
    }

    /// What LIST prints. `None` where it is refused. `named` is the path in the command, as an
    /// absolute one.
    pub(super) fn list(&self, working: &[u8], named: Option<Vec<u8>>) -> Option<Vec<u8>> {
        let directory = match (self.list_path, named) {
            (_, None) | (ListPath::Ignore, _) => working.to_vec(),
            (ListPath::Honour, Some(path)) => path,
            (ListPath::Itself, Some(path)) => {
                return self
                    .is_directory(&path)
                    .then(|| self.line(&path, b'd', 4096));
            }
            (ListPath::Pattern, Some(mut path)) => {
                path.retain(|byte| !matches!(byte, b'[' | b']'));
                path
            }
        };
        let directory = self.followed(directory);
        if let Some(content) = self.files.get(&directory) {
            return Some(self.line(&directory, b'-', content.len()));
        }
        let refused =
            self.unlisted.contains(&directory) || (self.refuses_empty && self.is_empty(&directory));
        if refused || !self.is_directory(&directory) {
            return None;
        }
        Some(self.listing(&directory))
    }

    fn listing(&self, directory: &[u8]) -> Vec<u8> {
        let shown = |path: &Vec<u8>| {
            let is_hidden = self.hidden.contains(path)
                || self.lists_nothing.contains(directory)
                || (self.hides_dots && base(path).starts_with(b"."));
            parent(path) == directory && !is_hidden
        };
        let links = self.links.keys().filter(|path| shown(path));
        let links = links.map(|path| self.line(path, b'l', 7));
        let directories = self.directories.iter().filter(|path| shown(path));
        let directories = directories.map(|path| self.line(path, b'd', 4096));
        let files = self.files.iter().filter(|(path, _)| shown(path));
        let files = files.map(|(path, content)| self.line(path, b'-', content.len()));
        let lines = links.chain(directories).chain(files);
        lines
            .take(self.lists_at_most.unwrap_or(usize::MAX))
            .collect::<Vec<_>>()
            .concat()
    }

    fn line(&self, path: &[u8], kind: u8, size: usize) -> Vec<u8> {
        let name = base(path);
        let kind = char::from(kind);
        let columns = if kind == 'd' {
            format!("drwxr-xr-x 2 ftp ftp {size} Mar 19 13:51")
        } else {
            format!("{kind}rw-r--r-- 1 ftp ftp {size} Mar 19 13:51")
        };
        let strange = format!("== {size} ==");
        let (columns, strange) = (columns.as_bytes(), strange.as_bytes());
        let line = match self.names {
            Names::Version => {
                let directory = if kind == 'd' { ".DIR" } else { "" };
                let name = String::from_utf8_lossy(name).to_uppercase();
                format!("{name}{directory};1 {size} 19-MAR-2020 13:51:00 [FTP,FTP] (RWED,RE,,)")
                    .into_bytes()
            }
            Names::Strange => [strange, b" ", name].concat(),
            Names::Nameless => strange.to_vec(),
            Names::Bare => match self.links.get(path) {
                Some(to) => [columns, b" ", name, b" -> ", to].concat(),
                None => [columns, b" ", name].concat(),
            },
            Names::Dot => [columns, b" ./", name].concat(),
            Names::Absolute => [columns, b" ", path].concat(),
        };
        [line.as_slice(), b"\r\n"].concat()
    }

    /// Where a path leads. A link at its beginning is followed once.
    pub(super) fn followed(&self, path: Vec<u8>) -> Vec<u8> {
        for (link, to) in &self.links {
            if let Some(rest) = path.strip_prefix(link.as_slice())
                && (rest.is_empty() || rest.starts_with(b"/"))
            {
                return [to.as_slice(), rest].concat();
            }
        }
        path
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
