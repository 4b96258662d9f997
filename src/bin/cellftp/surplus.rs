//! What the target of a `sync` has and its source does not: what `--delete` deletes.
//!
//! A name that is deleted by mistake is lost, and one that stays by mistake is not. What is not known for sure stays.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::batch::Batch;
use crate::failure::Failure;
use crate::glob::name_in;
use crate::local_tree::LocalTree;
use crate::remote::{Remote, join};
use crate::remote_tree::{RemoteTree, is_exact};
use cellftp::client::{Entry, EntryKind, ServerPath};

/// What the directories of the server have that the source does not. `known` is what the source has.
pub(crate) async fn on_server(
    remote: &mut Remote,
    directories: &[ServerPath],
    base: &[u8],
    known: &HashSet<PathBuf>,
    batch: &mut Batch<'_>,
) -> Result<Vec<(ServerPath, EntryKind)>, Failure> {
    let known = Known::of(base, known);
    let mut surplus = Vec::new();
    for directory in directories {
        let entries = match remote.exists(directory).await {
            Ok(true) => remote.entries(directory).await,
            Ok(false) => continue,
            Err(failure) => Err(failure),
        };
        match entries {
            Ok(entries) => surplus.extend(known.lack(directory, &entries, batch)),
            Err(failure) => batch.fail_alone(failure)?,
        }
    }
    Ok(surplus)
}

/// The paths on the server that the source has.
struct Known {
    paths: HashSet<Vec<u8>>,
    /// By the path in lower case: a server may show a file by another case than it was sent with.
    folded: HashMap<Vec<u8>, Vec<u8>>,
}

impl Known {
    fn of(base: &[u8], known: &HashSet<PathBuf>) -> Self {
        let paths: HashSet<Vec<u8>> = known
            .iter()
            .map(|path| join(base, path.as_os_str().as_bytes()))
            .collect();
        let folded = paths.iter().map(|path| (folded(path), path.clone()));
        Self {
            folded: folded.collect(),
            paths,
        }
    }

    /// The entries of a directory that are not among them.
    fn lack(
        &self,
        directory: &ServerPath,
        entries: &[Entry],
        batch: &mut Batch<'_>,
    ) -> Vec<(ServerPath, EntryKind)> {
        let mut lack = Vec::new();
        for entry in entries {
            let name = name_in(entry);
            let path = join(directory.as_bytes(), &name);
            // A line that cannot be read, or a name that is no name, is nobody's to delete.
            let is_name = !matches!(name.as_slice(), b"" | b"." | b"..") && !name.contains(&b'/');
            if !is_name || !is_exact(&name) || entry.addressable == Some(false) {
                continue;
            }
            if self.paths.contains(&path) {
                continue;
            }
            let path = ServerPath::from(path);
            match self.folded.get(&folded(path.as_bytes())) {
                None => lack.push((path, entry.kind())),
                Some(same) => {
                    let why = format!(
                        "may be the server's name for {}, so that nothing is deleted; delete it with \
                         `cellftp rm` if it is another one",
                        String::from_utf8_lossy(same)
                    );
                    batch.fail(&Failure::left(path.to_string(), why));
                }
            }
        }
        lack
    }
}

/// A path in lower case.
fn folded(path: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(path) {
        Ok(text) => text.to_lowercase().into_bytes(),
        Err(_) => path.to_ascii_lowercase(),
    }
}

