//! The disk as the broker uses it. Tests that cut the power use a simulation instead.

use std::ffi::OsString;
use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use rustix::fs::StatVfsMountFlags;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use uuid::Uuid;

/// Files by path. All methods except [`Disk::run`] block, and fail like those of [`std::fs`].
pub trait Disk: Debug + Send + Sync {
    /// Whether the path is a directory.
    fn is_directory(&self, path: &Path) -> bool;

    /// Creates a directory.
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

    /// Creates an empty file; it must not exist yet.
    ///
    /// # Errors
    /// As [`OpenOptions::create_new`].
    fn create(&self, path: &Path) -> io::Result<()>;

    /// Opens a file for reading or for writing.
    ///
    /// # Errors
    /// As [`OpenOptions::open`].
    fn open(&self, path: &Path, write: bool) -> io::Result<Arc<dyn DiskFile>>;

    /// The length of a file in bytes.
    ///
    /// # Errors
    /// As [`fs::metadata`].
    fn len(&self, path: &Path) -> io::Result<u64>;

    /// Removes a file.
    ///
    /// # Errors
    /// As [`fs::remove_file`].
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Renames a file, and replaces an existing one.
    ///
    /// # Errors
    /// As [`fs::rename`].
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Free bytes on the file system of `path`; `None` if the disk does not say.
    ///
    /// # Errors
    /// As statvfs(3); [`io::ErrorKind::ReadOnlyFilesystem`] where nothing can be written.
    fn free(&self, path: &Path) -> io::Result<Option<u64>>;

    /// Opens a database file, or creates one if `new`, and identifies the file.
    ///
    /// # Errors
    /// As [`OpenOptions::open`]. [`io::ErrorKind::ResourceBusy`]: another process has it open.
    fn backend(
        &self,
        path: &Path,
        new: bool,
    ) -> io::Result<(Box<dyn redb::StorageBackend>, FileIdentity)>;

    /// Identifies the file or directory that a path leads to.
    ///
    /// # Errors
    /// As [`fs::metadata`].
    fn identity(&self, path: &Path) -> io::Result<FileIdentity>;

    /// Like `identity`, and keeps the file open: meanwhile no other file gets its identity.
    ///
    /// # Errors
    /// As [`File::open`].
    fn anchor(&self, path: &Path) -> io::Result<Anchor>;

    /// A name that no file ever had.
    fn fresh(&self) -> Uuid;

    /// Runs blocking work to its end, even if nobody waits for the answer.
    fn run(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, io::Result<()>>;
}

/// Distinguishes a file or directory from all others of the machine while it is open (inode(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileIdentity {
    /// The device.
    pub device: u64,
    /// The inode number on the device.
    pub inode: u64,
}

/// A file or directory kept open, so that it can be distinguished from one that replaces it.
#[derive(Debug)]
pub struct Anchor {
    identity: FileIdentity,
    /// If it were deleted and not open, the next directory could get its inode.
    _open: Option<File>,
}

impl Anchor {
    /// An anchor on a disk that never gives an identity twice.
    #[must_use]
    pub const fn new(identity: FileIdentity) -> Self {
        Self {
            identity,
            _open: None,
        }
    }

    /// Whether the path still leads to the anchored file.
    ///
    /// # Errors
    /// As [`Disk::identity`]; a path that does not exist is no error.
    pub fn is_at(&self, disk: &dyn Disk, path: &Path) -> io::Result<bool> {
        leads_to(disk, path, self.identity)
    }
}

/// Whether a path leads to this file.
pub(crate) fn leads_to(disk: &dyn Disk, path: &Path, identity: FileIdentity) -> io::Result<bool> {
    match disk.identity(path) {
        Ok(found) => Ok(found == identity),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(false),
            _ => Err(error),
        },
    }
}

/// The daemon may open no more files now. This passes, and is not the fault of the caller who is
/// told.
pub fn is_short_of_descriptors(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let short = [Errno::MFILE, Errno::NFILE].map(|errno| Some(errno.raw_os_error()));
    short.contains(&error.raw_os_error())
}

/// An open file.
pub trait DiskFile: Debug + Send + Sync {
    /// Fills `bytes` from `offset` on.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] if the file is too short; else as read(2).
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes `bytes` from `offset` on.
    ///
    /// # Errors
    /// As pwrite(2); a part of the bytes may be written then.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Truncates the file, or extends it with zeros.
    ///
    /// # Errors
    /// As [`File::set_len`].
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Makes written bytes survive a power cut.
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

/// Runs blocking work on a disk, and waits for the answer.
pub(crate) async fn blocking<T: Send + 'static>(
    disk: &dyn Disk,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (done, answer) = oneshot::channel();
    let work = move || {
        // The caller may have left.
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
        if disk.f_flag.contains(StatVfsMountFlags::RDONLY) {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        // A file system that reports no blocks reports no free ones either (statvfs(3), NOTES).
        Ok((disk.f_blocks != 0).then_some(free))
    }

    fn backend(
        &self,
        path: &Path,
        new: bool,
    ) -> io::Result<(Box<dyn redb::StorageBackend>, FileIdentity)> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(new).open(path)?;
        let identity = identity_of(&file.metadata()?);
        let backend = redb::backends::FileBackend::new(file).map_err(io::Error::other)?;
        Ok((Box::new(backend), identity))
    }

    fn identity(&self, path: &Path) -> io::Result<FileIdentity> {
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

fn identity_of(metadata: &fs::Metadata) -> FileIdentity {
    FileIdentity {
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
