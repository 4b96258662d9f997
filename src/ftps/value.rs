//! Values that a command carries, parsed once: what is held here may be written to the module.

use std::fmt;
use std::num::NonZeroU16;

use secrecy::{ExposeSecret, SecretString};

use super::tls::TlsPolicy;

/// Why a value was refused, in words for the person who sent it.
///
/// The value itself is not repeated: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Nothing where something is needed.
    #[error("is empty")]
    Empty,
    /// A control character, which would end or break the command line.
    #[error("holds the control character 0x{0:02X}")]
    Control(u32),
    /// A quotation mark, which nothing escapes on the wire.
    #[error("holds a quotation mark, which the module has no escape for")]
    Quote,
    /// A character outside printable ASCII where the module takes nothing else.
    #[error("holds a character outside printable ASCII")]
    NotAscii,
    /// More bytes than the module takes.
    #[error("is {len} bytes long, the limit is {max}")]
    TooLong {
        /// Bytes found.
        len: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// No drive of the module at the beginning.
    #[error("does not begin with a drive of the module (C:, D:, E: or F:)")]
    NoDrive,
    /// A drive that the command does not reach on this family of modules.
    #[error("is on a drive that this module has no number for")]
    UnknownDrive,
    /// A name that the module's file system does not take.
    #[error("is no name for a file on the module")]
    NotAFileName,
    /// A number outside its range.
    #[error("is {value}, the range is {min} to {max}")]
    OutOfRange {
        /// The number found.
        value: i64,
        /// Smallest number allowed.
        min: i64,
        /// Largest number allowed.
        max: i64,
    },
}

/// Longest string argument of the SIM7600 family, in bytes (SIMCom manual L1203).
const MAX_STRING: usize = 256;

/// Longest path accepted from a client, in bytes. The module takes less per command; longer
/// absolute paths are reached by changing directory on the way.
const MAX_PATH: usize = 4096;

fn check_argument(text: &str, max: usize) -> Result<(), ValueError> {
    if text.is_empty() {
        return Err(ValueError::Empty);
    }
    if text.len() > max {
        return Err(ValueError::TooLong {
            len: text.len(),
            max,
        });
    }
    match text.chars().find(|c| c.is_control() || *c == '"') {
        Some('"') => Err(ValueError::Quote),
        Some(c) => Err(ValueError::Control(u32::from(c))),
        None => Ok(()),
    }
}

fn check_ascii(text: &str) -> Result<(), ValueError> {
    check_argument(text, MAX_STRING)?;
    if text.is_ascii() {
        Ok(())
    } else {
        Err(ValueError::NotAscii)
    }
}

/// A server's host name or address: 1 to 256 printable ASCII bytes without a quotation mark.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Host(String);

impl Host {
    /// Takes a host name or address.
    ///
    /// # Errors
    /// Says which rule of the type the text breaks.
    pub fn new(text: impl Into<String>) -> Result<Self, ValueError> {
        let text = text.into();
        check_ascii(&text)?;
        Ok(Self(text))
    }

    /// The text as it goes on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A user name: 1 to 256 printable ASCII bytes without a quotation mark.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Username(String);

impl Username {
    /// Takes a user name.
    ///
    /// # Errors
    /// Says which rule of the type the text breaks.
    pub fn new(text: impl Into<String>) -> Result<Self, ValueError> {
        let text = text.into();
        check_ascii(&text)?;
        Ok(Self(text))
    }

    /// The text as it goes on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A password: at most 256 printable ASCII bytes without a quotation mark; may be empty.
///
/// Never printed: `Debug` shows a placeholder and there is no `Display`. The memory is wiped
/// when the last owner drops it.
#[derive(Clone)]
pub struct Password(SecretString);

impl Password {
    /// Takes a password.
    ///
    /// # Errors
    /// Says which rule of the type the text breaks, without the text.
    pub fn new(text: impl Into<String>) -> Result<Self, ValueError> {
        let text = SecretString::from(text.into());
        match check_ascii(text.expose_secret()) {
            Ok(()) | Err(ValueError::Empty) => Ok(Self(text)),
            Err(error) => Err(error),
        }
    }

    /// The text, for the one place that writes it to the module.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}

impl PartialEq for Password {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Password {}

/// A path on a server: 1 to 4096 bytes of UTF-8 without control characters or quotation marks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RemotePath(String);

impl RemotePath {
    /// Takes a path.
    ///
    /// # Errors
    /// Says which rule of the type the text breaks.
    pub fn new(text: impl Into<String>) -> Result<Self, ValueError> {
        let text = text.into();
        check_argument(&text, MAX_PATH)?;
        Ok(Self(text))
    }

    /// The root directory.
    #[must_use]
    pub fn root() -> Self {
        Self("/".into())
    }

    /// The text as the client gave it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the path starts at the root.
    #[must_use]
    pub fn is_absolute(&self) -> bool {
        self.0.starts_with('/')
    }

    /// Where `other` lies when read from this directory: `other` itself where it is absolute.
    ///
    /// `.` and `..` are taken away by their names alone, as a shell's `cd` does.
    ///
    /// # Errors
    /// The joined path is too long.
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

