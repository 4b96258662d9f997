//! A path on a server.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStringExt as _;

use bytes::Bytes;
use tonic::Request;
use tonic::metadata::MetadataValue;

/// A path on a server, or a name there: bytes, which are UTF-8 on most servers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerPath(Vec<u8>);

impl ServerPath {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The two fields of messages: text, or bytes where the path is not UTF-8. One of them is empty.
    #[must_use]
    pub fn fields(&self) -> (String, Bytes) {
        match std::str::from_utf8(&self.0) {
            Ok(text) => (text.to_owned(), Bytes::new()),
            Err(_) => (String::new(), Bytes::copy_from_slice(&self.0)),
        }
    }

    /// Marks a request that has this path in bytes, so that a daemon which does not know the field refuses the
    /// request. Otherwise it would drop the field, and use another directory.
    pub(super) fn guard<T>(&self, mut request: Request<T>) -> Request<T> {
        if std::str::from_utf8(&self.0).is_err() {
            require(&mut request, "raw_path");
        }
        request
    }
}

/// Marks a request, so that a daemon which does not have the feature refuses it.
pub(super) fn require<T>(request: &mut Request<T>, feature: &'static str) {
    let feature = MetadataValue::from_static(feature);
    request.metadata_mut().append("cellftp-require", feature);
}

/// For people. Bytes that are not UTF-8 become U+FFFD.
impl fmt::Display for ServerPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl From<&str> for ServerPath {
    fn from(path: &str) -> Self {
        Self(path.into())
    }
}

impl From<&String> for ServerPath {
    fn from(path: &String) -> Self {
        path.as_str().into()
    }
}

impl From<String> for ServerPath {
    fn from(path: String) -> Self {
        Self(path.into_bytes())
    }
}

impl From<OsString> for ServerPath {
    fn from(path: OsString) -> Self {
        Self(path.into_vec())
    }
}

impl From<Vec<u8>> for ServerPath {
    fn from(path: Vec<u8>) -> Self {
        Self(path)
    }
}

impl From<&Self> for ServerPath {
    fn from(path: &Self) -> Self {
        path.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_goes_as_text_where_it_is_text_and_else_as_bytes_that_must_be_understood() {
        let request = |path: &ServerPath| {
            let request = path.guard(Request::new(()));
            request.metadata().contains_key("cellftp-require")
        };
        let text = ServerPath::from("/caf\u{e9}");
        assert_eq!(text.fields(), ("/caf\u{e9}".into(), Bytes::new()));
        assert!(!request(&text));
        let latin = ServerPath::from(b"/caf\xE9".to_vec());
        assert_eq!(
            latin.fields(),
            (String::new(), Bytes::from_static(b"/caf\xE9"))
        );
        assert!(request(&latin));
        assert_eq!(latin.to_string(), "/caf\u{FFFD}");
    }
}
