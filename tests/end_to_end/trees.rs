//! What names are, and trees of directories: listed, counted and removed, on real servers.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use serde_json::{Value, json};

use crate::command_line::{refused, said};
use crate::support::failure::failed;
use crate::support::servers::{Security, Server, ServerKind};
use crate::support::site::{Family, Site};
use crate::support::tools;

const KINDS: [ServerKind; 4] = [
    ServerKind::Vsftpd,
    ServerKind::PureFtpd,
    ServerKind::Proftpd,
    ServerKind::Pyftpdlib,
];

#[test]
fn a_tree_is_told_whole_and_removed_without_what_its_links_lead_to() {
    let name = "a_tree_is_told_whole_and_removed_without_what_its_links_lead_to";
    if !tools::wanted(name) {
        return;
    }
    for kind in KINDS.into_iter().filter(|kind| kind.runs_here()) {
        let server = Server::start(kind, Security::None);
        let site = Site::start(Family::Sim7600, &[("server", &server)]);
        plant(&server);
        names(&site, &server);
        walks(&site, &server);
        removals(&site, &server);
    }
}

/// `tree` with six names in three directories, and in it a link to a directory beside it.
fn plant(server: &Server) {
    for directory in ["outside", "tree", "tree/empty", "tree/sub", "tree/sub/deep"] {
        let directory = server.local(directory);
        fs::create_dir(&directory).expect("a new directory");
        // Some servers run as another user.
        let all = fs::Permissions::from_mode(0o777);
        fs::set_permissions(&directory, all).expect("its owner says who may write");
    }
    server.place("outside/precious", b"precious");
    server.place("tree/a.txt", b"12345");
    server.place("tree/sub/b.bin", &[7; 100]);
    server.place("tree/sub/deep/c d.txt", b"1234567");
    let link = server.local("tree/sub/link");
    symlink(server.local("outside"), link).expect("a new link");
}

fn call(site: &Site, server: &Server, method: &str, relative: &str) -> Vec<Value> {
    let request = json!({"target": {"profile": "server"}, "path": server.remote(relative)});
    let method = format!("cellftp.v1.FtpsService/{method}");
    let answers = site.grpcurl().stream(&method, &request);
    answers.unwrap_or_else(|failure| panic!("{method} {relative}: {failure:#?}"))
}

fn refusal(site: &Site, method: &str, path: &str) -> crate::support::failure::Failure {
    let request = json!({"target": {"profile": "server"}, "path": path});
    let method = format!("cellftp.v1.FtpsService/{method}");
    let answers = site.grpcurl().stream(&method, &request);
    failed(answers.map(Value::from))
}

/// The answer of `Stat` for each kind of name.
fn names(site: &Site, server: &Server) {
    let stat = |relative: &str| {
        let mut answers = call(site, server, "Stat", relative);
        answers.remove(0)["entry"].take()
    };
    for (relative, name, kind) in [
        ("tree", "tree", "ENTRY_KIND_DIRECTORY"),
        ("tree/", "tree", "ENTRY_KIND_DIRECTORY"),
        ("tree/empty", "empty", "ENTRY_KIND_DIRECTORY"),
        ("tree/a.txt", "a.txt", "ENTRY_KIND_FILE"),
        ("tree/sub/link", "link", "ENTRY_KIND_LINK"),
        (".", ".", "ENTRY_KIND_DIRECTORY"),
    ] {
        let entry = stat(relative);
        assert_eq!(
            (&entry["name"], &entry["kind"]),
            (&json!(name), &json!(kind)),
            "{entry:#}"
        );
    }
    let file = stat("tree/a.txt");
    assert_eq!(file["size"], "5", "{file:#}");
    assert!(file["modifyTime"].is_string(), "{file:#}");
    let missing = server.remote("tree/none");
    refusal(site, "Stat", &missing).expect("NOT_FOUND", "FILE_NOT_FOUND");
    let missing = server.remote("nowhere/none");
    assert_eq!(refusal(site, "Stat", &missing).code, "NOT_FOUND");
}

