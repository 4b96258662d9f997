//! Two names on a command line: a local one, and one on the server.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::failure::Failure;
use cellftp::client::ServerPath;

/// Refuses two names that are two different local files.
///
/// A shell that expands `put *.csv` to two local files writes the same line as a person who gives a file
/// another name on the server, and the first file would overwrite one that the user wants to keep. An absolute
/// path is one on the server unless it is beside the first, and one that ends in `/` always is.
pub(crate) fn is_one_file(
    local: &Path,
    remote: &ServerPath,
    option: &str,
    wanted: &str,
) -> Result<(), Failure> {
    let named = remote.as_bytes();
    let elsewhere = Path::new(OsStr::from_bytes(named));
    // A shell that expands `put /data/*.csv` gives names of one directory.
    let is_beside = elsewhere.parent() == local.parent();
    if named.is_empty() || named.ends_with(b"/") || (named.starts_with(b"/") && !is_beside) {
        return Ok(());
    }
    let is_file = |name: &Path| fs::metadata(name).is_ok_and(|found| found.is_file());
    if !is_file(local) || !is_file(elsewhere) {
        return Ok(());
    }
    // A link to the same file is another name.
    let (Ok(here), Ok(there)) = (fs::metadata(local), fs::symlink_metadata(elsewhere)) else {
        return Ok(());
    };
    if (here.dev(), here.ino()) == (there.dev(), there.ino()) {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "{} and {remote} are both here, and a line takes one file here and one path on the server; \
         for this pair write {option} {wanted}, for several files a directory: -t DIRECTORY",
        local.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_files_here_are_no_source_and_target() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        for name in ["a.csv", "b.csv"] {
            fs::write(path(name), name).unwrap();
        }
        // Tests share a working directory; the names are relative to it.
        let up = "../".repeat(std::env::current_dir().unwrap().components().count());
        let here = |name: &str| format!("{up}{}", &path(name).display().to_string()[1..]);
        let pair =
            |local: &str, remote: &str| is_one_file(&path(local), &remote.into(), "--to", remote);
        let Err(Failure::Usage(said)) = pair("a.csv", &here("b.csv")) else {
            panic!("the second would be overwritten")
        };
        assert!(
            said.contains("a.csv and ") && said.contains("--to "),
            "{said}"
        );
        pair("a.csv", &here("a.csv")).unwrap();
        pair("a.csv", &here("c.csv")).unwrap();
        // A directory that has the name of one on the server is no such pair either.
        fs::create_dir(path("backup")).unwrap();
        pair("a.csv", &here("backup")).unwrap();
        std::os::unix::fs::symlink("b.csv", path("link")).unwrap();
        assert!(pair("a.csv", &here("link")).is_err());
        pair("a.csv", "/dev/null").unwrap();
        pair("a.csv", "src/").unwrap();
        pair("a.csv", "").unwrap();
        pair("none.csv", &here("b.csv")).unwrap();
        is_one_file(Path::new("-"), &here("b.csv").into(), "--to", "").unwrap();
    }
}
