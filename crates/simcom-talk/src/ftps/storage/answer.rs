//! The answers to the commands of the module's file system.

use crate::ftps::non_ascii;
use crate::ftps::value::Drive;

/// One name in a directory of the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleEntry {
    /// Its name.
    pub name: String,
    /// It is a directory.
    pub directory: bool,
}

/// Reads the lines of the answer to `AT+FSLS`: two sections, each left out where it is empty. In one example,
/// the title of the first has no colon (L2002).
///
/// No document shows how a name outside ASCII is printed. Both `{non-ascii}"<hex>"`, as in the answer to
/// `AT+CFTPSPWD` (L1209), and the bytes themselves are read.
#[must_use]
pub fn entries<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<ModuleEntry> {
    let mut directory = false;
    let mut entries = Vec::new();
    for line in lines {
        match line.strip_prefix("+FSLS:") {
            Some(title) => directory = title.trim().starts_with("SUBDIRECTORIES"),
            None => entries.push(ModuleEntry {
                name: decoded(line),
                directory,
            }),
        }
    }
    entries
}

fn decoded(name: &str) -> String {
    let prefixed = name.starts_with(non_ascii::PREFIX);
    let text = prefixed.then(|| non_ascii::text(name)).flatten();
    text.unwrap_or_else(|| name.to_owned())
}

/// Reads the answer to `AT+FSLS?` after its name: how many names the directory holds.
#[must_use]
pub fn count(answer: &str) -> Option<usize> {
    let mut sum = 0;
    for part in answer.split(',') {
        sum += part.rsplit(':').next()?.trim().parse::<usize>().ok()?;
    }
    Some(sum)
}

/// Reads the answer to `AT+FSATTRI` after its name: a size, followed by a date on the SIM7600.
#[must_use]
pub fn size(answer: &str) -> Option<u64> {
    answer.split(',').next()?.trim().parse().ok()
}

/// The space on a drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DriveSpace {
    /// The drive.
    pub drive: Drive,
    /// Its size in bytes.
    pub total: u64,
    /// Bytes in use.
    pub used: u64,
}

impl DriveSpace {
    /// Reads the answer to `AT+FSMEM` after its name, for a drive: one or more `C:(total, used)`, the letter
    /// in either case.
    #[must_use]
    pub fn parse(answer: &str, drive: Drive) -> Option<Self> {
        let answer = answer.to_ascii_uppercase();
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

    #[test]
    fn answers_are_read() {
        let lines = [
            "+FSLS: SUBDIRECTORIES:",
            "Audio",
            "+FSLS: FILES:",
            "a b.txt",
            "OKAY",
            "{non-ascii}\"C3A42E747874\"",
            "\u{e4}",
        ];
        let names: Vec<_> = entries(lines)
            .into_iter()
            .map(|entry| (entry.name, entry.directory))
            .collect();
        let want = [
            ("Audio", true),
            ("a b.txt", false),
            ("OKAY", false),
            ("\u{e4}.txt", false),
            ("\u{e4}", false),
        ];
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
        let space = DriveSpace::parse(" C:(11348480, 2201600)", Drive::C).unwrap();
        assert_eq!(
            (space.total, space.used, space.free()),
            (11_348_480, 2_201_600, 9_146_880)
        );
        assert!(DriveSpace::parse("C:(1,1),D:(3,2)", Drive::D).is_some());
        assert!(DriveSpace::parse(" f:(3, 2)", Drive::F).is_some());
        assert_eq!(DriveSpace::parse("C:(1, 2)", Drive::F), None);
    }
}