/// A walk returns each name once, and does not follow the link.
fn walks(site: &Site, server: &Server) {
    let told = call(site, server, "Walk", "tree");
    let mut names = Vec::new();
    for part in told.iter().filter_map(|part| part.get("entries")) {
        let directory = part["directory"].as_str().unwrap_or_default();
        let entries = part["entries"].as_array().expect("entries");
        names.extend(
            entries
                .iter()
                .map(|entry| format!("{directory}/{}", entry["name"])),
        );
    }
    names.sort();
    let want = [
        "/\"a.txt\"",
        "/\"empty\"",
        "/\"sub\"",
        "sub/\"b.bin\"",
        "sub/\"deep\"",
        "sub/\"link\"",
        "sub/deep/\"c d.txt\"",
    ];
    assert_eq!(names, want);
    assert!(told[0]["progress"]["operationId"].is_string(), "{told:#?}");
    let summary = &told.last().expect("a summary")["summary"];
    let counts = json!({
        "directoryCount": "4", "fileCount": "3", "otherCount": "1", "totalBytes": "112", "failureCount": "0",
    });
    assert_eq!(summary, &counts);
    let request = json!({
        "target": {"profile": "server"}, "path": server.remote("tree"), "maxDepth": 1,
    });
    let told = site
        .grpcurl()
        .stream("cellftp.v1.FtpsService/Walk", &request);
    let told = told.expect("a walk");
    let summary = &told.last().expect("a summary")["summary"];
    assert_eq!(summary["directoryCount"], "1", "{told:#?}");
    // As a person sees it.
    let tree = server.remote("tree");
    let sum = said(site, &["du", &tree]);
    assert_eq!(sum, "112 bytes in 3 files and 4 directories\n");
    let listed = said(site, &["ls", "-R", &tree]);
    assert!(listed.contains("\nsub/deep:\n"), "{listed}");
    assert!(said(site, &["stat", &tree]).starts_with('d'));
}

/// Names that must stay are there, and the others are removed.
fn removals(site: &Site, server: &Server) {
    for root in ["/", ".", "..", "tree/..", "//"] {
        let refused = refusal(site, "RemoveTree", root);
        refused.expect("INVALID_ARGUMENT", "INVALID_FIELDS");
    }
    for file in ["tree/a.txt", "tree/sub/link"] {
        let refused = refusal(site, "RemoveTree", &server.remote(file));
        refused.expect("FAILED_PRECONDITION", "NOT_A_DIRECTORY");
    }
    let missing = server.remote("tree/none");
    refusal(site, "RemoveTree", &missing).expect("NOT_FOUND", "FILE_NOT_FOUND");
    assert!(server.local("tree/a.txt").exists());

    // A name that the server does not list keeps its directory, and the caller is told.
    server.place("tree/sub/.hidden", b"123");
    let tree = server.remote("tree");
    // There is nobody to ask.
    assert_eq!(refused(site, &["rm", "-r", &tree]), 2);
    let request = json!({"target": {"profile": "server"}, "path": tree});
    let removed = site
        .grpcurl()
        .stream("cellftp.v1.FtpsService/RemoveTree", &request);
    match removed {
        Ok(told) => {
            let summary = &told.last().expect("a summary")["summary"];
            assert_eq!(summary["directoryCount"], "4", "{told:#?}");
            assert!(!server.local("tree").exists());
        }
        Err(failure) => {
            failure.expect("ABORTED", "TREE_INCOMPLETE");
            let left = fs::read_dir(server.local("tree/sub")).expect("it is left");
            let left: Vec<_> = left
                .map(|entry| entry.expect("readable").file_name())
                .collect();
            assert_eq!(left, [".hidden"]);
            assert_eq!(said(site, &["rm", &server.remote("tree/sub/.hidden")]), "");
            assert_eq!(said(site, &["rm", "-r", "--yes", &tree]), "");
            assert!(!server.local("tree").exists());
        }
    }
    let precious = fs::read(server.local("outside/precious")).expect("it is there");
    assert_eq!(precious, b"precious");
}
