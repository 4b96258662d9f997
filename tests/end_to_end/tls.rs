//! TLS that means something: who must prove their identity, and what a module cannot do.

use serde_json::{Value, json};

use crate::support::failure::failed;
use crate::support::servers::{Options, Security, Server, ServerKind};
use crate::support::site::{Family, Site};
use crate::support::tools;

/// Every server in every mode with TLS that it has, as far as it runs here.
fn everywhere() -> Vec<(ServerKind, Security)> {
    [
        (ServerKind::Vsftpd, Security::AuthSsl),
        (ServerKind::Vsftpd, Security::AuthTls),
        (ServerKind::Vsftpd, Security::Implicit),
        (ServerKind::PureFtpd, Security::AuthTls),
        (ServerKind::Proftpd, Security::AuthTls),
        (ServerKind::Proftpd, Security::Implicit),
        (ServerKind::Pyftpdlib, Security::AuthTls),
        (ServerKind::Pyftpdlib, Security::Implicit),
    ]
    .into_iter()
    .filter(|(kind, _)| kind.runs_here())
    .collect()
}

fn on(server: &Server, profile: &str) -> Value {
    json!({"target": {"profile": profile}, "path": server.remote("file")})
}

/// Each of the servers refuses a module that was told to trust another authority.
fn nobody_is_let_in(family: Family, options: &Options, mislead: impl Fn(&mut Server)) {
    let servers: Vec<Server> = everywhere()
        .into_iter()
        .map(|(kind, security)| {
            let mut server = Server::start_with(kind, security, options);
            server.place("file", b"content");
            mislead(&mut server);
            server
        })
        .collect();
    let names: Vec<String> = (0..servers.len()).map(|at| format!("s{at}")).collect();
    let profiles: Vec<(&str, &Server)> = names.iter().map(String::as_str).zip(&servers).collect();
    let site = Site::start(family, &profiles);
    for (name, server) in profiles {
        let what = format!("{family:?} {:?} {name}", server.security);
        let refused = failed(site.ftps("GetSize", &on(server, name)));
        refused.expect("FAILED_PRECONDITION", "TLS_ALERT");
        assert_eq!(refused.metadata["stage"], "tls", "{what}: {refused:#?}");
        assert_eq!(refused.metadata["errcode"], "1", "{what}: {refused:#?}");
        // The password never left the module.
        let log = server.log();
        assert!(
            !log.contains("PASS") && !log.contains("logged in"),
            "{what}: {log}"
        );
    }
}

#[test]
fn a_server_that_another_authority_vouches_for_is_not_logged_in_to() {
    if !tools::wanted("a_server_that_another_authority_vouches_for_is_not_logged_in_to") {
        return;
    }
    let stranger = Server::start(ServerKind::Pyftpdlib, Security::AuthTls);
    for family in Family::ALL {
        nobody_is_let_in(family, &Options::default(), |server| {
            server.certificate.clone_from(&stranger.certificate);
        });
    }
}

#[test]
fn a_server_with_the_certificate_of_another_host_is_not_logged_in_to() {
    if !tools::wanted("a_server_with_the_certificate_of_another_host_is_not_logged_in_to") {
        return;
    }
    let options = Options {
        false_name: Some("elsewhere.example"),
        ..Options::default()
    };
    for family in Family::ALL {
        nobody_is_let_in(family, &options, |_| {});
    }
}

#[test]
fn a_server_is_taken_unseen_only_where_the_profile_says_so() {
    if !tools::wanted("a_server_is_taken_unseen_only_where_the_profile_says_so") {
        return;
    }
    let stranger = Server::start(ServerKind::Pyftpdlib, Security::AuthTls);
    for family in Family::ALL {
        let mut misled = Server::start(ServerKind::Vsftpd, Security::AuthTls);
        misled.certificate.clone_from(&stranger.certificate);
        let mut unseen = Server::start(ServerKind::Proftpd, Security::Implicit);
        unseen.verify = false;
        let verified = Server::start(ServerKind::Pyftpdlib, Security::AuthTls);
        for server in [&misled, &unseen, &verified] {
            server.place("file", b"content");
        }
        let profiles = [
            ("misled", &misled),
            ("unseen", &unseen),
            ("verified", &verified),
        ];
        let mut site = Site::start(family, &profiles);
        // What one login needed does not count for the next, in either direction.
        for _ in 0..2 {
            let size = site.ftps("GetSize", &on(&unseen, "unseen"));
            assert_eq!(size.expect("nothing is asked of it")["size"], "7");
            failed(site.ftps("GetSize", &on(&misled, "misled")))
                .expect("FAILED_PRECONDITION", "TLS_ALERT");
            let size = site.ftps("GetSize", &on(&verified, "verified"));
            assert_eq!(size.expect("it proves who it is")["size"], "7");
        }
        assert!(site.stop());
        let log = site.log();
        let warnings: Vec<&str> = log
            .lines()
            .filter(|line| line.contains("not verified"))
            .collect();
        assert_eq!(warnings.len(), 1, "{log}");
        assert!(
            warnings[0].contains("WARN") && warnings[0].contains("unseen"),
            "{log}"
        );
    }
}

