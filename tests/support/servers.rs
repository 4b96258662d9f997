//! Real FTP servers, each on a scratch directory and a free loopback port.

mod proftpd;
mod pure_ftpd;
mod pyftpdlib;
mod vsftpd;

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Read};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;
use tempfile::TempDir;

use super::certificate::Certificate;
use super::process::Process;
use super::{tools, wait};

/// The user as which servers started by root serve files: `daemon`, 1 on every Debian. `nobody`
/// does not work: vsftpd enters the home directory of its user, and `nobody` has none.
const OWNER: (&str, u32) = ("daemon", 1);

/// What a server answers to the next USER commands, in its scratch directory.
const REPLIES: &str = "replies";

/// The log of a server, in its scratch directory.
const LOG: &str = "server.log";

/// The password of every account: characters that a command line or a log could mishandle, within
/// printable ASCII without a quotation mark, for which the module has no escape.
const PASSWORD: &str = "Pa55-w0rd;x,y";

/// `openssl passwd -5 -salt cellftpd 'Pa55-w0rd;x,y'`
const PASSWORD_HASH: &str = "$5$cellftpd$ySChZVIxAOE7jyrAvN7nmVB8z8uYWI.P/UV78zK7zk.";

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerKind {
    Vsftpd,
    PureFtpd,
    Proftpd,
    Pyftpdlib,
}

/// How a server protects its connections; both explicit forms are one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Security {
    None,
    AuthSsl,
    AuthTls,
    Implicit,
}

/// What a server does in addition to serving. Not every kind can do everything: starting one that
/// cannot fails the test.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// Refuses REST, or the transfer that follows it.
    pub(crate) refuse_rest: bool,
    /// Closes each data connection after this many bytes.
    pub(crate) cut_data_every: Option<u64>,
    /// Has room for this many bytes in all.
    pub(crate) space: Option<u64>,
    /// Accepts only data connections that resume the control connection's TLS session.
    pub(crate) require_session_reuse: bool,
    /// Closes a control connection that was idle for this long, in whole seconds.
    pub(crate) idle_timeout: Option<Duration>,
    /// Transfers this many bytes a second.
    pub(crate) bytes_per_second: Option<u64>,
    /// Names this address in replies to PASV, like a server behind NAT.
    pub(crate) announced_address: Option<Ipv4Addr>,
    /// Shows a certificate for this name, which is not its own.
    pub(crate) false_name: Option<&'static str>,
    /// Accepts only clients that show the certificate that the server has made for them.
    pub(crate) asks_for_certificate: bool,
    /// Odd behaviour of real servers, by the names in `pyftpdlib_server.py`.
    pub(crate) moods: Vec<&'static str>,
}

/// A running server.
pub(crate) struct Server {
    pub(crate) security: Security,
    pub(crate) host: &'static str,
    pub(crate) port: u16,
    pub(crate) user: &'static str,
    pub(crate) password: &'static str,
    /// Where its files are on disk.
    pub(crate) root: PathBuf,
    /// The certificate that it must show to a client that asks.
    pub(crate) certificate: PathBuf,
    /// Whether the daemon's profile asks for that.
    pub(crate) verify: bool,
    /// What the module shows, by the daemon's profile: the certificate and key for its clients, in
    /// one file.
    pub(crate) client: Option<PathBuf>,
    /// The server's name for `root`: empty, or the path itself where it cannot change its root.
    home: String,
    // Before `scratch`, so that it ends before its files go.
    process: Process,
    scratch: TempDir,
}

/// The input from which a kind makes its command line.
struct Plan<'a> {
    port: u16,
    security: Security,
    options: &'a Options,
    /// For configuration and logs.
    scratch: &'a Path,
    /// To be served.
    root: &'a Path,
    certificate: &'a Certificate,
    /// The certificate that clients may have to show.
    client: &'a Certificate,
    /// Started by root, so that the server can change user and root directory.
    privileged: bool,
}

