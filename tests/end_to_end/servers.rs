//! The FTP servers alone, by Python's ftplib: a failure here has nothing to do with the daemon and
//! the module.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::content::{assert_holds, every_byte};
use crate::support::servers::{Options, Security, Server, ServerKind};
use crate::support::tools;

/// One test for each pair, so that a failure names it.
macro_rules! round_trips {
    ($($test:ident: $kind:ident, $security:ident;)*) => {$(
        #[test]
        fn $test() {
            if tools::wanted(stringify!($test)) {
                round_trip(ServerKind::$kind, Security::$security);
            }
        }
    )*};
}

round_trips! {
    vsftpd_plain: Vsftpd, None;
    vsftpd_auth_ssl: Vsftpd, AuthSsl;
    vsftpd_auth_tls: Vsftpd, AuthTls;
    vsftpd_implicit: Vsftpd, Implicit;
    pure_ftpd_plain: PureFtpd, None;
    pure_ftpd_auth_tls: PureFtpd, AuthTls;
    proftpd_plain: Proftpd, None;
    proftpd_auth_ssl: Proftpd, AuthSsl;
    proftpd_auth_tls: Proftpd, AuthTls;
    proftpd_implicit: Proftpd, Implicit;
    pyftpdlib_plain: Pyftpdlib, None;
    pyftpdlib_auth_ssl: Pyftpdlib, AuthSsl;
    pyftpdlib_auth_tls: Pyftpdlib, AuthTls;
    pyftpdlib_implicit: Pyftpdlib, Implicit;
}

fn round_trip(kind: ServerKind, security: Security) {
    if !kind.runs_here() {
        eprintln!("{kind:?} runs only when started by root");
        return;
    }
    let server = Server::start(kind, security);
    let bytes = every_byte(300_000);
    let (up, down) = (server.scratch("up"), server.scratch("down"));
    std::fs::write(&up, &bytes).expect("a scratch directory is writable");

    let results = server.ftp(&json!([
        ["mkd", server.remote("folder")],
        ["put", server.remote("folder/file"), up, 0],
        ["size", server.remote("folder/file")],
        ["get", server.remote("folder/file"), down, 0],
        ["cwd", server.remote("folder")],
        ["pwd"],
        ["list"],
    ]));

    ok(&results, 1);
    ok(&results, 3);
    assert_holds(&server.local("folder/file"), &bytes);
    assert_holds(&down, &bytes);
    assert_eq!(ok(&results, 2), &json!(bytes.len()));
    assert_eq!(ok(&results, 5), &json!(server.remote("folder")));
    let listing = ok(&results, 6).to_string();
    assert!(
        listing.contains("300000") && listing.contains("file"),
        "{listing}"
    );

    // REST in both directions, from the middle.
    let results = server.ftp(&json!([
        ["put", server.remote("folder/file"), up, 200_000],
        ["get", server.remote("folder/file"), down, 100_000],
        ["dele", server.remote("folder/file")],
        ["rmd", server.remote("folder")],
        ["size", server.remote("folder/file")],
    ]));
    ok(&results, 0);
    assert_holds(&down, &bytes[100_000..]);
    ok(&results, 3);
    assert!(error(&results, 4).starts_with("550"), "{results}");
    assert!(!server.local("folder").exists());
}

#[test]
fn a_wrong_password_is_refused() {
    if !tools::wanted("a_wrong_password_is_refused") {
        return;
    }
    for kind in ServerKind::ALL.into_iter().filter(|kind| kind.runs_here()) {
        let mut server = Server::start(kind, Security::None);
        server.password = "wrong";
        let results = server.ftp(&json!([["pwd"]]));
        assert!(error(&results, 0).starts_with("530"), "{kind:?}: {results}");
    }
}

#[test]
fn rest_can_be_refused() {
    if !tools::wanted("rest_can_be_refused") {
        return;
    }
    for kind in [ServerKind::Pyftpdlib, ServerKind::Proftpd] {
        let options = Options {
            refuse_rest: true,
            ..Options::default()
        };
        let server = Server::start_with(kind, Security::None, &options);
        server.place("file", b"0123456789");
        let down = server.scratch("down");
        let results = server.ftp(&json!([
            ["get", server.remote("file"), down, 5],
            ["get", server.remote("file"), down, 0],
        ]));
        // proftpd takes REST and refuses the transfer after it, with a temporary reply.
        let refusal = if kind == ServerKind::Proftpd {
            "451"
        } else {
            "502"
        };
        assert!(
            error(&results, 0).starts_with(refusal),
            "{kind:?}: {results}"
        );
        ok(&results, 1);
    }
}

