//! Servers as in public reports: unreliable listings, and temporary refusals.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::content::{assert_holds, traps};
use crate::support::servers::{Options, Security, Server, ServerKind};
use crate::support::site::{Family, Site};
use crate::support::tools;

/// A server with these moods, with `/sub`, an empty `/empty`, and files of nine bytes and more.
pub(crate) fn server(moods: &[&'static str]) -> Server {
    let options = Options {
        moods: moods.to_vec(),
        ..Options::default()
    };
    let server = Server::start_with(ServerKind::Pyftpdlib, Security::None, &options);
    furnish(&server);
    server
}

pub(crate) fn furnish(server: &Server) {
    for directory in ["sub", "empty", "in", "d[1]", "d1"] {
        std::fs::create_dir(server.local(directory)).expect("it is ours");
    }
    server.place("root.bin", &traps(500));
    server.place("sub/inner.bin", b"123456789");
    server.place("sub/big.bin", &traps(5000));
    server.place("d[1]/nine.bin", b"123456789");
    server.place("d1/wrong.txt", b"wrong");
}

pub(crate) fn site(server: &Server) -> Site {
    Site::start(Family::Sim7600, &[("server", server)])
}

pub(crate) fn cellftp(site: &Site, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cellftp"))
        .args(["--profile", "server", "--socket"])
        .arg(site.scratch("cellftpd.sock"))
        .args(
            ["--timeout", "60s"]
                .iter()
                .filter(|_| !words.contains(&"--timeout")),
        )
        .args(words)
        .output()
        .expect("cellftp starts")
}

pub(crate) fn said(site: &Site, words: &[&str]) -> String {
    let output = cellftp(site, words);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cellftp {words:?}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

/// The message of a command that fails.
pub(crate) fn refused(site: &Site, words: &[&str]) -> String {
    let output = cellftp(site, words);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "cellftp {words:?} went well");
    errors
}

/// Asserts that a file which must be new does not replace an existing one.
pub(crate) fn assert_kept(site: &Site, server: &Server, remote: &str, local: &str) {
    let before = std::fs::read(server.local(local)).expect("it is there");
    let new = site.scratch("new");
    std::fs::write(&new, "new").expect("a scratch directory is writable");
    let new = new.to_str().expect("UTF-8");
    let errors = refused(site, &["put", "--if-exists", "fail", new, remote]);
    assert!(errors.contains("ALREADY_EXISTS"), "{remote}: {errors}");
    assert_holds(&server.local(local), &before);
}

pub(crate) fn put_new(site: &Site, remote: &str) {
    let new = site.scratch("new");
    std::fs::write(&new, "new").expect("a scratch directory is writable");
    let new = new.to_str().expect("UTF-8");
    said(site, &["put", "--if-exists", "fail", new, remote]);
}

pub(crate) fn names(listing: &str) -> Vec<&str> {
    let lines = listing.lines();
    lines
        .filter_map(|line| line.split_whitespace().last())
        .collect()
}

#[test]
fn a_directory_is_listed_whatever_the_server_makes_of_a_path() {
    if !tools::wanted("a_directory_is_listed_whatever_the_server_makes_of_a_path") {
        return;
    }
    for mood in ["ignores-path", "lists-itself", "pattern"] {
        let server = server(&[mood]);
        let site = site(&server);
        let sub = said(&site, &["ls", "/sub"]);
        assert_eq!(names(&sub), ["big.bin", "inner.bin"], "{mood}");
        let brackets = said(&site, &["ls", "/d[1]"]);
        assert_eq!(names(&brackets), ["nine.bin"], "{mood}");
        assert_eq!(said(&site, &["size", "/d[1]/nine.bin"]), "9\n", "{mood}");
        let got = said(&site, &["get", "/d[1]/nine.bin", "-"]);
        assert_eq!(got, "123456789", "{mood}");
        assert_kept(&site, &server, "/d[1]/nine.bin", "d[1]/nine.bin");
        let file = said(&site, &["ls", "/sub/inner.bin"]);
        assert_eq!(names(&file), ["inner.bin"], "{mood}");
        assert!(refused(&site, &["ls", "/none"]).contains("NOT_FOUND"));
        // Read from the login directory anyway.
        assert_eq!(said(&site, &["size", "root.bin"]), "500\n", "{mood}");
    }
}

#[test]
fn brackets_are_no_pattern_on_real_servers() {
    if !tools::wanted("brackets_are_no_pattern_on_real_servers") {
        return;
    }
    for kind in ServerKind::ALL.into_iter().filter(|kind| kind.runs_here()) {
        if kind == ServerKind::Vsftpd {
            // Its account may not write to its root.
            continue;
        }
        let server = Server::start(kind, Security::None);
        furnish(&server);
        std::os::unix::fs::symlink("sub", server.local("link")).expect("it is ours");
        let site = site(&server);
        let at = |path: &str| server.remote(path);
        let brackets = said(&site, &["ls", &at("d[1]")]);
        assert_eq!(names(&brackets), ["nine.bin"], "{kind:?}");
        let got = said(&site, &["get", &at("d[1]/nine.bin"), "-"]);
        assert_eq!(got, "123456789", "{kind:?}");
        assert_kept(&site, &server, &at("d[1]/nine.bin"), "d[1]/nine.bin");
        let link = said(&site, &["ls", &at("link")]);
        assert_eq!(names(&link), ["big.bin", "inner.bin"], "{kind:?}");
        assert_eq!(said(&site, &["ls", &at("empty")]), "", "{kind:?}");
    }
}

#[test]
fn what_no_listing_shows_is_there_where_the_server_says_so() {
    if !tools::wanted("what_no_listing_shows_is_there_where_the_server_says_so") {
        return;
    }
    let server = server(&["hides-dots", "truncates", "drops-in", "any-case"]);
    server.place(".state", b"123456789");
    server.place(".big", &traps(3000));
    server.place("in/old.bin", &traps(3000));
    server.place("Report.csv", b"123456789");
    for number in 0..40 {
        server.place(&format!("many{number:02}"), b"x");
    }
    server.place("zz", b"123456789");
    let site = site(&server);
    for small in ["/.state", "/report.csv", "/zz"] {
        assert_eq!(said(&site, &["size", small]), "9\n", "{small}");
        assert_eq!(said(&site, &["get", small, "-"]), "123456789", "{small}");
    }
    for (remote, local) in [
        ("/.state", ".state"),
        ("/.big", ".big"),
        ("/in/old.bin", "in/old.bin"),
        ("/report.csv", "Report.csv"),
        ("/zz", "zz"),
    ] {
        assert_kept(&site, &server, remote, local);
    }
    put_new(&site, "/in/fresh");
    assert_holds(&server.local("in/fresh"), b"new");
}

#[test]
fn an_empty_directory_whose_listing_is_refused_is_empty() {
    if !tools::wanted("an_empty_directory_whose_listing_is_refused_is_empty") {
        return;
    }
    for mood in ["refuses-empty-450", "refuses-empty-550"] {
        let server = server(&[mood]);
        let site = site(&server);
        assert_eq!(said(&site, &["ls", "/empty"]), "", "{mood}");
        assert!(refused(&site, &["ls", "/none"]).contains("NOT_FOUND"));
        put_new(&site, "/empty/f");
        assert_holds(&server.local("empty/f"), b"new");
    }
    // The login directory, which no listing shows.
    for mood in ["refuses-empty-450", "refuses-empty-550"] {
        let options = Options {
            moods: vec![mood],
            ..Options::default()
        };
        let server = Server::start_with(ServerKind::Pyftpdlib, Security::None, &options);
        let site = site(&server);
        assert_eq!(said(&site, &["ls"]), "", "{mood}");
        assert_eq!(said(&site, &["ls", "/"]), "", "{mood}");
        put_new(&site, "/f");
        assert_holds(&server.local("f"), b"new");
        assert_eq!(names(&said(&site, &["ls"])), ["f"], "{mood}");
    }
}

#[test]
fn a_hidden_file_is_read_from_a_server_without_size() {
    if !tools::wanted("a_hidden_file_is_read_from_a_server_without_size") {
        return;
    }
    let server = server(&["no-size", "hides-dots"]);
    server.place(".hidden", b"hidden content");
    // One family passes the refusal of SIZE on as such, the other as a possible size of nine bytes.
    for family in Family::ALL {
        let site = Site::start(family, &[("server", &server)]);
        let got = said(&site, &["get", "/.hidden", "-"]);
        assert_eq!(got, "hidden content", "{family:?}");
        for none in ["/.none", "/none"] {
            let errors = refused(&site, &["get", none, "-"]);
            assert!(errors.contains("NOT_FOUND"), "{family:?}: {errors}");
        }
    }
}

#[test]
fn an_unreadable_listing_is_told_and_the_size_decides() {
    if !tools::wanted("an_unreadable_listing_is_told_and_the_size_decides") {
        return;
    }
    let server = server(&["strange"]);
    let site = site(&server);
    assert_kept(&site, &server, "/sub/big.bin", "sub/big.bin");
    assert_kept(&site, &server, "/sub/inner.bin", "sub/inner.bin");
    put_new(&site, "/sub/fresh");
    assert_holds(&server.local("sub/fresh"), b"new");
    let errors = refused(&site, &["size", "/sub/none"]);
    assert!(!errors.contains("baud"), "{errors}");
    assert!(!errors.contains("garbage"), "{errors}");
}

/// The same inputs as those of the unit test, through server, module, line and client.
#[test]
fn listings_of_reports_come_through_as_they_are_to_be_read() {
    if !tools::wanted("listings_of_reports_come_through_as_they_are_to_be_read") {
        return;
    }
    let server = server(&["replays"]);
    let site = site(&server);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/listings");
    let mut cases = 0;
    for file in std::fs::read_dir(folder).expect("it is in the tree") {
        let path = file.expect("it can be read").path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        cases += 1;
        let name = format!("case{cases}");
        std::fs::create_dir(server.local(&name)).expect("it is ours");
        server.place(
            &format!("{name}/.listing"),
            &std::fs::read(&path).expect("it is there"),
        );
        let expected = std::fs::read(path.with_extension("json")).expect("it is there");
        let expected: Value = serde_json::from_slice(&expected).expect("JSON");
        let expected = expected["expected"].as_array().expect("entries");
        let listing = said(&site, &["--json", "ls", &format!("/{name}")]);
        let listing: Value = serde_json::from_str(&listing).expect("JSON");
        let read = listing.as_array().expect("entries").iter();
        let read: Vec<&Value> = read.filter(|entry| entry["name"] != "").collect();
        let what = path.display();
        assert_eq!(read.len(), expected.len(), "{what}: {read:#?}");
        for (read, expected) in read.iter().zip(expected) {
            // A size that is too large for clients is absent.
            let size = expected["size"].as_i64().map_or(Value::Null, Value::from);
            assert_eq!(read["size"], size, "{what}");
            let name = expected["name"].as_str().expect("a name");
            // Others are escaped.
            if name
                .bytes()
                .all(|byte| (b' '..=b'~').contains(&byte) && byte != b'\\')
            {
                assert_eq!(read["name"], expected["name"], "{what}");
            }
        }
    }
    assert!(cases >= 72, "cases are missing: {cases}");
}

#[test]
fn a_file_that_grows_is_delivered_and_told() {
    if !tools::wanted("a_file_that_grows_is_delivered_and_told") {
        return;
    }
    let server = server(&["grows", "letters"]);
    let site = site(&server);
    let back = site.scratch("back");
    let output = cellftp(
        &site,
        &["get", "/sub/big.bin", back.to_str().expect("UTF-8")],
    );
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert!(errors.contains("5100"), "{errors}");
    assert_holds(&back, &traps(5000));
}

/// `TYPE A N` is refused.
#[test]
fn an_ascii_session_names_no_format() {
    if !tools::wanted("an_ascii_session_names_no_format") {
        return;
    }
    let server = server(&["letters"]);
    server.place("text", b"a line\r\n");
    let site = site(&server);
    let session = json!({"profile": "server", "transferType": "TRANSFER_TYPE_ASCII"});
    let session = site.ftps("OpenSession", &session).expect("a session");
    let target = json!({"sessionId": session["sessionId"]});
    let request = json!({"target": target, "path": "/text"});
    // The server tells no size in this type; the listing does.
    let size = site.ftps("GetSize", &request).expect("a size");
    assert_eq!(size["size"], "8", "{size}");
    assert!(server.log().contains("TYPE A"), "{}", server.log());
}

/// The server still counts a session that was cut: once before a call, and once in the middle of one.
#[test]
fn a_login_that_has_worked_is_tried_again_while_somebody_waits() {
    if !tools::wanted("a_login_that_has_worked_is_tried_again_while_somebody_waits") {
        return;
    }
    let options = Options {
        cut_data_every: Some(100_000),
        ..Options::default()
    };
    let server = Server::start_with(ServerKind::Pyftpdlib, Security::None, &options);
    server.place("long", &traps(180_000));
    server.place("short", b"abc");
    let site = site(&server);
    let full = "530 Sorry, the maximum number of clients (1) from your host are already connected.";
    server.reply_to_users(&[full]);
    assert!(refused(&site, &["get", "/short", "-"]).contains("LOGIN_REFUSED"));
    assert_eq!(said(&site, &["get", "/short", "-"]), "abc");
    let log_out = || said(&site, &["module", "stop"]);
    log_out();
    server.reply_to_users(&[full]);
    assert_eq!(said(&site, &["get", "/short", "-"]), "abc");
    log_out();
    server.reply_to_users(&[full]);
    let local = site.scratch("local");
    std::fs::write(&local, b"new").expect("a scratch directory is writable");
    said(&site, &["put", local.to_str().expect("UTF-8"), "/new"]);
    assert_holds(&server.local("new"), b"new");
    // The data connection is cut, and so is the next login.
    server.reply_to_users(&[full]);
    let back = site.scratch("back");
    said(&site, &["get", "/long", back.to_str().expect("UTF-8")]);
    assert_holds(&back, &traps(180_000));
}

/// The server still counts a session that was cut.
#[test]
fn a_login_that_has_worked_is_tried_again_by_a_durable_transfer() {
    if !tools::wanted("a_login_that_has_worked_is_tried_again_by_a_durable_transfer") {
        return;
    }
    let server = server(&["dismisses-STOR"]);
    let environment = [("CELLFTPD_DURABLE__BACKOFF", "200ms")];
    let mut site = Site::start_tapped_with(Family::Sim7600, &[("server", &server)], &environment);
    let local = site.scratch("local");
    std::fs::write(&local, traps(3000)).expect("a scratch directory is writable");
    let local = local.to_str().expect("UTF-8").to_owned();
    // The first STOR is answered by 421, and the transfer goes on.
    said(
        &site,
        &["transfer", "put", "--id", "first", &local, "/first"],
    );
    said(&site, &["transfer", "watch", "first"]);
    assert_holds(&server.local("first"), &traps(3000));
    let full = "530 Sorry, the maximum number of clients (1) from your host are already connected.";
    // After a crash of the daemon, too.
    site.kill_daemon();
    server.reply_to_users(&[full, full]);
    site.start_daemon();
    said(
        &site,
        &["transfer", "put", "--id", "second", &local, "/second"],
    );
    said(&site, &["transfer", "watch", "second"]);
    assert_holds(&server.local("second"), &traps(3000));
    let dismissed = "421 Too many connections, come back later.";
    site.kill_daemon();
    server.reply_to_users(&[dismissed, dismissed, dismissed]);
    site.start_daemon();
    said(
        &site,
        &["transfer", "put", "--id", "third", &local, "/third"],
    );
    said(&site, &["transfer", "watch", "third"]);
    assert_holds(&server.local("third"), &traps(3000));
    assert!(site.stop());
}
