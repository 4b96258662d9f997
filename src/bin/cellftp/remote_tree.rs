//! A directory tree of the server: what of it can be fetched.

use std::ffi::OsStr;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::args::Args;
use crate::failure::{Failure, told};
use crate::glob::name_in;
use crate::remote::join;
use cellftp::client::{Branch, Client, EntryKind, Error, ServerPath, WalkedEntries};

/// Names of one tree, as for trees here.
const MOST: usize = 1_000_000;

/// What a directory holds, seen from there. Directories come before what is in them.
#[derive(Debug, Default)]
pub(crate) struct RemoteTree {
    pub(crate) directories: Vec<PathBuf>,
    pub(crate) files: Vec<RemoteFile>,
    /// What is not fetched, and why.
    pub(crate) left_out: Vec<(PathBuf, &'static str)>,
    /// How many of these have another name than the listing shows, or may be directories: what is here under a
    /// name of the source is then not known.
    pub(crate) unclear: usize,
    /// What could not be listed.
    pub(crate) failed: Vec<Failure>,
}

/// A file of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RemoteFile {
    /// Seen from the directory.
    pub(crate) below: PathBuf,
    /// Bytes, where the listing tells.
    pub(crate) size: Option<u64>,
}

impl RemoteTree {
    /// Lists a directory and all below it: one listing for each.
    pub(crate) async fn of(
        args: &Args,
        client: &Client,
        top: &ServerPath,
    ) -> Result<Self, Failure> {
        let mut tree = Self::default();
        let mut names = 0;
        let walked = client
            .walk(&args.target()?, top, 0, |branch| match branch {
                Branch::Entries(part) => {
                    names += part.entries.len();
                    tree.take(&part);
                    if names > MOST {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                }
                Branch::Failure(failure) => {
                    let path =
                        String::from_utf8_lossy(&join(top.as_bytes(), failure.path.as_bytes()))
                            .into_owned();
                    let source = told(failure.failure.unwrap_or_default());
                    tree.failed.push(Failure::For { path, source });
                    ControlFlow::Continue(())
                }
                Branch::Removed(_) => ControlFlow::Continue(()),
            })
            .await;
        match walked {
            Ok(_) => Ok(tree),
            Err(Error::Refused(refusal)) if refusal.reason == "TREE_INCOMPLETE" => Ok(tree),
            Err(Error::Incomplete) if names > MOST => Err(Failure::Usage(format!(
                "{top} has more than {MOST} names; take it in parts"
            ))),
            Err(source) => Err(Failure::For {
                path: top.to_string(),
                source,
            }),
        }
    }

    fn take(&mut self, part: &WalkedEntries) {
        let directory = if part.raw_directory.is_empty() {
            part.directory.as_bytes()
        } else {
            &part.raw_directory
        };
        let directory = Path::new(OsStr::from_bytes(directory));
        for entry in &part.entries {
            let name = name_in(entry);
            let below = directory.join(OsStr::from_bytes(&name));
            if name.is_empty() {
                let line = String::from_utf8_lossy(&entry.raw).into_owned();
                self.left_out
                    .push((directory.join(line), "a line that cannot be read"));
                self.unclear += 1;
            } else if !is_safe(&name) {
                self.left_out.push((below, "no name of a file here"));
                self.unclear += 1;
            } else if !is_exact(&name) {
                let why = "a name that the server does not show exactly";
                self.left_out.push((below, why));
                self.unclear += 1;
            } else if entry.addressable == Some(false) {
                self.left_out
                    .push((below, "a name that no command of the module can say"));
            } else {
                match entry.kind() {
                    EntryKind::Directory => self.directories.push(below),
                    EntryKind::Link => self.left_out.push((below, "a link")),
                    EntryKind::File => self.files.push(RemoteFile {
                        below,
                        size: entry.size.and_then(|size| size.try_into().ok()),
                    }),
                    EntryKind::Unspecified => {
                        self.left_out
                            .push((below, "neither a file nor a directory"));
                        self.unclear += 1;
                    }
                }
            }
        }
    }
}

/// Whether a name of a server is one of a file in a directory here, and leads nowhere else.
fn is_safe(name: &[u8]) -> bool {
    !matches!(name, b"." | b"..") && !name.contains(&b'/') && !name.contains(&0)
}

/// Whether a listing shows a name as it is: some servers put U+FFFD in the place of what they cannot read.
pub(crate) fn is_exact(name: &[u8]) -> bool {
    !name.windows(3).any(|bytes| bytes == "\u{FFFD}".as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use cellftp::client::Entry;

    #[test]
    fn a_server_names_nothing_outside_the_directory() {
        let mut tree = RemoteTree::default();
        let entry = |name: &str, kind: EntryKind| Entry {
            name: name.into(),
            kind: kind.into(),
            size: Some(3),
            ..Entry::default()
        };
        tree.take(&WalkedEntries {
            directory: "sub".into(),
            entries: vec![
                entry("../../etc/passwd", EntryKind::File),
                entry("..", EntryKind::Directory),
                entry("link", EntryKind::Link),
                entry("a b", EntryKind::File),
            ],
            ..WalkedEntries::default()
        });
        let file = RemoteFile {
            below: "sub/a b".into(),
            size: Some(3),
        };
        assert_eq!((tree.files, tree.directories), (vec![file], vec![]));
        assert_eq!((tree.left_out.len(), tree.unclear), (3, 2));
        // Each of these may be a directory of another name, whose files are here.
        for (name, kind) in [
            ("", EntryKind::Unspecified),
            ("/pub/x", EntryKind::Directory),
            ("./x", EntryKind::Directory),
            ("caf\u{FFFD}", EntryKind::Directory),
            ("x", EntryKind::Unspecified),
        ] {
            let mut tree = RemoteTree::default();
            tree.take(&WalkedEntries {
                entries: vec![entry(name, kind)],
                ..WalkedEntries::default()
            });
            assert_eq!(tree.unclear, 1, "{name:?}");
        }
    }
}