#[test]
fn data_connections_can_be_cut() {
    if !tools::wanted("data_connections_can_be_cut") {
        return;
    }
    for security in [Security::None, Security::AuthTls] {
        let options = Options {
            cut_data_every: Some(1000),
            ..Options::default()
        };
        let server = Server::start_with(ServerKind::Pyftpdlib, security, &options);
        let bytes = every_byte(1500);
        let (up, down) = (server.scratch("up"), server.scratch("down"));
        std::fs::write(&up, &bytes).expect("a scratch directory is writable");
        server.place("there", &bytes);
        let results = server.ftp(&json!([["get", server.remote("there"), down, 0]]));
        assert!(error(&results, 0).starts_with("426"), "{results}");
        assert_holds(&down, &bytes[..1000]);
        // The second half fits.
        let results = server.ftp(&json!([["get", server.remote("there"), down, 1000]]));
        ok(&results, 0);
        assert_holds(&down, &bytes[1000..]);
        let results = server.ftp(&json!([["put", server.remote("up"), up, 0]]));
        error(&results, 0);
        assert_holds(&server.local("up"), &bytes[..1000]);
    }
}

#[test]
fn the_disk_can_be_full() {
    if !tools::wanted("the_disk_can_be_full") {
        return;
    }
    let options = Options {
        space: Some(2000),
        ..Options::default()
    };
    let server = Server::start_with(ServerKind::Pyftpdlib, Security::None, &options);
    let up = server.scratch("up");
    std::fs::write(&up, every_byte(1500)).expect("a scratch directory is writable");
    let results = server.ftp(&json!([
        ["put", server.remote("first"), up, 0],
        ["put", server.remote("second"), up, 0],
    ]));
    ok(&results, 0);
    assert!(error(&results, 1).starts_with("552"), "{results}");
    assert_eq!(
        std::fs::read(server.local("second"))
            .map(|file| file.len())
            .ok(),
        Some(500)
    );
}

#[test]
fn tls_session_reuse_can_be_required() {
    if !tools::wanted("tls_session_reuse_can_be_required") {
        return;
    }
    for kind in [ServerKind::Vsftpd, ServerKind::Proftpd] {
        let options = Options {
            require_session_reuse: true,
            ..Options::default()
        };
        let server = Server::start_with(kind, Security::AuthTls, &options);
        server.place("file", b"content");
        let operations = json!([["get", server.remote("file"), server.scratch("down"), 0]]);
        error(&server.ftp(&operations), 0);
        ok(&server.ftp_with(&["--reuse-session"], &operations), 0);
    }
}

#[test]
fn an_idle_control_connection_can_be_closed() {
    if !tools::wanted("an_idle_control_connection_can_be_closed") {
        return;
    }
    for kind in [
        ServerKind::Vsftpd,
        ServerKind::Proftpd,
        ServerKind::Pyftpdlib,
    ] {
        let options = Options {
            idle_timeout: Some(Duration::from_secs(1)),
            ..Options::default()
        };
        let server = Server::start_with(kind, Security::None, &options);
        let results = server.ftp(&json!([["pwd"], ["getresp"]]));
        ok(&results, 0);
        assert!(error(&results, 1).starts_with("421"), "{kind:?}: {results}");
    }
}

#[test]
fn a_transfer_can_be_slow() {
    if !tools::wanted("a_transfer_can_be_slow") {
        return;
    }
    for kind in [
        ServerKind::Vsftpd,
        ServerKind::Proftpd,
        ServerKind::Pyftpdlib,
    ] {
        let options = Options {
            bytes_per_second: Some(100 * 1024),
            ..Options::default()
        };
        let server = Server::start_with(kind, Security::None, &options);
        server.place("file", &every_byte(250 * 1024));
        let begin = std::time::Instant::now();
        let operations = json!([["get", server.remote("file"), server.scratch("down"), 0]]);
        ok(&server.ftp(&operations), 0);
        assert!(
            begin.elapsed() > Duration::from_secs(1),
            "{kind:?}: {:?}",
            begin.elapsed()
        );
    }
}

#[test]
fn a_server_can_name_an_address_behind_nat() {
    if !tools::wanted("a_server_can_name_an_address_behind_nat") {
        return;
    }
    for kind in ServerKind::ALL.into_iter().filter(|kind| kind.runs_here()) {
        // An address of the network for documentation (RFC 5737): nobody answers there.
        let address = Ipv4Addr::new(192, 0, 2, 1);
        let options = Options {
            announced_address: Some(address),
            ..Options::default()
        };
        let server = Server::start_with(kind, Security::None, &options);
        let results = server.ftp(&json!([["sendcmd", "PASV"]]));
        assert!(
            ok(&results, 0).to_string().contains("192,0,2,1"),
            "{kind:?}: {results}"
        );
    }
}

/// The value of an operation that must have succeeded.
fn ok(results: &Value, at: usize) -> &Value {
    results
        .get(at)
        .and_then(|result| result.get("ok"))
        .unwrap_or_else(|| panic!("operation {at} failed: {results}"))
}

/// The server's words about an operation that must have failed.
fn error(results: &Value, at: usize) -> &str {
    results
        .get(at)
        .and_then(|result| result.get("error")?.as_str())
        .unwrap_or_else(|| panic!("operation {at} went well: {results}"))
}
