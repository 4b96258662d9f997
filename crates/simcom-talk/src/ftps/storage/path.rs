//! Names of files on the module.

use std::fmt;

use crate::ftps::value::{Drive, ValueError};
use crate::ftps::{lossless, unsolicited};

/// A file or directory on a drive: `F:/a/b.txt`, or `F:/` for the root.
///
/// UTF-8 without control characters and without the characters that the file system forbids. Names
/// begin with a letter, a digit or an underline, and do not end with a dot. The whole has at most 254
/// bytes (SIMCom manual, "AT Commands for File System"). The module's profile tells whether it takes
/// names outside ASCII.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModulePath {
    drive: Drive,
    text: String,
}

impl ModulePath {
    /// Takes a path.
    ///
    /// # Errors
    /// [`ValueError::Empty`], [`ValueError::TooLong`] beyond 254 bytes, [`ValueError::NoDrive`],
    /// [`ValueError::Control`] and [`ValueError::NotAFileName`].
    pub fn new(text: &str) -> Result<Self, ValueError> {
        if text.is_empty() {
            return Err(ValueError::Empty);
        }
        if text.len() > MAX_PATH {
            return Err(ValueError::TooLong {
                len: text.len(),
                max: MAX_PATH,
            });
        }
        let (head, tail) = text.split_at_checked(2).ok_or(ValueError::NoDrive)?;
        let drive = Drive::new(head)?;
        let inner = match tail.strip_prefix('/') {
            Some(inner) => inner.strip_suffix('/').unwrap_or(inner),
            None if tail.is_empty() => "",
            None => return Err(ValueError::NoDrive),
        };
        if !inner.is_empty() {
            inner.split('/').try_for_each(check_name)?;
        }
        Ok(Self {
            drive,
            text: format!("{}/{inner}", drive.name()),
        })
    }

    /// The root of a drive.
    #[must_use]
    pub fn root(drive: Drive) -> Self {
        Self {
            drive,
            text: format!("{}/", drive.name()),
        }
    }

    /// The file that GETFILE and PUTFILE use for a remote path: its last component, in the root of
    /// a drive.
    ///
    /// # Errors
    /// The same as [`ModulePath::new`], except [`ValueError::NoDrive`].
    pub fn of_remote(drive: Drive, name: &str) -> Result<Self, ValueError> {
        check_name(name)?;
        Self::new(&format!("{}/{name}", drive.name()))
    }

    /// The path, if a file may be created there: a listing with its name must not be misread, as it
    /// could be with a file called `OK` or `RDY`. Existing files with such names can be read and
    /// deleted like others.
    ///
    /// # Errors
    /// [`ValueError::SaidByTheModule`] for a name that reads like a line of the module.
    pub fn to_be_made(self) -> Result<Self, ValueError> {
        if self.name().is_some_and(unsolicited::is_said_by_modules) {
            return Err(ValueError::SaidByTheModule);
        }
        Ok(self)
    }

    /// The whole path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The drive.
    #[must_use]
    pub const fn drive(&self) -> Drive {
        self.drive
    }

    /// The last component; `None` for a root.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        let name = self.text.rsplit('/').next().unwrap_or_default();
        (!name.is_empty()).then_some(name)
    }

    /// The directory that holds the last component. The directory of a root is the root itself.
    #[must_use]
    pub fn directory(&self) -> Self {
        let end = self.text.rfind('/').unwrap_or_default();
        match self.text.get(..end) {
            Some(head) if head.len() > 2 => Self {
                drive: self.drive,
                text: head.to_owned(),
            },
            _ => Self::root(self.drive),
        }
    }
}

impl fmt::Display for ModulePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Longest full name (SIMCom manual, "AT Commands for File System"). The A76xx takes less.
const MAX_PATH: usize = 254;

/// Characters that the file system does not take in a name.
const FORBIDDEN: &[char] = &['\\', ':', '*', '?', '"', '<', '>', '|', ',', ';', '/'];

fn check_name(name: &str) -> Result<(), ValueError> {
    if name.is_empty() {
        return Err(ValueError::Empty);
    }
    if let Some(control) = name.chars().find(|c| c.is_control()) {
        return Err(ValueError::Control(u32::from(control)));
    }
    let begins = name.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    // Clients name files of the module in text, and U+FFFD names none.
    let is_lost = !lossless::is_utf8(name) || name.contains(char::REPLACEMENT_CHARACTER);
    if !begins || is_lost || name.ends_with(['.', ' ']) || name.contains(FORBIDDEN) {
        return Err(ValueError::NotAFileName);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> ModulePath {
        ModulePath::new(text).unwrap()
    }

    #[test]
    fn a_path_has_drive_directory_and_name() {
        let file = path("F:/a/b c.txt");
        assert_eq!((file.drive(), file.name()), (Drive::F, Some("b c.txt")));
        assert_eq!(file.directory(), path("F:/a"));
        assert_eq!(path("F:/a/").as_str(), "F:/a");
        assert_eq!(path("F:/a").directory(), ModulePath::root(Drive::F));
        assert_eq!(path("F:").as_str(), "F:/");
        assert_eq!(path("F:/").name(), None);
        // People type either case. The module gets the letter that its manual has.
        assert_eq!(path("f:/a").as_str(), "F:/a");
        assert_eq!(Drive::new("c:/"), Ok(Drive::C));
        assert_eq!(path("F:/\u{6d4b}.jpg").name(), Some("\u{6d4b}.jpg"));
    }

    #[test]
    fn a_file_that_would_read_like_an_answer_in_a_listing_is_not_made() {
        for name in [
            "OK",
            "ERROR",
            "ok",
            "RDY",
            "RING",
            "NO CARRIER",
            "CONNECT",
            "SMS DONE",
            "PNN DONE",
            "MISSED_CALL 09",
            "AT",
            "AT+CSQ",
        ] {
            let file = path(&format!("F:/{name}"));
            assert_eq!(
                file.to_be_made(),
                Err(ValueError::SaidByTheModule),
                "{name}"
            );
        }
        for name in [
            "OK.txt", "RDY1", "ERRORS", "attic", "AT.txt", "at_home", "ring.wav", "a b",
        ] {
            let file = path(&format!("F:/{name}"));
            assert!(file.to_be_made().is_ok(), "{name}");
        }
    }

    #[test]
    fn names_that_the_file_system_forbids_are_refused() {
        for (text, error) in [
            ("", ValueError::Empty),
            ("a.txt", ValueError::NoDrive),
            ("/a.txt", ValueError::NoDrive),
            ("Z:/a", ValueError::NoDrive),
            ("F:a", ValueError::NoDrive),
            ("F:/a//b", ValueError::Empty),
            ("F:/../b", ValueError::NotAFileName),
            ("F:/a.", ValueError::NotAFileName),
            ("F:/a;AT", ValueError::NotAFileName),
            ("F:/a\"b", ValueError::NotAFileName),
            ("F:/a,b", ValueError::NotAFileName),
            ("F:/a\rb", ValueError::Control(13)),
            ("F:/\u{85}", ValueError::Control(0x85)),
            ("F:/\u{2013}a", ValueError::NotAFileName),
        ] {
            assert_eq!(ModulePath::new(text), Err(error), "{text:?}");
        }
    }
}
