//! What an outbox does on the disk.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;

fn folder() -> (tempfile::TempDir, Folder) {
    let scratch = tempfile::tempdir().unwrap();
    let folder = Folder::open(scratch.path()).unwrap();
    (scratch, folder)
}

fn paths(folder: &Folder) -> Vec<PathBuf> {
    let found = folder.scan().unwrap();
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
    let found = folder.scan().unwrap();
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
        assert_eq!(folder.hash(&aside).unwrap(), *Sha256::digest(content));
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
