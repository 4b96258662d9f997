//! Paths on a server.

use std::fmt;

use super::check::check_argument;
use super::error::ValueError;
use super::name_code::NameCode;
use crate::ftps::lossless;

/// Longest path accepted from a client, in bytes. The module takes less in one command. Longer absolute paths are
/// reached by changing directory on the way.
const MAX_PATH: usize = 4096;

/// A path on a server: 1 to 4096 bytes without control characters or quotation marks.
///
/// The path is kept as text that stands for exactly these bytes: bytes that are not UTF-8 become characters of their
/// own. So paths are compared, cut and joined as text, and nothing is lost.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RemotePath(String);

impl RemotePath {
    /// Takes a path in the daemon's own form: from [`RemotePath::as_str`], from a listing, or text without kept
    /// bytes.
    ///
    /// # Errors
    /// [`ValueError::Empty`], [`ValueError::TooLong`] beyond 4096 bytes, [`ValueError::Quote`],
    /// [`ValueError::Control`], and [`ValueError::Replaced`] for U+FFFD, which shows that the name was lost
    /// somewhere.
    pub fn new(text: impl Into<String>) -> Result<Self, ValueError> {
        let text = text.into();
        let len = lossless::bytes(&text).len();
        if len > MAX_PATH {
            return Err(ValueError::TooLong { len, max: MAX_PATH });
        }
        check_argument(&text, usize::MAX)?;
        if text.contains(char::REPLACEMENT_CHARACTER) {
            return Err(ValueError::Replaced);
        }
        Ok(Self(text))
    }

    /// Takes a path as a client gave it in text.
    ///
    /// # Errors
    /// The same as [`RemotePath::new`].
    pub fn of_text(text: &str) -> Result<Self, ValueError> {
        if text.contains(char::REPLACEMENT_CHARACTER) {
            return Err(ValueError::Replaced);
        }
        Self::from_bytes(text.as_bytes())
    }

