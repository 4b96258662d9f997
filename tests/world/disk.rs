//! A disk that keeps what was synchronised. A power cut takes, tears or keeps the rest at random.
//!
//! Above 400 lines because files, names and what is synchronised of them are one state.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use cellftp::broker::disk::{Anchor, Disk, DiskFile, FileIdentity};
use tokio::sync::Notify;
use tokio::time::sleep;
use uuid::Uuid;

/// The least that a device writes as a whole.
const SECTOR: usize = 512;

/// The bytes that are free on a disk that is not full.
const ROOMY: u64 = 1 << 30;

/// How a disk behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mood {
    pub(crate) full: bool,
    pub(crate) read_only: bool,
    /// One operation in this many fails with EIO. 0: none.
    pub(crate) fails_one_in: u32,
    /// What an operation takes at most.
    pub(crate) slow: Duration,
}

/// The disk. It outlives the daemon.
#[derive(Debug)]
pub(crate) struct SimDisk {
    inner: Mutex<Inner>,
    /// The power is cut.
    pub(crate) cut: Notify,
}

#[derive(Debug)]
struct Inner {
    inodes: BTreeMap<u64, Inode>,
    names: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    directories: Vec<PathBuf>,
    next: u64,
    random: fastrand::Rng,
    mood: Mood,
    /// Since the last power cut: handles of an earlier one are void.
    life: u64,
    dead: bool,
    /// Files that are open in this life.
    open: usize,
    cut_after: Option<u64>,
}

#[derive(Debug, Default)]
struct Inode {
    durable: Vec<u8>,
    now: Vec<u8>,
    pending: Vec<Write>,
    locked: bool,
}

#[derive(Debug, Clone)]
enum Write {
    Bytes(usize, Vec<u8>),
    Length(usize),
}

impl Write {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Bytes(at, bytes) => {
                let end = at + bytes.len();
                if to.len() < end {
                    to.resize(end, 0);
                }
                to[*at..end].copy_from_slice(bytes);
            }
            Self::Length(len) => to.resize(*len, 0),
        }
    }

    /// The part of it that reached the disk, at random.
    fn torn(self, random: &mut fastrand::Rng) -> Option<Self> {
        match (random.u8(..3), self) {
            (0, _) => None,
            (1, Self::Bytes(at, mut bytes)) if bytes.len() > SECTOR => {
                let sectors = random.usize(..bytes.len().div_ceil(SECTOR));
                bytes.truncate(sectors * SECTOR);
                Some(Self::Bytes(at, bytes))
            }
            (_, whole) => Some(whole),
        }
    }
}

impl SimDisk {
    pub(crate) fn new(seed: u64, directory: &Path) -> Arc<Self> {
        Arc::new(Self {
            inner: Mutex::new(Inner {
                inodes: BTreeMap::new(),
                names: BTreeMap::new(),
                durable_names: BTreeMap::new(),
                directories: vec![directory.to_owned()],
                next: 0,
                random: fastrand::Rng::with_seed(seed),
                mood: Mood::default(),
                life: 0,
                dead: false,
                open: 0,
                cut_after: None,
            }),
            cut: Notify::new(),
        })
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        self.lock().mood = mood;
    }

    /// The power is cut after this many more changes.
    pub(crate) fn cut_after(&self, changes: Option<u64>) {
        self.lock().cut_after = changes;
    }

    /// Files in a directory.
    pub(crate) fn files_in(&self, directory: &Path) -> usize {
        let inner = self.lock();
        let names = inner.names.keys();
        names
            .filter(|name| name.parent() == Some(directory))
            .count()
    }

    /// Files that this life of the daemon has open.
    pub(crate) fn open_files(&self) -> usize {
        self.lock().open
    }

    /// From now on nothing is written: the daemon is being killed.
    pub(crate) fn kill(&self) {
        self.lock().dead = true;
    }

