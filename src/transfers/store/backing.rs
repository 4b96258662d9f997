//! The file of the store under the database.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use redb::{BackendError, StorageBackend};

/// Bytes of a page kept in memory: the size of redb's pages.
const PAGE: u64 = 4096;

/// Most pages kept in memory, 16 MiB. A check of a store writes a few of them; a check that writes
/// more follows a damaged file astray.
const MOST: usize = 4096;

/// How often the bytes of a file may be read during a check, and how many more bytes for a small
/// file: a check reads each page a few times. A check that reads more runs in a circle.
const TIMES: u64 = 32;
const BESIDES: u64 = 64 << 20;

/// A file that redb reads and writes, or only checks.
#[derive(Debug)]
pub(crate) struct Backing {
    file: Box<dyn StorageBackend>,
    looks: Option<Look>,
}

/// The state of a checked file: writes stay in memory, and the file stays unchanged.
#[derive(Debug, Clone, Default)]
pub(crate) struct Look(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    /// Length of the file as redb sees it.
    len: u64,
    /// Bytes of the file itself that redb still sees.
    of_file: u64,
    /// Bytes that redb may still read.
    left: u64,
    pages: BTreeMap<u64, Vec<u8>>,
    failed: Option<io::Error>,
}

impl Backing {
    /// Reads and writes the file.
    pub(crate) const fn new(file: Box<dyn StorageBackend>) -> Self {
        Self { file, looks: None }
    }

    /// Checks the file without changing it.
    ///
    /// # Errors
    /// The [`io::Error`] of the file's length.
    pub(crate) fn looking(file: Box<dyn StorageBackend>) -> io::Result<(Self, Look)> {
        let len = file.len()?;
        let look = Look::default();
        {
            let mut seen = look.seen();
            (seen.len, seen.of_file) = (len, len);
            seen.left = len.saturating_mul(TIMES).saturating_add(BESIDES);
        }
        let looks = Some(look.clone());
        Ok((Self { file, looks }, look))
    }
}

impl Look {
    /// Whether the file has no bytes.
    pub(crate) fn is_empty(&self) -> bool {
        self.seen().of_file == 0
    }

    /// The disk's error, if it failed: nothing is known of the file then.
    pub(crate) fn failure(&self) -> Option<io::Error> {
        self.seen().failed.take()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock()
    }
}

impl Seen {
    fn read(&mut self, file: &dyn StorageBackend, at: u64, out: &mut [u8]) -> io::Result<()> {
        let end = at.saturating_add(out.len() as u64);
        if end > self.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let left = self.left.checked_sub(out.len() as u64);
        self.left = left.ok_or_else(|| led_astray("it is read again and again"))?;
        let of_file = self.of_file.clamp(at, end) - at;
        let (there, behind) = out.split_at_mut(to_usize(of_file)?);
        if !there.is_empty()
            && let Err(error) = file.read(at, there)
        {
            let (kind, code) = (error.kind(), error.raw_os_error());
            self.failed = Some(code.map_or_else(|| kind.into(), io::Error::from_raw_os_error));
            return Err(error);
        }
        behind.fill(0);
        for (number, page) in self.pages.range(at / PAGE..end.div_ceil(PAGE)) {
            let begins = number * PAGE;
            let (from, to) = (begins.max(at), (begins + PAGE).min(end));
            let target = out.get_mut(to_usize(from - at)?..to_usize(to - at)?);
            let source = page.get(to_usize(from - begins)?..to_usize(to - begins)?);
            if let (Some(target), Some(source)) = (target, source) {
                target.copy_from_slice(source);
            }
        }
        Ok(())
    }

