//! The module's drives, and the directory of certificates.

use std::collections::{BTreeMap, BTreeSet};

use bytes::{Bytes, BytesMut};

/// The directory of certificates; `<dir>` 4 of GETFILE (SIMCom manual L1212).
pub(crate) const CERTIFICATES: &str = "/mssl_cert/";
/// Characters that names may not hold (SIMCom manual §20, file-system commands).
const FORBIDDEN: &[u8] = b"\\:*?\"<>|,;";

/// Files by full path (`F:/a/b.txt`), directories with a final slash (`F:/a/`).
#[derive(Debug)]
pub(crate) struct Storage {
    files: BTreeMap<String, BytesMut>,
    directories: BTreeSet<String>,
    drives: &'static [(char, u64)],
    name_limit: usize,
    current: String,
}

/// Why a file command fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such file or directory, or it is in the way")]
pub(crate) struct StorageError;

impl Storage {
    /// Empty drives.
    pub(crate) fn new(drives: &'static [(char, u64)], name_limit: usize) -> Self {
        let mut directories: BTreeSet<String> = drives
            .iter()
            .map(|(drive, _)| format!("{drive}:/"))
            .collect();
        directories.insert(CERTIFICATES.to_owned());
        let current = drives
            .first()
            .map_or_else(|| "/".to_owned(), |(d, _)| format!("{d}:/"));
        Self {
            files: BTreeMap::new(),
            directories,
            drives,
            name_limit,
            current,
        }
    }

    /// The directory in which relative names are looked up.
    pub(crate) fn current(&self) -> &str {
        &self.current
    }

    /// Changes the current directory: a drive, a path, or `..`.
    pub(crate) fn change_directory(&mut self, name: &[u8]) -> Result<(), StorageError> {
        let target = if name == b".." {
            parent(&self.current).ok_or(StorageError)?.to_owned()
        } else {
            directory(self.resolve(name)?)
        };
        self.directories
            .contains(&target)
            .then_some(())
            .ok_or(StorageError)?;
        self.current = target;
        Ok(())
    }

    /// The full path of a name.
    pub(crate) fn resolve(&self, name: &[u8]) -> Result<String, StorageError> {
        let name = std::str::from_utf8(name).map_err(|_| StorageError)?;
        let full = match name.as_bytes() {
            [b'/', ..] => name.to_owned(),
            // Drive letters are taken in either case: the drives have FAT, where case does not
            // count.
            [_, b':', ..] => {
                let (drive, rest) = name.split_at_checked(1).ok_or(StorageError)?;
                format!("{}{rest}", drive.to_ascii_uppercase())
            }
            _ => format!("{}{name}", self.current),
        };
        let inner = full.get(2..).ok_or(StorageError)?;
        let valid = full.len() <= self.name_limit
            && !inner
                .bytes()
                .any(|byte| FORBIDDEN.contains(&byte) || byte < b' ');
        valid.then_some(full).ok_or(StorageError)
    }

    /// The content of a file.
    pub(crate) fn read(&self, path: &str) -> Option<Bytes> {
        self.files
            .get(path)
            .map(|content| Bytes::copy_from_slice(content))
    }

    /// The size of a file.
    pub(crate) fn size(&self, path: &str) -> Option<u64> {
        self.files.get(path).map(|content| content.len() as u64)
    }

    /// Creates or replaces a file.
    pub(crate) fn write(&mut self, path: &str, content: &[u8]) -> Result<(), StorageError> {
        self.truncate(path, 0)?;
        self.append(path, content)
    }

    /// Cuts a file to a length, or creates it where the length is 0.
    pub(crate) fn truncate(&mut self, path: &str, len: u64) -> Result<(), StorageError> {
        let len = usize::try_from(len).map_err(|_| StorageError)?;
        if let Some(content) = self.files.get_mut(path) {
            if len > content.len() {
                return Err(StorageError);
            }
            content.truncate(len);
            return Ok(());
        }
        let parent_exists = parent(path).is_some_and(|dir| self.directories.contains(dir));
        if len > 0 || !parent_exists || path.ends_with('/') {
            return Err(StorageError);
        }
        self.files.insert(path.to_owned(), BytesMut::new());
        Ok(())
    }

    /// Adds to a file, as far as its drive has room.
    pub(crate) fn append(&mut self, path: &str, content: &[u8]) -> Result<(), StorageError> {
        if content.len() as u64 > self.room(path) {
            return Err(StorageError);
        }
        self.files
            .get_mut(path)
            .ok_or(StorageError)?
            .extend_from_slice(content);
        Ok(())
    }

    /// Deletes a file, or with `*.*` every file of a directory.
    pub(crate) fn delete(&mut self, name: &[u8]) -> Result<(), StorageError> {
        if let Some(head) = name.strip_suffix(b"*.*") {
            let dir = if head.is_empty() {
                self.current.clone()
            } else {
                directory(self.resolve(head)?)
            };
            self.files.retain(|path, _| parent(path) != Some(&dir));
            return Ok(());
        }
        let path = self.resolve(name)?;
        self.files.remove(&path).map(drop).ok_or(StorageError)
    }

