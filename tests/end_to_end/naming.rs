//! `cellftp` with several names: which is the target, what a pattern stands for, and how errors begin.

use std::fs;

use serde_json::Value;

use crate::folders::{FILES, assert_same, command, content, failed, said, server};
use crate::support::site::{Family, Site};
use crate::support::tools;

#[test]
fn names_mean_what_a_person_means_and_errors_begin_with_them() {
    if !tools::wanted("names_mean_what_a_person_means_and_errors_begin_with_them") {
        return;
    }
    let server = server();
    let site = Site::start(Family::Sim7600, &[("server", &server)]);
    let here = site.scratch("here");
    fs::create_dir(&here).expect("writable");
    for name in ["a.csv", "b.csv", "c.txt"] {
        fs::write(here.join(name), name).expect("writable");
    }
    let path = |name: &str| here.join(name).to_str().expect("UTF-8").to_owned();
    let (a, b, c) = (path("a.csv"), path("b.csv"), path("c.txt"));
    let day = server.remote("day");

    // As a shell expands `put *.csv` and `put *`.
    let put = |words: &[&str]| {
        let mut command = command(&site, &[]);
        command
            .current_dir(&here)
            .args(words)
            .output()
            .expect("cellftp starts")
    };
    assert_eq!(put(&["put", "a.csv", "b.csv"]).status.code(), Some(2));
    assert_eq!(
        put(&["put", "a.csv", "b.csv", "c.txt"]).status.code(),
        Some(2)
    );
    assert_eq!(
        failed(&site, &["put", &a, &b]).0,
        2,
        "two names of one directory here"
    );
    assert_eq!(fs::read(&b).expect("it stays"), b"b.csv");

    assert_eq!(said(&site, &["mkdir", "-p", &format!("{day}/x/y")]), "");
    said(&site, &["mkdir", "-p", &format!("{day}/x/y")]);
    said(&site, &["put", &a, &b, &format!("{day}/")]);
    said(&site, &["put", "-t", &format!("{day}/x"), &c]);
    assert_eq!(
        fs::read(server.local("day/b.csv")).expect("it came"),
        b"b.csv"
    );
    assert_eq!(
        fs::read(server.local("day/x/c.txt")).expect("it came"),
        b"c.txt"
    );

    let back = site.scratch("back");
    fs::create_dir(&back).expect("writable");
    let down = back.to_str().expect("UTF-8");
    said(
        &site,
        &[
            "get",
            &format!("{day}/*.csv"),
            &format!("{day}/x/[c]*"),
            down,
        ],
    );
    assert_same(&here, &back);
    assert_eq!(
        said(
            &site,
            &["cat", &format!("{day}/a.csv"), &format!("{day}/b.csv")]
        ),
        "a.csvb.csv"
    );
    // Several trees keep their names; a directory that cannot be made takes its files with it.
    said(&site, &["mkdir", &server.remote("dax")]);
    let trees = site.scratch("trees");
    let into = trees.to_str().expect("UTF-8");
    said(&site, &["get", "-r", &server.remote("da*"), into]);
    assert!(trees.join("dax").is_dir() && trees.join("day/x/c.txt").is_file());
    let (code, told) = failed(&site, &["get", "-r", &day, "/dev/null/x"]);
    assert!(
        code != 0 && told.contains("3 files were not moved"),
        "{told}"
    );

    // The second of two files with one target fails, as with cp(1).
    let twin = site.scratch("twin");
    fs::create_dir(&twin).expect("writable");
    fs::write(twin.join("a.csv"), "twin").expect("writable");
    let other = twin.join("a.csv").to_str().expect("UTF-8").to_owned();
    let twins = server.remote("twins");
    said(&site, &["mkdir", &twins]);
    let (code, told) = failed(&site, &["put", "-t", &twins, &other, &a]);
    assert!(
        code == 1 && told.contains("a.csv: something else"),
        "{told}"
    );
    assert_eq!(
        fs::read(server.local("twins/a.csv")).expect("it came"),
        b"twin"
    );
    let twice = [format!("{day}/a.csv"), format!("{twins}/a.csv")];
    let (code, told) = failed(&site, &["get", &twice[0], &twice[1], into]);
    assert!(code == 1 && told.contains("a.csv: another file"), "{told}");
    assert_eq!(fs::read(trees.join("a.csv")).expect("it came"), b"a.csv");
    assert_eq!(
        failed(&site, &["get", "-t", "-", &twice[0], &twice[1]]).0,
        2
    );

    // A pattern that goes to one file here stands for one name there.
    assert_eq!(
        said(&site, &["get", &format!("{day}/[a].csv"), "-"]),
        "a.csv"
    );
    let (code, told) = failed(&site, &["get", &format!("{day}/*.csv"), "-"]);
    assert!(code == 2 && told.contains("stands for 2 names"), "{told}");

    // A directory is called one, in both directions, and one name that fails does not keep the others.
    for (words, said) in [
        (
            ["get", &day, down],
            format!("cellftp: get {day}: is a directory on server\n"),
        ),
        (
            ["put", &a, &day],
            format!("cellftp: put {day}: is a directory on server\n"),
        ),
        (
            ["put", down, &format!("{day}/z")],
            format!("cellftp: put {down}: is a directory here\n"),
        ),
    ] {
        let (code, told) = failed(&site, &words);
        assert_eq!(code, 4, "{told}");
        assert!(told.starts_with(&said) && told.contains("-"), "{told}");
    }
    let missing = format!("{day}/nothere");
    let (code, told) = failed(&site, &["get", &missing]);
    assert_eq!(code, 3);
    assert!(
        told.starts_with(&format!("cellftp: get {missing}: no such file on server\n")),
        "{told}"
    );
    let last = told.lines().last().expect("a line");
    assert!(
        last.contains("[FILE_NOT_FOUND, AT+CFTPS") && last.contains("code 9"),
        "{told}"
    );
    let (code, told) = failed(&site, &["get", &missing, &format!("{day}/b.csv"), down]);
    assert_eq!(code, 3);
    assert!(told.contains("1 of 2 failed"), "{told}");
    let pattern = format!("{missing}/*.csv");
    let (code, told) = failed(&site, &["get", &pattern, &format!("{day}/b.csv"), down]);
    assert!(code == 3 && told.contains("1 of 2 failed"), "{told}");
    let (code, told) = failed(&site, &["put", "nofile", &day]);
    assert_eq!(
        (code, told.as_str()),
        (3, "cellftp: put nofile: no such file or directory here\n")
    );
    for words in [
        ["--json", "get"].as_slice(),
        &["get", "--json", "--no-such-option"],
    ] {
        let (code, told) = failed(&site, words);
        let told: Value = serde_json::from_str(&told).expect("JSON");
        assert_eq!((code, &told["error"]["exit_code"]), (2, &Value::from(2)));
    }
}

