//! A file that is in an outbox.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use data_encoding::HEXLOWER;
use rustix::fs::Stat;
use sha2::{Digest, Sha256};

use super::Outbox;
use crate::broker::terms::TransferId;

/// A file that is in an outbox, or was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its path from the directory of the outbox.
    pub(crate) path: PathBuf,
    /// Which content it has.
    pub(crate) version: Version,
}

/// What changes when the content of a file does, as far as the file system tells without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    /// When it was written, in seconds and nanoseconds of the system's clock.
    pub(crate) modified: (i64, i64),
    pub(crate) size: u64,
    pub(crate) inode: u64,
}

impl Version {
    pub(crate) fn of(stat: &Stat) -> Self {
        Self {
            modified: (
                stat.st_mtime,
                i64::try_from(stat.st_mtime_nsec).unwrap_or_default(),
            ),
            size: u64::try_from(stat.st_size).unwrap_or_default(),
            inode: stat.st_ino,
        }
    }
}

impl Found {
    /// The transfer that sends this version of the file: always the same one, also after a restart.
    pub(crate) fn transfer(&self, outbox: &Outbox) -> Option<TransferId> {
        let mut hash = Sha256::new();
        // Some file systems number their files anew whenever they are mounted.
        let Version {
            modified,
            size,
            inode: _,
        } = self.version;
        let version = format!("{modified:?} {size}");
        for part in [
            outbox.profile.as_bytes(),
            outbox.target.as_str().as_bytes(),
            self.path.as_os_str().as_bytes(),
            version.as_bytes(),
        ] {
            hash.update(part);
            // No part contains it.
            hash.update([0]);
        }
        let digest = HEXLOWER.encode(&hash.finalize());
        TransferId::new(format!("outbox-{}", digest.get(..32)?))
    }
}
