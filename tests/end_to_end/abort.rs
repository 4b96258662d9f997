//! A download that is cancelled in the middle, on a module that can abort and on one that cannot.
//! The next operation is right on both.

use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::content::traps;
use crate::support::servers::{Security, Server, ServerKind};
use crate::support::site::{Family, Site};
use crate::support::{tools, wait};

macro_rules! aborts {
    ($($test:ident: $family:ident, $kind:ident, $security:ident, $pieces:literal;)*) => {
        $(
            #[test]
            fn $test() {
                if tools::wanted(stringify!($test)) {
                    abort(Family::$family, ServerKind::$kind, Security::$security, $pieces);
                }
            }
        )*
    };
}

aborts! {
    abort_pushed_sim7600_vsftpd_plain: Sim7600, Vsftpd, None, false;
    abort_pushed_sim7600_proftpd_implicit: Sim7600, Proftpd, Implicit, false;
    abort_pushed_sim7600_pyftpdlib_auth_tls: Sim7600, Pyftpdlib, AuthTls, false;
    abort_pulled_sim7600_vsftpd_plain: Sim7600, Vsftpd, None, true;
    abort_pulled_sim7600_pure_ftpd_plain: Sim7600, PureFtpd, None, true;
    abort_pushed_a7670_vsftpd_plain: A7670, Vsftpd, None, false;
}

fn abort(family: Family, kind: ServerKind, security: Security, pieces: bool) {
    if !kind.runs_here() {
        eprintln!("{kind:?} runs only when started by root");
        return;
    }
    let server = Server::start(kind, security);
    let mut site = Site::start_slow(family, &[("server", &server)], pieces);
    call_off(family, &site, &server);
    assert!(site.stop(), "the daemon ends with exit code 0");
    let log = site.log();
    let want = match family {
        Family::Sim7600 => "AT+CFTPSABORT",
        Family::A7670 => "AT+CFTPSGET",
    };
    assert!(log.contains(&format!("line={want}")), "{want}:\n{log}");
}

/// Cancels a download once it moves, on a line of at most 46,080 bytes a second. Throwing the rest
/// away then costs more than an abort, where there is one.
pub(crate) fn call_off(family: Family, site: &Site, server: &Server) {
    let size = match family {
        Family::Sim7600 => 600_000,
        Family::A7670 => 100_000,
    };
    server.place("big", &traps(size));
    server.place("small", b"12345");
    let mut reader = get(site, &server.remote("big"));
    let operation = wait::until("bytes of the download", wait::START, || {
        let queue = site
            .grpcurl()
            .call("cellftp.v1.OperationService/ListOperations", &json!({}))
            .expect("ListOperations works whatever the module does");
        let first = &queue["operations"][0];
        let bytes = first["movedBytes"].as_str().unwrap_or("0");
        let moving = bytes != "0";
        let id = first["operation"]["operationId"].as_str();
        id.filter(|_| moving).map(str::to_owned)
    });
    let ended = site
        .grpcurl()
        .call(
            "cellftp.v1.OperationService/CancelOperation",
            &json!({"operationId": operation}),
        )
        .expect("cancelled");
    assert!(!reader.wait().expect("cellftp ends").success(), "{ended:#}");
    let path = server.remote("small");
    let size = json!({"target": {"profile": "server"}, "path": path});
    assert_eq!(site.ftps("GetSize", &size).expect("a size")["size"], "5");
}

/// `cellftp get`, which reads as fast as it can.
fn get(site: &Site, remote: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_cellftp"))
        .args(["--json", "--profile", "server", "--socket"])
        .arg(site.scratch("cellftpd.sock"))
        .args(["get", remote, "-"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("cellftp starts")
}