#[test]
fn a_file_goes_on_where_its_bytes_prove_it() {
    if !tools::wanted("a_file_goes_on_where_its_bytes_prove_it") {
        return;
    }
    let server = server();
    let site = Site::start(Family::Sim7600, &[("server", &server)]);
    let whole: Vec<u8> = (0..FILES).flat_map(content).take(200_000).collect();
    server.place("log", &whole);
    let (here, remote) = (site.scratch("log"), server.remote("log"));
    let local = here.to_str().expect("UTF-8");
    let get = ["get", "-C", &remote, local];
    assert_eq!(
        failed(&site, &["get", "-C", &server.remote("nothere"), local]).0,
        3
    );
    assert!(!here.exists(), "nothing has come");
    fs::write(&here, &whole[..70_000]).expect("writable");
    let told = said(&site, &get);
    assert!(
        told.contains("went on at byte 70000, 130000 bytes have come"),
        "{told}"
    );
    assert!(fs::read(&here).expect("it is there") == whole);
    assert!(said(&site, &get).contains(" 0 bytes have come"));
    let other = [&whole[..69_999], b"!"].concat();
    for here_is in [other, [&whole[..], b"more"].concat()] {
        fs::write(&here, &here_is).expect("writable");
        let (code, told) = failed(&site, &get);
        assert!(code == 7 && told.contains("without -C"), "{told}");
        assert!(fs::read(&here).expect("it stays") == here_is);
    }
}
