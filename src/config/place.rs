//! Where a value of the configuration was given.

use std::fmt;
use std::sync::Arc;

/// Where a value was given.
///
/// Places of one file are ordered by line and column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In a file, or about a whole file.
    File(Arc<str>),
    /// At a line and a column of a file. Both begin with 1; columns count characters.
    Position {
        /// The path of the file.
        file: Arc<str>,
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// In a variable of the environment, by its name.
    Variable(Arc<str>),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => f.write_str(file),
            // As compilers print it, so that editors find the place.
            Self::Position { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Self::Variable(name) => write!(f, "environment variable {name}"),
        }
    }
}
