//! The commands of `cellftp` that show things, its kept transfers, and what completes its command line.

use std::process::{Command, Output};

use crate::command_line::{refused, said};
use crate::support::servers::{Security, Server, ServerKind};
use crate::support::site::{Family, Site};
use crate::support::tools;

/// What a shell asks for when a person completes the last of these words.
fn completed(site: &Site, shell: &str, words: &[&str]) -> Vec<String> {
    let socket = site.socket();
    let line = ["cellftp", "--socket", socket.to_str().expect("UTF-8")];
    let index = line.len() + words.len() - 1;
    let mut command = Command::new(env!("CARGO_BIN_EXE_cellftp"));
    command
        .env("CELLFTP_COMPLETE", shell)
        .env("_CLAP_COMPLETE_INDEX", index.to_string())
        .env("_CLAP_COMPLETE_COMP_TYPE", "9")
        .env("_CLAP_COMPLETE_SPACE", "false")
        .env("_CLAP_IFS", "\n")
        .arg("--")
        .args(line)
        .args(words);
    let Output { stdout, .. } = command.output().expect("cellftp starts");
    let text = String::from_utf8(stdout).expect("UTF-8");
    // zsh and fish get a text beside each word.
    let word = |line: &str| {
        line.split(['\t', ':'])
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    text.lines().map(word).collect()
}

#[test]
fn profiles_versions_and_sizes_are_shown() {
    if !tools::wanted("profiles_versions_and_sizes_are_shown") {
        return;
    }
    let server = Server::start(ServerKind::Pyftpdlib, Security::None);
    let site = Site::start(Family::Sim7600, &[("server", &server)]);
    let profiles = said(&site, &["profiles"]);
    let lines: Vec<_> = profiles
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .collect();
    let place = format!("{}:{}", server.host, server.port);
    assert_eq!(
        lines[1],
        ["server", &place, "none", "-", "write", "normal"],
        "{profiles}"
    );
    assert!(!said(&site, &["--json", "profiles"]).contains(server.password));
    let version = said(&site, &["version"]);
    assert!(
        version.starts_with(concat!(
            "cellftp   ",
            env!("CARGO_PKG_VERSION"),
            "\ncellftpd  "
        )),
        "{version}"
    );
    assert!(version.contains("you are   uid:"), "{version}");

    said(&site, &["mkdir", &server.remote("d")]);
    server.place("d/big", &vec![b'x'; 1434]);
    server.place("d/small", b"12");
    let directory = server.remote("d");
    let listed = said(&site, &["ls", "-h", &directory]);
    assert!(
        listed.contains(" 1.4K ") && listed.contains(" 2 "),
        "{listed}"
    );
    let mut names: Vec<_> = said(&site, &["ls", "-1", &directory])
        .lines()
        .map(str::to_owned)
        .collect();
    names.sort();
    assert_eq!(names, ["big", "small"]);
    assert_eq!(
        said(&site, &["ls", "-l", &directory]),
        said(&site, &["ls", &directory])
    );
    assert_eq!(
        said(&site, &["du", "-h", &directory]),
        "1.4K in 2 files and 1 directories\n"
    );
    assert!(said(&site, &["ls", "--help"]).contains("--human-readable"));
}

#[test]
fn kept_transfers_are_a_table_and_end_a_wait_with_their_outcome() {
    if !tools::wanted("kept_transfers_are_a_table_and_end_a_wait_with_their_outcome") {
        return;
    }
    let server = Server::start(ServerKind::Pyftpdlib, Security::None);
    // One attempt, so that a failure is an end.
    let once = [("CELLFTPD_DURABLE__ATTEMPTS", "1")];
    let site = Site::start_set(Family::Sim7600, &[("server", &server)], &[], &once);
    let local = site.scratch("f");
    std::fs::write(&local, vec![b'x'; 1434]).expect("a scratch directory is writable");
    let local = local.to_str().expect("UTF-8");
    let there = server.remote("f");
    let put = ["transfer", "put", "--wait", "--id"];
    assert!(
        said(&site, &[&put[..], &["zz-first", local, &there]].concat())
            .contains(": done, 1434 bytes")
    );
    let nowhere = server.remote("nowhere/f");
    assert_eq!(
        refused(&site, &[&put[..], &["lost", local, &nowhere]].concat()),
        1
    );
    said(&site, &["transfer", "get", "-w", "--id", "aa-last", &there]);

    let table = said(&site, &["transfer", "ls"]);
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        rows[0],
        [
            "ID", "WAY", "STATE", "DONE", "SIZE", "PROFILE", "PATH", "WHY"
        ]
    );
    assert_eq!(
        rows[1],
        ["zz-first", "up", "done", "100%", "1.4K", "server", &there]
    );
    assert_eq!(rows[2][..3], ["lost", "up", "failed"], "{table}");
    assert_eq!(
        rows[3],
        ["aa-last", "down", "done", "100%", "1.4K", "server", &there]
    );
    let column = table.lines().map(|line| {
        line.find(" up ")
            .or(line.find(" down "))
            .or(line.find(" WAY "))
    });
    assert!(
        column.collect::<std::collections::HashSet<_>>().len() == 1,
        "not aligned:\n{table}"
    );

    // The exit code is that of the end, and of several ends that are not the same it is 1.
    let later = [
        "transfer",
        "put",
        "--id",
        "later",
        "--start-delay",
        "1h",
        local,
        &there,
    ];
    said(&site, &later);
    said(&site, &["transfer", "cancel", "later"]);
    assert_eq!(refused(&site, &["transfer", "watch", "later"]), 8);
    assert_eq!(
        refused(&site, &["transfer", "watch", "zz-first", "later"]),
        8
    );
    assert_eq!(refused(&site, &["transfer", "watch", "lost", "later"]), 1);
    said(&site, &["transfer", "watch", "zz-first", "aa-last"]);
    assert_eq!(refused(&site, &["transfer", "retry", "--wait", "lost"]), 1);
    said(&site, &["transfer", "rm", "later"]);
    assert_eq!(
        said(&site, &["transfer", "read", "aa-last", "-"]).len(),
        1434
    );
    assert_eq!(refused(&site, &["transfer", "rm", "zz-first", "none"]), 3);
    said(&site, &["transfer", "rm", "lost", "aa-last"]);
    assert_eq!(said(&site, &["transfer", "ls"]), "");
}