#[test]
fn a_server_that_asks_who_the_module_is_is_told_or_does_not_let_it_in() {
    if !tools::wanted("a_server_that_asks_who_the_module_is_is_told_or_does_not_let_it_in") {
        return;
    }
    let options = Options {
        asks_for_certificate: true,
        ..Options::default()
    };
    let trios: Vec<[Server; 3]> = everywhere()
        .into_iter()
        .map(|(kind, security)| {
            let [known, mut silent, mut stranger] = [(); 3].map(|()| {
                let server = Server::start_with(kind, security, &options);
                server.place("file", b"content");
                server
            });
            silent.client = None;
            stranger.client.clone_from(&known.client);
            [known, silent, stranger]
        })
        .collect();
    let names = |at: usize| ["known", "silent", "stranger"].map(|name| format!("{name}{at}"));
    let names: Vec<[String; 3]> = (0..trios.len()).map(names).collect();
    let names = names.as_flattened().iter().map(String::as_str);
    let profiles: Vec<(&str, &Server)> = names.zip(trios.as_flattened()).collect();
    for family in Family::ALL {
        let mut site = Site::start(family, &profiles);
        for trio in profiles.chunks(3) {
            let [(name, known), strangers @ ..] = trio else {
                panic!("three to a server");
            };
            let what = format!("{family:?} {name} {:?}", known.security);
            let size = site.ftps("GetSize", &on(known, name));
            let size = size.unwrap_or_else(|failure| panic!("{what}: {failure:#?}"));
            assert_eq!(size["size"], "7", "{what}");
            let directory = json!({"target": {"profile": name}, "path": known.remote("")});
            site.ftps("List", &directory)
                .unwrap_or_else(|failure| panic!("{what}, data connection: {failure:#?}"));
            for (name, server) in strangers {
                let refused = failed(site.ftps("GetSize", &on(server, name)));
                refused.expect("FAILED_PRECONDITION", "TLS_ALERT");
                let log = server.log();
                assert!(
                    !log.contains("PASS") && !log.contains("logged in"),
                    "{what} {name}: {log}"
                );
            }
        }
        assert!(site.stop());
        assert!(!site.log().contains("PRIVATE KEY"), "{}", site.log());
    }
}

/// What owners of A7670 modules report: the login succeeds, then every transfer fails, with 1 on
/// explicit and 14 on implicit TLS.
#[test]
fn a_server_that_insists_on_session_reuse_is_named_as_the_cause() {
    if !tools::wanted("a_server_that_insists_on_session_reuse_is_named_as_the_cause") {
        return;
    }
    let options = Options {
        require_session_reuse: true,
        ..Options::default()
    };
    let explicit = Server::start_with(ServerKind::Vsftpd, Security::AuthTls, &options);
    let implicit = Server::start_with(ServerKind::Vsftpd, Security::Implicit, &options);
    for server in [&explicit, &implicit] {
        server.place("file", b"content of some length");
        // Seven bytes, or error seven: only the parent directory's listing can tell.
        server.place("seven", b"content");
    }
    let profiles = [("explicit", &explicit), ("implicit", &implicit)];
    for family in Family::ALL {
        let able = Site::start(family, &profiles);
        let unable = Site::start_on(family, &profiles, &["--tls-session-reuse", "false"]);
        for (profile, server, code, reason, errcode) in [
            (
                "explicit",
                &explicit,
                "FAILED_PRECONDITION",
                "TLS_ALERT",
                "1",
            ),
            ("implicit", &implicit, "UNAVAILABLE", "CONNECT", "14"),
        ] {
            let file = on(server, profile);
            let size = unable.ftps("GetSize", &file).expect("the login goes well");
            assert_eq!(size["size"], "22");
            let seven = json!({"target": {"profile": profile}, "path": server.remote("seven")});
            let directory = json!({"target": {"profile": profile}, "path": server.remote("")});
            able.ftps("List", &directory)
                .expect("a module that resumes");
            let local = unable.scratch("up");
            std::fs::write(&local, "content").expect("a scratch directory is writable");
            let up = server.remote("up");
            let put = ["put", "--profile", profile, &up, &local.to_string_lossy()];
            for (what, outcome) in [
                ("List", unable.ftps("List", &directory)),
                ("Get", unable.ftps("Get", &file)),
                ("GetSize", unable.ftps("GetSize", &seven)),
                ("Put", unable.python_unix().call(&put)),
            ] {
                let failure = failed(outcome);
                failure.expect(code, reason);
                assert_eq!(failure.metadata["stage"], "data", "{what}: {failure:#?}");
                assert_eq!(failure.metadata["errcode"], errcode, "{what}: {failure:#?}");
                assert!(
                    failure.message.contains("session reuse"),
                    "{what}: {failure:#?}"
                );
                if what == "Put" {
                    // Nothing proves that an empty file is the upload's own.
                    failure.tells_what_is_left(server.local("up").exists());
                }
            }
            let _ = std::fs::remove_file(server.local("up"));
        }
    }
}