    /// The power comes back. `lost`: it was away, and what was not synchronised may be lost. A
    /// daemon that was only killed loses nothing.
    pub(crate) fn restart(&self, lost: bool) {
        let inner = &mut *self.lock();
        inner.life += 1;
        inner.dead = false;
        inner.open = 0;
        inner.cut_after = None;
        for inode in inner.inodes.values_mut() {
            inode.locked = false;
            if !lost {
                continue;
            }
            for write in inode.pending.drain(..) {
                if let Some(write) = write.torn(&mut inner.random) {
                    write.apply(&mut inode.durable);
                }
            }
            inode.now.clone_from(&inode.durable);
        }
        if lost {
            let keep = inner.random.bool();
            if !keep {
                inner.names.clone_from(&inner.durable_names);
            }
            inner.durable_names.clone_from(&inner.names);
        }
        let named: Vec<u64> = inner.names.values().copied().collect();
        inner.inodes.retain(|inode, _| named.contains(inode));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// An operation of this life, which may fail. `changes`: it writes.
    fn enter(&self, life: Option<u64>, changes: bool) -> io::Result<MutexGuard<'_, Inner>> {
        let mut inner = self.lock();
        if inner.dead || life.is_some_and(|life| life != inner.life) {
            return Err(io::Error::other("the power is cut"));
        }
        if changes && let Some(left) = &mut inner.cut_after {
            if *left == 0 {
                inner.dead = true;
                self.cut.notify_one();
                // Whether the last operation was done is random.
                if inner.random.bool() {
                    return Ok(inner);
                }
                return Err(io::Error::other("the power is cut"));
            }
            *left -= 1;
        }
        let one_in = inner.mood.fails_one_in;
        if one_in > 0 && inner.random.u32(..one_in) == 0 {
            return Err(io::Error::from_raw_os_error(5));
        }
        if changes && inner.mood.read_only {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        Ok(inner)
    }
}

impl Inner {
    fn inode(&mut self, path: &Path) -> io::Result<(u64, &mut Inode)> {
        let number = *self.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        let inode = self
            .inodes
            .get_mut(&number)
            .ok_or(io::ErrorKind::NotFound)?;
        Ok((number, inode))
    }

    fn make(&mut self, path: &Path) -> u64 {
        self.next += 1;
        self.inodes.insert(self.next, Inode::default());
        self.names.insert(path.to_owned(), self.next);
        self.next
    }
}

/// The disk as one life of the daemon sees it.
#[derive(Debug, Clone)]
pub(crate) struct Mounted(pub(crate) Arc<SimDisk>);

impl Disk for Mounted {
    fn is_directory(&self, path: &Path) -> bool {
        self.0.lock().directories.iter().any(|there| there == path)
    }

