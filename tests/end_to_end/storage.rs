//! Files on the module, by `cellftp module`, which the module itself moves to and from real
//! servers.

use std::process::Command;

use serde_json::Value;

use crate::content::{assert_holds, traps};
use crate::support::servers::{Security, Server, ServerKind};
use crate::support::site::{Family, Site};
use crate::support::tools;

#[test]
fn vsftpd_over_sim7600() {
    if tools::wanted("vsftpd_over_sim7600") {
        module_files(Family::Sim7600, ServerKind::Vsftpd, Security::Implicit);
    }
}

#[test]
fn proftpd_over_a7670() {
    if tools::wanted("proftpd_over_a7670") {
        module_files(Family::A7670, ServerKind::Proftpd, Security::AuthTls);
    }
}

#[test]
fn pyftpdlib_over_sim7600() {
    if tools::wanted("pyftpdlib_over_sim7600") {
        module_files(Family::Sim7600, ServerKind::Pyftpdlib, Security::None);
    }
}

#[test]
fn pure_ftpd_over_a7670() {
    if tools::wanted("pure_ftpd_over_a7670") {
        module_files(Family::A7670, ServerKind::PureFtpd, Security::None);
    }
}

fn module_files(family: Family, kind: ServerKind, security: Security) {
    if !kind.runs_here() {
        eprintln!("{kind:?} runs only when started by root");
        return;
    }
    let server = Server::start(kind, security);
    let site = Site::start(family, &[("server", &server)]);
    let drive = match family {
        Family::Sim7600 => "F:",
        Family::A7670 => "C:",
    };
    let on_module = format!("{drive}/file.bin");
    let remote = server.remote("file.bin");
    let content = traps(300_000);
    server.place("file.bin", &content);

    let fetched = cellftp(&site, &["fetch", &remote, drive]).expect("fetched");
    assert_eq!(fetched["size"], 300_000, "{fetched:#}");
    assert_eq!(fetched["verified"], true, "{fetched:#}");
    assert_eq!(fetched["path"], on_module.as_str(), "{fetched:#}");
    let listing = cellftp(&site, &["ls", drive]).expect("a listing");
    assert_eq!(listing[0]["name"], "file.bin", "{listing:#}");
    assert_eq!(listing[0]["size"], 300_000, "{listing:#}");
    let room = cellftp(&site, &["df"]).expect("the drives");
    let used = room
        .as_array()
        .and_then(|drives| drives.iter().find(|row| row["drive"] == drive))
        .map(|row| row["used"].clone());
    assert_eq!(used, Some(300_000.into()), "{room:#}");

    let local = site.scratch("back");
    let path = local.to_str().expect("UTF-8");
    cellftp(&site, &["get", &on_module, path]).expect("read");
    assert_holds(&local, &content);

    // The other way, over what is there, and to a name that the server does not have yet.
    let other = traps(150_001);
    std::fs::write(&local, &other).expect("a scratch directory is writable");
    cellftp(&site, &["put", path, &format!("{drive}/new.bin")]).expect("written");
    let sent = cellftp(&site, &["send", &server.remote("new.bin"), drive]).expect("sent");
    assert_eq!(sent["size"], 150_001, "{sent:#}");
    assert_eq!(sent["verified"], true, "{sent:#}");
    assert_holds(&server.local("new.bin"), &other);

    cellftp(&site, &["rm", &on_module]).expect("deleted");
    assert_eq!(cellftp(&site, &["rm", &on_module]), Err(3));
    let none = server.remote("none");
    assert_eq!(cellftp(&site, &["fetch", &none, drive]), Err(3));
    assert_eq!(cellftp(&site, &["send", &none, drive]), Err(3));
}

/// `cellftp module ...`: the document that it prints, or its exit code.
fn cellftp(site: &Site, words: &[&str]) -> Result<Value, i32> {
    let output = Command::new(env!("CARGO_BIN_EXE_cellftp"))
        .args([
            "--json",
            "--profile",
            "server",
            "--timeout",
            "120s",
            "--socket",
        ])
        .arg(site.scratch("cellftpd.sock"))
        .arg("module")
        .args(words)
        .output()
        .expect("cellftp starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        eprintln!("cellftp module {words:?}: {errors}");
        return Err(output.status.code().expect("an exit code"));
    }
    Ok(serde_json::from_slice(&output.stdout).expect("one JSON document"))
}