    /// Makes a directory.
    pub(crate) fn make_directory(&mut self, name: &[u8]) -> Result<(), StorageError> {
        let path = directory(self.resolve(name)?);
        let parent_exists = parent(&path).is_some_and(|dir| self.directories.contains(dir));
        if !parent_exists || self.files.contains_key(path.trim_end_matches('/')) {
            return Err(StorageError);
        }
        self.directories
            .insert(path)
            .then_some(())
            .ok_or(StorageError)
    }

    /// Removes an empty directory.
    pub(crate) fn remove_directory(&mut self, name: &[u8]) -> Result<(), StorageError> {
        let path = directory(self.resolve(name)?);
        let (subdirectories, files) = self.list(&path);
        if parent(&path).is_none() || !subdirectories.is_empty() || !files.is_empty() {
            return Err(StorageError);
        }
        self.directories
            .remove(&path)
            .then_some(())
            .ok_or(StorageError)
    }

    /// Renames a file.
    pub(crate) fn rename(&mut self, from: &[u8], to: &[u8]) -> Result<(), StorageError> {
        let (from, to) = (self.resolve(from)?, self.resolve(to)?);
        let parent_exists = parent(&to).is_some_and(|dir| self.directories.contains(dir));
        if self.files.contains_key(&to) || !parent_exists {
            return Err(StorageError);
        }
        let content = self.files.remove(&from).ok_or(StorageError)?;
        self.files.insert(to, content);
        Ok(())
    }

    /// The names in a directory: subdirectories, files.
    pub(crate) fn list(&self, dir: &str) -> (Vec<&str>, Vec<&str>) {
        let subdirectories = self
            .directories
            .iter()
            .filter(|path| parent(path) == Some(dir))
            .filter_map(|path| path.strip_prefix(dir)?.strip_suffix('/'))
            .collect();
        let files = self
            .files
            .keys()
            .filter(|path| parent(path) == Some(dir))
            .filter_map(|path| path.strip_prefix(dir))
            .collect();
        (subdirectories, files)
    }

    /// Total and used bytes of the current drive.
    pub(crate) fn space(&self) -> (char, u64, u64) {
        let drive = self.current.chars().next().unwrap_or('C');
        (drive, self.total(drive), self.used(drive))
    }

    fn room(&self, path: &str) -> u64 {
        let drive = path.chars().next().unwrap_or('C');
        self.total(drive).saturating_sub(self.used(drive))
    }

    /// The certificate directory is small: SIMCom manual L1212 warns of that. 256 KiB holds 25
    /// certificates of the largest size that CCERTDOWN takes.
    fn total(&self, drive: char) -> u64 {
        self.drives
            .iter()
            .find(|(d, _)| *d == drive)
            .map_or(256 * 1024, |(_, total)| *total)
    }

    fn used(&self, drive: char) -> u64 {
        let on_drive = self
            .files
            .iter()
            .filter(|(path, _)| path.starts_with(drive));
        on_drive.map(|(_, content)| content.len() as u64).sum()
    }
}

fn directory(mut path: String) -> String {
    if !path.ends_with('/') {
        path.push('/');
    }
    path
}

/// The directory of a path. `None` for a drive.
fn parent(path: &str) -> Option<&str> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let at = path.rfind('/')?;
    path.get(..=at).filter(|dir| *dir != "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storage() -> Storage {
        Storage::new(&[('C', 100), ('F', 10)], 115)
    }

    #[test]
    fn files_live_in_directories_on_drives() {
        let mut storage = storage();
        storage.make_directory(b"a").unwrap();
        storage.change_directory(b"a").unwrap();
        assert_eq!(storage.current(), "C:/a/");
        let path = storage.resolve(b"b.txt").unwrap();
        storage.write(&path, b"abc").unwrap();
        assert_eq!(storage.read("C:/a/b.txt").unwrap(), "abc");
        assert_eq!(storage.remove_directory(b"C:/a"), Err(StorageError));
        storage.change_directory(b"..").unwrap();
        assert_eq!(storage.list("C:/"), (vec!["a"], vec![]));
        assert_eq!(storage.change_directory(b".."), Err(StorageError));
        storage.delete(b"C:/a/*.*").unwrap();
        storage.remove_directory(b"a").unwrap();
    }

    #[test]
    fn the_letter_of_a_drive_is_taken_in_either_case() {
        let mut storage = storage();
        storage.change_directory(b"f:/").unwrap();
        assert_eq!(storage.current(), "F:/");
        let path = storage.resolve(b"c:/b.txt").unwrap();
        storage.write(&path, b"abc").unwrap();
        assert_eq!(storage.size("C:/b.txt"), Some(3));
        storage.delete(b"c:/b.txt").unwrap();
    }

    #[test]
    fn a_full_drive_refuses_and_other_drives_do_not_mind() {
        let mut storage = storage();
        assert_eq!(storage.write("F:/x", &[0; 11]), Err(StorageError));
        storage.write("C:/x", &[0; 11]).unwrap();
    }

    #[test]
    fn forbidden_names_and_missing_parents_are_refused() {
        let storage_error = Err(StorageError);
        let mut storage = storage();
        assert_eq!(storage.resolve(b"a*b").map(drop), storage_error);
        assert_eq!(storage.write("Z:/x", b""), storage_error);
        assert_eq!(storage.write("C:/no/x", b""), storage_error);
    }
}
