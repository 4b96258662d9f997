//! What a listing says of a name.

use std::time::SystemTime;

use bytes::Bytes;

/// One line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What could be read; `None` where the line has no form that is known.
    pub facts: Option<Facts>,
    /// The server's line without its line end. OpenVMS prints a long name in a line of its own:
    /// then these are two lines with a line feed between them. Of a line longer than 5 KiB this
    /// is the beginning.
    pub raw: Bytes,
}

/// What a line of a listing says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The name, as [`crate::ftps::value::RemotePath::new`] takes it: text that stands for its bytes, and is not for
    /// clients where these are not UTF-8.
    ///
    /// It may begin with blanks. But nothing tells a listing in which all names begin with one from
    /// that of a server which puts two blanks there (CoreFTP does): blanks that all of several
    /// lines have are taken for the server's, and those of a single line for the name's. `raw` has
    /// all of them.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Bytes, for files; `None` where the server prints a rounded number, blocks or records, or
    /// one that is beyond 64 bits. VxWorks also prints what a directory occupies.
    pub size: Option<u64>,
    /// As printed, taken as UTC. A line without a year means the last such day.
    pub modified: Option<SystemTime>,
    /// As the server prints them, for example `rwxr-xr-x`; empty where it prints none.
    pub permissions: String,
    /// Where a link leads, likewise.
    pub link_target: Option<String>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, or a junction of Windows.
    Link,
    /// A device, a pipe, a socket, or what the server does not tell.
    Other,
}
