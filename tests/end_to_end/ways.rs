//! Servers that lack something, or have forms of their own, and files that grow.

use serde_json::{Value, json};

use crate::content::{assert_holds, traps};
use crate::moods::{assert_kept, cellftp, names, put_new, refused, said, server, site};
use crate::support::servers::Server;
use crate::support::site::{Family, Site};
use crate::support::tools;

/// What must be true of any server: files come whole, are written whole, are not written over, and can be
/// deleted. A missing file is reported as missing.
fn works(site: &Site, server: &Server, mood: &str) {
    let got = said(site, &["get", "/sub/inner.bin", "-"]);
    assert_eq!(got, "123456789", "{mood}");
    let back = site.scratch("back");
    said(
        site,
        &["get", "/sub/big.bin", back.to_str().expect("UTF-8")],
    );
    assert_holds(&back, &traps(5000));
    let errors = refused(site, &["get", "/sub/none", "-"]);
    // Where no listing can be read, nothing shows that a refusal means that.
    let is_told = errors.contains("NOT_FOUND") || mood == "names-only";
    assert!(is_told, "{mood}: {errors}");
    assert_kept(site, server, "/sub/big.bin", "sub/big.bin");
    assert_kept(site, server, "/sub/inner.bin", "sub/inner.bin");
    put_new(site, "/sub/fresh");
    assert_holds(&server.local("sub/fresh"), b"new");
    said(site, &["rm", "/sub/fresh"]);
    assert!(!server.local("sub/fresh").exists(), "{mood}");
}

#[test]
fn servers_with_ways_of_their_own_are_served() {
    if !tools::wanted("servers_with_ways_of_their_own_are_served") {
        return;
    }
    for mood in [
        "dismisses-TYPE",
        "dismisses-PWD",
        "dismisses-CWD",
        "dismisses-PASV",
        "dismisses-LIST",
        "dismisses-SIZE",
        "dismisses-RETR",
        "dismisses-STOR",
        "dismisses-DELE",
        "says-0",
        "names-only",
        "absolute-names",
        "marks",
        "no-pwd",
        "no-password",
        "dos",
    ] {
        eprintln!("a server that {mood}");
        let server = server(&[mood]);
        let site = site(&server);
        works(&site, &server, mood);
        if mood == "says-0" {
            assert_eq!(said(&site, &["size", "/sub/big.bin"]), "5000\n");
        }
        // Names are as the server prints them.
        if mood != "marks" && mood != "absolute-names" {
            let listed = said(&site, &["ls", "/sub"]);
            assert_eq!(names(&listed), ["big.bin", "inner.bin"], "{mood}");
        }
    }
}

/// The directory cannot be listed: the server's answers about the files themselves must do.
#[test]
fn a_server_that_lists_nothing_serves_files() {
    if !tools::wanted("a_server_that_lists_nothing_serves_files") {
        return;
    }
    let server = server(&["no-list"]);
    let site = site(&server);
    assert_eq!(said(&site, &["get", "/sub/inner.bin", "-"]), "123456789");
    assert_kept(&site, &server, "/sub/big.bin", "sub/big.bin");
    let errors = refused(&site, &["ls", "/sub"]);
    assert!(!errors.contains("garbage"), "{errors}");
}

/// 9 is the module's answer for a file of nine bytes, and for a file whose size the server refuses to
/// tell.
#[test]
fn a_size_that_may_be_a_code_is_undecided_and_never_a_report() {
    if !tools::wanted("a_size_that_may_be_a_code_is_undecided_and_never_a_report") {
        return;
    }
    let server = server(&["no-list"]);
    for family in Family::ALL {
        let site = Site::start(family, &[("server", &server)]);
        let output = cellftp(&site, &["size", "/sub/inner.bin"]);
        let told = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!errors.contains("the module reported 9"), "{errors}");
        let is_undecided = errors.contains("UNDECIDED") || errors.contains("undecided");
        assert!(is_undecided || told == "9\n", "{family:?}: {told}{errors}");
        assert_eq!(said(&site, &["get", "/sub/inner.bin", "-"]), "123456789");
        // The listing decides what SIZE leaves open.
        assert_eq!(said(&site, &["size", "/sub/big.bin"]), "5000\n");
    }
}

/// The error shows the listing's own line, and sends nobody to check the line's speed.
#[test]
fn an_unreadable_listing_is_named_with_a_line_of_it() {
    if !tools::wanted("an_unreadable_listing_is_named_with_a_line_of_it") {
        return;
    }
    let server = server(&["strange", "no-size"]);
    let site = site(&server);
    let errors = refused(&site, &["size", "/sub/inner.bin"]);
    assert!(errors.contains("LISTING_UNREADABLE"), "{errors}");
    assert!(errors.contains("== "), "{errors}");
    assert!(!errors.contains("baud"), "{errors}");
}

#[test]
fn a_file_that_grows_comes_as_it_was_or_whole_as_is_wished() {
    if !tools::wanted("a_file_that_grows_comes_as_it_was_or_whole_as_is_wished") {
        return;
    }
    let server = server(&["grows"]);
    let site = site(&server);
    let back = site.scratch("back");
    let mut was = traps(5000);
    for growth in ["first-size", "all"] {
        let words = ["get", "--growth", growth, "/sub/big.bin"];
        let words = [&words[..], &[back.to_str().expect("UTF-8")]].concat();
        let output = cellftp(&site, &words);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        let is = std::fs::read(server.local("sub/big.bin")).expect("it is there");
        assert_eq!(is.len(), was.len() + 100);
        let came = if growth == "all" { &is } else { &was };
        assert_holds(&back, came);
        let told = format!(
            "has {} bytes by now, and had {} when its size was asked for; {} have come",
            is.len(),
            was.len(),
            came.len()
        );
        assert!(errors.contains(&told), "{errors}");
        was = is;
    }
    // As other clients see it.
    let request = json!({
        "target": {"profile": "server"}, "path": "/sub/big.bin", "growth": "GROWTH_ALL"
    });
    let messages = site
        .grpcurl()
        .stream("cellftp.v1.FtpsService/Get", &request)
        .expect("a file");
    let part = |key: &str| -> Value {
        let found = messages.iter().find_map(|message| message.get(key));
        found.cloned().unwrap_or_default()
    };
    assert_eq!(part("info")["size"], "5200", "{messages:#?}");
    assert_eq!(part("result")["chunkSize"], "5300", "{messages:#?}");
    assert_eq!(part("result")["grownSize"], "5300", "{messages:#?}");
}

/// 226 comes 100 s after the last byte: long after an impatient client would have given up.
#[test]
fn an_upload_that_the_server_stores_slowly_is_verified() {
    if !tools::wanted("an_upload_that_the_server_stores_slowly_is_verified") {
        return;
    }
    let server = server(&["late-226"]);
    let site = site(&server);
    let local = site.scratch("local");
    std::fs::write(&local, traps(3000)).expect("a scratch directory is writable");
    let local = local.to_str().expect("UTF-8");
    let words = ["--timeout", "300s", "--json", "put", local, "/late"];
    let output = cellftp(&site, &words);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("VERIFIED_SIZE"), "{told}");
    assert_holds(&server.local("late"), &traps(3000));
}
