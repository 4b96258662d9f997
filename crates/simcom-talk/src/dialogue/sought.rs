//! One name, looked for in a listing.

use bytes::Bytes;

use crate::ftps::listing::{Entry, Facts, Kind};
use crate::ftps::lossless;
use crate::ftps::value::RemotePath;

/// A name that is looked for, and what the lines of a listing have shown about it so far.
///
/// Servers print a name as `x`, `./x`, `/pub/x`, or `X;1` (OpenVMS), and all of these are the name. While
/// a line could not be read, no name is known to be absent.
#[derive(Debug, Default)]
pub(crate) struct Sought {
    name: String,
    /// The directory that is listed, where its path is absolute.
    directory: Option<String>,
    /// Names that differ only in the case of letters are the same.
    any_case: bool,
    found: Option<(Facts, Bytes)>,
    /// The first line that could not be read.
    unread: Option<Bytes>,
    /// A line that may belong to the name: it could not be read and has the name in it, or the name is
    /// printed with another directory or with other blanks.
    mentioned: Option<Bytes>,
}

/// Whether the name of an entry is the one that is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Agreement {
    Same,
    /// It is, except for the case of letters.
    Alike,
    /// It may be: it is printed with another directory, or with other blanks before it.
    Elsewhere,
    No,
}

/// Characters of a line that a message shows: the columns of a usual line.
const SHOWN: usize = 100;

impl Sought {
    /// The last component of a path.
    pub(crate) fn new(path: &RemotePath, any_case: bool) -> Self {
        let directory = path.parent().filter(RemotePath::is_absolute);
        Self {
            name: path.file_name().unwrap_or_default().to_owned(),
            directory: directory.map(|path| path.as_str().trim_end_matches('/').to_owned()),
            any_case,
            ..Self::default()
        }
    }

    /// Takes lines of the listing.
    pub(crate) fn read(&mut self, entries: impl IntoIterator<Item = Entry>) {
        for Entry { facts, raw } in entries {
            let Some(facts) = facts else {
                if self.is_in(&raw) && self.mentioned.is_none() {
                    self.mentioned = Some(raw.clone());
                }
                self.unread.get_or_insert(raw);
                continue;
            };
            match self.agreement(&facts, &raw) {
                Agreement::Same => self.found = Some((facts, raw)),
                Agreement::Alike if self.any_case && self.found.is_none() => {
                    self.found = Some((facts, raw));
                }
                Agreement::Elsewhere => {
                    self.mentioned.get_or_insert(raw);
                }
                Agreement::Alike | Agreement::No => {}
            }
        }
    }

    /// A key that all names share which may be this one: see [`keys`].
    pub(crate) fn key(&self) -> String {
        key(&self.name)
    }

    /// The entry of the name, and its line.
    pub(crate) fn found(&self) -> Option<&(Facts, Bytes)> {
        self.found.as_ref()
    }

    /// A line that may belong to the name, in a form that can be shown.
    pub(crate) fn mentioned(&self) -> Option<String> {
        self.mentioned.as_ref().map(|line| shown(line))
    }

    /// A line that speaks against the absence of the name, in a form that can be shown.
    pub(crate) fn doubt(&self) -> Option<String> {
        let doubt = self.mentioned.as_ref().or(self.unread.as_ref());
        doubt.map(|line| shown(line))
    }

