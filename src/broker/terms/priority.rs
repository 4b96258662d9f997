//! How urgent work is, and when a transfer gives up the link for the work of others.

use serde::{Deserialize, Serialize};

/// How urgent a job is; the first is the most urgent.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
pub enum Priority {
    /// A person or program waits for the answer.
    Interactive,
    /// The job moves a file.
    #[default]
    Normal,
    /// The job moves a file that nobody waits for.
    Bulk,
}

/// When a transfer gives up the link before its end, if it can resume later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Yields {
    /// Where yielding saves more than it costs: a download yields if the waiting jobs begin sooner
    /// in spite of the abort and the new login; an upload yields if it is bulk, already goes in
    /// blocks, or has a caller that trickles. An upload in one stream pays dearly: the rest of it
    /// goes in blocks, each an FTP transfer of its own.
    #[default]
    Auto,
    /// Whenever a more urgent job waits and the rest takes longer than two seconds.
    Always,
    /// Never, unless its caller trickles: a caller that sends nothing must not hold the link.
    Never,
}

/// Why a transfer gave up the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum YieldReason {
    /// A more urgent job waits.
    Urgent,
    /// A short job has waited longer than its patience.
    Patience,
    /// Its caller sent nothing or read nothing.
    Trickle,
}
