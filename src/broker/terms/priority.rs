//! How urgent work is, and when a transfer gives up the link for the work of others.

use serde::{Deserialize, Serialize};

/// How urgent a job is; the first is the most urgent.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
pub enum Priority {
    /// Somebody waits for the answer.
    Interactive,
    /// Moves a file.
    #[default]
    Normal,
    /// Moves a file that nobody waits for.
    Bulk,
}

/// When a transfer gives up the link before its end, where it can go on later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Yields {
    /// Where it costs less than it saves: a download, where those who wait begin sooner in spite
    /// of the abort and the new login; an upload that is bulk, that goes in blocks already, or
    /// whose caller trickles. An upload in one stream pays dearly: what is left of it goes in
    /// blocks, each of them an FTP transfer of its own.
    #[default]
    Auto,
    /// Whenever somebody more urgent waits and the rest takes longer than two seconds.
    Always,
    /// Not at all, unless its caller trickles: nobody holds the link with nothing to say.
    Never,
}

/// Why a transfer gave up the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Somebody more urgent waits.
    Urgent,
    /// Somebody with little to do has waited beyond patience.
    Patience,
    /// Its caller sent nothing, or took nothing.
    Trickle,
}