    fn agreement(&self, facts: &Facts, raw: &[u8]) -> Agreement {
        let printed = facts.name.trim_end_matches('/');
        let printed = printed.strip_prefix("./").unwrap_or(printed);
        let (directory, name) = match printed.rsplit_once('/') {
            Some((directory, name)) => (Some(directory), name),
            None => (None, printed),
        };
        // Names of OpenVMS have no case. The name of a directory is read without `.DIR;1`.
        let behind = raw.get(lossless::bytes(name).len()..).unwrap_or_default();
        let plain = without_version(name).or_else(|| {
            is_directory(facts)
                .then_some(name)
                .filter(|_| behind.starts_with(b".DIR;"))
        });
        let agreement = match plain {
            _ if name == self.name => Agreement::Same,
            Some(plain) if plain.eq_ignore_ascii_case(&self.name) => Agreement::Same,
            _ if is_alike(name, &self.name) => Agreement::Alike,
            // Blanks before a name may belong to the line or to the name.
            _ if name.trim_start() == self.name.trim_start() => return Agreement::Elsewhere,
            _ => Agreement::No,
        };
        let here = match (directory, &self.directory) {
            (None, _) => true,
            (Some(printed), Some(here)) => printed == here,
            (Some(printed), None) => printed.starts_with('/'),
        };
        match agreement {
            Agreement::No => Agreement::No,
            _ if !here => Agreement::Elsewhere,
            agreement => agreement,
        }
    }

    /// Whether an unreadable line has the name in it as a word of its own.
    fn is_in(&self, line: &[u8]) -> bool {
        let name: &[u8] = &lossless::bytes(&self.name);
        if name.is_empty() {
            return false;
        }
        let same = |part: &[u8]| {
            if self.any_case {
                part.eq_ignore_ascii_case(name)
            } else {
                part == name
            }
        };
        let ends = |byte: Option<&u8>| {
            byte.is_none_or(|byte| {
                byte.is_ascii_whitespace()
                    || matches!(byte, b'/' | b'"' | b'\'' | b';' | b',' | b'*')
            })
        };
        line.windows(name.len()).enumerate().any(|(at, part)| {
            let before = at.checked_sub(1).and_then(|at| line.get(at));
            same(part) && ends(before) && ends(line.get(at + name.len()))
        })
    }
}

/// The keys of the names that an entry may belong to. Where many names are looked for, few of them share
/// a key.
pub(crate) fn keys(facts: &Facts) -> impl Iterator<Item = String> {
    let printed = facts.name.trim_end_matches('/');
    let name = printed.rsplit('/').next().unwrap_or(printed);
    let plain = without_version(name).map(key);
    std::iter::once(key(name)).chain(plain)
}

fn key(name: &str) -> String {
    lossless::folded(name.trim_start())
}

/// Whether two names are the same except for the case of letters.
fn is_alike(one: &str, other: &str) -> bool {
    lossless::folded(one) == lossless::folded(other)
}

/// The name of OpenVMS without its version.
fn without_version(name: &str) -> Option<&str> {
    let (name, version) = name.rsplit_once(';')?;
    let digits = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit());
    (digits && !name.is_empty()).then_some(name)
}

/// The beginning of a line, without characters that a terminal obeys.
pub(crate) fn shown(line: &[u8]) -> String {
    let cut = line.get(..SHOWN).unwrap_or(line);
    let more = if cut.len() < line.len() { "..." } else { "" };
    format!("{}{more}", cut.escape_ascii())
}

