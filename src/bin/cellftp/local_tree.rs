//! A directory tree here: what of it can be sent.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Names of one tree. A larger one is most likely not the one that was meant.
const MOST: usize = 1_000_000;

/// Directories in one another: as many as the daemon goes down on a server.
const DEPTH: usize = 64;

/// What a directory holds, seen from there. Directories come before what is in them.
#[derive(Debug, Default)]
pub(crate) struct LocalTree {
    pub(crate) directories: Vec<PathBuf>,
    pub(crate) files: Vec<LocalFile>,
    /// What is not sent, and why.
    pub(crate) left_out: Vec<(PathBuf, &'static str)>,
    /// What could not be looked at.
    pub(crate) failed: Vec<(PathBuf, io::Error)>,
}

/// A file of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalFile {
    /// Seen from the directory.
    pub(crate) below: PathBuf,
    /// Bytes.
    pub(crate) size: u64,
}

impl LocalTree {
    /// Looks at all that is below a directory. Links to files count as the files with `dereference`.
    pub(crate) fn of(top: &Path, dereference: bool) -> Self {
        let mut tree = Self::default();
        let mut names = 0;
        let mut waiting = vec![PathBuf::new()];
        while let Some(below) = waiting.pop() {
            let mut inside = match listed(&top.join(&below)) {
                Ok(inside) => inside,
                Err(error) => {
                    tree.failed.push((below, error));
                    continue;
                }
            };
            inside.sort();
            names += inside.len();
            if names > MOST || below.components().count() > DEPTH {
                let text = format!("more than {MOST} names, or {DEPTH} directories in one another");
                tree.failed.push((below, io::Error::other(text)));
                return tree;
            }
            let mut deeper = Vec::new();
            for name in inside {
                let below = below.join(name);
                if tree.take(top, &below, dereference) {
                    deeper.push(below);
                }
            }
            tree.directories.extend(deeper.iter().cloned());
            waiting.extend(deeper.into_iter().rev());
        }
        tree
    }

    /// Takes one name. Returns whether it is a directory.
    fn take(&mut self, top: &Path, below: &Path, dereference: bool) -> bool {
        let path = top.join(below);
        let found = match fs::symlink_metadata(&path) {
            Ok(found) if found.is_symlink() && dereference => {
                fs::metadata(&path).map(|to| (to, true))
            }
            Ok(found) => Ok((found, false)),
            Err(error) => Err(error),
        };
        match found {
            Err(error) => self.failed.push((below.into(), error)),
            Ok((found, _)) if found.is_file() => self.files.push(LocalFile {
                below: below.into(),
                size: found.len(),
            }),
            Ok((found, false)) if found.is_dir() => return true,
            Ok((found, true)) if found.is_dir() => {
                self.left_out.push((below.into(), "a link to a directory"));
            }
            Ok((found, _)) if found.is_symlink() => self.left_out.push((below.into(), "a link")),
            Ok(_) => self
                .left_out
                .push((below.into(), "a pipe, a socket or a device")),
        }
        false
    }
}

fn listed(directory: &Path) -> io::Result<Vec<std::ffi::OsString>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        names.push(entry?.file_name());
        if names.len() > MOST {
            break;
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_and_pipes_are_named_and_empty_directories_count() {
        let top = tempfile::tempdir().unwrap();
        let path = |name: &str| top.path().join(name);
        fs::create_dir_all(path("b/empty")).unwrap();
        fs::write(path("b/file"), "12345").unwrap();
        symlink("b/file", path("link")).unwrap();
        symlink("b", path("round")).unwrap();
        symlink("nothing", path("dangling")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();

        let tree = LocalTree::of(top.path(), false);
        assert_eq!(tree.directories, ["b", "b/empty"].map(PathBuf::from));
        let file = |below: &str| LocalFile {
            below: below.into(),
            size: 5,
        };
        assert_eq!(tree.files, [file("b/file")]);
        assert_eq!(tree.left_out.len(), 4, "{tree:?}");
        let tree = LocalTree::of(top.path(), true);
        assert_eq!(tree.files, [file("link"), file("b/file")]);
        assert_eq!(
            tree.failed.len(),
            1,
            "the link that leads nowhere: {tree:?}"
        );
        assert_eq!(tree.left_out.len(), 2, "{tree:?}");
    }
}
