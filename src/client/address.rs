//! Where the daemon listens, as people write it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::error::Error;

/// Where the daemon listens: `unix:/path/to/socket`, `http://127.0.0.1:port` or
/// `https://host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A unix socket.
    Unix(PathBuf),
    /// A TCP port, without TLS: `host:port`.
    Tcp(String),
    /// A TCP port with TLS: `host:port`. The daemon's certificate must be for that host.
    Tls(String),
}

impl Address {
    /// The URI that tonic takes.
    pub(super) fn uri(&self) -> String {
        self.to_string()
    }
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refused = |why| Error::Address {
            address: text.into(),
            why,
        };
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if !path.starts_with('/') {
                return Err(refused("the path of a unix socket begins with `/`"));
            }
            Ok(Self::Unix(path.into()))
        } else if let Some(authority) = text.strip_prefix("http://") {
            authority_of(authority).map(Self::Tcp).ok_or_else(|| {
                refused("a host and a port are needed, as in `http://127.0.0.1:50051`")
            })
        } else if let Some(authority) = text.strip_prefix("https://") {
            authority_of(authority).map(Self::Tls).ok_or_else(|| {
                refused("a host and a port are needed, as in `https://gateway.lan:50051`")
            })
        } else {
            Err(refused("it begins with `unix:`, `http://` or `https://`"))
        }
    }
}

/// `host:port`, without a slash at the end.
fn authority_of(text: &str) -> Option<String> {
    let authority = text.trim_end_matches('/');
    let (host, port) = authority.rsplit_once(':')?;
    (!host.is_empty() && port.parse::<u16>().is_ok()).then(|| authority.into())
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(authority) => write!(f, "http://{authority}"),
            Self::Tls(authority) => write!(f, "https://{authority}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        let unix = Address::Unix("/run/x.sock".into());
        assert_eq!("unix:/run/x.sock".parse::<Address>().unwrap(), unix);
        assert_eq!("unix:///run/x.sock".parse::<Address>().unwrap(), unix);
        assert_eq!(unix.to_string(), "unix:/run/x.sock");
        let tcp = "http://127.0.0.1:50051/".parse::<Address>().unwrap();
        assert_eq!(tcp, Address::Tcp("127.0.0.1:50051".into()));
        assert_eq!(tcp.to_string(), "http://127.0.0.1:50051");
        let tls = "https://gateway.lan:50051".parse::<Address>().unwrap();
        assert_eq!(tls, Address::Tls("gateway.lan:50051".into()));
        assert_eq!(tls.to_string(), "https://gateway.lan:50051");
    }

    #[test]
    fn a_refused_address_says_what_is_allowed() {
        for (text, want) in [
            ("unix:run/x.sock", "begins with `/`"),
            ("http://127.0.0.1", "a host and a port"),
            ("https://gateway.lan", "a host and a port"),
            ("127.0.0.1:50051", "begins with `unix:`, `http://` or"),
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains(want) && error.contains(text), "{error}");
        }
    }
}
