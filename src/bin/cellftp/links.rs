//! Where a local name leads when its links are followed.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{PROC_SUPER_MAGIC, statfs};
use rustix::io::Errno;

use crate::failure::Failure;

/// Links that are followed, as many as Linux follows (path_resolution(7)).
const LINKS: usize = 40;

/// Where a name leads.
pub(crate) enum Leads {
    /// To this name of a regular file, or of nothing where it is no link.
    Name(PathBuf),
    /// To a device, a pipe or a socket of this name.
    Thing(PathBuf),
    /// To an open file of a process, which proc(5) shows as a link. Such a link leads to the open file itself:
    /// its text may be no name, or the name of another file.
    Open(PathBuf, Metadata),
}

/// Follows links, by the rules of path_resolution(7).
pub(crate) fn follow(path: &Path) -> Result<Leads, Failure> {
    let mut at = path.to_owned();
    for followed in 0..=LINKS {
        let found = match fs::symlink_metadata(&at) {
            Ok(found) => found,
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Failure::local(path, error));
            }
            Err(_) if followed == 0 => return Ok(Leads::Name(at)),
            Err(_) => {
                let text = format!(
                    "is a link to {}, which is not there; name that file itself, or remove the link",
                    at.display()
                );
                return Err(Failure::local(path, io::Error::other(text)));
            }
        };
        if found.is_file() {
            return Ok(Leads::Name(at));
        }
        if found.is_dir() {
            return Err(Failure::local(path, io::ErrorKind::IsADirectory.into()));
        }
        if !found.is_symlink() {
            return Ok(Leads::Thing(at));
        }
        let around = statfs(parent(&at)).map_err(|error| Failure::local(path, error.into()))?;
        if around.f_type == PROC_SUPER_MAGIC {
            let open = fs::metadata(&at).map_err(|error| Failure::local(path, error))?;
            return Ok(Leads::Open(at, open));
        }
        let target = fs::read_link(&at).map_err(|error| Failure::local(path, error))?;
        at = parent(&at).join(target);
    }
    Err(Failure::local(path, Errno::LOOP.into()))
}

/// Whether a name is in a directory or below it, after links are followed.
pub(crate) fn is_within(directory: &Path, name: &Path) -> bool {
    match (directory.canonicalize(), parent(name).canonicalize()) {
        (Ok(directory), Ok(parent)) => parent.starts_with(directory),
        (Err(_), _) | (_, Err(_)) => false,
    }
}

/// The directory of a name.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}
