//! `[transfers]`: bytes between clients and the link.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::{Problem, at_most, positive};
use super::size;
use crate::broker::limits::{Stall, Trickle};
use crate::broker::spool;
use simcom_talk::dialogue::{DownloadForm, UploadForm};

/// Bytes between clients and the link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Transfers {
    /// Whether a request may name a server of its own, with its password.
    pub allow_inline_servers: bool,
    /// Bytes of memory for one transfer.
    #[serde(with = "size")]
    #[cfg_attr(test, schemars(schema_with = "super::schema::size"))]
    pub memory: u64,
    /// Bytes that an upload keeps of what it has sent.
    #[serde(with = "size")]
    #[cfg_attr(test, schemars(schema_with = "super::schema::size"))]
    pub keep: u64,
    /// Bytes of memory for all transfers.
    #[serde(with = "size")]
    #[cfg_attr(test, schemars(schema_with = "super::schema::size"))]
    pub memory_in_all: u64,
    /// Bytes on disk for one transfer, once its memory is full.
    #[serde(with = "size")]
    #[cfg_attr(test, schemars(schema_with = "super::schema::size"))]
    pub disk: u64,
    /// Bytes on disk for all transfers.
    #[serde(with = "size")]
    #[cfg_attr(test, schemars(schema_with = "super::schema::size"))]
    pub disk_in_all: u64,
    /// Directory for them; empty: the system's for temporary files.
    pub directory: PathBuf,
    /// How long a client may move no byte before its transfer is ended.
    #[serde(with = "super::duration")]
    #[cfg_attr(test, schemars(schema_with = "super::schema::time"))]
    pub stall: Duration,
    /// How long a transfer may hold the link while others wait and its client moves no byte.
    #[serde(with = "super::duration")]
    #[cfg_attr(test, schemars(schema_with = "super::schema::time"))]
    pub trickle: Duration,
    /// How files are read.
    pub download: Download,
    /// How files are written.
    pub upload: Upload,
}

impl Default for Transfers {
    fn default() -> Self {
        let limits = spool::Limits::default();
        Self {
            allow_inline_servers: false,
            memory: limits.memory,
            keep: limits.keep,
            memory_in_all: limits.memory_in_all,
            disk: limits.disk,
            disk_in_all: limits.disk_in_all,
            directory: PathBuf::new(),
            stall: Stall::default().0,
            trickle: Trickle::default().0,
            download: Download::default(),
            upload: Upload::default(),
        }
    }
}

/// Least memory for one transfer in bytes: one message of a client has to fit.
const MIN_MEMORY: u64 = 64 * 1024;

/// Least memory for messages that arrive, in bytes: a chunk of each of two clients.
const MIN_MESSAGES: u64 = 512 * 1024;

impl Transfers {
    /// Bytes of `memory_in_all` for messages that arrive: a quarter of it.
    pub(super) fn messages(&self) -> u64 {
        (self.memory_in_all / 4).max(MIN_MESSAGES)
    }

    /// Bytes of `memory_in_all` for the spools: the rest.
    pub(super) fn spools(&self) -> u64 {
        let rest = self.memory_in_all - self.memory_in_all / 4;
        rest.max(self.memory)
    }

    pub(super) fn directory(&self) -> Option<&Path> {
        Some(self.directory.as_path()).filter(|path| !path.as_os_str().is_empty())
    }

    pub(super) fn check(&self, problems: &mut Vec<Problem>) {
        if self.memory < MIN_MEMORY {
            let rule = format!("is {}, at least {MIN_MEMORY} are needed", self.memory);
            problems.push(Problem::new("transfers.memory", rule));
        }
        at_most(
            problems,
            ("transfers.memory", self.memory),
            ("transfers.memory_in_all", self.memory_in_all),
        );
        at_most(
            problems,
            ("transfers.disk", self.disk),
            ("transfers.disk_in_all", self.disk_in_all),
        );
        if self.directory().is_some_and(Path::is_relative) {
            problems.push(Problem::new("transfers.directory", "is no absolute path"));
        }
        positive(problems, "transfers.stall", self.stall);
        positive(problems, "transfers.trickle", self.trickle);
    }
}

/// How files are read, where the module has the choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Download {
    /// What is best for the module: `push`.
    #[default]
    Auto,
    /// The module pushes them.
    Push,
    /// Out of the module's cache, where it has one.
    Pull,
}

impl From<Download> for DownloadForm {
    fn from(download: Download) -> Self {
        match download {
            Download::Auto | Download::Push => Self::Push,
            Download::Pull => Self::Pull,
        }
    }
}

/// How files are written, where the module has the choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Upload {
    /// What is best for the module: `stream`.
    #[default]
    Auto,
    /// As one stream.
    Stream,
    /// In blocks of at most 2048 bytes, where the module takes them.
    Blocks,
}

impl From<Upload> for UploadForm {
    fn from(upload: Upload) -> Self {
        match upload {
            Upload::Auto | Upload::Stream => Self::Stream,
            Upload::Blocks => Self::Blocks,
        }
    }
}
