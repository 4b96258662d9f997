//! The bounds within which many share one link.

use std::time::Duration;

use super::catalogue;
use super::{scheduler, spool, usage};

/// All bounds of a [`super::Broker`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Limits {
    /// Operations, and how long their order may favour others.
    pub queue: scheduler::Limits,
    /// Virtual sessions.
    pub sessions: catalogue::Limits,
    /// Bytes between callers and the link.
    pub spool: spool::Limits,
    /// How callers may dawdle.
    pub stall: Stall,
    /// How they may while others wait.
    pub trickle: Trickle,
    /// What an idle link may cost.
    pub upkeep: Upkeep,
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

/// What an idle link may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upkeep {
    /// When nobody has used the link for so long, the module logs out and stops the FTPS service,
    /// which lets go of the data connection to the network too; zero: never. The next operation
    /// logs in again.
    pub idle_logout: Duration,
    /// While the module is logged in and idle, the server is asked for the directory so often, so
    /// that it does not close the connection; zero: never.
    pub keep_alive: Duration,
}

impl Default for Upkeep {
    /// Two minutes outlast the pauses within one piece of work, and end before the five minutes
    /// that a server has to bear silence at least (RFC 1123 §4.1.3.2).
    fn default() -> Self {
        Self {
            idle_logout: Duration::from_secs(120),
            keep_alive: Duration::ZERO,
        }
    }
}