    /// Takes the bytes of a path, in whatever code they are.
    ///
    /// # Errors
    /// The same as [`RemotePath::new`], except [`ValueError::Replaced`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ValueError> {
        if bytes.len() > MAX_PATH {
            return Err(ValueError::TooLong {
                len: bytes.len(),
                max: MAX_PATH,
            });
        }
        Self::new(lossless::text(bytes))
    }

    /// Takes the bytes of a path as a client gave them. They are no text in any code until [`RemotePath::in_code`].
    ///
    /// # Errors
    /// The same as [`RemotePath::from_bytes`].
    pub fn given_in_bytes(bytes: &[u8]) -> Result<Self, ValueError> {
        if bytes.len() > MAX_PATH {
            return Err(ValueError::TooLong {
                len: bytes.len(),
                max: MAX_PATH,
            });
        }
        Self::new(lossless::kept_bytes(bytes))
    }

    /// The path as it is on a server whose names are in a code. Text of a client is written in the code, and bytes of
    /// a client stay as they are.
    ///
    /// # Errors
    /// [`ValueError::NotInCode`], and the errors of [`RemotePath::from_bytes`].
    pub fn in_code(&self, code: NameCode) -> Result<Self, ValueError> {
        if self.0.is_ascii() {
            return Ok(self.clone());
        }
        if code.is_utf8() {
            return Self::from_bytes(&lossless::bytes(&self.0));
        }
        let mut bytes = Vec::with_capacity(self.0.len());
        for character in self.0.chars() {
            match lossless::byte_of(character) {
                Some(byte) => bytes.push(byte),
                None => bytes.extend(code.bytes_of(character).ok_or(ValueError::NotInCode {
                    character,
                    code: code.name(),
                })?),
            }
        }
        Self::from_bytes(&bytes)
    }

    /// The root directory.
    #[must_use]
    pub fn root() -> Self {
        Self("/".into())
    }

    /// The daemon's own text: it stands for the bytes, and is not for clients.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the path starts at the root.
    #[must_use]
    pub fn is_absolute(&self) -> bool {
        self.0.starts_with('/')
    }

    /// Where `other` lies, seen from this directory. `other` itself where it is absolute.
    ///
    /// `.` and `..` are resolved by their names alone, as a shell's `cd` does.
    ///
    /// # Errors
    /// [`ValueError::TooLong`] where the joined path has more than 4096 bytes.
    pub fn join(&self, other: &Self) -> Result<Self, ValueError> {
        let whole = if other.is_absolute() {
            other.0.clone()
        } else {
            format!("{}/{}", self.0, other.0)
        };
        let absolute = whole.starts_with('/');
        let mut parts: Vec<&str> = Vec::new();
        for part in whole.split('/') {
            match part {
                "" | "." => {}
                ".." if parts.last().is_some_and(|last| *last != "..") => {
                    parts.pop();
                }
                ".." if absolute => {}
                part => parts.push(part),
            }
        }
        let joined = parts.join("/");
        match (absolute, joined.is_empty()) {
            (true, _) => Self::new(format!("/{joined}")),
            (false, true) => Self::new("."),
            (false, false) => Self::new(joined),
        }
    }

    /// Whether this path, seen from the directory of `file`, names `file` itself. Only the names count, since the
    /// targets of links are not known here. Where one path is absolute and the other is not, nobody can tell before
    /// the directory is known.
    #[must_use]
    pub fn is_beside(&self, file: &Self) -> bool {
        let here = Self(".".into());
        let directory = file.parent().unwrap_or_else(|| here.clone());
        let whole = |path: Result<Self, ValueError>| path.and_then(|path| here.join(&path)).ok();
        let (this, that) = (whole(directory.join(self)), whole(Ok(file.clone())));
        this.is_some() && this == that
    }

    /// The rest of an absolute path below a directory. `None` where it does not lie there.
    #[must_use]
    pub fn below(&self, directory: &Self) -> Option<Self> {
        let base = directory.0.trim_end_matches('/');
        let rest = self.0.strip_prefix(base)?.strip_prefix('/')?;
        let rest = rest.trim_start_matches('/');
        (directory.is_absolute() && !rest.is_empty()).then(|| Self(rest.to_owned()))
    }

    /// The longest good beginning that ends between two components. The first component where no beginning is good.
    #[must_use]
    pub fn longest_start(&self, good: impl Fn(&Self) -> bool) -> Self {
        let mut end = self.0.len();
        loop {
            let start = Self(self.0.get(..end).unwrap_or(&self.0).to_owned());
            let cut = start.0.rfind('/').filter(|at| *at > 0);
            match cut {
                Some(at) if !good(&start) => end = at,
                _ => return start,
            }
        }
    }

    /// The last component. `None` for the root and for a path that ends in `/`.
    #[must_use]
    pub fn file_name(&self) -> Option<&str> {
        let name = self.0.rsplit('/').next().unwrap_or_default();
        (!name.is_empty()).then_some(name)
    }

    /// The directory that holds the last component. `None` for the root, and for a bare name, which lies in the
    /// current directory.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let trimmed = self.0.trim_end_matches('/');
        match trimmed.rfind('/') {
            Some(0) => Some(Self::root()),
            Some(at) => trimmed.get(..at).map(|parent| Self(parent.into())),
            None => None,
        }
    }
}

