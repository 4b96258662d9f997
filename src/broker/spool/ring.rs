//! The part of a spool on disk: a file without a name, used as a ring.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::spawn_blocking;

use super::MAX_CHUNK;
use super::budget::Purse;

/// Positions in the file. They only grow; the place of a byte is its position modulo the capacity.
#[derive(Debug)]
pub(super) struct Ring {
    file: Arc<File>,
    capacity: u64,
    read: u64,
    write: u64,
    /// Length of the file, taken from the budget.
    len: u64,
}

impl Ring {
    /// Creates an empty file without a name in a directory.
    pub(super) async fn create(directory: Option<PathBuf>, capacity: u64) -> io::Result<Self> {
        let file = blocking(move || match directory {
            Some(directory) => tempfile::tempfile_in(directory),
            None => tempfile::tempfile(),
        })
        .await?;
        Ok(Self {
            file: Arc::new(file),
            capacity,
            read: 0,
            write: 0,
            len: 0,
        })
    }

    /// Bytes written and not read yet.
    pub(super) const fn unread(&self) -> u64 {
        self.write - self.read
    }

    /// Bytes of the file.
    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// The place for `len` more bytes if there is room.
    pub(super) fn reserve(&mut self, len: u64, purse: &Purse) -> Option<Slot> {
        if self.unread() == 0 {
            (self.read, self.write) = (0, 0);
        }
        if self.unread() + len > self.capacity {
            return None;
        }
        let end = self.write.saturating_add(len).min(self.capacity);
        let growth = end.saturating_sub(self.len);
        if !purse.take(growth) {
            return None;
        }
        self.len += growth;
        Some(self.slot(self.write, len))
    }

    /// Records that the bytes of a slot from [`Ring::reserve`] are in the file.
    pub(super) const fn commit_write(&mut self, len: u64) {
        self.write += len;
    }

    /// The place of the next bytes; `None` where there are none.
    pub(super) fn next(&self) -> Option<Slot> {
        let len = self.unread().min(MAX_CHUNK as u64);
        (len > 0).then(|| self.slot(self.read, len))
    }

    /// Records that the bytes of a slot from [`Ring::next`] were read.
    pub(super) const fn commit_read(&mut self, len: u64) {
        self.read += len;
    }

    fn slot(&self, position: u64, len: u64) -> Slot {
        let at = position % self.capacity;
        Slot {
            file: Arc::clone(&self.file),
            at,
            len,
            until_end: len.min(self.capacity - at),
        }
    }
}

/// A stretch of the file; it may wrap around to the beginning.
#[derive(Debug)]
pub(super) struct Slot {
    file: Arc<File>,
    at: u64,
    len: u64,
    /// Bytes before the end of the file.
    until_end: u64,
}

impl Slot {
    /// Fills the stretch.
    pub(super) async fn write(self, bytes: Bytes) -> io::Result<()> {
        blocking(move || {
            // `until_end` is at most the length of the bytes, by `Ring::reserve`.
            let (first, rest) = bytes.split_at(self.until_end as usize);
            self.file.write_all_at(first, self.at)?;
            self.file.write_all_at(rest, 0)
        })
        .await
    }

    /// Reads the stretch.
    pub(super) async fn read(self) -> io::Result<Bytes> {
        blocking(move || {
            // Both are at most MAX_CHUNK, by `Ring::next`.
            let mut bytes = vec![0; self.len as usize];
            let (first, rest) = bytes.split_at_mut(self.until_end as usize);
            self.file.read_exact_at(first, self.at)?;
            self.file.read_exact_at(rest, 0)?;
            Ok(Bytes::from(bytes))
        })
        .await
    }
}

/// Keeps the disk's time off the runtime's threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}
