//! Files read through the module's cache and written in blocks, on every server, plain and with
//! TLS: each block is a transfer of its own that goes on with the file (REST before STOR).

use crate::content::traps;
use crate::support::servers::{Security, Server, ServerKind};
use crate::support::site::{Family, Site};
use crate::support::tools;

/// No byte, less than a block, a block, one byte more, and several blocks.
const SIZES: [usize; 5] = [0, 421, 2048, 2049, 20_000];

macro_rules! pieces {
    ($($test:ident: $family:ident, $kind:ident, $security:ident;)*) => {
        $(
            #[test]
            fn $test() {
                if tools::wanted(stringify!($test)) {
                    round_trip(Family::$family, ServerKind::$kind, Security::$security);
                }
            }
        )*
    };
}

pieces! {
    in_pieces_sim7600_vsftpd_plain: Sim7600, Vsftpd, None;
    in_pieces_sim7600_vsftpd_auth_tls: Sim7600, Vsftpd, AuthTls;
    in_pieces_sim7600_pure_ftpd_plain: Sim7600, PureFtpd, None;
    in_pieces_sim7600_pyftpdlib_plain: Sim7600, Pyftpdlib, None;
    in_pieces_sim7600_pyftpdlib_implicit: Sim7600, Pyftpdlib, Implicit;
    in_pieces_a7670_vsftpd_plain: A7670, Vsftpd, None;
    in_pieces_a7670_pyftpdlib_auth_tls: A7670, Pyftpdlib, AuthTls;
}

fn round_trip(family: Family, kind: ServerKind, security: Security) {
    if !kind.runs_here() {
        eprintln!("{kind:?} runs only when started by root");
        return;
    }
    let server = Server::start(kind, security);
    let mut site = Site::start_in_pieces(family, &[("server", &server)], &[]);
    let mut python = site.python();
    let (up, down) = (site.scratch("up"), site.scratch("down"));
    for size in SIZES {
        let content = traps(size);
        let remote = server.remote(&format!("file-{size}"));
        std::fs::write(&up, &content).expect("a scratch directory is writable");
        let sent = python
            .call(&["put", "--profile", "server", &remote, &up.to_string_lossy()])
            .unwrap_or_else(|failure| panic!("put {size}: {failure:#?}"));
        assert_eq!(sent["state"], "PUT_STATE_VERIFIED_SIZE", "{size}: {sent:#}");
        python
            .call(&[
                "get",
                "--profile",
                "server",
                &remote,
                &down.to_string_lossy(),
            ])
            .unwrap_or_else(|failure| panic!("get {size}: {failure:#?}"));
        let back = std::fs::read(&down).expect("what was fetched");
        assert!(back == content, "{size} bytes came back different");
    }
    assert!(site.stop(), "the daemon ends with exit code 0");
    let log = site.log();
    assert!(log.contains("AT+CFTPSPUT"), "the log shows what was said");
}
