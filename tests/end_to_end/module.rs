//! Only the emulated module, driven by a script that shares no code with the daemon: its network
//! side against every server, in every security mode.

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

/// The script puts and gets a file, with each family of modules.
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

/// With and without its radio, on the port of the program.
#[test]
fn what_host_programs_ask_first_is_answered_on_the_port() {
    if !tools::wanted("what_host_programs_ask_first_is_answered_on_the_port") {
        return;
    }
    const ASK: &str = "import importlib.util, sys\n\
        spec = importlib.util.spec_from_file_location('at_client', sys.argv[1])\n\
        client = importlib.util.module_from_spec(spec)\n\
        spec.loader.exec_module(client)\n\
        port = client.Port(sys.argv[2])\n\
        for line, answer in zip(sys.argv[3::2], sys.argv[4::2]):\n    port.write(line.encode() + b'\\r')\n    port.until(answer.encode())\n";
    let scratch = tempfile::TempDir::with_prefix("cellftpd-").expect("a scratch directory");
    let link = scratch.path().join("module");
    for family in Family::ALL {
        let module = Module::start(family, &link, &[]);
        let output = tools::python()
            .args(["-c", ASK])
            .arg(tools::source("tests/support/at_client.py"))
            .arg(&link)
            .args(["AT+SIMCOMATI", "(?s)Manufacturer: .*Model: .*IMEI.*OK"])
            .args(["AT+CPSI?", r"\+CPSI: LTE,Online,[^\r]*\r\n\r\nOK"])
            .args(["AT+CICCID", r"\+ICCID: \d{19}\r\n\r\nOK"])
            .args(["AT+IPADDR", r"(?s)Network not opened.*ERROR"])
            .args(["AT+NETOPEN", r"OK\r\n\r\n\+NETOPEN: 0"])
            .args(["AT+NETOPEN?", r"\+NETOPEN: 1\r\n\r\nOK"])
            .args(["AT+IPADDR", r"\+IPADDR: \d+\.\d+\.\d+\.\d+\r\n\r\nOK"])
            .args(["AT+CFUN=0", "OK"])
            .args(["AT+CPSI?", r"\+CPSI: NO SERVICE,Low Power Mode"])
            .args(["AT+CPIN?", "(SIM failure|ERROR)"])
            .args(["AT+CICCID", "(SIM failure|ERROR)"])
            .output()
            .expect("Python starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{family:?}: {errors}");
        drop(module);
    }
}
