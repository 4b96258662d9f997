//! The disk as the broker uses it. A simulation takes its place in tests that cut the power.

use std::ffi::OsString;
use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use uuid::Uuid;

/// Files by path. All methods but [`Disk::run`] block, and fail as those of [`std::fs`] do.
pub trait Disk: Debug + Send + Sync {
    /// Whether there is such a directory.
    fn is_directory(&self, path: &Path) -> bool;

    /// Makes a directory.
    ///
    /// # Errors
    /// As [`fs::create_dir`].
    fn make_directory(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory survive a power cut (fsync(2), NOTES).
    ///
    /// # Errors
    /// As [`File::sync_all`].
    fn sync_directory(&self, path: &Path) -> io::Result<()>;

    /// The names in a directory.
    ///
    /// # Errors
    /// As [`fs::read_dir`].
    fn list(&self, path: &Path) -> io::Result<Vec<OsString>>;

    /// Makes an empty file where there is none of the name.
    ///
    /// # Errors
    /// As [`OpenOptions::create_new`].
    fn create(&self, path: &Path) -> io::Result<()>;

    /// Opens a file to read, or to write.
    ///
    /// # Errors
    /// As [`OpenOptions::open`].
    fn open(&self, path: &Path, write: bool) -> io::Result<Arc<dyn DiskFile>>;

    /// Bytes of a file.
    ///
    /// # Errors
    /// As [`fs::metadata`].
    fn len(&self, path: &Path) -> io::Result<u64>;

    /// Removes a file.
    ///
    /// # Errors
    /// As [`fs::remove_file`].
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Gives a file another name, in place of what has it.
    ///
    /// # Errors
    /// As [`fs::rename`].
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Bytes that are free where `path` is; `None` where the disk does not say.
    ///
    /// # Errors
    /// As statvfs(3).
    fn free(&self, path: &Path) -> io::Result<Option<u64>>;

    /// Opens the file of a database, or makes one where `new`, and says which file that is.
    ///
    /// # Errors
    /// As [`OpenOptions::open`]. [`io::ErrorKind::ResourceBusy`]: somebody else has it.
    fn backend(
        &self,
        path: &Path,
        new: bool,
    ) -> io::Result<(Box<dyn redb::StorageBackend>, Identity)>;

    /// Which file or directory a path leads to.
    ///
    /// # Errors
    /// As [`fs::metadata`].
    fn identity(&self, path: &Path) -> io::Result<Identity>;

    /// The same, and keeps it open: as long as that is so, no other gets its identity.
    ///
    /// # Errors
    /// As [`File::open`].
    fn anchor(&self, path: &Path) -> io::Result<Anchor>;

    /// A name that no file had before.
    fn fresh(&self) -> Uuid;

    /// Does work that blocks, also where the answer is not waited for.
    fn run(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, io::Result<()>>;
}

/// Tells a file or directory from all others of the machine, as long as somebody has it open
/// (inode(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The device it is on.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
}

/// A file or directory that is kept open, so that it can be told from one that takes its place.
#[derive(Debug)]
pub struct Anchor {
    identity: Identity,
    /// Deleted, and not open, its inode could become that of the next directory.
    _open: Option<File>,
}

impl Anchor {
    /// An anchor on a disk that gives no identity twice.
    #[must_use]
    pub const fn new(identity: Identity) -> Self {
        Self {
            identity,
            _open: None,
        }
    }

    /// Whether the path still leads there.
    ///
    /// # Errors
    /// The disk does not tell.
    pub fn is_at(&self, disk: &dyn Disk, path: &Path) -> io::Result<bool> {
        leads_to(disk, path, self.identity)
    }
}

/// Whether a path leads to this file.
pub(crate) fn leads_to(disk: &dyn Disk, path: &Path, identity: Identity) -> io::Result<bool> {
    match disk.identity(path) {
        Ok(found) => Ok(found == identity),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(false),
            _ => Err(error),
        },
    }
}

/// The daemon may open no more files now. It passes, and is nobody's fault who is told of it.
pub fn is_short_of_descriptors(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let short = [Errno::MFILE, Errno::NFILE].map(|errno| Some(errno.raw_os_error()));
    short.contains(&error.raw_os_error())
}

/// An open file.
pub trait DiskFile: Debug + Send + Sync {
    /// Fills `bytes` with those from `offset` on.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] where there are not so many.
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes `bytes` from `offset` on.
    ///
    /// # Errors
    /// Part of them may be written then.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Cuts the file off, or fills it up with zeros.
    ///
    /// # Errors
    /// As [`File::set_len`].
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Makes what was written survive a power cut.
    ///
    /// # Errors
    /// As [`File::sync_all`].
    fn sync_all(&self) -> io::Result<()>;
}

impl dyn Disk {
    /// The disk of the operating system.
    #[must_use]
    pub fn of_system() -> Arc<Self> {
        Arc::new(System)
    }
}

/// Has a disk do work that blocks, and waits for the answer.
pub(crate) async fn blocking<T: Send + 'static>(
    disk: &dyn Disk,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (done, answer) = oneshot::channel();
    let work = move || {
        // Who asked may have left.
        let _ = done.send(work());
    };
    disk.run(Box::new(work)).await?;
    answer.await.map_err(io::Error::other)?
}

#[derive(Debug)]
struct System;

impl Disk for System {
    fn is_directory(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn make_directory(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let entries = fs::read_dir(path)?;
        entries.map(|entry| Ok(entry?.file_name())).collect()
    }

    fn create(&self, path: &Path) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).open(path).map(drop)
    }

    fn open(&self, path: &Path, write: bool) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        let file = options.read(!write).write(write).open(path)?;
        Ok(Arc::new(file))
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        Ok(fs::metadata(path)?.len())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn free(&self, path: &Path) -> io::Result<Option<u64>> {
        let disk = rustix::fs::statvfs(path)?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        // Without a number of blocks it says nothing of itself (statvfs(3), NOTES).
        Ok((disk.f_blocks != 0).then_some(free))
    }

    fn backend(
        &self,
        path: &Path,
        new: bool,
    ) -> io::Result<(Box<dyn redb::StorageBackend>, Identity)> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(new).open(path)?;
        let identity = identity_of(&file.metadata()?);
        let backend = redb::backends::FileBackend::new(file).map_err(io::Error::other)?;
        Ok((Box::new(backend), identity))
    }

    fn identity(&self, path: &Path) -> io::Result<Identity> {
        Ok(identity_of(&fs::metadata(path)?))
    }

    fn anchor(&self, path: &Path) -> io::Result<Anchor> {
        let file = File::open(path)?;
        Ok(Anchor {
            identity: identity_of(&file.metadata()?),
            _open: Some(file),
        })
    }

    fn fresh(&self) -> Uuid {
        Uuid::new_v4()
    }

    fn run(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, io::Result<()>> {
        let task = spawn_blocking(work);
        Box::pin(async move { task.await.map_err(io::Error::other) })
    }
}

fn identity_of(metadata: &fs::Metadata) -> Identity {
    Identity {
        device: metadata.dev(),
        inode: metadata.ino(),
    }
}

impl DiskFile for File {
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, bytes, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        Self::set_len(self, len)
    }

    fn sync_all(&self) -> io::Result<()> {
        Self::sync_all(self)
    }
}
