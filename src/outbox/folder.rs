//! The directory of an outbox on the disk.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    Access, AtFlags, CWD, Mode, OFlags, RenameFlags, Stat, accessat, fchmod, fstat, fsync, mkdirat,
    openat, renameat, renameat_with, statat, unlinkat,
};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use super::Outbox;
use super::found::{Found, Version};
use super::walk::walk;

/// The directory for files that are being put away. Its name has a dot in front: nothing in it is sent.
pub(crate) const ASIDE: &str = ".cellftpd";

/// Bytes that are read at once.
const CHUNK: usize = 64 * 1024;

/// Names that are tried where a name is taken.
const NAMES: u32 = 1000;

/// Endings of names that other programs give to files that they are writing.
const UNFINISHED: [&[u8]; 5] = [b".tmp", b".part", b".partial", b".filepart", b"~"];

/// The files of an outbox at one moment.
#[derive(Debug)]
pub(crate) struct Scan {
    /// In the order of their times and then of their paths.
    pub(crate) found: Vec<Found>,
    /// All that there is was looked at. Else what is missing here may be there nevertheless.
    pub(crate) is_complete: bool,
}

/// The opened directory of an outbox. No symbolic link below it is followed: whoever may write to an outbox could
/// otherwise have the daemon send, or delete, files that only the daemon may touch.
#[derive(Debug)]
pub(crate) struct Folder {
    root: OwnedFd,
    stat: Stat,
}

/// A file that was taken out of its place and waits to be put away.
#[derive(Debug)]
pub(crate) struct Aside {
    /// Its path in the outbox.
    pub(crate) path: PathBuf,
    /// The transfer that it belongs to.
    pub(crate) transfer: String,
}

