//! The files of a tree of directories.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, statat};
use rustix::io::Errno;

use super::found::Version;

/// The most files that are looked at: a table of so many is some megabytes. The rest has its turn when these are sent.
const FILES: usize = 10_000;

/// How deep directories may be in one another: those of files that are put aside have two more above them.
const DEPTH: usize = 34;

/// The most names that are looked at, of whatever kind.
const ENTRIES: usize = 100_000;

/// Hands over each plain file below `from`, whose directories `directory` opens, for whose path `kept` says so, and its version. Answers whether it has
/// seen all of them.
pub(crate) fn walk(
    directory: impl Fn(&Path) -> io::Result<OwnedFd>,
    from: &Path,
    kept: &impl Fn(&Path) -> bool,
    to: &mut impl FnMut(PathBuf, Version),
) -> io::Result<bool> {
    let mut open = vec![from.to_owned()];
    let (mut files, mut entries, mut is_complete) = (0, 0, true);
    while let Some(path) = open.pop() {
        let here = match directory(&path) {
            Ok(here) => here,
            Err(error) if path == from => return Err(error),
            Err(error) => {
                // Somebody has removed it meanwhile, or it is not the daemon's to read.
                is_complete &= error.kind() == io::ErrorKind::NotFound;
                continue;
            }
        };
        for entry in Dir::read_from(&here)? {
            let entry = entry?;
            entries += 1;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            let there = path.join(name);
            if matches!(name.as_bytes(), b"." | b"..") || !kept(&there) {
                continue;
            }
            let stat = match statat(&here, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(error) => {
                    is_complete &= error == Errno::NOENT;
                    continue;
                }
            };
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory if there.components().count() < DEPTH => open.push(there),
                FileType::RegularFile if stat.st_nlink == 1 => {
                    files += 1;
                    to(there, Version::of(&stat));
                }
                _ => {}
            }
            if files >= FILES || entries >= ENTRIES {
                return Ok(false);
            }
        }
    }
    Ok(is_complete)
}
