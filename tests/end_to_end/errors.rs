//! Requests that must be refused: each with the precise status and reason.

use serde_json::{Value, json};

use crate::support::failure::failed;
use crate::support::servers::{Security, Server, ServerKind};
use crate::support::site::{Family, Site};
use crate::support::{tools, wait};

fn size(profile: &str, path: &str) -> Value {
    json!({"target": {"profile": profile}, "path": path})
}

#[test]
fn names_that_nobody_knows() {
    if !tools::wanted("names_that_nobody_knows") {
        return;
    }
    let server = Server::start(ServerKind::Vsftpd, Security::None);
    let site = Site::start(Family::Sim7600, &[("server", &server)]);

    failed(site.ftps("GetSize", &size("nobody", "/f"))).expect("NOT_FOUND", "PROFILE_NOT_FOUND");
    let session = json!({"target": {"sessionId": "none-such"}, "path": "f"});
    failed(site.ftps("GetSize", &session)).expect("NOT_FOUND", "SESSION_NOT_FOUND");
    let operation = json!({"operationId": "none-such"});
    failed(
        site.grpcurl()
            .call("cellftp.v1.OperationService/CancelOperation", &operation),
    )
    .expect("NOT_FOUND", "OPERATION_NOT_FOUND");

    let nowhere = json!({"path": "/f"});
    assert_eq!(
        failed(site.ftps("GetSize", &nowhere)).code,
        "INVALID_ARGUMENT"
    );
    // Servers named in requests are off unless the configuration allows them.
    let inline = json!({"host": server.host, "port": server.port, "security": "SECURITY_NONE",
                        "username": server.user, "password": server.password});
    let inline = json!({"target": {"inlineServer": inline}, "path": "/f"});
    failed(site.ftps("GetSize", &inline)).expect("PERMISSION_DENIED", "INLINE_SERVERS_DISABLED");
    assert!(!server.log().contains("OK LOGIN"), "{}", server.log());
}

#[test]
fn servers_that_refuse() {
    if !tools::wanted("servers_that_refuse") {
        return;
    }
    let mut locked = Server::start(ServerKind::Proftpd, Security::None);
    locked.password = "wrong";
    let mut absent = Server::start(ServerKind::Pyftpdlib, Security::None);
    absent.port = wait::free_port();
    let servers = [("locked", &locked), ("absent", &absent)];
    let site = Site::start(Family::Sim7600, &servers);

    let refused = failed(site.ftps("GetSize", &size("locked", "/f")));
    refused.expect("FAILED_PRECONDITION", "LOGIN_REFUSED");
    assert_eq!(refused.metadata["command"], "AT+CFTPSLOGIN", "{refused:#?}");
    assert_eq!(refused.metadata["errcode"], "9", "{refused:#?}");
    // Servers lock accounts after too many tries.
    assert_eq!(
        locked.log().matches("Login failed").count(),
        1,
        "{}",
        locked.log()
    );

    let unreachable = failed(site.ftps("GetSize", &size("absent", "/f")));
    unreachable.expect("UNAVAILABLE", "CONNECT");
    assert_eq!(unreachable.metadata["errcode"], "14", "{unreachable:#?}");
}

