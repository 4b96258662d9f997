//! The emulated module alone, driven by a script that shares no code with the daemon: its
//! network side against every server, in every security mode.

use crate::content::traps;
use crate::support::servers::{Security, Server, ServerKind};
use crate::support::site::{Family, Module};
use crate::support::tools;

#[test]
fn vsftpd() {
    if tools::wanted("vsftpd") {
        script(ServerKind::Vsftpd, &Security::ALL);
    }
}

#[test]
fn proftpd() {
    if tools::wanted("proftpd") {
        script(ServerKind::Proftpd, &Security::ALL);
    }
}

#[test]
fn pyftpdlib() {
    if tools::wanted("pyftpdlib") {
        script(ServerKind::Pyftpdlib, &Security::ALL);
    }
}

#[test]
fn pure_ftpd() {
    if tools::wanted("pure_ftpd") && ServerKind::PureFtpd.runs_here() {
        script(ServerKind::PureFtpd, &[Security::None, Security::AuthTls]);
    }
}

/// Has the script put and get a file, by each family of modules.
fn script(kind: ServerKind, securities: &[Security]) {
    for &security in securities {
        let server = Server::start(kind, security);
        let local = server.scratch("up");
        std::fs::write(&local, traps(1_000_000)).expect("a scratch directory is writable");
        for family in Family::ALL {
            let link = server.scratch("module");
            let module = Module::start(family, &link, &[]);
            let output = tools::python()
                .arg(tools::source("tests/support/at_client.py"))
                .arg(&link)
                .args([
                    server.host,
                    &server.port.to_string(),
                    server.user,
                    server.password,
                ])
                .args([security.server_type().to_string(), server.remote("file")])
                .arg(&local)
                .output()
                .expect("Python starts");
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.success(),
                "{kind:?} {security:?} {family:?}: {errors}"
            );
            drop(module);
        }
    }
}
