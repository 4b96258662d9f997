//! Files on the module: their names, the commands that move them, and what these print.

use std::fmt;

use super::profile::Profile;
use super::shape::{Shape, Timing};
use super::value::ValueError;
use crate::at::CommandLine;

/// A drive of the module (SIMCom manual, "AT Commands for File System").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Drive {
    /// Local storage.
    C,
    /// Memory card.
    D,
    /// Multimedia storage of the SIM7600.
    E,
    /// Cache of the SIM7600.
    F,
}

impl Drive {
    /// Every drive that a family has.
    pub const ALL: [Self; 4] = [Self::C, Self::D, Self::E, Self::F];

    /// Reads `F:` or `F:/`.
    ///
    /// # Errors
    /// [`ValueError::NoDrive`]
    pub fn new(text: &str) -> Result<Self, ValueError> {
        let name = text.strip_suffix('/').unwrap_or(text);
        Self::ALL
            .into_iter()
            .find(|drive| drive.name() == name)
            .ok_or(ValueError::NoDrive)
    }

    /// As people write it: `F:`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::C => "C:",
            Self::D => "D:",
            Self::E => "E:",
            Self::F => "F:",
        }
    }
}

/// A file or directory on a drive: `F:/a/b.txt`, or `F:/` for the root.
///
/// Printable ASCII without what the file system forbids; names begin with a letter, a digit or an
/// underline and do not end with a dot; at most 254 bytes in all (SIMCom manual, "AT Commands for
/// File System"). The names outside ASCII that the SIM7600 can hold are left out: the A76xx has
/// none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModulePath {
    drive: Drive,
    text: String,
}

impl ModulePath {
    /// Takes a path.
    ///
    /// # Errors
    /// Says which rule of the type the text breaks.
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
    /// The file system does not take such a name.
    pub fn of_remote(drive: Drive, name: &str) -> Result<Self, ValueError> {
        check_name(name)?;
        Self::new(&format!("{}/{name}", drive.name()))
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

    /// The directory that holds the last component; of a root, itself.
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

/// Longest full name (SIMCom manual, "AT Commands for File System"); the A76xx takes less.
const MAX_PATH: usize = 254;

/// What the file system does not take in a name.
const FORBIDDEN: &[char] = &['\\', ':', '*', '?', '"', '<', '>', '|', ',', ';', '/'];

fn check_name(name: &str) -> Result<(), ValueError> {
    if name.is_empty() {
        return Err(ValueError::Empty);
    }
    if let Some(control) = name.chars().find(|c| c.is_control()) {
        return Err(ValueError::Control(u32::from(control)));
    }
    if !name.is_ascii() {
        return Err(ValueError::NotAscii);
    }
    let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    if !begins || name.ends_with(['.', ' ']) || name.contains(FORBIDDEN) {
        return Err(ValueError::NotAFileName);
    }
    Ok(())
}

/// A command of the module's file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// Makes a directory the current one (L2001).
    Enter(ModulePath),
    /// Counts what the current directory holds (L2004).
    Count,
    /// Lists the current directory (L2004).
    List,
    /// Deletes a file of the directory (L2005).
    Delete(ModulePath),
    /// Asks for the size of a file of the directory (L2007).
    Attributes(ModulePath),
    /// Asks for total and used bytes of the current drive (L2008).
    Space,
    /// Takes a file in (L2011): so many literal bytes behind a prompt.
    Write(ModulePath, u32),
    /// Prints a file from this byte on (L2012).
    Read(ModulePath, u64),
}

/// Names of the commands of the file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StorageVerb {
    /// `FSCD`
    Enter,
    /// `FSLS?`
    Count,
    /// `FSLS`
    List,
    /// `FSDEL`
    Delete,
    /// `FSATTRI`
    Attributes,
    /// `FSMEM`
    Space,
    /// `CFTRANRX`
    Write,
    /// `CFTRANTX`
    Read,
}