/// Files and directories here that the source does not have, what is in a directory before it; `true` for a
/// directory. Links and pipes stay. `known` is what the source has.
pub(crate) fn here(
    (top, local): (&ServerPath, &Path),
    tree: &RemoteTree,
    known: &HashSet<PathBuf>,
    batch: &mut Batch<'_>,
) -> Vec<(PathBuf, bool)> {
    if tree.unclear > 0 {
        let why = format!(
            "its listings have lines that do not tell a name or its kind for sure ({}), so that nothing is deleted here",
            tree.unclear
        );
        batch.fail(&Failure::left(top.to_string(), why));
        return Vec::new();
    }
    let is_absent =
        fs::symlink_metadata(local).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    if !tree.failed.is_empty() || is_absent {
        return Vec::new();
    }
    let mut here = LocalTree::of(local, false);
    if !here.failed.is_empty() {
        for (path, error) in here.failed.drain(..) {
            batch.fail(&Failure::local(&local.join(path), error));
        }
        return Vec::new();
    }
    // A name here may lead to the file of another, as where the case of letters does not matter.
    let same: HashSet<_> = known
        .iter()
        .filter_map(|path| file_of(&local.join(path)))
        .collect();
    let left_out: HashSet<&Path> = tree
        .left_out
        .iter()
        .map(|(path, _)| path.as_path())
        .collect();
    let files = here.files.iter().map(|file| (&file.below, false));
    let directories = here.directories.iter().rev().map(|path| (path, true));
    files
        .chain(directories)
        .filter(|(path, _)| !known.contains(*path))
        .filter(|(path, _)| !path.ancestors().any(|path| left_out.contains(path)))
        .map(|(path, is_directory)| (local.join(path), is_directory))
        .filter(|(path, _)| file_of(path).is_none_or(|file| !same.contains(&file)))
        .collect()
}

/// The device and the number of the file that has a name.
fn file_of(path: &Path) -> Option<(u64, u64)> {
    let found = fs::symlink_metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::Args;

    fn args() -> Args {
        Args::try_parse_from(["cellftp", "-q", "status"]).unwrap()
    }

    fn paths(paths: &[&str]) -> HashSet<PathBuf> {
        paths.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn a_file_that_the_server_shows_in_another_case_is_not_deleted() {
        let args = args();
        let mut batch = Batch::new(&args);
        let known = Known::of(b"/Top", &paths(&["Sub/Report.CSV", "Sub/\u{c4}"]));
        let entry = |name: &str| Entry {
            name: name.into(),
            kind: EntryKind::File.into(),
            ..Entry::default()
        };
        let names = ["report.csv", "\u{e4}", "old.csv", "Report.CSV", ".."].map(entry);
        let lack = known.lack(&"/Top/Sub".into(), &names, &mut batch);
        assert_eq!(lack, [("/Top/Sub/old.csv".into(), EntryKind::File)]);
        assert_eq!(batch.failures(), 2, "so that old.csv stays as well");
    }

    /// What is too much here, and how many failures were told.
    fn too_much(local: &Path, tree: &RemoteTree, known: &[&str]) -> (Vec<PathBuf>, usize) {
        let args = args();
        let mut batch = Batch::new(&args);
        let found = here((&"/top".into(), local), tree, &paths(known), &mut batch);
        let below = |(path, _): (PathBuf, bool)| path.strip_prefix(local).unwrap().to_owned();
        (found.into_iter().map(below).collect(), batch.failures())
    }

    #[test]
    fn what_is_not_known_for_sure_stays_here() {
        let top = tempfile::tempdir().unwrap();
        let path = |name: &str| top.path().join(name);
        for directory in ["link/sub", "old"] {
            fs::create_dir_all(path(directory)).unwrap();
        }
        for file in ["kept", "link/sub/file", "old/file"] {
            fs::write(path(file), file).unwrap();
        }
        // As on a file system that folds case.
        fs::hard_link(path("kept"), path("KEPT")).unwrap();
        let mut tree = RemoteTree {
            left_out: vec![("link".into(), "a link")],
            ..RemoteTree::default()
        };
        let known = ["kept", "link"];
        let (found, failures) = too_much(top.path(), &tree, &known);
        assert_eq!(
            (found, failures),
            (["old/file", "old"].map(PathBuf::from).into(), 0)
        );
        tree.unclear = 1;
        assert_eq!(too_much(top.path(), &tree, &known), (vec![], 1));
    }

    #[test]
    fn a_directory_here_that_cannot_be_looked_at_is_told() {
        let tree = RemoteTree::default();
        let top = tempfile::tempdir().unwrap();
        let none = top.path().join("none");
        assert_eq!(
            too_much(&none, &tree, &[]),
            (vec![], 0),
            "it is yet to be made"
        );
        let file = top.path().join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(too_much(&file, &tree, &[]), (vec![], 1));
    }
}
