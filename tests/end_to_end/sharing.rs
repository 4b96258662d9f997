//! Several clients on one module: each gets its own results, and a client that vanishes leaves
//! nothing behind.

use std::time::Duration;

use serde_json::json;

use crate::content::{assert_holds, every_byte, traps};
use crate::support::servers::{Options, Security, Server, ServerKind};
use crate::support::site::{Family, Site};
use crate::support::{tools, wait};

/// Long enough for the daemon to end a transfer, by draining it or by ABORT, and to log in again.
const CLEAN: Duration = Duration::from_secs(60);

#[test]
fn two_clients_on_two_servers() {
    if !tools::wanted("two_clients_on_two_servers") {
        return;
    }
    for family in Family::ALL {
        let servers = [
            Server::start(ServerKind::Vsftpd, Security::AuthTls),
            Server::start(ServerKind::Pyftpdlib, Security::None),
        ];
        let contents = [traps(300_000), every_byte(200_000)];
        for (server, content) in servers.iter().zip(&contents) {
            server.place("same name", content);
        }
        let site = Site::start(family, &[("one", &servers[0]), ("two", &servers[1])]);
        let mut python = site.python();

        // Ten at once, and each profile five times: every order occurs.
        let down = |at: usize| site.scratch(&format!("down{at}"));
        let command = |at: usize| {
            let remote = servers[at % 2].remote("same name");
            let local = down(at).to_string_lossy().into_owned();
            let profile = ["one", "two"][at % 2].to_owned();
            vec![
                "get".to_owned(),
                "--profile".to_owned(),
                profile,
                remote,
                local,
            ]
        };
        let commands: Vec<_> = (0..10).map(command).collect();
        for (at, outcome) in python.together(&commands).into_iter().enumerate() {
            outcome.unwrap_or_else(|failure| panic!("{family:?} {at}: {failure:#?}"));
            assert_holds(&down(at), &contents[at % 2]);
        }
    }
}

#[test]
fn a_client_that_vanishes_in_mid_get() {
    if !tools::wanted("a_client_that_vanishes_in_mid_get") {
        return;
    }
    for family in Family::ALL {
        let server = slow_server();
        server.place("long", &traps(8 * 1024 * 1024));
        server.place("short", &every_byte(3000));
        let site = Site::start(family, &[("server", &server)]);
        let (long, short) = (server.remote("long"), server.remote("short"));
        let down = site.scratch("down").to_string_lossy().into_owned();

        let get = [
            "get",
            "--profile",
            "server",
            &long,
            &down,
            "--vanish-after",
            "500000",
        ];
        let vanished = site
            .python()
            .call(&get)
            .expect("the client left on purpose");
        assert!(
            vanished["vanished_after"].as_u64() >= Some(500_000),
            "{vanished:#}"
        );

        site.python()
            .call(&["get", "--profile", "server", &short, &down])
            .unwrap_or_else(|failure| panic!("{family:?}: {failure:#?}"));
        assert_holds(&site.scratch("down"), &every_byte(3000));
    }
}

#[test]
fn a_client_that_vanishes_in_mid_put() {
    if !tools::wanted("a_client_that_vanishes_in_mid_put") {
        return;
    }
    for family in Family::ALL {
        let server = slow_server();
        let site = Site::start(family, &[("server", &server)]);
        let up = site.scratch("up");
        std::fs::write(&up, traps(4 * 1024 * 1024)).expect("a scratch directory is writable");
        let (remote, local) = (server.remote("file"), up.to_string_lossy().into_owned());
        let put = ["put", "--profile", "server", &remote, &local];

        let mut vanishing = put.to_vec();
        vanishing.extend(["--vanish-after", "2000000"]);
        let outcome = site.python().call(&vanishing);
        let gone = outcome.map_or_else(
            |failure| failure.code == "CANCELLED",
            |answer| answer.get("vanished").is_some(),
        );
        assert!(gone, "{family:?}: the client left on purpose");

        // The partial file is deleted, and never taken for a whole one.
        wait::until("deletion of the half file", CLEAN, || {
            let idle = site.status()["running"].is_null();
            (idle && !server.local("file").exists()).then_some(())
        });
        let content = every_byte(3000);
        std::fs::write(&up, &content).expect("a scratch directory is writable");
        site.python()
            .call(&put)
            .unwrap_or_else(|failure| panic!("{family:?}: {failure:#?}"));
        assert_holds(&server.local("file"), &content);
    }
}

#[test]
fn an_operation_that_another_client_cancels() {
    if !tools::wanted("an_operation_that_another_client_cancels") {
        return;
    }
    let server = slow_server();
    server.place("long", &traps(16 * 1024 * 1024));
    let site = Site::start(Family::Sim7600, &[("server", &server)]);
    let (long, down) = (
        server.remote("long"),
        site.scratch("down").to_string_lossy().into_owned(),
    );
    // Through the same door, and so as the same principal: nobody ends the operations of another
    // principal.
    let mut python = site.python_unix();
    let getting =
        std::thread::spawn(move || python.call(&["get", "--profile", "server", &long, &down]));
    let id = wait::until("running operation", CLEAN, || {
        site.status()["running"]["operationId"]
            .as_str()
            .map(str::to_owned)
    });
    let cancelled = site
        .grpcurl()
        .call(
            "cellftp.v1.OperationService/CancelOperation",
            &json!({"operationId": id}),
        )
        .expect("it runs");
    assert_ne!(cancelled["ending"], "ENDING_UNSPECIFIED", "{cancelled:#}");
    let failure = getting
        .join()
        .expect("the thread ends")
        .expect_err("cancelled");
    assert_eq!(failure.code, "CANCELLED", "{failure:#?}");
    let request = json!({"target": {"profile": "server"}, "path": server.remote("long")});
    assert_eq!(
        site.ftps("GetSize", &request).expect("a size")["size"],
        "16777216"
    );
}

/// A server at 2 MB a second: transfers take a while.
fn slow_server() -> Server {
    let options = Options {
        bytes_per_second: Some(2_000_000),
        ..Options::default()
    };
    Server::start_with(ServerKind::Pyftpdlib, Security::None, &options)
}
