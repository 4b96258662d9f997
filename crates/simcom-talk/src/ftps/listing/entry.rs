//! What a listing says about a name.

use std::time::SystemTime;

use bytes::Bytes;

/// One line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What could be read. `None` where the line has no known form.
    pub facts: Option<Facts>,
    /// The server's line without its line end. OpenVMS prints a long name in a line of its own: then these are two
    /// lines with a line feed between them. Of a line longer than 5 KiB, this is the beginning.
    pub raw: Bytes,
}

/// What a line of a listing says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The name, as [`crate::ftps::value::RemotePath::new`] takes it: text that stands for the bytes of the name.
    /// Where these are not UTF-8, it is not for clients.
    ///
    /// The name may begin with blanks. Nothing tells a listing in which all names begin with one from that of a
    /// server which puts two blanks before each name (CoreFTP does). Blanks that all of several lines have are taken
    /// for the server's. The blanks of a single line are taken for the name's. `raw` has all of them.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The size in bytes, for files. `None` where the server prints a rounded number, blocks or records, or a number
    /// beyond 64 bits. VxWorks also prints the space that a directory occupies.
    pub size: Option<u64>,
    /// The time as printed, taken as UTC. A line without a year means the last such day.
    pub modified: Option<SystemTime>,
    /// The permissions as the server prints them, for example `rwxr-xr-x`. Empty where it prints none.
    pub permissions: String,
    /// The target of a link, in the same form as `name`.
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
    /// A device, a pipe, a socket, or something that the server does not tell.
    Other,
}