    /// What is left of an absolute path below a directory; `None` where it does not lie there.
    #[must_use]
    pub fn below(&self, directory: &Self) -> Option<Self> {
        let base = directory.0.trim_end_matches('/');
        let rest = self.0.strip_prefix(base)?.strip_prefix('/')?;
        let rest = rest.trim_start_matches('/');
        (directory.is_absolute() && !rest.is_empty()).then(|| Self(rest.to_owned()))
    }

    /// The longest beginning, cut between two components, that is good; the first component
    /// where none is.
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

    /// The last component; `None` for the root and for a path that ends in `/`.
    #[must_use]
    pub fn file_name(&self) -> Option<&str> {
        let name = self.0.rsplit('/').next().unwrap_or_default();
        (!name.is_empty()).then_some(name)
    }

    /// The directory that holds the last component; `None` where the path is a bare name, which
    /// lies in the current directory, or the root.
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

impl fmt::Display for RemotePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a server is spoken to: SIMCom's `<server_type>` (SIMCom manual L1203).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServerType {
    /// 0: FTP without TLS.
    Ftp,
    /// 1: explicit FTPS by AUTH SSL.
    AuthSsl,
    /// 2: explicit FTPS by AUTH TLS.
    AuthTls,
    /// 3: implicit FTPS.
    Implicit,
}

impl ServerType {
    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Ftp => 0,
            Self::AuthSsl => 1,
            Self::AuthTls => 2,
            Self::Implicit => 3,
        }
    }

    /// The port that this type has by custom (RFC 959 §8; 990 for implicit TLS).
    #[must_use]
    pub const fn default_port(self) -> NonZeroU16 {
        match self {
            Self::Ftp | Self::AuthSsl | Self::AuthTls => NonZeroU16::MIN.saturating_add(20),
            Self::Implicit => NonZeroU16::MIN.saturating_add(989),
        }
    }

    /// Whether the connections are protected by TLS.
    #[must_use]
    pub const fn is_tls(self) -> bool {
        !matches!(self, Self::Ftp)
    }
}

/// Representation type (RFC 959 §3.1.1), as `AT+CFTPSTYPE` takes it (SIMCom manual L1210).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TransferType {
    /// `I`: bytes as they are.
    #[default]
    Binary,
    /// `A`: line ends may be rewritten on the way.
    Ascii,
}

impl TransferType {
    /// The letter on the wire.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Binary => 'I',
            Self::Ascii => 'A',
        }
    }
}

/// SIMCom's `<rest_size>`: the byte a transfer starts at, 0 to 2147483647 (SIMCom manual L1214).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Offset(u32);

impl Offset {
    /// The first byte.
    pub const ZERO: Self = Self(0);
    /// Largest offset the module takes.
    pub const MAX: u64 = 2_147_483_647;

    /// Takes an offset.
    ///
    /// # Errors
    /// The number is over [`Offset::MAX`].
    pub fn new(bytes: u64) -> Result<Self, ValueError> {
        u32::try_from(bytes)
            .ok()
            .filter(|b| u64::from(*b) <= Self::MAX)
            .map(Self)
            .ok_or(ValueError::OutOfRange {
                value: i64::try_from(bytes).unwrap_or(i64::MAX),
                min: 0,
                max: i64::from(i32::MAX),
            })
    }

    /// The number of bytes skipped.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0 as u64
    }
}

/// All that a login needs: what `AT+CFTPSLOGIN` takes, and the data address mode that must be
/// set before it (SIMCom manual L1203, L1216), and what is asked of TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Host name or address.
    pub host: Host,
    /// Listening port.
    pub port: NonZeroU16,
    /// User name.
    pub username: Username,
    /// Password.
    pub password: Password,
    /// How the server is spoken to.
    pub server_type: ServerType,
    /// Data connections go to the control connection's address (`AT+CFTPSSINGLEIP=1`) instead
    /// of the one in the server's reply, which is wrong behind most address translation.
    pub single_ip: bool,
    /// What TLS must prove; counts only where `server_type` has TLS.
    pub tls: TlsPolicy,
}

impl Server {
    /// Whether TLS is spoken to whoever answers.
    #[must_use]
    pub const fn is_unverified(&self) -> bool {
        self.server_type.is_tls() && self.tls.ca().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RemotePath {
        RemotePath::new(text).unwrap()
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

    #[test]
    fn a_password_never_prints() {
        let password = Password::new("s3cret").unwrap();
        assert_eq!(format!("{password:?}"), "Password(***)");
        assert_eq!(password.expose(), "s3cret");
        assert!(Password::new("").is_ok());
    }

    #[test]
    fn an_offset_ends_where_the_module_ends() {
        assert_eq!(Offset::new(2_147_483_647).unwrap().get(), 2_147_483_647);
        assert!(Offset::new(2_147_483_648).is_err());
    }

    #[test]
    fn customary_ports() {
        assert_eq!(ServerType::AuthTls.default_port().get(), 21);
        assert_eq!(ServerType::Implicit.default_port().get(), 990);
    }
}
