//! What is known of a name on the server.

use bytes::Bytes;

use super::failure::Cause;
use super::sought::{Sought, shown};
use crate::ftps::CommandName;
use crate::ftps::listing::{Facts, Kind};

/// What was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Known {
    /// The file has this size.
    Size(u64),
    /// The name exists and is no file whose size can be told.
    Present,
    /// The name does not exist.
    Absent,
    /// The parent directory does not exist.
    NoDirectory,
    /// It cannot be told. The number is the one that the module gave, if it gave one.
    Undecided(Option<u64>),
    /// It cannot be told, since the listing could not be read. This is one of its lines.
    Unread(String),
    /// The question could not be asked: this command failed.
    Failed(CommandName, Cause),
}

/// What a listing says about a name. `unread` is a line of it that could not be read.
pub(crate) fn known(sought: &Sought, unread: Option<&Bytes>) -> Known {
    match sought.found() {
        Some((
            Facts {
                kind: Kind::File,
                size: Some(size),
                ..
            },
            _,
        )) => Known::Size(*size),
        Some(_) => Known::Present,
        None => sought
            .doubt()
            .or_else(|| unread.map(|line| shown(line)))
            .map_or(Known::Absent, Known::Unread),
    }
}
