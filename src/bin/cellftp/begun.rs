//! A file here that came in part, and goes on.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

/// Bytes before the place where a file goes on that are compared: the most that the daemon takes.
const TAIL: u64 = 512;

/// A file that goes on; nothing where none is there yet. Other programs of this kind leave it alone until it is
/// dropped.
#[derive(Debug)]
pub(crate) struct Begun(Option<File>);

impl Begun {
    /// Opens the file, where it is there.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        match File::options().read(true).append(true).open(path) {
            Ok(file) => Self::alone(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self(None)),
            Err(error) => Err(error),
        }
    }

    /// Makes the file that was not there. For a download that has begun: what fails before leaves no empty file.
    pub(crate) fn or_new(self, path: &Path) -> io::Result<Self> {
        if self.0.is_some() {
            return Ok(self);
        }
        let mut options = File::options();
        Self::alone(options.append(true).create_new(true).open(path)?)
    }

    fn alone(file: File) -> io::Result<Self> {
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("is no file that could go on"));
        }
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Err(io::Error::other(
                "another program writes to it now; try again when that one has ended",
            )),
            // Some network file systems have no locks. The length is looked at as well.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(Self(Some(file))),
        }
    }

    /// The length of the file, and its last bytes.
    pub(crate) fn end(&self) -> io::Result<(u64, Vec<u8>)> {
        let mut tail = Vec::new();
        let Some(mut file) = self.0.as_ref() else {
            return Ok((0, tail));
        };
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        file.take(TAIL).read_to_end(&mut tail)?;
        Ok((length, tail))
    }

    /// Where the next bytes are written: at the end.
    pub(crate) fn sink(&self) -> io::Result<tokio::fs::File> {
        let file = self.0.as_ref().ok_or(io::ErrorKind::NotFound)?;
        Ok(tokio::fs::File::from_std(file.try_clone()?))
    }

    /// Whether nobody else has written to the file meanwhile.
    pub(crate) fn has_length(&self, length: u64) -> io::Result<()> {
        match &self.0 {
            Some(file) if file.metadata()?.len() != length => Err(io::Error::other(
                "another program has written to it meanwhile; without -C it is fetched whole",
            )),
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn one_program_goes_on_with_a_file_at_a_time() {
        let here = tempfile::tempdir().unwrap();
        let path = here.path().join("a");
        let none = Begun::at(&path).unwrap();
        assert_eq!(none.end().unwrap(), (0, Vec::new()));
        assert!(!path.exists(), "nothing has begun");
        let first = none.or_new(&path).unwrap();
        assert!(Begun::at(&path).is_err(), "the first one has it");
        drop(first);
        fs::write(&path, vec![7; 600]).unwrap();
        let begun = Begun::at(&path).unwrap();
        let (length, tail) = begun.end().unwrap();
        assert_eq!((length, tail.len()), (600, 512));
        begun.has_length(600).unwrap();
        fs::write(&path, vec![7; 601]).unwrap();
        assert!(begun.has_length(600).is_err());
        assert!(Begun(None).or_new(&path).is_err(), "somebody has made it");
    }
}
