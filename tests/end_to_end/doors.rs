//! Clients in other languages at the TCP port with TLS: who is let in, as whom, and who is not.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::content::{assert_holds, every_byte};
use crate::support::authority::Authority;
use crate::support::failure::failed;
use crate::support::grpcurl::Tls;
use crate::support::servers::{Security, Server, ServerKind};
use crate::support::site::{Family, Site};
use crate::support::tools;

/// A daemon with TLS, and certificates of all kinds.
struct Gateway {
    site: Site,
    server: Server,
    good: Tls,
    bare: Tls,
    foreign: Tls,
    expired: Tls,
    _files: TempDir,
}

impl Gateway {
    fn start() -> Self {
        let files = TempDir::with_prefix("cellftpd-").expect("a scratch directory");
        let folder = files.path();
        let authority = Authority::new();
        let ca = authority.file(folder);
        let daemon = authority.server().files(folder, "daemon");
        let shown = |path: &Path| path.display().to_string();
        let environment = [
            (
                "CELLFTPD_LISTEN__TLS__CERT_FILE",
                shown(&daemon.certificate),
            ),
            ("CELLFTPD_LISTEN__TLS__KEY_FILE", shown(&daemon.key)),
            ("CELLFTPD_LISTEN__TLS__CLIENT_CA_FILE", shown(&ca)),
        ];
        let environment = environment
            .each_ref()
            .map(|(name, path)| (*name, path.as_str()));
        let server = Server::start(ServerKind::Pyftpdlib, Security::None);
        let site = Site::start_set(Family::Sim7600, &[("server", &server)], &[], &environment);
        let tls = |own| Tls {
            ca: ca.clone(),
            own,
        };
        let foreign = Authority::new().client("meter");
        Self {
            good: tls(Some(authority.client("meter").files(folder, "meter"))),
            bare: tls(None),
            foreign: tls(Some(foreign.files(folder, "foreign"))),
            expired: tls(Some(
                authority.expired_client("meter").files(folder, "expired"),
            )),
            site,
            server,
            _files: files,
        }
    }

    /// Runs `cellftp`. Returns the document that it prints, or its exit code and message.
    fn cellftp(&self, tls: &Tls, words: &[&str]) -> Result<Value, (Option<i32>, String)> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cellftp"));
        command
            .args(["--json", "--profile", "server", "--timeout", "60s"])
            .arg("--address")
            .arg(format!("https://{}", self.site.tcp_address()))
            .arg("--ca")
            .arg(&tls.ca);
        if let Some(own) = &tls.own {
            command.arg("--certificate").arg(&own.certificate);
            command.env("CELLFTP_KEY", &own.key);
        }
        let output = command.args(words).output().expect("cellftp starts");
        if output.status.success() {
            return Ok(serde_json::from_slice(&output.stdout).expect("one JSON document"));
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err((output.status.code(), said))
    }
}

#[test]
fn grpcurl_comes_in_with_a_certificate_and_not_without() {
    if !tools::wanted("grpcurl_comes_in_with_a_certificate_and_not_without") {
        return;
    }
    let gateway = Gateway::start();
    gateway.server.place("file", b"1234");
    let grpcurl = gateway.site.grpcurl_tls(&gateway.good);
    let size = json!({"target": {"profile": "server"}, "path": gateway.server.remote("file")});
    let answer = grpcurl.call("cellftp.v1.FtpsService/GetSize", &size);
    assert_eq!(answer.expect("the file is there")["size"], "4");
    assert!(
        grpcurl
            .reflect(&["list"])
            .contains("cellftp.v1.ModemService")
    );

    let refused = failed(grpcurl.call("cellftp.v1.ModemService/Reset", &json!({})));
    refused.expect("PERMISSION_DENIED", "ROLE_REQUIRED");
    assert_eq!(refused.metadata["role"], "administer", "{refused:#?}");
    assert_eq!(refused.metadata["principal"], "cert:meter", "{refused:#?}");

    for tls in [&gateway.bare, &gateway.foreign, &gateway.expired] {
        let said = gateway.site.grpcurl_tls(tls).turned_away();
        println!("grpcurl: {}", said.trim());
    }
    let log = gateway.site.log();
    // The foreign authority has the name of the right one, and another key.
    for why in [
        "peer sent no certificates",
        "BadSignature",
        "certificate expired",
    ] {
        assert!(log.contains(why), "{why} is not in the log:\n{log}");
    }
}

#[test]
fn python_moves_files_with_a_certificate_and_not_without() {
    if !tools::wanted("python_moves_files_with_a_certificate_and_not_without") {
        return;
    }
    let gateway = Gateway::start();
    let content = every_byte(300_000);
    let (up, down) = (gateway.site.scratch("up"), gateway.site.scratch("down"));
    std::fs::write(&up, &content).expect("a scratch directory is writable");
    let remote = gateway.server.remote("file");
    let (up, down_name) = (up.to_string_lossy(), down.to_string_lossy());
    let mut python = gateway.site.python_tls(&gateway.good);
    let put = ["put", "--profile", "server", &remote, &up];
    let sent = python.call(&put).expect("the file goes up");
    assert_eq!(sent["state"], "PUT_STATE_VERIFIED_SIZE", "{sent:#}");
    let get = ["get", "--profile", "server", &remote, &down_name];
    python.call(&get).expect("the file comes back");
    assert_holds(&down, &content);

    for tls in [&gateway.bare, &gateway.foreign, &gateway.expired] {
        let refused = gateway.site.python_tls(tls).call(&get);
        assert_eq!(failed(refused).code, "UNAVAILABLE");
    }
}

#[test]
fn cellftp_comes_in_with_a_certificate_and_says_what_is_wrong_with_another() {
    if !tools::wanted("cellftp_comes_in_with_a_certificate_and_says_what_is_wrong_with_another") {
        return;
    }
    let gateway = Gateway::start();
    gateway.server.place("file", b"1234");
    let remote = gateway.server.remote("file");
    let down = gateway.site.scratch("down");
    let get = ["get", &remote, &down.to_string_lossy()];
    gateway
        .cellftp(&gateway.good, &get)
        .expect("the file comes");
    assert_holds(&down, b"1234");

    let (code, said) = gateway
        .cellftp(&gateway.good, &["module", "stop"])
        .unwrap_err();
    assert_eq!(code, Some(4), "{said}");
    assert!(
        said.contains("ROLE_REQUIRED") && said.contains("administer"),
        "{said}"
    );
    let (code, said) = gateway.cellftp(&gateway.bare, &["status"]).unwrap_err();
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--certificate"), "{said}");
    for tls in [&gateway.foreign, &gateway.expired] {
        let (code, said) = gateway.cellftp(tls, &["status"]).unwrap_err();
        println!("cellftp: {said}");
        // The alert may be lost with the connection.
        assert!(matches!(code, Some(4 | 5)), "{said}");
        assert!(said.contains("certificate"), "{said}");
    }
}
