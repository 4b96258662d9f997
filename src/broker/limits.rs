//! The bounds within which many share one link.

use std::time::Duration;

use super::{scheduler, session, spool, upkeep, usage};

/// All bounds of a [`super::Broker`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Limits {
    /// Operations, and how long their order may favour others.
    pub queue: scheduler::Limits,
    /// Virtual sessions.
    pub sessions: session::Limits,
    /// Bytes between callers and the link.
    pub spool: spool::Limits,
    /// How callers may dawdle.
    pub stall: Stall,
    /// How they may while others wait.
    pub trickle: Trickle,
    /// What an idle link may cost.
    pub upkeep: upkeep::Limits,
    /// Data over the air.
    pub usage: usage::Limits,
    /// Callers may send AT commands of their own.
    pub at_commands: bool,
}

/// How long a caller may stand still while bytes could move, before the operation is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stall(pub Duration);

impl Default for Stall {
    /// 30 s: longer than a pause of TCP on a bad link, shorter than the patience of the next.
    fn default() -> Self {
        Self(Duration::from_secs(30))
    }
}

/// How long a transfer may have the link while others wait for it and its caller stands still: an
/// upload with nothing to send, which goes on when some bytes have come, or all; a download whose
/// spool is full, which goes on when its caller has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trickle(pub Duration);

impl Default for Trickle {
    /// 2 s: longer than a pause of a client that reads from a disk or another network, and about
    /// what it costs to go on.
    fn default() -> Self {
        Self(Duration::from_secs(2))
    }
}