impl Folder {
    /// Opens the directory; it may itself be behind a symbolic link.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let root = openat(CWD, path, DIRECTORY, Mode::empty())?;
        let stat = fstat(&root)?;
        Ok(Self { root, stat })
    }

    /// What tells the directory from another one that is mounted in its place.
    pub(crate) fn identity(&self) -> (u64, u64) {
        (self.stat.st_dev, self.stat.st_ino)
    }

    /// The files that may be sent.
    ///
    /// Left out are names that begin with a dot or end as unfinished files do, what is no plain file, files with a
    /// second name (a hard link may lead to what its maker may not read), and the directories of what was sent or has
    /// failed.
    pub(crate) fn scan(&self) -> io::Result<Scan> {
        let mut all = Vec::new();
        let kept = |path: &Path| {
            let kept = [Outbox::SENT, Outbox::FAILED].map(Path::new);
            !kept.contains(&path) && !is_unfinished(path)
        };
        let is_complete = walk(
            |path| self.directory(path, false),
            Path::new(""),
            &kept,
            &mut |path, version| {
                all.push(Found { path, version });
            },
        )?;
        all.sort_unstable_by(|one, other| {
            let key = |found: &Found| found.version.modified;
            key(one)
                .cmp(&key(other))
                .then_with(|| one.path.cmp(&other.path))
        });
        Ok(Scan {
            found: all,
            is_complete,
        })
    }

    /// Whether a file can be put aside when it is sent: it would be sent again and again otherwise.
    ///
    /// # Errors
    /// Why it cannot.
    pub(crate) fn can_move(&self, path: &Path) -> io::Result<()> {
        let (parent, _) = self.place(path, false)?;
        let aside = self.directory(Path::new(ASIDE), true)?;
        for directory in [&parent, &aside] {
            let may = Access::WRITE_OK.union(Access::EXEC_OK);
            accessat(directory, ".", may, AtFlags::EACCESS)?;
            if fstat(directory)?.st_dev != self.stat.st_dev {
                return Err(io::ErrorKind::CrossesDevices.into());
            }
        }
        Ok(())
    }

    /// Opens a file of the outbox.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`], also where there is another version of it.
    pub(crate) fn read(&self, found: &Found) -> io::Result<File> {
        let (parent, name) = self.place(&found.path, false)?;
        let file = openat(&parent, name, FILE, Mode::empty())?;
        if Version::of(&fstat(&file)?) != found.version {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(file.into())
    }

    /// Takes a file out of its place. What is put aside is what was there at that moment, perhaps another version.
    pub(crate) fn set_aside(&self, path: &Path, transfer: &str) -> io::Result<Aside> {
        let aside = Aside {
            path: path.to_owned(),
            transfer: transfer.to_owned(),
        };
        let (from, name) = self.place(path, false)?;
        let at = aside.at();
        let (to, new) = self.place(&at, true)?;
        rename_new(&from, name, &to, new)?;
        Ok(aside)
    }

    /// The files that a crash left aside.
    pub(crate) fn left_aside(&self) -> io::Result<Vec<Aside>> {
        let mut left = Vec::new();
        let root = Path::new(ASIDE);
        if !self.has(root)? {
            return Ok(left);
        }
        walk(
            |path| self.directory(path, false),
            root,
            &|_| true,
            &mut |path, _| {
                let mut parts = path.components();
                let transfer = parts
                    .by_ref()
                    .nth(1)
                    .map(|part| part.as_os_str().to_string_lossy());
                let path = parts.as_path().to_owned();
                if let Some(transfer) = transfer.filter(|_| !path.as_os_str().is_empty()) {
                    left.push(Aside {
                        path,
                        transfer: transfer.into_owned(),
                    });
                }
            },
        )?;
        Ok(left)
    }

    /// SHA-256 of a file of `size` bytes that was put aside; `None` where it has more or fewer.
    pub(crate) fn hash(&self, aside: &Aside, size: Option<u64>) -> io::Result<Option<[u8; 32]>> {
        let at = aside.at();
        let (parent, name) = self.place(&at, false)?;
        let file = File::from(openat(&parent, name, FILE, Mode::empty())?);
        let there = file.metadata()?.len();
        if size != Some(there) {
            return Ok(None);
        }
        // Somebody may still write to it.
        let (mut file, mut hash) = (file.take(there), Sha256::new());
        let mut buffer = vec![0; CHUNK];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(Some(hash.finalize().into())),
                read => hash.update(buffer.get(..read).unwrap_or_default()),
            }
        }
    }

    /// Deletes a file that was put aside; returns when the disk has that.
    pub(crate) fn delete(&self, aside: &Aside) -> io::Result<()> {
        let at = aside.at();
        let (parent, name) = self.place(&at, false)?;
        unlinkat(&parent, name, AtFlags::empty())?;
        fsync(&parent)?;
        self.tidy(aside)
    }

    /// Moves a file that was put aside to where it came from.
    pub(crate) fn put_back(&self, aside: &Aside) -> io::Result<()> {
        self.settle(aside, &aside.path).map(drop)
    }

    /// Moves a file that was put aside into a directory of the outbox, under a name that is free there; returns when
    /// the disk has that. Answers its new path.
    pub(crate) fn keep(&self, aside: &Aside, directory: &str) -> io::Result<PathBuf> {
        self.settle(aside, &Path::new(directory).join(&aside.path))
    }

    /// Writes a text beside a file, under a name that is free.
    pub(crate) fn write_beside(&self, path: &Path, ending: &str, text: &str) -> io::Result<()> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(ending);
        let flags = OFlags::WRONLY
            .union(OFlags::CREATE)
            .union(OFlags::EXCL)
            .union(OFlags::CLOEXEC);
        for number in 0..NAMES {
            let path = numbered(Path::new(&beside), number);
            let (parent, name) = self.place(&path, true)?;
            let file = match openat(&parent, name, flags, Mode::from_raw_mode(0o600)) {
                Err(Errno::EXIST) => continue,
                file => file?,
            };
            fchmod(&file, self.mode(0o666))?;
            let mut file = File::from(file);
            file.write_all(text.as_bytes())?;
            return file.sync_all();
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    fn settle(&self, aside: &Aside, wanted: &Path) -> io::Result<PathBuf> {
        let at = aside.at();
        let (from, name) = self.place(&at, false)?;
        let mut unique = wanted.as_os_str().to_owned();
        unique.push(format!(".{}", aside.transfer));
        let numbers = (0..NAMES).map(|number| numbered(wanted, number));
        for path in numbers.chain([unique.into()]) {
            let (to, new) = self.place(&path, true)?;
            match rename_new(&from, name, &to, new) {
                Ok(()) => {
                    fsync(&to)?;
                    fsync(&from)?;
                    self.tidy(aside)?;
                    return Ok(path);
                }
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Removes the directories that a file was put aside in.
    fn tidy(&self, aside: &Aside) -> io::Result<()> {
        let at = aside.at();
        for directory in at.ancestors().skip(1) {
            if directory.as_os_str().is_empty() {
                break;
            }
            let (parent, name) = self.place(directory, false)?;
            // Another file is in it.
            if unlinkat(&parent, name, AtFlags::REMOVEDIR).is_err() {
                break;
            }
        }
        Ok(())
    }

    fn has(&self, path: &Path) -> io::Result<bool> {
        match self.place(path, false) {
            Ok((parent, name)) => match statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(_) => Ok(true),
                Err(Errno::NOENT) => Ok(false),
                Err(error) => Err(error.into()),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The directory of a path, step by step without symbolic links, and the last part of its name.
    fn place<'a>(&self, path: &'a Path, make: bool) -> io::Result<(OwnedFd, &'a OsStr)> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let parent = path.parent().unwrap_or(Path::new(""));
        Ok((self.directory(parent, make)?, name))
    }

    fn directory(&self, path: &Path, make: bool) -> io::Result<OwnedFd> {
        let mut here = openat(&self.root, ".", DIRECTORY, Mode::empty())?;
        for part in path.components() {
            let Component::Normal(part) = part else {
                return Err(io::ErrorKind::InvalidInput.into());
            };
            let made = match make.then(|| mkdirat(&here, part, Mode::RWXU)) {
                Some(Ok(())) => {
                    fsync(&here)?;
                    true
                }
                None | Some(Err(Errno::EXIST)) => false,
                Some(Err(error)) => return Err(error.into()),
            };
            here = openat(&here, part, BELOW, Mode::empty())?;
            if made {
                // Those who fill the outbox can reach what comes back.
                fchmod(&here, self.mode(0o777))?;
            }
        }
        Ok(here)
    }

    /// The mode of the outbox, as far as `mask` goes.
    const fn mode(&self, mask: u32) -> Mode {
        Mode::from_raw_mode(self.stat.st_mode & mask)
    }
}

impl Aside {
    /// Where it is.
    fn at(&self) -> PathBuf {
        Path::new(ASIDE).join(&self.transfer).join(&self.path)
    }
}

const DIRECTORY: OFlags = OFlags::DIRECTORY
    .union(OFlags::RDONLY)
    .union(OFlags::CLOEXEC);

const BELOW: OFlags = DIRECTORY.union(OFlags::NOFOLLOW);

/// A named pipe under the name must not keep the daemon waiting.
const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);

fn is_unfinished(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_bytes();
    name.starts_with(b".") || UNFINISHED.iter().any(|ending| name.ends_with(ending))
}

/// Renames a file where the new name is free.
fn rename_new(from: &OwnedFd, name: &OsStr, to: &OwnedFd, new: &OsStr) -> rustix::io::Result<()> {
    match renameat_with(from, name, to, new, RenameFlags::NOREPLACE) {
        // The file system does not know the flag.
        Err(Errno::INVAL | Errno::NOSYS) => {
            match statat(to, new, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(_) => return Err(Errno::EXIST),
                Err(Errno::NOENT) => {}
                Err(error) => return Err(error),
            }
            renameat(from, name, to, new)
        }
        done => done,
    }
}

/// A path with a number at its end; number 0 is the path itself.
fn numbered(path: &Path, number: u32) -> PathBuf {
    if number == 0 {
        return path.to_owned();
    }
    let mut text = path.as_os_str().to_owned();
    text.push(format!(".{number}"));
    text.into()
}

#[cfg(test)]
mod tests;
