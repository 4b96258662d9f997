//! Bytes between a caller and the link, in order and within bounds.

use std::path::PathBuf;

/// Most bytes handed over at once.
pub const MAX_CHUNK: usize = 64 * 1024;

/// Bounds of the spools. An empty spool takes one chunk whatever the bounds say, so that every
/// transfer goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory for one operation.
    pub memory: u64,
    /// Bytes of memory for all operations.
    pub memory_in_all: u64,
    /// Bytes on disk for one operation, once its memory is full.
    pub disk: u64,
    /// Bytes on disk for all operations.
    pub disk_in_all: u64,
    /// Directory of the files, which have no name there; `None`: the system's for temporary
    /// files.
    pub directory: Option<PathBuf>,
}

impl Default for Limits {
    /// 1 MiB an operation holds ten seconds of the link at 921600 baud: enough for every client
    /// that reads at all, so that nothing goes to disk, which is flash and wears out. 32 MiB in
    /// all fit the smallest computers. 64 MiB on disk are ten minutes of the link.
    fn default() -> Self {
        Self {
            memory: 1 << 20,
            memory_in_all: 32 << 20,
            disk: 64 << 20,
            disk_in_all: 512 << 20,
            directory: None,
        }
    }
}