impl ServerKind {
    pub(crate) const ALL: [Self; 4] =
        [Self::Vsftpd, Self::PureFtpd, Self::Proftpd, Self::Pyftpdlib];

    /// Whether it can run here: pure-ftpd changes its root directory or does not start.
    pub(crate) fn runs_here(self) -> bool {
        self != Self::PureFtpd || privileged()
    }

    fn user(self) -> &'static str {
        match self {
            // The one account of vsftpd that needs no entry in the system's own files.
            Self::Vsftpd => "anonymous",
            _ => "cellftp",
        }
    }

    fn command(self, plan: &Plan<'_>) -> Command {
        match self {
            Self::Vsftpd => vsftpd::command(plan),
            Self::PureFtpd => pure_ftpd::command(plan),
            Self::Proftpd => proftpd::command(plan),
            Self::Pyftpdlib => pyftpdlib::command(plan),
        }
    }
}

impl Security {
    pub(crate) const ALL: [Self; 4] = [Self::None, Self::AuthSsl, Self::AuthTls, Self::Implicit];

    /// `<server_type>` of AT+CFTPSLOGIN (SIMCom manual L1203).
    pub(crate) fn server_type(self) -> u8 {
        match self {
            Self::None => 0,
            Self::AuthSsl => 1,
            Self::AuthTls => 2,
            Self::Implicit => 3,
        }
    }

    /// Its name in the daemon's configuration.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::AuthSsl => "auth-ssl",
            Self::AuthTls => "auth-tls",
            Self::Implicit => "implicit",
        }
    }
}

impl Server {
    /// Starts a well-behaved server and waits until it greets.
    pub(crate) fn start(kind: ServerKind, security: Security) -> Self {
        Self::start_with(kind, security, &Options::default())
    }

    /// Starts a server with options.
    pub(crate) fn start_with(kind: ServerKind, security: Security, options: &Options) -> Self {
        let scratch = scratch();
        let root = scratch.path().join("root");
        fs::create_dir(&root).expect("a scratch directory is writable");
        give_away(&root);
        let names = options
            .false_name
            .as_ref()
            .map_or(Certificate::HERE, std::slice::from_ref);
        let certificate = Certificate::make(scratch.path(), names);
        let client = scratch.path().join("client");
        fs::create_dir(&client).expect("a scratch directory is writable");
        let client = Certificate::make(&client, &["client"]);
        let mut plan = Plan {
            port: 0,
            security,
            options,
            scratch: scratch.path(),
            root: &root,
            certificate: &certificate,
            client: &client,
            privileged: privileged(),
        };
        // Another program may have taken the port meanwhile. Then the server ends.
        let process = (0..5)
            .find_map(|_| {
                plan.port = wait::free_port();
                try_start(kind, &plan)
            })
            .expect("one of five free ports is still free");
        let port = plan.port;
        Self {
            security,
            host: "127.0.0.1",
            port,
            user: kind.user(),
            password: PASSWORD,
            home: home(kind, &root),
            root,
            certificate: certificate.public,
            verify: true,
            client: options.asks_for_certificate.then_some(client.with_key),
            process,
            scratch,
        }
    }

    /// The absolute path by which a client names `relative`.
    pub(crate) fn remote(&self, relative: &str) -> String {
        format!("{}/{relative}", self.home)
    }

    /// Where `relative` is on disk.
    pub(crate) fn local(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Puts a file into the server's directory, without the server.
    pub(crate) fn place(&self, relative: &str, content: &[u8]) {
        let path = self.local(relative);
        fs::write(&path, content).expect("the served directory is writable");
        give_away(&path);
    }

    /// A file for the test's own use, which the server does not serve.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Carries out operations by Python's ftplib; the script names them and their results.
    pub(crate) fn ftp(&self, operations: &Value) -> Value {
        self.ftp_with(&[], operations)
    }

    /// The same, with more options of the script.
    pub(crate) fn ftp_with(&self, options: &[&str], operations: &Value) -> Value {
        let output = tools::python()
            .arg(tools::source("tests/support/ftp_client.py"))
            .args(["--host", self.host, "--port", &self.port.to_string()])
            .args(["--user", self.user, "--password", self.password])
            .args(["--security", self.security.name(), "--certificate"])
            .arg(&self.certificate)
            .args(options)
            .arg(operations.to_string())
            .output()
            .expect("Python starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{errors}"))
    }