#[test]
fn uploads_that_break_a_rule() {
    if !tools::wanted("uploads_that_break_a_rule") {
        return;
    }
    let server = Server::start(ServerKind::Vsftpd, Security::AuthTls);
    let site = Site::start(Family::Sim7600, &[("server", &server)]);
    let mut python = site.python_unix();
    let local = site.scratch("up");
    std::fs::write(&local, "content").expect("a scratch directory is writable");
    let (remote, local) = (server.remote("file"), local.to_string_lossy().into_owned());
    let mut put = |extra: &[&str]| {
        let mut arguments = vec!["put", "--profile", "server", &remote, &local];
        arguments.extend(extra);
        python.call(&arguments)
    };

    let failure = failed(put(&["--without-header"]));
    assert_eq!(failure.code, "INVALID_ARGUMENT", "{failure:#?}");
    assert!(!server.local("file").exists());
    failed(put(&["--sha256", &"00".repeat(32)])).expect("ABORTED", "HASH_MISMATCH");
    assert!(!server.local("file").exists(), "what failed is deleted");
    failed(put(&["--size", "8"])).expect("ABORTED", "SIZE_MISMATCH");
    assert!(!server.local("file").exists(), "what failed is deleted");
    failed(put(&["--size", "6"])).expect("ABORTED", "SIZE_MISMATCH");
    assert!(!server.local("file").exists(), "what failed is deleted");
    let failure = failed(put(&["--without-finish"]));
    assert!(
        matches!(failure.code.as_str(), "CANCELLED" | "ABORTED"),
        "{failure:#?}"
    );
    assert!(!server.local("file").exists(), "what failed is deleted");

    put(&["--if-exists", "FAIL"]).expect("a new file");
    assert_eq!(failed(put(&["--if-exists", "FAIL"])).code, "ALREADY_EXISTS");
    let hashed = put(&["--verify", "READ_BACK"]).expect("overwritten");
    assert_eq!(hashed["state"], "PUT_STATE_VERIFIED_HASH", "{hashed:#}");
    put(&["--sentinel", "done"]).expect("overwritten");
    let sentinel = std::fs::read_to_string(server.local("done")).expect("a sentinel file");
    assert!(sentinel.contains('7') && sentinel.contains("ed7002b439e9ac845f22357d822bac14"));
}

#[test]
fn paths_that_could_be_commands() {
    if !tools::wanted("paths_that_could_be_commands") {
        return;
    }
    for family in Family::ALL {
        let server = Server::start(ServerKind::Pyftpdlib, Security::None);
        server.place("victim", b"content");
        let mut site = Site::start_tapped(family, &[("server", &server)]);
        // Logged in, so that nothing but the refused command could be sent now.
        let victim = site
            .ftps("GetSize", &size("server", "/victim"))
            .expect("a size");
        assert_eq!(victim["size"], "7");
        let before = site.tap().heard().len();

        let paths = [
            "/a\"\r\nAT+CFTPSDELE=\"/victim",
            "/a\"",
            "/a\r",
            "/a\n",
            "/a\u{1a}b",
            "/a\u{3}",
            "/\u{1b}",
            "/\u{7f}",
            "/\u{0}",
            "/a\tb",
        ];
        let methods = [
            "GetSize",
            "List",
            "MakeDirectory",
            "RemoveDirectory",
            "DeleteFile",
            "Get",
        ];
        for path in paths {
            for method in methods {
                let failure = failed(site.ftps(method, &size("server", path)));
                assert_eq!(
                    failure.code, "INVALID_ARGUMENT",
                    "{method} {path:?}: {failure:#?}"
                );
                assert!(
                    failure.violations.contains_key("path"),
                    "{method}: {failure:#?}"
                );
            }
            let request = json!({"profile": "server", "directory": path});
            assert_eq!(
                failed(site.ftps("OpenSession", &request)).code,
                "INVALID_ARGUMENT"
            );
            let header = json!({"header": {"target": {"profile": "server"}, "path": path}});
            let put = site
                .grpcurl()
                .stream_of("cellftp.v1.FtpsService/Put", &[header]);
            assert_eq!(
                put.expect_err("refused").code,
                "INVALID_ARGUMENT",
                "{path:?}"
            );
        }

        // Paths that the module cannot take depend on the family, and are refused as early.
        let long = size("server", &format!("/{}", "x".repeat(257)));
        assert_eq!(failed(site.ftps("GetSize", &long)).code, "INVALID_ARGUMENT");

        let heard = site.tap().heard();
        let said = String::from_utf8_lossy(&heard[before..]).into_owned();
        assert_eq!(said, "", "{family:?}");
        assert!(server.local("victim").exists());
    }
}
