//! The name that a caller gives a request, so that the daemon carries it out once (AIP-155).

use std::sync::Arc;

/// A caller's name of a request: 1 to [`RequestId::MAX`] of `A-Z a-z 0-9 . _ -`, like the id of a
/// transfer, so that a script can use one name for both.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// Most bytes.
    pub const MAX: usize = 128;

    /// Takes a name. `None` if it breaks the rule.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let usable = (1..=Self::MAX).contains(&name.len()) && name.bytes().all(good);
        usable.then(|| Self(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A request that has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its name.
    pub id: RequestId,
    /// Identifies what it asks for: equal for equal requests only.
    pub fingerprint: [u8; 32],
}
