//! The bytes of transfers on disk: a file each, and what they may take together.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The name of a spool file. Never used again for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct FileId(Uuid);

impl FileId {
    pub(super) fn fresh() -> Self {
        Self(Uuid::new_v4())
    }
}

/// Bytes of the disk that no file takes: the records of a thousand transfers, so that what was
/// accepted can be delivered, and that be written down, whatever a client sends.
const RESERVE: u64 = 1 << 20;

/// The directory of the spool files. Its methods block.
#[derive(Debug, Clone)]
pub(super) struct Files {
    directory: PathBuf,
}

impl Files {
    /// Takes a directory, which is made with the first file.
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Makes an empty file whose name survives a power cut.
    pub(super) fn create(&self, id: FileId) -> io::Result<()> {
        if let Err(error) = fs::create_dir(&self.directory) {
            if error.kind() != io::ErrorKind::AlreadyExists {
                return Err(error);
            }
        } else if let Some(parent) = self.directory.parent() {
            sync_directory(parent)?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).open(self.path(id))?;
        sync_directory(&self.directory)
    }

    /// Whether the disk has room for so many bytes more and for [`RESERVE`].
    ///
    /// # Errors
    /// [`io::ErrorKind::StorageFull`] where it has not, or it does not tell.
    pub(super) fn check_room(&self, bytes: u64) -> io::Result<()> {
        let disk = rustix::fs::statvfs(self.directory.parent().unwrap_or(&self.directory))?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        // Without a number of blocks it says nothing of itself (statvfs(3), NOTES).
        if disk.f_blocks == 0 || free >= bytes.saturating_add(RESERVE) {
            Ok(())
        } else {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    /// Opens a file to write at `offset`; what is behind it is cut off.
    pub(super) fn writer(&self, id: FileId, offset: u64) -> io::Result<File> {
        use std::io::{Seek, SeekFrom};
        let mut file = OpenOptions::new().write(true).open(self.path(id))?;
        file.set_len(offset)?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(file)
    }

    pub(super) fn reader(&self, id: FileId) -> io::Result<File> {
        File::open(self.path(id))
    }

    /// The first and the last of the first `size` bytes, as many as `longest` of each.
    pub(super) fn ends(
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

    /// Bytes of a file; `None` where there is none.
    pub(super) fn len(&self, id: FileId) -> io::Result<Option<u64>> {
        match fs::metadata(self.path(id)) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// SHA-256 of the first `size` bytes, as they are on disk.
    pub(super) fn hash(&self, id: FileId, size: u64) -> io::Result<[u8; 32]> {
        let mut file = self.reader(id)?.take(size);
        let mut hash = Sha256::new();
        let copied = io::copy(&mut file, &mut hash)?;
        if copied != size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(hash.finalize().into())
    }

    /// Removes a file. One that is gone already is no error.
    pub(super) fn remove(&self, id: FileId) -> io::Result<()> {
        match fs::remove_file(self.path(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes all files but those that are known: what a crash between a file and its record
    /// has left. Answers how many.
    pub(super) fn sweep(&self, known: &HashSet<FileId>) -> io::Result<usize> {
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(error),
        };
        let mut removed = 0;
        for entry in entries {
            let name = entry?.file_name();
            // What is not named as ours is not ours.
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

    fn path(&self, id: FileId) -> PathBuf {
        self.directory.join(id.0.to_string())
    }
}

/// Makes the names in a directory survive a power cut (fsync(2), NOTES).
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// What the files may take together, in bytes.
#[derive(Debug)]
pub(super) struct Room {
    bound: u64,
    taken: Mutex<u64>,
}

impl Room {
    /// A bound of which `taken` is taken, which may be more.
    pub(super) const fn new(bound: u64, taken: u64) -> Self {
        Self {
            bound,
            taken: Mutex::new(taken),
        }
    }

    /// Takes all of `bytes`, or nothing and answers `false`.
    pub(super) fn take(&self, bytes: u64) -> bool {
        let mut taken = self.taken();
        let sum = taken.saturating_add(bytes);
        let fits = sum <= self.bound;
        if fits {
            *taken = sum;
        }
        fits
    }

    pub(super) fn give(&self, bytes: u64) {
        let mut taken = self.taken();
        *taken = taken.saturating_sub(bytes);
    }

    fn taken(&self) -> MutexGuard<'_, u64> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is taken, for tests that nothing is lost.
    #[cfg(test)]
    pub(super) fn all(&self) -> u64 {
        *self.taken()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_is_written_behind_the_safe_part_is_cut_off() {
        let scratch = tempfile::tempdir().unwrap();
        let files = Files::new(scratch.path().join("files"));
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
        let files = Files::new(scratch.path().to_owned());
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
