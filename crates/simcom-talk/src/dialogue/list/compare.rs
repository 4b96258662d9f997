//! Whether a listing by path differs from that of the current directory.

use std::collections::HashSet;

use bytes::{Bytes, BytesMut};

use crate::ftps::listing::{Entry, Kind, Lines};

/// Two listings: that of the current directory, and the answer to `LIST` with a path. Some servers ignore
/// the path, or print one line for the directory itself. Their answer shows nothing new.
///
/// The listing by path is held back until it has an entry that the current directory does not have.
#[derive(Debug, Default)]
pub(super) struct Compare {
    lines: Lines,
    here: HashSet<Bytes>,
    /// One of the two was too long to be compared.
    is_beyond: bool,
    held: BytesMut,
    is_believed: bool,
}

/// Most names of the current directory that are kept: more than a person looks through.
const NAMES: usize = 10_000;
/// Most bytes that are held back: about a thousand lines. If the listing is another one, a line of them
/// should be new.
const HELD: usize = 64 * 1024;

impl Compare {
    /// Takes a part of the current directory's listing.
    pub(super) fn here(&mut self, bytes: &Bytes) {
        let entries = self.lines.push(bytes);
        self.keep(entries);
    }

    /// Ends the current directory's listing. The other one follows.
    pub(super) fn turn(&mut self) {
        let entries = self.lines.finish();
        self.keep(entries);
        self.lines = Lines::new();
    }

    /// Takes a part of the listing by path. `own` is the name of the path. Returns what is believed of
    /// it.
    pub(super) fn there(&mut self, bytes: &Bytes, own: &str) -> Option<Bytes> {
        if self.is_believed {
            return Some(bytes.clone());
        }
        let room = HELD.saturating_sub(self.held.len());
        self.is_beyond |= bytes.len() > room;
        if self.is_beyond {
            self.held.clear();
            return None;
        }
        self.held.extend_from_slice(bytes);
        let entries = self.lines.push(bytes);
        self.judge(&entries, own);
        self.is_believed.then(|| self.held.split().freeze())
    }

    /// Whether the listing by path is another one.
    pub(super) fn is_believed(&self) -> bool {
        self.is_believed
    }

    /// Returns the last of what is believed. `None` where nothing is.
    pub(super) fn finish(&mut self) -> Option<Bytes> {
        if !self.is_believed && !self.is_beyond {
            let entries = self.lines.finish();
            self.judge(&entries, "");
        }
        self.is_believed.then(|| self.held.split().freeze())
    }

    fn keep(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            self.is_beyond |= self.here.len() >= NAMES;
            if !self.is_beyond {
                self.here.insert(name(&entry));
            }
        }
    }

    fn judge(&mut self, entries: &[Entry], own: &str) {
        self.is_believed |= entries.iter().any(|entry| {
            let directory = entry.facts.as_ref();
            let directory = directory.is_some_and(|facts| facts.kind == Kind::Directory);
            let name = name(entry);
            // The line of the directory itself tells nothing about its content.
            let itself = directory && name == own.as_bytes();
            !itself && !self.here.contains(&name)
        });
    }
}

/// What identifies an entry: its name, or its line where that could not be read.
fn name(entry: &Entry) -> Bytes {
    let Some(facts) = &entry.facts else {
        return entry.raw.clone();
    };
    let name = facts.name.trim_end_matches('/');
    let last = name.rsplit('/').next().unwrap_or(name);
    Bytes::copy_from_slice(last.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(here: &str, there: &str) -> Option<String> {
        let mut compare = Compare::default();
        compare.here(&Bytes::copy_from_slice(here.as_bytes()));
        compare.turn();
        let mut out = Vec::new();
        for part in there.as_bytes().chunks(7) {
            let part = Bytes::copy_from_slice(part);
            out.extend(compare.there(&part, "sub").unwrap_or_default());
        }
        out.extend(compare.finish()?);
        Some(String::from_utf8(out).unwrap())
    }

    fn line(kind: char, name: &str) -> String {
        format!("{kind}rw-r--r-- 1 u g 10 Mar 19  2020 {name}\r\n")
    }

    #[test]
    fn only_what_the_current_directory_does_not_show_is_believed() {
        let here = line('-', "a") + &line('d', "sub");
        assert_eq!(compared(&here, &here), None);
        assert_eq!(compared(&here, &line('-', "a")), None);
        assert_eq!(compared(&here, ""), None);
        assert_eq!(compared("", &line('d', "/sub")), None);
        let other = line('-', "a") + &line('-', "b");
        assert_eq!(compared(&here, &other), Some(other));
        let file = line('-', "sub");
        assert_eq!(compared("", &file), Some(file));
    }

    #[test]
    fn what_cannot_be_compared_whole_is_not_believed() {
        let here: String = (0..2000).map(|n| line('-', &format!("f{n}"))).collect();
        assert_eq!(compared(&here, &(here.clone() + &line('-', "new"))), None);
    }
}
