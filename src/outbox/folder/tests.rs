//! What an outbox does on the disk.

use std::fs;
use std::os::unix::fs::symlink;

use rustix::fs::FileType;

use super::*;

fn folder() -> (tempfile::TempDir, Folder) {
    let scratch = tempfile::tempdir().unwrap();
    let folder = Folder::open(scratch.path()).unwrap();
    (scratch, folder)
}

fn paths(folder: &Folder) -> Vec<PathBuf> {
    let found = folder.scan().unwrap().found;
    found.into_iter().map(|found| found.path).collect()
}

#[test]
fn only_finished_plain_files_are_found_in_the_order_of_their_times() {
    let (scratch, folder) = folder();
    let at = |name: &str| scratch.path().join(name);
    for directory in ["sub/deep", "sent", "failed", ".hidden"] {
        fs::create_dir_all(at(directory)).unwrap();
    }
    let unsent = [
        "sent/old",
        "failed/bad",
        ".hidden/x",
        ".x",
        "a.tmp",
        "b.part",
        "c~",
        "sub/.y",
    ];
    for (age, name) in ["b", "a", "sub/deep/c"].iter().enumerate() {
        fs::write(at(name), name).unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(age as u64);
        let file = File::options().write(true).open(at(name)).unwrap();
        file.set_modified(time).unwrap();
    }
    for name in unsent {
        fs::write(at(name), name).unwrap();
    }
    symlink("/etc/passwd", at("link")).unwrap();
    symlink("/etc", at("directory")).unwrap();
    rustix::fs::mknodat(
        CWD,
        at("pipe"),
        FileType::Fifo,
        Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    assert_eq!(paths(&folder), ["b", "a", "sub/deep/c"].map(PathBuf::from));
}

#[test]
fn a_link_is_not_followed_even_where_it_has_replaced_what_was_found() {
    let (scratch, folder) = folder();
    let secret = tempfile::tempdir().unwrap();
    fs::write(secret.path().join("f"), "secret").unwrap();
    fs::create_dir(scratch.path().join("d")).unwrap();
    fs::write(scratch.path().join("d/f"), "public").unwrap();
    let found = folder.scan().unwrap().found;
    fs::rename(scratch.path().join("d"), scratch.path().join("away")).unwrap();
    symlink(secret.path(), scratch.path().join("d")).unwrap();
    folder.read(&found[0]).unwrap_err();
    folder.set_aside(&found[0].path, "t").unwrap_err();
    assert!(secret.path().join("f").exists());
}

#[test]
fn a_file_is_put_aside_and_kept_deleted_or_put_back_without_a_loss() {
    let (scratch, folder) = folder();
    let at = |name: &str| scratch.path().join(name);
    fs::create_dir(at("d")).unwrap();
    for (content, kept) in [("1", "failed/d/f"), ("2", "failed/d/f.1")] {
        fs::write(at("d/f"), content).unwrap();
        let aside = folder.set_aside(Path::new("d/f"), "t").unwrap();
        assert!(paths(&folder).is_empty());
        assert_eq!(
            folder.hash(&aside, Some(1)).unwrap(),
            Some(Sha256::digest(content).into())
        );
        // As after a crash.
        let left = folder.left_aside().unwrap();
        assert_eq!(left[0].at(), aside.at());
        assert_eq!(folder.keep(&left[0], "failed").unwrap(), Path::new(kept));
        assert_eq!(fs::read_to_string(at(kept)).unwrap(), content);
    }
    fs::write(at("d/f"), "3").unwrap();
    let aside = folder.set_aside(Path::new("d/f"), "t").unwrap();
    // Somebody was quicker.
    fs::write(at("d/f"), "4").unwrap();
    folder.put_back(&aside).unwrap();
    assert_eq!(fs::read_to_string(at("d/f")).unwrap(), "4");
    assert_eq!(fs::read_to_string(at("d/f.1")).unwrap(), "3");
    let aside = folder.set_aside(Path::new("d/f.1"), "t").unwrap();
    folder.delete(&aside).unwrap();
    assert!(!at(ASIDE).exists(), "nothing is left");
}

#[test]
fn what_cannot_be_moved_is_known_before_it_is_sent() {
    let (scratch, folder) = folder();
    fs::create_dir(scratch.path().join("d")).unwrap();
    fs::write(scratch.path().join("d/f"), "1").unwrap();
    folder.can_move(Path::new("d/f")).unwrap();
    fs::write(scratch.path().join(".cellftpd.file"), "").unwrap();
    fs::remove_dir(scratch.path().join(ASIDE)).unwrap();
    symlink("/tmp", scratch.path().join(ASIDE)).unwrap();
    folder.can_move(Path::new("d/f")).unwrap_err();
}

#[test]
fn a_reason_never_replaces_a_file() {
    let (scratch, folder) = folder();
    fs::write(scratch.path().join("job.error"), "a file of somebody").unwrap();
    folder
        .write_beside(Path::new("job"), ".error", "why")
        .unwrap();
    let read = |name: &str| fs::read_to_string(scratch.path().join(name)).unwrap();
    assert_eq!(read("job.error"), "a file of somebody");
    assert_eq!(read("job.error.1"), "why");
}

#[test]
fn a_thousand_and_more_files_of_one_name_are_kept() {
    let (scratch, folder) = folder();
    fs::create_dir(scratch.path().join("sent")).unwrap();
    fs::write(scratch.path().join("sent/f"), "").unwrap();
    for number in 1..NAMES {
        fs::write(scratch.path().join(format!("sent/f.{number}")), "").unwrap();
    }
    fs::write(scratch.path().join("f"), "x").unwrap();
    let aside = folder.set_aside(Path::new("f"), "t").unwrap();
    assert_eq!(folder.keep(&aside, "sent").unwrap(), Path::new("sent/f.t"));
}

#[test]
fn a_hard_link_to_a_file_of_others_is_not_sent() {
    let (scratch, folder) = folder();
    let other = tempfile::tempdir_in(scratch.path().parent().unwrap()).unwrap();
    fs::write(other.path().join("secret"), "x").unwrap();
    fs::hard_link(other.path().join("secret"), scratch.path().join("f")).unwrap();
    assert!(paths(&folder).is_empty());
}
