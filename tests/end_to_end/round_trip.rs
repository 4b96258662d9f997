//! Files of awkward sizes and contents, up and down through every server in every security
//! mode, over both families of modules, by the Python client.

use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::content::{assert_holds, traps};
use crate::support::python::PythonClient;
use crate::support::servers::{Security, Server, ServerKind};
use crate::support::site::{Family, Site};
use crate::support::tools;
use crate::{abort, parity, storage, unary};

/// Sizes at the limits of the line: nothing, one byte, a frame of 1024 or 1480 bytes, a block of
/// 2048, and one that is many of each.
const SIZES: [usize; 9] = [0, 1, 1023, 1024, 1025, 1480, 2048, 2049, 5 * 1024 * 1024];

/// One test for each server, security and family, so that a failure names them.
macro_rules! round_trips {
    ($($test:ident: $kind:ident, $security:ident;)*) => {
        round_trips! { @family sim7600, Sim7600; $($test: $kind, $security;)* }
        round_trips! { @family a7670, A7670; $($test: $kind, $security;)* }
    };
    (@family $module:ident, $family:ident; $($test:ident: $kind:ident, $security:ident;)*) => {
        mod $module {
            use super::*;

            $(
                #[test]
                fn $test() {
                    if tools::wanted(stringify!($test)) {
                        round_trip(Family::$family, ServerKind::$kind, Security::$security);
                    }
                }
            )*
        }
    };
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

fn round_trip(family: Family, kind: ServerKind, security: Security) {
    if !kind.runs_here() {
        eprintln!("{kind:?} runs only when started by root");
        return;
    }
    let server = Server::start(kind, security);
    let mut site = Site::start(family, &[("server", &server)]);
    let folder = server.remote("files");
    site.ftps(
        "MakeDirectory",
        &json!({"target": {"profile": "server"}, "path": folder}),
    )
    .expect("a new directory");

    let mut python = site.python();
    for size in SIZES {
        up_and_down(&site, &server, &mut python, &traps(size));
    }

    let listing = python
        .call(&["list", "--profile", "server", &folder])
        .expect("a listing");
    let mut listed: Vec<_> = listing["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|entry| {
            (
                entry["name"].as_str().unwrap_or("?"),
                entry["size"].as_u64(),
            )
        })
        .collect();
    listed.sort_by_key(|(_, size)| *size);
    let names = SIZES.map(|size| size.to_string());
    let wanted: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), name.parse().ok()))
        .collect();
    assert_eq!(listed, wanted, "{listing:#}");

    true_sizes(&server, &mut python);
    unary::the_service(&site);
    unary::every_operation(&site, &server);
    storage::module_files(family, &site, &server);

    assert!(site.stop(), "the daemon ends with exit code 0");
    assert!(
        !site.log().contains(server.password),
        "the password is in the daemon's log"
    );
    let mut logs = site.log();
    drop(site);
    logs += &in_pieces(family, &server);
    parity::every_form_was_said(family, &logs);
}

/// The other form of both transfers: through the cache where the module has one, and in blocks; and
/// a download that is cancelled. Returns the log of the daemon.
fn in_pieces(family: Family, server: &Server) -> String {
    // Slow enough that a download can be cancelled in the middle.
    let slow = ["--baud", "460800"];
    let mut site = Site::start_in_pieces(family, &[("server", server)], &slow);
    let mut python = site.python();
    for size in [0, 1, 2049, 10_000] {
        up_and_down(&site, server, &mut python, &traps(size));
    }
    abort::call_off(family, &site, server);
    assert!(site.stop(), "the daemon ends with exit code 0");
    site.log()
}

/// Sizes that look like error codes in a module's answer, and a file that does not exist.
fn true_sizes(server: &Server, python: &mut PythonClient) {
    for size in (0..=18).chain([421]) {
        let name = format!("files/of-{size}");
        server.place(&name, &vec![b'x'; size]);
        let answer = python
            .call(&["size", "--profile", "server", &server.remote(&name)])
            .unwrap_or_else(|failure| panic!("size of {name}: {failure:#?}"));
        assert_eq!(answer["size"], size, "{name}");
    }
    let absent = server.remote("files/absent");
    let failure = python
        .call(&["size", "--profile", "server", &absent])
        .expect_err("a file that is not there has no size");
    failure.expect("NOT_FOUND", "FILE_NOT_FOUND");
}

/// Puts and gets a file named by its size.
fn up_and_down(site: &Site, server: &Server, python: &mut PythonClient, content: &[u8]) {
    let name = format!("files/{}", content.len());
    let remote = server.remote(&name);
    let (up, down) = (site.scratch("up"), site.scratch("down"));
    std::fs::write(&up, content).expect("a scratch directory is writable");

    let sent = python
        .call(&["put", "--profile", "server", &remote, &up.to_string_lossy()])
        .unwrap_or_else(|failure| panic!("put {name}: {failure:#?}"));
    assert_eq!(
        sent["state"], "PUT_STATE_VERIFIED_SIZE",
        "put {name}: {sent:#}"
    );
    assert_eq!(sent["size"], content.len(), "put {name}: {sent:#}");
    assert_eq!(sent["sha256"], sha256(content), "put {name}: {sent:#}");
    assert_holds(&server.local(&name), content);

    let got = python
        .call(&[
            "get",
            "--profile",
            "server",
            &remote,
            &down.to_string_lossy(),
        ])
        .unwrap_or_else(|failure| panic!("get {name}: {failure:#?}"));
    assert_eq!(got["sha256"], sha256(content), "get {name}: {got:#}");
    assert_holds(&down, content);
}

fn sha256(content: &[u8]) -> String {
    Sha256::digest(content)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
