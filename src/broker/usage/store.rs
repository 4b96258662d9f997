//! Counts in a file, so that they survive a restart.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use time::Date;

use super::ledger::{Account, Counts, Ledger, Span, Volume, first_of};
use crate::broker::terms::Principal;

/// The format that is written; version 1 has no running time of the periods.
const VERSION: u32 = 2;
const FORMER: u32 = 1;

/// Longest file that is read: `MAX_ACCOUNTS` with names of a thousand bytes.
const MAX_LEN: u64 = 8 * 1024 * 1024;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    version: u32,
    day: Option<Date>,
    #[serde(default)]
    month: Option<Date>,
    /// Running seconds of the day and of the month.
    #[serde(default)]
    day_lived: u64,
    #[serde(default)]
    month_lived: u64,
    accounts: Vec<Record>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    profile: Option<String>,
    principal: Option<String>,
    day: Bytes,
    month: Bytes,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bytes {
    up: u64,
    down: u64,
    air: u64,
}

/// Reads the counts; `None` where there is no file.
///
/// # Errors
/// The system's [`io::Error`] where the file cannot be read; one of `serde_json`, or
/// [`io::ErrorKind::InvalidData`], where its content is not a usage file of a known version.
pub(super) fn read(path: &Path) -> io::Result<Option<Ledger>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let text = io::read_to_string(io::Read::take(file, MAX_LEN))?;
    let saved: Saved = serde_json::from_str(&text)?;
    if !matches!(saved.version, FORMER | VERSION) {
        let rule = format!("version {} of the file is not known", saved.version);
        return Err(io::Error::new(io::ErrorKind::InvalidData, rule));
    }
    let accounts = saved.accounts.into_iter().map(|record| {
        let account = Account {
            profile: record.profile.map(Into::into),
            principal: record.principal.map(Principal::new),
        };
        let counts = Counts {
            day: record.day.into(),
            month: record.month.into(),
        };
        (account, counts)
    });
    let span = |first, lived| Span {
        first,
        lived: Duration::from_secs(lived),
    };
    let month = match saved.version {
        FORMER => saved.day.map(first_of),
        _ => saved.month,
    };
    Ok(Some(Ledger::of(
        span(saved.day, saved.day_lived),
        span(month, saved.month_lived),
        accounts.collect(),
    )))
}

/// Writes the counts. The file holds the old counts or the new ones, complete, whatever happens
/// meanwhile.
///
/// # Errors
/// The system's [`io::Error`]; the file is then unchanged.
pub(super) fn write(path: &Path, ledger: &Ledger) -> io::Result<()> {
    let accounts = ledger.accounts.iter().map(|(account, counts)| Record {
        profile: account.profile.as_deref().map(Into::into),
        principal: account.principal.as_ref().map(ToString::to_string),
        day: counts.day.into(),
        month: counts.month.into(),
    });
    let saved = Saved {
        version: VERSION,
        day: ledger.day.first,
        month: ledger.month.first,
        day_lived: ledger.day.lived.as_secs(),
        month_lived: ledger.month.lived.as_secs(),
        accounts: accounts.collect(),
    };
    let directory = path.parent().unwrap_or(Path::new("/"));
    let mut file = NamedTempFile::new_in(directory)?;
    serde_json::to_writer(&mut file, &saved)?;
    file.write_all(b"\n")?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    // The new name reaches the disk only with its directory (rename(2), fsync(2)).
    File::open(directory)?.sync_all()
}

impl From<Volume> for Bytes {
    fn from(Volume { up, down, air }: Volume) -> Self {
        Self { up, down, air }
    }
}

impl From<Bytes> for Volume {
    fn from(Bytes { up, down, air }: Bytes) -> Self {
        Self { up, down, air }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::usage::ledger::Now;
    use time::macros::{date, datetime};

    #[test]
    fn the_file_of_the_former_version_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("usage.json");
        let text = r#"{"version":1,"day":"2026-11-22","accounts":[{"profile":"a","principal":"uid:0",
            "day":{"up":1,"down":2,"air":3},"month":{"up":4,"down":5,"air":6}}]}"#;
        std::fs::write(&path, text).unwrap();
        let ledger = read(&path).unwrap().unwrap();
        assert_eq!(ledger.day.first, Some(date!(2026 - 11 - 22)));
        assert_eq!(ledger.month.first, Some(date!(2026 - 11 - 01)));
        assert_eq!(ledger.day.lived, Duration::ZERO);
        let total = ledger.total();
        assert_eq!((total.day.air, total.month.air), (3, 6));
    }

    #[test]
    fn what_was_written_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("usage.json");
        assert!(read(&path).unwrap().is_none());
        let mut ledger = Ledger::new(Now {
            wall: datetime!(2026-11-22 22:00 UTC),
            lived: Duration::ZERO,
        });
        ledger.day.lived = Duration::from_secs(7);
        ledger.month.lived = Duration::from_secs(70);
        let volume = Volume {
            up: 1,
            down: 2,
            air: u64::MAX,
        };
        let account = Account {
            profile: Some("a".into()),
            principal: Some(Principal::new("uid:0")),
        };
        ledger.book(&account, volume);
        ledger.book(&Account::default(), volume);
        write(&path, &ledger).unwrap();
        assert_eq!(read(&path).unwrap(), Some(ledger));
        let names = std::fs::read_dir(directory.path()).unwrap();
        assert_eq!(names.count(), 1, "nothing is left beside it");
    }

    #[test]
    fn what_is_no_file_of_ours_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("usage.json");
        for text in [
            "",
            "{",
            r#"{"version":3,"day":"2026-11-22","accounts":[]}"#,
            r#"{"version":1,"day":"2026-13-22","accounts":[]}"#,
        ] {
            std::fs::write(&path, text).unwrap();
            read(&path).unwrap_err();
        }
    }
}
