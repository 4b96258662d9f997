//! Listings: the server's own text, cut into lines and read as far as it can be.

mod line;

use std::time::SystemTime;

use bytes::{Bytes, BytesMut};

/// One line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What could be read; `None` where the line has no form that is known.
    pub facts: Option<Facts>,
    /// The server's line without its line end.
    pub raw: Bytes,
}

/// What a line of a listing says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The name. Bytes that are not UTF-8 became replacement characters; `raw` has them.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Bytes, for files.
    pub size: Option<u64>,
    /// As printed, taken as UTC. A line without a year means the last such day.
    pub modified: Option<SystemTime>,
    /// As the server prints them, for example `rwxr-xr-x`; empty where it prints none.
    pub permissions: String,
    /// Where a link leads.
    pub link_target: Option<String>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
}

impl Entry {
    /// Reads a line in the form of `ls -l` or of DOS; `None` for lines that are no entry
    /// (empty, `total 12`, the directory itself and its parent).
    #[must_use]
    pub fn parse(raw: Bytes) -> Option<Self> {
        let line = String::from_utf8_lossy(&raw);
        if line.trim().is_empty() || is_total(&line) {
            return None;
        }
        let facts = line::read(&line);
        if facts
            .as_ref()
            .is_some_and(|facts| matches!(facts.name.as_str(), "." | ".."))
        {
            return None;
        }
        Some(Self { facts, raw })
    }
}

/// Cuts a listing that comes in blocks into entries: a line may be split by a block's end.
#[derive(Debug, Default)]
pub struct Lines {
    rest: BytesMut,
    /// Inside a line that was too long: drop everything up to its end.
    skipping: bool,
}

/// Longest line kept, in bytes: the longest name of any file system (4096) and the columns
/// before it.
const MAX_LINE: usize = 5 * 1024;

impl Lines {
    /// Nothing received.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes and gives the entries that are complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Entry> {
        let mut entries = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            match part.strip_suffix(b"\n") {
                Some(end) => {
                    self.keep(end);
                    entries.extend(self.take());
                }
                None => self.keep(part),
            }
        }
        entries
    }

    /// The last entry, where the text did not end in a line end.
    pub fn finish(&mut self) -> Option<Entry> {
        self.take()
    }

    fn keep(&mut self, part: &[u8]) {
        if self.skipping || self.rest.len() + part.len() > MAX_LINE {
            self.skipping = true;
            self.rest.clear();
        } else {
            self.rest.extend_from_slice(part);
        }
    }

    fn take(&mut self) -> Option<Entry> {
        if std::mem::take(&mut self.skipping) {
            return None;
        }
        let mut line = self.rest.split().freeze();
        while line.last() == Some(&b'\r') {
            line.truncate(line.len() - 1);
        }
        Entry::parse(line)
    }
}

fn is_total(line: &str) -> bool {
    line.strip_prefix("total ")
        .is_some_and(|rest| rest.trim().bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: &[u8] = b"total 8\r\n\
        -rw-r--r-- 1 ftp ftp 10 Mar 19 13:51 111.TXT\r\n\
        drwxr-xr-x   2 0        0            4096 Nov 22  2025 a b\r\n\
        lrwxrwxrwx 1 u g 3 Jan 01 2024 link -> ../x y\r\n\
        02-13-24  10:15AM       <DIR>          inetpub\r\n\
        02-13-24  10:15AM                 1234 some file.txt\r\n\
        what is this\r\n\
        -rw-r--r-- 1 ftp ftp 7 Mar 18 2020 last";

    fn names(entries: &[Entry]) -> Vec<(String, Option<Kind>, Option<u64>)> {
        entries
            .iter()
            .map(|entry| match &entry.facts {
                Some(facts) => (facts.name.clone(), Some(facts.kind), facts.size),
                None => (String::from_utf8_lossy(&entry.raw).into_owned(), None, None),
            })
            .collect()
    }

    #[test]
    fn a_listing_reads_the_same_however_it_was_cut() {
        let want: Vec<(String, Option<Kind>, Option<u64>)> = vec![
            ("111.TXT".into(), Some(Kind::File), Some(10)),
            ("a b".into(), Some(Kind::Directory), None),
            ("link".into(), Some(Kind::Link), None),
            ("inetpub".into(), Some(Kind::Directory), None),
            ("some file.txt".into(), Some(Kind::File), Some(1234)),
            ("what is this".into(), None, None),
            ("last".into(), Some(Kind::File), Some(7)),
        ];
        for cut in 1..LISTING.len() {
            let mut lines = Lines::new();
            let mut entries = Vec::new();
            for part in LISTING.chunks(cut) {
                entries.extend(lines.push(part));
            }
            entries.extend(lines.finish());
            assert_eq!(names(&entries), want, "cut every {cut} bytes");
        }
    }

    #[test]
    fn a_link_tells_where_it_leads() {
        let entry = Entry::parse(Bytes::from_static(
            b"lrwxrwxrwx 1 u g 3 Jan 01 2024 l -> ../x y",
        ));
        let facts = entry.unwrap().facts.unwrap();
        assert_eq!(facts.link_target.as_deref(), Some("../x y"));
        assert_eq!(facts.permissions, "rwxrwxrwx");
    }

    #[test]
    fn bytes_outside_utf8_are_kept_raw() {
        let line = Bytes::from_static(b"-rw-r--r-- 1 u g 3 Jan 01 2024 caf\xE9");
        let entry = Entry::parse(line.clone()).unwrap();
        assert_eq!(entry.raw, line);
        assert_eq!(entry.facts.unwrap().size, Some(3));
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let mut lines = Lines::new();
        for _ in 0..100 {
            assert!(lines.push(&[b'x'; 1000]).is_empty());
            assert!(lines.rest.len() <= MAX_LINE);
        }
        assert_eq!(lines.push(b"\n-rw-r--r-- 1 u g 3 Jan 01 2024 f\n").len(), 1);
    }
}
