//! The programs that `tests/run` fetches: FTP servers, Python, grpcurl.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Set to `1`, leaves out the tests that need fetched programs, loudly.
const SKIP: &str = "CELLFTPD_SKIP_REAL_SERVERS";

/// Whether the calling test may use fetched programs. Says on the real standard error,
/// past the capture of the test runner, when it may not.
pub(crate) fn wanted(test: &str) -> bool {
    let skip = std::env::var(SKIP).is_ok_and(|value| value == "1");
    if skip {
        // A closed standard error is no reason to fail.
        let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {SKIP}=1");
    }
    !skip
}

/// A file in the folder of fetched programs.
///
/// # Panics
/// Where it is missing, with what to do about it.
pub(crate) fn path(relative: &str) -> PathBuf {
    let path = folder().join(relative);
    assert!(
        path.exists(),
        "{} is missing: run `tests/run --setup`, or leave such tests out with {SKIP}=1",
        path.display()
    );
    path
}

/// A file of this repository.
pub(crate) fn source(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// Python with the packages of the tests.
pub(crate) fn python() -> Command {
    let mut command = Command::new(path("venv/bin/python"));
    // The user's own environment must not add anything. -u: answers come at once.
    command.args(["-I", "-u"]);
    command
}

/// A program unpacked from a Debian package, with its libraries.
pub(crate) fn unpacked(relative: &str) -> Command {
    let root = path("servers");
    let mut command = Command::new("prlimit");
    command.env("LD_LIBRARY_PATH", libraries(&root));
    // A classic daemon closes every descriptor that it could have inherited. Where the limit is a
    // million, that takes seconds.
    command
        .arg("--nofile=256")
        .arg(path("servers").join(relative));
    command
}

/// The multi-architecture folders `usr/lib/TRIPLET` and `lib/TRIPLET`.
fn libraries(root: &Path) -> std::ffi::OsString {
    let folders = ["usr/lib", "lib"].map(|lib| root.join(lib));
    let triplets = folders
        .iter()
        .filter_map(|folder| folder.read_dir().ok())
        .flatten();
    let found = triplets
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().ends_with("-linux-gnu"));
    std::env::join_paths(found).expect("no colon in a path of this repository")
}

/// The repository's own folder, wherever cargo builds.
fn folder() -> PathBuf {
    source("target/test-tools")
}