#[test]
fn shells_complete_profiles_transfers_and_names_on_the_server() {
    if !tools::wanted("shells_complete_profiles_transfers_and_names_on_the_server") {
        return;
    }
    let server = Server::start(ServerKind::Pyftpdlib, Security::None);
    let site = Site::start(Family::Sim7600, &[("server", &server)]);
    said(&site, &["mkdir", &server.remote("logs")]);
    server.place("logs/a b.csv", b"1");
    server.place("logs/other", b"2");
    server.place("logs/x;touch${IFS}made", b"3");
    let local = site.scratch("f");
    std::fs::write(&local, "x").expect("a scratch directory is writable");
    said(
        &site,
        &[
            "transfer",
            "put",
            "-w",
            "--id",
            "nightly",
            local.to_str().expect("UTF-8"),
            &server.remote("f"),
        ],
    );
    for shell in ["bash", "zsh", "fish"] {
        assert_eq!(
            completed(&site, shell, &["-p", "ser"]),
            ["server"],
            "{shell}"
        );
        let names = completed(&site, shell, &["transfer", "rm", "ni"]);
        assert_eq!(names, ["nightly"], "{shell}");
        let directory = server.remote("log");
        let names = completed(&site, shell, &["-p", "server", "ls", &directory]);
        assert_eq!(names, [server.remote("logs/")], "{shell}");
        let begun = server.remote("logs/a");
        let names = completed(&site, shell, &["-p", "server", "get", &begun]);
        // bash would put the name on its command line without quotes.
        let quoted = (shell != "bash").then(|| server.remote("logs/a b.csv"));
        assert_eq!(names, Vec::from_iter(quoted), "{shell}");
        if shell == "bash" {
            // What is on its command line is a command: the third name would run one.
            let all = completed(
                &site,
                shell,
                &["-p", "server", "get", &server.remote("logs/")],
            );
            assert_eq!(all, [server.remote("logs/other")]);
        }
        let begun = server.remote("logs/o");
        let names = completed(&site, shell, &["-p", "server", "get", &begun]);
        assert_eq!(names, [server.remote("logs/other")], "{shell}");
        assert!(
            completed(&site, shell, &["-p", "none", "ls", &begun]).is_empty(),
            "{shell}"
        );
        let script = said(&site, &["completions", shell]);
        assert!(script.contains("CELLFTP_COMPLETE"), "{shell}: {script}");
    }
}