    fn make_directory(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.0.enter(None, true)?;
        if inner.directories.iter().any(|there| there == path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        inner.directories.push(path.to_owned());
        Ok(())
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        let inner = &mut *self.0.enter(None, true)?;
        let here = |name: &Path| name.parent() == Some(path);
        inner.durable_names.retain(|name, _| !here(name));
        let names = inner.names.iter().filter(|(name, _)| here(name));
        inner
            .durable_names
            .extend(names.map(|(name, inode)| (name.clone(), *inode)));
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let inner = self.0.enter(None, false)?;
        if !inner.directories.iter().any(|there| there == path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let names = inner
            .names
            .keys()
            .filter(|name| name.parent() == Some(path));
        Ok(names
            .filter_map(|name| Some(name.file_name()?.to_owned()))
            .collect())
    }

    fn create(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.0.enter(None, true)?;
        if inner.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if inner.mood.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        inner.make(path);
        Ok(())
    }

    fn open(&self, path: &Path, write: bool) -> io::Result<Arc<dyn DiskFile>> {
        let mut inner = self.0.enter(None, write)?;
        let (inode, _) = inner.inode(path)?;
        let life = inner.life;
        inner.open += 1;
        drop(inner);
        Ok(Arc::new(SimFile {
            disk: Arc::clone(&self.0),
            inode,
            life,
            locks: false,
        }))
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        let mut inner = self.0.enter(None, false)?;
        Ok(inner.inode(path)?.1.now.len() as u64)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.0.enter(None, true)?;
        inner.names.remove(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut inner = self.0.enter(None, true)?;
        let inode = inner.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        inner.names.insert(to.to_owned(), inode);
        Ok(())
    }

    fn free(&self, _: &Path) -> io::Result<Option<u64>> {
        let inner = self.0.enter(None, false)?;
        Ok(Some(if inner.mood.full { 0 } else { ROOMY }))
    }

    fn backend(
        &self,
        path: &Path,
        new: bool,
    ) -> io::Result<(Box<dyn redb::StorageBackend>, FileIdentity)> {
        let mut inner = self.0.enter(None, new)?;
        if new && !inner.names.contains_key(path) {
            inner.make(path);
        }
        let life = inner.life;
        let (number, inode) = inner.inode(path)?;
        if inode.locked {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        inode.locked = true;
        inner.open += 1;
        let file = SimFile {
            disk: Arc::clone(&self.0),
            inode: number,
            life,
            locks: true,
        };
        Ok((Box::new(file), of_inode(number)))
    }

    fn identity(&self, path: &Path) -> io::Result<FileIdentity> {
        let mut inner = self.0.enter(None, false)?;
        let mut directories = inner.directories.iter();
        if let Some(number) = directories.position(|there| there == path) {
            // No file has a number as high.
            return Ok(of_inode(u64::MAX - number as u64));
        }
        Ok(of_inode(inner.inode(path)?.0))
    }

    fn anchor(&self, path: &Path) -> io::Result<Anchor> {
        self.identity(path).map(Anchor::new)
    }

    fn fresh(&self) -> Uuid {
        let bytes = self.0.lock().random.u128(..);
        uuid::Builder::from_random_bytes(bytes.to_be_bytes()).into_uuid()
    }

    fn run(
        &self,
        work: Box<dyn FnOnce() + Send>,
    ) -> futures_util::future::BoxFuture<'static, io::Result<()>> {
        let delay = {
            let mut inner = self.0.lock();
            let most = inner.mood.slow.as_micros() as u64;
            Duration::from_micros(inner.random.u64(..=most))
        };
        // A task of its own: the work is done even if nobody waits for it any more.
        let task = tokio::spawn(async move {
            if !delay.is_zero() {
                sleep(delay).await;
            }
            work();
        });
        Box::pin(async move { task.await.map_err(io::Error::other) })
    }
}

const fn of_inode(inode: u64) -> FileIdentity {
    FileIdentity { device: 0, inode }
}

#[derive(Debug)]
struct SimFile {
    disk: Arc<SimDisk>,
    inode: u64,
    life: u64,
    /// No other opener may use it as a database.
    locks: bool,
}

impl Drop for SimFile {
    fn drop(&mut self) {
        {
            let mut inner = self.disk.lock();
            if inner.life == self.life {
                inner.open = inner.open.saturating_sub(1);
            }
        }
        if self.locks {
            self.unlock();
        }
    }
}

impl SimFile {
    fn unlock(&self) {
        let mut inner = self.disk.lock();
        if inner.life == self.life
            && let Some(inode) = inner.inodes.get_mut(&self.inode)
        {
            inode.locked = false;
        }
    }

    fn with<T>(
        &self,
        changes: bool,
        work: impl FnOnce(&mut Inode, Mood) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut inner = self.disk.enter(Some(self.life), changes)?;
        let mood = inner.mood;
        let inode = inner.inodes.get_mut(&self.inode);
        work(inode.ok_or(io::ErrorKind::NotFound)?, mood)
    }
}

impl DiskFile for SimFile {
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.with(false, |inode, _| {
            let at = usize::try_from(offset).map_err(io::Error::other)?;
            let there = inode.now.get(at..at + bytes.len());
            bytes.copy_from_slice(there.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.with(true, |inode, mood| {
            let at = usize::try_from(offset).map_err(io::Error::other)?;
            if mood.full && at + bytes.len() > inode.now.len() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let write = Write::Bytes(at, bytes.to_vec());
            write.apply(&mut inode.now);
            inode.pending.push(write);
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.with(true, |inode, mood| {
            let len = usize::try_from(len).map_err(io::Error::other)?;
            if mood.full && len > inode.now.len() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let write = Write::Length(len);
            write.apply(&mut inode.now);
            inode.pending.push(write);
            Ok(())
        })
    }

    fn sync_all(&self) -> io::Result<()> {
        self.with(true, |inode, _| {
            for write in inode.pending.drain(..) {
                write.apply(&mut inode.durable);
            }
            Ok(())
        })
    }
}

impl redb::StorageBackend for SimFile {
    fn len(&self) -> Result<u64, io::Error> {
        self.with(false, |inode, _| Ok(inode.now.len() as u64))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.read_exact_at(out, offset)
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        DiskFile::set_len(self, len)
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.sync_all()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.write_all_at(data, offset)
    }

    fn close(&self) -> Result<(), io::Error> {
        self.unlock();
        Ok(())
    }
}