impl Storage {
    /// Which command it is.
    #[must_use]
    pub const fn verb(&self) -> StorageVerb {
        match self {
            Self::Enter(_) => StorageVerb::Enter,
            Self::Count => StorageVerb::Count,
            Self::List => StorageVerb::List,
            Self::Delete(_) => StorageVerb::Delete,
            Self::Attributes(_) => StorageVerb::Attributes,
            Self::Space => StorageVerb::Space,
            Self::Write(..) => StorageVerb::Write,
            Self::Read(..) => StorageVerb::Read,
        }
    }

    /// The line for the port.
    ///
    /// # Errors
    /// Says which limit of the module the path breaks. Nothing may be written then.
    pub fn encode(&self, profile: &Profile) -> Result<CommandLine, ValueError> {
        let name = self.verb().name();
        let path = match self {
            Self::Count => return Ok(CommandLine::read(name)),
            Self::List | Self::Space => return Ok(CommandLine::bare(name)),
            Self::Enter(path)
            | Self::Delete(path)
            | Self::Attributes(path)
            | Self::Write(path, _)
            | Self::Read(path, _) => path,
        };
        let (len, max) = (path.as_str().len(), profile.max_module_path);
        if len > max {
            return Err(ValueError::TooLong { len, max });
        }
        let line = CommandLine::write(name);
        // These two take the name of a file of the current directory.
        let file = path.name().ok_or(ValueError::NotAFileName);
        Ok(match self {
            // Printed without quotation marks in every example; a blank needs them.
            Self::Delete(_) | Self::Attributes(_) => match file? {
                file if file.contains(' ') => line.quoted(file).finish(),
                file => line.unquoted(file).finish(),
            },
            Self::Write(path, len) => line.quoted(path.as_str()).number(u64::from(*len)).finish(),
            Self::Read(path, 0) => line.quoted(path.as_str()).finish(),
            Self::Read(path, from) => line.quoted(path.as_str()).number(*from).finish(),
            Self::Enter(_) | Self::Count | Self::List | Self::Space => {
                line.unquoted(path.as_str()).finish()
            }
        })
    }
}

impl StorageVerb {
    /// The command as it is typed, without arguments.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enter => "AT+FSCD",
            Self::Count | Self::List => "AT+FSLS",
            Self::Delete => "AT+FSDEL",
            Self::Attributes => "AT+FSATTRI",
            Self::Space => "AT+FSMEM",
            Self::Write => "AT+CFTRANRX",
            Self::Read => "AT+CFTRANTX",
        }
    }

    /// How the command is settled.
    #[must_use]
    pub const fn shape(self) -> Shape {
        match self {
            Self::Read => Shape::Blocks,
            Self::Write => Shape::Literal,
            _ => Shape::Final,
        }
    }

    /// How long the parts of the command may take.
    #[must_use]
    pub const fn timing(self) -> Timing {
        match self {
            // No manual has figures. Flash that is being cleaned up can hold a write for seconds;
            // a minute is beyond anything but a fault.
            Self::Write | Self::Delete => Timing {
                accept: FLASH,
                outcome: FLASH,
                ..Timing::DEFAULT
            },
            _ => Timing::DEFAULT,
        }
    }
}

const FLASH: std::time::Duration = std::time::Duration::from_secs(60);

/// One name in a directory of the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// It is a directory.
    pub directory: bool,
}

/// Reads the lines that `AT+FSLS` prints: two sections, each left out where it is empty, with the
/// colon after the first one's title missing in one example (L2002).
#[must_use]
pub fn entries<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<Entry> {
    let mut directory = false;
    let mut entries = Vec::new();
    for line in lines {
        match line.strip_prefix("+FSLS:") {
            Some(title) => directory = title.trim().starts_with("SUBDIRECTORIES"),
            None => entries.push(Entry {
                name: line.to_owned(),
                directory,
            }),
        }
    }
    entries
}

/// Reads what `AT+FSLS?` prints after its name: how many names the directory holds.
#[must_use]
pub fn count(answer: &str) -> Option<usize> {
    let mut sum = 0;
    for part in answer.split(',') {
        sum += part.rsplit(':').next()?.trim().parse::<usize>().ok()?;
    }
    Some(sum)
}

