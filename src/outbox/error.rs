//! Why an outbox does not get on.

use std::io;
use std::path::{Path, PathBuf};

use tokio::task::JoinError;

use crate::broker::terms;

/// Why an outbox, or one of its files, does not get on for now. It is tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The directory cannot be read.
    #[error("{}: the directory cannot be read", directory.display())]
    Directory {
        directory: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A file cannot be read, moved or deleted.
    #[error("{}: the file cannot be {what}", file.display())]
    File {
        file: PathBuf,
        /// What was tried: read, moved, ...
        what: &'static str,
        #[source]
        source: io::Error,
    },
    /// Somebody wrote to the file while it was read.
    #[error("{}: the file changed while it was read", .0.display())]
    Changed(PathBuf),
    /// The transfer is not accepted, or cannot be changed.
    #[error("{}: its transfer does not get on", file.display())]
    Transfer {
        file: PathBuf,
        #[source]
        source: Box<terms::Error>,
    },
    /// The daemon's transfers cannot be read.
    #[error("transfers cannot be read")]
    Transfers(#[source] Box<terms::Error>),
    /// A defect.
    #[error("the work on the disk ended early")]
    Ended(#[from] JoinError),
}

impl Error {
    /// The error of a transfer for a file.
    pub(crate) fn of_transfer(file: &Path) -> impl Fn(terms::Error) -> Self {
        let file = file.to_owned();
        move |source| Self::Transfer {
            file: file.clone(),
            source: Box::new(source),
        }
    }

    /// The text with its causes.
    pub(crate) fn whole(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text += &format!(": {error}");
            cause = error.source();
        }
        text
    }
}
