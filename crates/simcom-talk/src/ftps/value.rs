//! Values that a command carries, parsed once: each of these may be written to the module.

mod check;
mod drive;
mod error;
mod name_code;
mod path;

use std::fmt;
use std::num::NonZeroU16;

use secrecy::{ExposeSecret, SecretString};

use super::tls::TlsPolicy;
use check::check_ascii;
pub(crate) use check::is_escape;
pub use drive::Drive;
pub use error::ValueError;
pub use name_code::NameCode;
pub use path::RemotePath;

/// A server's host name or address: 1 to 256 printable ASCII bytes without a quotation mark.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Host(String);

impl Host {
    /// Takes a host name or address.
    ///
    /// # Errors
    /// [`ValueError::Empty`], [`ValueError::TooLong`] beyond 256 bytes, [`ValueError::Quote`], [`ValueError::Control`],
    /// [`ValueError::Escape`] and [`ValueError::NotAscii`].
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
    /// [`ValueError::Empty`], [`ValueError::TooLong`] beyond 256 bytes, [`ValueError::Quote`], [`ValueError::Control`],
    /// [`ValueError::Escape`] and [`ValueError::NotAscii`].
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
/// It is never printed: `Debug` shows a placeholder and there is no `Display`. The memory is wiped when the last owner
/// drops it.
#[derive(Clone)]
pub struct Password(SecretString);

impl Password {
    /// Takes a password.
    ///
    /// # Errors
    /// The same as [`Host::new`], except [`ValueError::Empty`]: a password may be empty. The text is not repeated.
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

/// The protocol of a server: SIMCom's `<server_type>` (SIMCom manual L1203).
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

    /// The usual port of this type (RFC 959 §8; 990 for implicit TLS).
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

/// SIMCom's `<rest_size>`: the position at which a transfer begins, 0 to 2147483647 (SIMCom manual L1214).
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
    /// [`ValueError::OutOfRange`] for a number over [`Offset::MAX`].
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

/// Everything that a login needs: the arguments of `AT+CFTPSLOGIN`, the data address mode that must be set before it
/// (SIMCom manual L1203, L1216), and what TLS must prove.
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
    /// The protocol of the server.
    pub server_type: ServerType,
    /// Data connections go to the address of the control connection (`AT+CFTPSSINGLEIP=1`) instead of the address in
    /// the server's reply. That one is wrong behind most address translation.
    pub single_ip: bool,
    /// What TLS must prove. It counts only where `server_type` has TLS.
    pub tls: TlsPolicy,
}

impl Server {
    /// An FTP server on its usual port, spoken to without TLS; data connections go to the same address.
    #[must_use]
    pub const fn without_tls(host: Host, username: Username, password: Password) -> Self {
        Self {
            host,
            port: ServerType::Ftp.default_port(),
            username,
            password,
            server_type: ServerType::Ftp,
            single_ip: true,
            tls: TlsPolicy::unverified(),
        }
    }

    /// Whether the module speaks TLS with a server that proves nothing.
    #[must_use]
    pub const fn is_unverified(&self) -> bool {
        self.server_type.is_tls() && self.tls.ca().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_never_prints() {
        let password = Password::new("s3cret").unwrap();
        assert_eq!(format!("{password:?}"), "Password(***)");
        assert_eq!(password.expose(), "s3cret");
        assert!(Password::new("").is_ok());
    }

    #[test]
    fn a_backslash_that_a_module_may_read_as_another_character_is_refused_before_a_login() {
        for text in ["a\\41", "\\5C", "\\22x", "x\\aF"] {
            assert_eq!(
                Password::new(text).unwrap_err(),
                ValueError::Escape,
                "{text}"
            );
            assert_eq!(Username::new(text), Err(ValueError::Escape));
            assert_eq!(Host::new(text), Err(ValueError::Escape));
        }
        for text in ["a\\b", "\\", "DOM\\user", "\\4x"] {
            assert!(Username::new(text).is_ok(), "{text}");
        }
        // There is a form in which this path can be sent.
        assert!(RemotePath::new("/a\\41").is_ok());
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
