//! Whether the daemon keeps transfers, and why not.

use std::io;
use std::sync::Arc;

use super::store;
use crate::broker::disk::is_short_of_descriptors;
use crate::broker::terms::Trouble;
use crate::modem::chain;

/// Whether the daemon keeps transfers.
#[derive(Debug, Clone)]
pub enum Keeping {
    /// The configuration has none.
    Off,
    /// The disk accepts nothing. Its content stays, and the daemon tries again.
    Waiting(Arc<io::Error>),
    /// The store cannot be used. Its content stays, and the daemon tries again.
    Unusable(Trouble),
    /// The daemon keeps transfers.
    On,
}

impl Keeping {
    /// Why the daemon keeps none although the configuration has them.
    #[must_use]
    pub fn why(&self) -> Option<String> {
        match self {
            Self::Off | Self::On => None,
            Self::Waiting(error) => Some(error.to_string()),
            Self::Unusable(trouble) => Some(chain(trouble)),
        }
    }

    /// One word for programs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Waiting(_) => "waiting",
            Self::Unusable(_) => "unusable",
            Self::On => "on",
        }
    }

    /// All names.
    pub const NAMES: [&'static str; 4] = ["off", "waiting", "unusable", "on"];

    /// After the disk failed with this error.
    pub(crate) fn failed(error: &Arc<io::Error>) -> Self {
        if passes(error) {
            Self::Waiting(Arc::clone(error))
        } else {
            Self::Unusable(Trouble::Unreadable(Arc::clone(error)))
        }
    }

    /// Whether both say the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.name() == other.name() && self.why() == other.why()
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

/// The disk accepts nothing now, or no more files can be opened: the store itself is sound.
fn passes(error: &io::Error) -> bool {
    let takes_nothing = matches!(
        error.kind(),
        io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
    );
    takes_nothing || is_short_of_descriptors(error)
}