/// Reads what `AT+FSATTRI` prints after its name: a size, on the SIM7600 followed by a date.
#[must_use]
pub fn size(answer: &str) -> Option<u64> {
    answer.split(',').next()?.trim().parse().ok()
}

/// Bytes of a drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// The drive.
    pub drive: Drive,
    /// Bytes it holds.
    pub total: u64,
    /// Bytes of them in use.
    pub used: u64,
}

impl Space {
    /// Reads what `AT+FSMEM` prints after its name, for a drive: `C:(total, used)`, one or more.
    #[must_use]
    pub fn parse(answer: &str, drive: Drive) -> Option<Self> {
        let (_, rest) = answer.split_once(drive.name())?;
        let (inner, _) = rest.trim_start().strip_prefix('(')?.split_once(')')?;
        let (total, used) = inner.split_once(',')?;
        Some(Self {
            drive,
            total: total.trim().parse().ok()?,
            used: used.trim().parse().ok()?,
        })
    }

    /// Bytes that are free.
    #[must_use]
    pub const fn free(&self) -> u64 {
        self.total.saturating_sub(self.used)
    }
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
            ("F:/\u{e4}", ValueError::NotAscii),
        ] {
            assert_eq!(ModulePath::new(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn commands_are_written_as_the_manual_has_them() {
        let file = || path("F:/a.txt");
        for (command, want) in [
            (Storage::Enter(path("F:/")), "AT+FSCD=F:/\r"),
            (Storage::Count, "AT+FSLS?\r"),
            (Storage::List, "AT+FSLS\r"),
            (Storage::Delete(file()), "AT+FSDEL=a.txt\r"),
            (Storage::Delete(path("F:/a b")), "AT+FSDEL=\"a b\"\r"),
            (Storage::Attributes(file()), "AT+FSATTRI=a.txt\r"),
            (Storage::Space, "AT+FSMEM\r"),
            (Storage::Write(file(), 7), "AT+CFTRANRX=\"F:/a.txt\",7\r"),
            (Storage::Read(file(), 0), "AT+CFTRANTX=\"F:/a.txt\"\r"),
            (Storage::Read(file(), 9), "AT+CFTRANTX=\"F:/a.txt\",9\r"),
        ] {
            let line = command.encode(&Profile::sim7600()).unwrap();
            assert_eq!(line.bytes().as_ref(), want.as_bytes());
        }
        let long = path(&format!("C:/{}", "x".repeat(200)));
        let refused = Storage::Read(long, 0).encode(&Profile::a76xx());
        assert!(matches!(refused, Err(ValueError::TooLong { max: 115, .. })));
    }

    #[test]
    fn answers_are_read() {
        let lines = [
            "+FSLS: SUBDIRECTORIES:",
            "Audio",
            "+FSLS: FILES:",
            "a b.txt",
            "OKAY",
        ];
        let names: Vec<_> = entries(lines)
            .into_iter()
            .map(|entry| (entry.name, entry.directory))
            .collect();
        let want = [("Audio", true), ("a b.txt", false), ("OKAY", false)];
        assert_eq!(
            names,
            want.map(|(name, directory)| (name.into(), directory))
        );
        assert!(
            entries(["+FSLS: SUBDIRECTORIES", "x"])
                .first()
                .unwrap()
                .directory
        );
        assert_eq!(count(" SUBDIRECTORIES:2,FILES:3"), Some(5));
        assert_eq!(count("SUBDIRECTORIES"), None);
        assert_eq!(size(" 8604, 2008/04/28 10:24:46 Tue"), Some(8604));
        assert_eq!(size("12"), Some(12));
        assert_eq!(size(""), None);
        let space = Space::parse(" C:(11348480, 2201600)", Drive::C).unwrap();
        assert_eq!(
            (space.total, space.used, space.free()),
            (11_348_480, 2_201_600, 9_146_880)
        );
        assert!(Space::parse("C:(1,1),D:(3,2)", Drive::D).is_some());
        assert_eq!(Space::parse("C:(1, 2)", Drive::F), None);
    }
}
