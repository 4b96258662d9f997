//! The bytes of transfers on disk: one file each, and the bound that they share.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::broker::disk::{self, Disk, DiskFile};
use crate::broker::terms::{Cause, Error};

/// The name of a spool file. No other file gets it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct FileId(Uuid);

#[cfg(test)]
impl FileId {
    pub(crate) fn fresh() -> Self {
        Self(Uuid::new_v4())
    }
}

/// Bytes read at once when a file is read from end to end.
const STRETCH: u64 = 64 * 1024;

/// Bytes of the disk that no file takes: the records of a thousand transfers. So the daemon can
/// deliver what it accepted, and record that, whatever clients send.
const RESERVE: u64 = 1 << 20;

/// The directory of the spool files. Its methods block, except [`Files::run`].
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub(crate) disk: Arc<dyn Disk>,
    directory: PathBuf,
    /// The name of the directory survives a power cut. The directory may exist without that: the
    /// disk failed just then, or the daemon ended.
    named: Arc<AtomicBool>,
}

impl Files {
    /// Uses a directory, which is created with the first file.
    pub(crate) fn new(disk: Arc<dyn Disk>, directory: PathBuf) -> Self {
        Self {
            disk,
            directory,
            named: Arc::default(),
        }
    }

    /// The directory of the files.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Runs blocking work on the disk. It runs to its end even if nobody waits for it any more.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let files = self.clone();
        let done = disk::blocking(&*self.disk, move || work(&files)).await;
        done.map_err(|error| Cause::Spool(Arc::new(error)).into())
    }

    /// A name for a new file.
    pub(crate) fn fresh(&self) -> FileId {
        FileId(self.disk.fresh())
    }

    /// Creates an empty file whose name survives a power cut.
    pub(crate) fn create(&self, id: FileId) -> io::Result<()> {
        match self.disk.make_directory(&self.directory) {
            Ok(()) => self.named.store(false, Ordering::SeqCst),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        if let Some(parent) = self.directory.parent()
            && !self.named.load(Ordering::SeqCst)
        {
            self.disk.sync_directory(parent)?;
            self.named.store(true, Ordering::SeqCst);
        }
        self.disk.create(&self.path(id))?;
        self.disk.sync_directory(&self.directory)
    }

    /// Whether the disk has room for `bytes` more bytes and for [`RESERVE`].
    ///
    /// # Errors
    /// [`io::ErrorKind::StorageFull`] if it has not; the disk's error if it does not tell.
    pub(crate) fn check_room(&self, bytes: u64) -> io::Result<()> {
        let needed = bytes.saturating_add(RESERVE);
        let free = self.disk.free(self.parent())?;
        if free.is_none_or(|free| free >= needed) {
            Ok(())
        } else {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    /// Free bytes of the disk; `None` where it does not tell.
    pub(crate) fn free(&self) -> Option<u64> {
        self.disk.free(self.parent()).ok().flatten()
    }

    fn parent(&self) -> &Path {
        self.directory.parent().unwrap_or(&self.directory)
    }

    /// Whether a file can be written: makes one, and removes it. A crash in between leaves a file that the next start
    /// sweeps.
    pub(crate) fn try_out(&self) -> io::Result<()> {
        let file = self.fresh();
        let written = self.create(file).and_then(|_| {
            let mut writer = self.writer(file, 0)?;
            writer.write_all(&[0])?;
            writer.sync_all()
        });
        // Whatever became of it, it goes.
        let removed = self.remove(file);
        written.and(removed)
    }

    /// Opens a file to write at `offset`; truncates it there.
    pub(crate) fn writer(&self, id: FileId, offset: u64) -> io::Result<Writer> {
        let file = self.disk.open(&self.path(id), true)?;
        file.set_len(offset)?;
        Ok(Writer { file, at: offset })
    }

    pub(crate) fn reader(&self, id: FileId) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.open(&self.path(id), false)
    }

    /// The first and the last of the first `size` bytes, at most `longest` of each.
    pub(crate) fn ends(
        &self,
        id: FileId,
        size: u64,
        longest: u64,
    ) -> io::Result<(Vec<u8>, Vec<u8>)> {
        let file = self.reader(id)?;
        let read = |from: u64, len: u64| {
            let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
            file.read_exact_at(&mut bytes, from)?;
            io::Result::Ok(bytes)
        };
        let first = size.min(longest);
        let last = (size - first).min(longest);
        Ok((read(0, first)?, read(size - last, last)?))
    }

    /// Length of a file in bytes; `None` where there is none.
    pub(crate) fn len(&self, id: FileId) -> io::Result<Option<u64>> {
        match self.disk.len(&self.path(id)) {
            Ok(len) => Ok(Some(len)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// SHA-256 of the first `size` bytes on disk.
    pub(crate) fn hash(&self, id: FileId, size: u64) -> io::Result<[u8; 32]> {
        let file = self.reader(id)?;
        let mut hash = Sha256::new();
        let mut bytes = Vec::new();
        let mut at = 0;
        while at < size {
            let len = (size - at).min(STRETCH);
            bytes.resize(usize::try_from(len).map_err(io::Error::other)?, 0);
            file.read_exact_at(&mut bytes, at)?;
            hash.update(&bytes);
            at += len;
        }
        Ok(hash.finalize().into())
    }

    /// Removes a file. It is no error if the file is gone already.
    pub(crate) fn remove(&self, id: FileId) -> io::Result<()> {
        match self.disk.remove(&self.path(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes all files except the known ones: files that a crash left without a record. Answers
    /// how many.
    pub(crate) fn sweep(&self, known: &HashSet<FileId>) -> io::Result<usize> {
        let names = self.list_or_none(&self.directory)?;
        let mut removed = 0;
        for name in names {
            // A file without such a name is not ours.
            let Some(id) = name.to_str().and_then(|name| Uuid::parse_str(name).ok()) else {
                continue;
            };
            if !known.contains(&FileId(id)) {
                self.remove(FileId(id))?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Moves all files except the known ones to another directory, which it creates if needed.
    /// Answers how many.
    pub(crate) fn set_aside(&self, known: &HashSet<FileId>, to: &Path) -> io::Result<usize> {
        let names = self.list_or_none(&self.directory)?;
        let unknown = names.into_iter().filter(|name| {
            let id = name.to_str().and_then(|name| Uuid::parse_str(name).ok());
            id.is_some_and(|id| !known.contains(&FileId(id)))
        });
        let unknown: Vec<OsString> = unknown.collect();
        if unknown.is_empty() {
            return Ok(0);
        }
        match self.disk.make_directory(to) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        for name in &unknown {
            self.disk
                .rename(&self.directory.join(name), &to.join(name))?;
        }
        // First the directory that they are in now, then the one that they left.
        self.disk.sync_directory(to)?;
        if let Some(parent) = to.parent() {
            self.disk.sync_directory(parent)?;
        }
        self.disk.sync_directory(&self.directory)?;
        Ok(unknown.len())
    }

    /// Whether any file has bytes. Files that a crash left before there was a store have none.
    pub(crate) fn have_bytes(&self) -> io::Result<bool> {
        Ok(self.bytes_in(&self.directory)? > 0)
    }

    /// Bytes of the files in a directory; 0 where there is no such directory.
    pub(crate) fn bytes_in(&self, directory: &Path) -> io::Result<u64> {
        let mut bytes = 0_u64;
        for name in self.list_or_none(directory)? {
            bytes = bytes.saturating_add(self.disk.len(&directory.join(name))?);
        }
        Ok(bytes)
    }

    fn list_or_none(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        match self.disk.list(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            names => names,
        }
    }

    fn path(&self, id: FileId) -> PathBuf {
        self.directory.join(id.0.to_string())
    }
}

/// A file that is written from one position on to its end.
#[derive(Debug)]
pub(crate) struct Writer {
    file: Arc<dyn DiskFile>,
    at: u64,
}

impl Writer {
    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.at)?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    pub(crate) fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

/// The bytes that all files may take together.
#[derive(Debug)]
pub(crate) struct Room {
    bound: AtomicU64,
    taken: Mutex<u64>,
}

impl Room {
    /// A bound of which `taken` is already in use; that may be more than the bound.
    pub(crate) const fn new(bound: u64, taken: u64) -> Self {
        Self {
            bound: AtomicU64::new(bound),
            taken: Mutex::new(taken),
        }
    }

    /// Takes over another bound; what is taken stays taken.
    pub(crate) fn resize(&self, bound: u64) {
        self.bound.store(bound, Ordering::Relaxed);
    }

    /// Takes all of `bytes`, or takes nothing and answers `false`.
    pub(crate) fn take(&self, bytes: u64) -> bool {
        let mut taken = self.taken();
        let sum = taken.saturating_add(bytes);
        let fits = sum <= self.bound.load(Ordering::Relaxed);
        if fits {
            *taken = sum;
        }
        fits
    }

    pub(crate) fn give(&self, bytes: u64) {
        let mut taken = self.taken();
        *taken = taken.saturating_sub(bytes);
    }

    fn taken(&self) -> MutexGuard<'_, u64> {
        self.taken.lock()
    }

    /// Bytes taken.
    pub(crate) fn all(&self) -> u64 {
        *self.taken()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_written_behind_the_safe_part_is_cut_off() {
        let scratch = tempfile::tempdir().unwrap();
        let files = Files::new(<dyn Disk>::of_system(), scratch.path().join("files"));
        let id = FileId::fresh();
        files.create(id).unwrap();
        files.writer(id, 0).unwrap().write_all(b"abcdef").unwrap();
        files.writer(id, 3).unwrap().write_all(b"X").unwrap();
        assert_eq!(files.len(id).unwrap(), Some(4));
        let hash: [u8; 32] = Sha256::digest(b"abc").into();
        assert_eq!(files.hash(id, 3).unwrap(), hash);
        assert!(files.hash(id, 5).is_err());
        files.remove(id).unwrap();
        files.remove(id).unwrap();
        assert_eq!(files.len(id).unwrap(), None);
    }

    #[test]
    fn only_files_of_ours_that_nobody_knows_are_swept() {
        let scratch = tempfile::tempdir().unwrap();
        let files = Files::new(<dyn Disk>::of_system(), scratch.path().to_owned());
        assert_eq!(files.sweep(&HashSet::new()).unwrap(), 0);
        let (known, orphan) = (FileId::fresh(), FileId::fresh());
        files.create(known).unwrap();
        files.create(orphan).unwrap();
        fs::write(scratch.path().join("notes"), "").unwrap();
        assert_eq!(files.sweep(&HashSet::from([known])).unwrap(), 1);
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 2);
        assert_eq!(files.len(known).unwrap(), Some(0));
    }

    #[test]
    fn room_is_taken_whole_or_not_at_all() {
        let room = Room::new(10, 4);
        assert!(!room.take(7));
        assert!(room.take(6));
        assert!(!room.take(1));
        room.give(3);
        assert!(room.take(3));
        assert_eq!(room.all(), 10);
    }
}
