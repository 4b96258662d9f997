//! Whether transfers are kept, and why not.

use std::io;
use std::sync::Arc;

use super::store;
use crate::broker::disk::is_short_of_descriptors;
use crate::broker::terms::Trouble;
use crate::modem::chain;

/// Whether transfers are kept.
#[derive(Debug, Clone)]
pub enum Keeping {
    /// They are not configured.
    Off,
    /// The disk takes nothing. What is on it stays there, and it is tried again.
    Waiting(Arc<io::Error>),
    /// The store cannot be used. What is in it stays there, and it is tried again.
    Unusable(Trouble),
    /// They are kept.
    On,
}

impl Keeping {
    /// Why they are not kept, though they are configured.
    #[must_use]
    pub fn why(&self) -> Option<String> {
        match self {
            Self::Off | Self::On => None,
            Self::Waiting(error) => Some(error.to_string()),
            Self::Unusable(trouble) => Some(chain(trouble)),
        }
    }
}

impl From<store::Error> for Keeping {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Io { source, .. } if passes(&source) => Self::Waiting(source.into()),
            error => Self::Unusable(error.into()),
        }
    }
}

impl From<store::Error> for Trouble {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Newer { found, .. } => Self::Newer {
                found,
                known: store::CURRENT,
            },
            store::Error::Stuck { what, source, .. } => Self::Damaged {
                what,
                source: source.into(),
            },
            store::Error::Io { source, .. } => Self::Unreadable(source.into()),
            store::Error::InUse(_) => {
                let kind = io::ErrorKind::ResourceBusy;
                Self::Unreadable(Arc::new(kind.into()))
            }
            store::Error::Damaged { what, .. } => Self::Damaged {
                what,
                source: Arc::new(io::ErrorKind::InvalidData.into()),
            },
        }
    }
}

/// The disk takes nothing now, or no more files can be opened: nothing is wrong with the store.
fn passes(error: &io::Error) -> bool {
    let takes_nothing = matches!(
        error.kind(),
        io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
    );
    takes_nothing || is_short_of_descriptors(error)
}