/// Text for people: bytes that are not UTF-8 become U+FFFD.
impl fmt::Display for RemotePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&lossless::shown(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RemotePath {
        RemotePath::new(text).unwrap()
    }

    #[test]
    fn a_path_that_names_its_own_file_is_known_by_whatever_way_it_takes() {
        for (name, file) in [
            ("f", "f"),
            ("./f", "f"),
            ("././f", "d/f"),
            ("../d/f", "d/f"),
            ("../d/f", "/x/d/f"),
            ("/x/d/f", "/x/d/f"),
            ("/x/./d//f", "/x/d/f"),
            ("/x/e/../d/f", "/x/d/f"),
            ("f", "/x/d/../d/f"),
            ("../../../x/d/f", "/x/d/f"),
        ] {
            assert!(path(name).is_beside(&path(file)), "{name} {file}");
        }
        for (name, file) in [
            ("g", "f"),
            ("../f", "d/f"),
            ("d/f", "d/f"),
            ("/d/f", "d/f"),
            ("f.done", "f"),
            ("/x/f", "/x/d/f"),
        ] {
            assert!(!path(name).is_beside(&path(file)), "{name} {file}");
        }
    }

    #[test]
    fn a_path_that_would_inject_a_command_is_refused() {
        let injected = "a\"\r\nAT+CFTPSDELE=\"b";
        assert_eq!(RemotePath::new(injected), Err(ValueError::Quote));
        assert_eq!(RemotePath::new("a\rb"), Err(ValueError::Control(13)));
        assert_eq!(RemotePath::new("a\u{1a}b"), Err(ValueError::Control(26)));
        assert_eq!(RemotePath::new("a\u{85}b"), Err(ValueError::Control(0x85)));
        assert_eq!(RemotePath::new(""), Err(ValueError::Empty));
        assert_eq!(
            RemotePath::new("x".repeat(4097)),
            Err(ValueError::TooLong {
                len: 4097,
                max: 4096
            })
        );
    }

    #[test]
    fn a_path_in_another_code_than_utf_8_is_given_as_bytes_and_one_that_was_lost_is_refused() {
        let latin = RemotePath::from_bytes(b"caf\xE9.txt").unwrap();
        assert_eq!(latin.to_string(), "caf\u{FFFD}.txt");
        assert_ne!(latin, path("caf\u{e9}.txt"));
        assert_eq!(
            RemotePath::of_text("caf\u{FFFD}.txt"),
            Err(ValueError::Replaced)
        );
        assert_eq!(
            RemotePath::new(latin.to_string()),
            Err(ValueError::Replaced)
        );
        // A name that really has this character can be given as bytes.
        assert!(RemotePath::from_bytes("\u{FFFD}".as_bytes()).is_ok());
        // Text of a client stands for itself.
        let private = RemotePath::of_text("\u{10FFE9}").unwrap();
        assert_ne!(private, RemotePath::from_bytes(b"\xE9").unwrap());
        let joined = path("/d").join(&latin).unwrap();
        assert_eq!(joined, RemotePath::from_bytes(b"/d/caf\xE9.txt").unwrap());
        assert!(RemotePath::from_bytes(&[0xE9; 4096]).is_ok());
        assert!(RemotePath::from_bytes(&[0xE9; 4097]).is_err());
        assert_eq!(
            RemotePath::from_bytes(b"\xE9\r"),
            Err(ValueError::Control(13))
        );
    }

    #[test]
    fn joining_reads_dots_by_name() {
        let cases = [
            ("/a/b", "c", "/a/b/c"),
            ("/a/b", "/c", "/c"),
            ("/a/b", "../c", "/a/c"),
            ("/a", "../../..", "/"),
            ("/", "x", "/x"),
            ("/a", ".", "/a"),
            ("a", "..", "."),
            ("a", "../../b", "../b"),
        ];
        for (base, other, want) in cases {
            assert_eq!(
                path(base).join(&path(other)).unwrap(),
                path(want),
                "{base} + {other}"
            );
        }
    }

    #[test]
    fn a_path_knows_its_parent_and_name() {
        assert_eq!(path("/a/b").parent(), Some(path("/a")));
        assert_eq!(path("/a").parent(), Some(RemotePath::root()));
        assert_eq!(path("a").parent(), None);
        assert_eq!(path("/").parent(), None);
        assert_eq!(path("/a/b").file_name(), Some("b"));
        assert_eq!(path("/").file_name(), None);
    }

    #[test]
    fn a_path_is_cut_between_components() {
        let long = path("/aa/bb/cc");
        assert_eq!(long.below(&path("/aa")), Some(path("bb/cc")));
        assert_eq!(long.below(&RemotePath::root()), Some(path("aa/bb/cc")));
        assert_eq!(long.below(&path("/a")), None);
        assert_eq!(long.below(&long), None);
        let start = |path: &RemotePath, max| path.longest_start(|p| p.as_str().len() <= max);
        assert_eq!(start(&long, 9), long);
        assert_eq!(start(&long, 8), path("/aa/bb"));
        assert_eq!(start(&long, 2), path("/aa"));
        assert_eq!(start(&path("aa/bb"), 4), path("aa"));
    }
}