/// Whether an entry is a directory.
pub(crate) fn is_directory(facts: &Facts) -> bool {
    facts.kind == Kind::Directory
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ftps::listing::Lines;

    fn sought(path: &str, any_case: bool, listing: &str) -> Sought {
        let mut sought = Sought::new(&RemotePath::new(path).unwrap(), any_case);
        let mut lines = Lines::new();
        sought.read(lines.push(listing.as_bytes()));
        sought.read(lines.finish());
        sought
    }

    fn line(name: &str) -> String {
        format!("-rw-r--r-- 1 u g 10 Mar 19  2020 {name}\r\n")
    }

    #[test]
    fn a_name_is_known_in_every_form_that_servers_print() {
        for (path, printed) in [
            ("/pub/x", "x"),
            ("/pub/x", "./x"),
            ("/pub/x", "/pub/x"),
            ("x", "/pub/x"),
            ("/x", "/x"),
        ] {
            let found = sought(path, false, &line(printed));
            assert_eq!(found.found().and_then(|(facts, _)| facts.size), Some(10));
        }
        let vms = "X.TXT;1  9/15  2-JUN-1998 07:32:04  [G,O]  (RWED,RWED,RE,)\r\n";
        assert!(sought("/pub/x.txt", false, vms).found().is_some());
        assert!(sought("/pub/x.tx", false, vms).found().is_none());
    }

    #[test]
    fn a_name_of_another_directory_is_neither_found_nor_absent() {
        for printed in ["/other/x", "sub/x"] {
            let other = sought("/pub/x", false, &line(printed));
            assert!(other.found().is_none() && other.mentioned().is_some());
        }
        let nothing = sought("/pub/x", false, &line("sub/y"));
        assert!(nothing.doubt().is_none());
    }

    /// In a listing where all names begin with a blank, the parser sees two blanks before each name.
    #[test]
    fn a_name_that_differs_from_one_that_is_there_in_its_blanks_is_neither_found_nor_absent() {
        let known = |name: &str, listing: &str| {
            let sought = sought(&format!("/d/{name}"), false, listing);
            (sought.found().is_some(), sought.doubt().is_some())
        };
        let two = "-rw-r--r-- 1 u g 5 Mar 19 13:51  a\r\n-rw-r--r-- 1 u g 7 Mar 19 13:51  b\r\n";
        assert_eq!(known("a", two), (true, false));
        assert_eq!(known(" a", two), (false, true));
        assert_eq!(known("c", two), (false, false));
        let one = "-rw-r--r-- 1 u g 5 Mar 19 13:51  a\r\n";
        assert_eq!(known(" a", one), (true, false));
        assert_eq!(known("a", one), (false, true));
    }

    #[test]
    fn the_case_of_letters_counts_unless_it_is_said_not_to() {
        assert!(sought("/X", false, &line("x")).found().is_none());
        assert!(sought("/X", true, &line("x")).found().is_some());
    }

    #[test]
    fn a_name_in_another_code_is_itself_and_no_other_that_is_shown_alike() {
        let found = |sought: &[u8], listed: &[u8], any_case: bool| {
            let path = RemotePath::from_bytes(sought).unwrap();
            let mut sought = Sought::new(&path, any_case);
            let mut lines = Lines::new();
            let line = [b"-rw-r--r-- 1 u g 5 Mar 19  2020 ", listed, b"\r\n"].concat();
            sought.read(lines.push(&line));
            sought.read(lines.finish());
            sought.found().is_some()
        };
        assert!(found(b"caf\xE9", b"caf\xE9", false));
        assert!(!found(b"caf\xE9", b"caf\xE8", false));
        assert!(!found("caf\u{e9}".as_bytes(), b"caf\xE9", false));
        assert!(!found("caf\u{FFFD}".as_bytes(), b"caf\xE9", false));
        // Where case does not count, it does not count for letters of Latin-1 either.
        assert!(found(b"CAF\xC9", b"caf\xE9", true));
        assert!(!found(b"CAF\xC9", b"caf\xE9", false));
    }

    #[test]
    fn a_line_that_nobody_can_read_casts_doubt_and_more_where_the_name_is_in_it() {
        let odd = sought("/x", false, "== 5 == x\r\n== 5 == y\x1b[31m\r\n");
        assert_eq!(odd.mentioned().as_deref(), Some("== 5 == x"));
        let odd = sought("/z", false, "== 5 == xz\r\n");
        assert_eq!(odd.mentioned(), None);
        assert_eq!(odd.doubt().as_deref(), Some("== 5 == xz"));
        let escaped = sought("/z", false, "== 5 == y\x1b[31m\r\n")
            .doubt()
            .unwrap();
        assert_eq!(escaped, "== 5 == y\\x1b[31m");
        let long = sought("/z", false, &format!("== {}\r\n", "y".repeat(4000)));
        assert_eq!(long.doubt().unwrap().len(), SHOWN + 3);
    }
}