    fn write(&mut self, file: &dyn StorageBackend, at: u64, data: &[u8]) -> io::Result<()> {
        let end = at.saturating_add(data.len() as u64);
        for number in at / PAGE..end.div_ceil(PAGE) {
            let begins = number * PAGE;
            if !self.pages.contains_key(&number) {
                if self.pages.len() >= MOST {
                    return Err(led_astray("too much of it is written"));
                }
                let mut page = vec![0; to_usize(PAGE)?];
                let len = to_usize(self.len.clamp(begins, begins + PAGE) - begins)?;
                if let Some(there) = page.get_mut(..len) {
                    self.read(file, begins, there)?;
                }
                self.pages.insert(number, page);
            }
            let (from, to) = (begins.max(at), (begins + PAGE).min(end));
            let source = data.get(to_usize(from - at)?..to_usize(to - at)?);
            let page = self.pages.get_mut(&number);
            let range = to_usize(from - begins)?..to_usize(to - begins)?;
            let target = page.and_then(|page| page.get_mut(range));
            if let (Some(target), Some(source)) = (target, source) {
                target.copy_from_slice(source);
            }
        }
        self.len = self.len.max(end);
        Ok(())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.len = len;
        self.of_file = self.of_file.min(len);
        self.pages.split_off(&len.div_ceil(PAGE));
        if let Some(last) = self.pages.get_mut(&(len / PAGE)) {
            let keep = to_usize(len % PAGE)?;
            if let Some(behind) = last.get_mut(keep..) {
                behind.fill(0);
            }
        }
        Ok(())
    }
}

impl StorageBackend for Backing {
    fn len(&self) -> io::Result<u64> {
        match &self.looks {
            Some(look) => Ok(look.seen().len),
            None => self.file.len(),
        }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        match &self.looks {
            Some(look) => look.seen().read(&*self.file, offset, out),
            None => self.file.read(offset, out),
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        match &self.looks {
            Some(look) => look.seen().set_len(len),
            None => self.file.set_len(len),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        match &self.looks {
            Some(_) => Ok(()),
            None => self.file.sync_data(),
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        match &self.looks {
            Some(look) => look.seen().write(&*self.file, offset, data),
            None => self.file.write(offset, data),
        }
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}

fn led_astray(how: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, how)
}

fn to_usize(bytes: u64) -> io::Result<usize> {
    usize::try_from(bytes).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;

    use super::*;

    fn file(bytes: &[u8]) -> Box<dyn StorageBackend> {
        let file = InMemoryBackend::new();
        StorageBackend::set_len(&file, bytes.len() as u64).unwrap();
        StorageBackend::write(&file, 0, bytes).unwrap();
        Box::new(file)
    }

    #[test]
    fn a_file_that_is_looked_at_takes_writes_and_stays_as_it_was() {
        let content: Vec<u8> = (0..=250).cycle().take(10_000).collect();
        let (backing, look) = Backing::looking(file(&content)).unwrap();
        let (mut want, mut random) = (content.clone(), fastrand::Rng::with_seed(7));
        for _ in 0..300 {
            let at = random.usize(..want.len());
            let len = random.usize(..=want.len() - at).min(5000);
            match random.u8(..4) {
                0 => {
                    let new = random.usize(1..30_000);
                    want.resize(new, 0);
                    backing.set_len(new as u64).unwrap();
                }
                1 | 2 => {
                    let byte = random.u8(..);
                    want[at..at + len].fill(byte);
                    backing.write(at as u64, &vec![byte; len]).unwrap();
                }
                _ => {}
            }
            let mut whole = vec![7; want.len()];
            backing.read(0, &mut whole).unwrap();
            assert!(whole == want);
        }
        let mut there = vec![0; content.len()];
        backing.file.read(0, &mut there).unwrap();
        assert!(there == content);
        assert!(look.failure().is_none());
    }

    #[test]
    fn what_reads_or_writes_without_end_is_ended() {
        let (backing, look) = Backing::looking(file(&[1; 4096])).unwrap();
        let mut page = [0; 4096];
        let reads = (0..1_000_000).take_while(|_| backing.read(0, &mut page).is_ok());
        assert!(reads.count() < 20_000);
        let (backing, _) = Backing::looking(file(&[1; 4096])).unwrap();
        let writes = (0..1_000_000).take_while(|n| backing.write(n * PAGE, &page).is_ok());
        assert!(writes.count() <= MOST);
        backing.read(u64::MAX - 10, &mut page).unwrap_err();
        // The disk has no fault.
        assert!(look.failure().is_none());
    }
}
