//! Options of `cellftp` that apply to every call.

use std::fs;

use crate::site::Site;
use crate::text;

#[test]
fn what_is_only_checked_is_not_done_and_what_has_a_name_is_done_once() {
    let site = Site::start();
    site.serve("a.bin", b"abc");
    fs::write(site.local("up"), "first").unwrap();
    let said = text(&site.done(&["rm", "/a.bin", "--dry-run"]).stdout);
    assert_eq!(said, "/a.bin: checked, nothing was done\n");
    assert!(site.remote("a.bin").exists());
    let said = text(
        &site
            .done(&["--json", "put", "up", "/up", "--dry-run"])
            .stdout,
    );
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["validated"], true, "{said}");
    assert!(!site.remote("up").exists());
    // A request that is wrong is found.
    let said = site.refused(3, &["--session", "none", "rm", "/a.bin", "--dry-run"]);
    assert!(said.contains("SESSION_NOT_FOUND"), "{said}");
    let put = &["put", "up", "/up", "--request-id", "r1"];
    let first = text(&site.done(put).stdout);
    fs::remove_file(site.remote("up")).unwrap();
    assert_eq!(text(&site.done(put).stdout), first);
    assert!(!site.remote("up").exists(), "it was carried out again");
    let said = site.refused(2, &["rm", "/a", "/b", "--request-id", "r2"]);
    assert!(said.contains("one path alone"), "{said}");
}

#[test]
fn transfers_are_found_by_their_labels() {
    let directory = tempfile::tempdir().unwrap();
    let durable = directory.path().to_str().unwrap();
    let site = Site::with("", &[("CELLFTPD_DURABLE__DIRECTORY", durable)]);
    fs::write(site.local("up"), "abc").unwrap();
    let put = [
        "transfer",
        "put",
        "up",
        "/up",
        "--id",
        "later",
        "--label",
        "job=a",
        "--start-delay",
        "1h",
    ];
    let said = text(&site.done(&[&put[..], &["--dry-run"]].concat()).stdout);
    assert_eq!(said, "later: checked, nothing was done\n");
    assert_eq!(text(&site.done(&["transfer", "ls"]).stdout), "");
    let said = text(&site.done(&put).stdout);
    assert!(said.contains("queued, begins in 3"), "{said}");
    let list = |label: &str| text(&site.done(&["transfer", "ls", "--label", label]).stdout);
    assert!(list("job=a").contains("\nlater "), "{}", list("job=a"));
    assert_eq!(list("job=b"), "");
    let all = text(&site.done(&["transfer", "ls", "--principal", "-"]).stdout);
    assert!(all.contains("\nuid:"), "{all}");
    let said = site.refused(2, &["transfer", "ls", "--label", "job"]);
    assert!(said.contains("KEY=VALUE"), "{said}");
    let said = site.refused(2, &[&put[..], &["--request-id", "x"]].concat());
    assert!(said.contains("--id"), "{said}");
}