    /// What it answers to the next USER commands: pyftpdlib only.
    pub(crate) fn reply_to_users(&self, replies: &[&str]) {
        let lines: String = replies.iter().map(|reply| format!("{reply}\n")).collect();
        let file = self.scratch(REPLIES);
        fs::write(&file, lines).expect("a scratch directory is writable");
        give_away(&file);
    }

    /// Everything it has logged.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }
}

/// A directory that the servers can use as another user, with an empty log in it.
fn scratch() -> TempDir {
    let scratch = TempDir::with_prefix("cellftpd-").expect("a scratch directory");
    let log = scratch.path().join(LOG);
    fs::write(&log, "").expect("it is ours");
    give_away(&log);
    give_away(scratch.path());
    fs::set_permissions(scratch.path(), Permissions::from_mode(0o755)).expect("it is ours");
    scratch
}

/// Makes `path` the property of the user that servers run as.
fn give_away(path: &Path) {
    if privileged() {
        chown(path, Some(OWNER.1), Some(OWNER.1)).expect("root may give files away");
    }
}

fn privileged() -> bool {
    rustix::process::geteuid().is_root()
}

fn home(kind: ServerKind, root: &Path) -> String {
    let own_root = match kind {
        ServerKind::Vsftpd => false,
        ServerKind::PureFtpd | ServerKind::Pyftpdlib => true,
        ServerKind::Proftpd => privileged(),
    };
    if own_root {
        String::new()
    } else {
        root.to_string_lossy().into_owned()
    }
}

/// The server once it greets, or nothing where it has ended before.
fn try_start(kind: ServerKind, plan: &Plan<'_>) -> Option<Process> {
    let log = plan.scratch.join(LOG);
    let mut process = Process::start(&mut kind.command(plan), &log);
    let mut tries = 0;
    let greets = wait::until(&format!("greeting of {kind:?}"), wait::START, || {
        if process.ended().is_some() {
            return Some(false);
        }
        tries += 1;
        greeting(plan)
            .is_ok_and(|line| line.starts_with("220"))
            .then_some(true)
    });
    // A greeting may come from another program, on a port that this server could not bind.
    if greets && process.ended().is_none() {
        return Some(process);
    }
    let log = process.log();
    assert!(
        log.to_lowercase().contains("address already in use"),
        "{kind:?} ended at once:\n{log}"
    );
    None
}

/// The first line that the server sends.
fn greeting(plan: &Plan<'_>) -> std::io::Result<String> {
    let socket = TcpStream::connect(("127.0.0.1", plan.port))?;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    let stream: Box<dyn Read> = if plan.security == Security::Implicit {
        Box::new(StreamOwned::new(tls_client(plan), socket))
    } else {
        Box::new(socket)
    };
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line)
}

fn tls_client(plan: &Plan<'_>) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    let read = |file: &Path| CertificateDer::from_pem_file(file).expect("we wrote it");
    roots
        .add(read(&plan.certificate.public))
        .expect("we made it");
    let key = PrivateKeyDer::from_pem_file(&plan.client.with_key).expect("we wrote it");
    let config =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has them")
            .with_root_certificates(roots)
            // Shown only to a server that asks.
            .with_client_auth_cert(vec![read(&plan.client.public)], key)
            .expect("we made them");
    let name = plan.options.false_name.unwrap_or("localhost");
    let name = ServerName::try_from(name).expect("a host name");
    ClientConnection::new(Arc::new(config), name).expect("the configuration is whole")
}

/// Fails where a kind cannot do what is asked.
fn refuse(kind: ServerKind, asked: &[(bool, &str)]) {
    for (asked, what) in asked {
        assert!(!asked, "{kind:?} has no {what} here");
    }
}
