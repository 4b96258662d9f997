//! The bounds that the users of one link share.

use std::time::Duration;

use super::{catalogue, scheduler, spool, usage};

/// All bounds of a [`super::Broker`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Limits {
    /// Operations, and how long their order may favour others.
    pub queue: scheduler::Limits,
    /// Virtual sessions.
    pub sessions: catalogue::Limits,
    /// Bytes between callers and the link.
    pub spool: spool::Limits,
    /// How long a caller may send or read nothing.
    pub stall: Stall,
    /// How long it may do so while others wait.
    pub trickle: Trickle,
    /// The costs that an idle link may cause.
    pub upkeep: Upkeep,
    /// Data over the air.
    pub usage: usage::Limits,
    /// Callers may send AT commands of their own.
    pub at_commands: bool,
    /// The log has no paths of operations.
    pub hides_paths: bool,
}

/// How long a caller may send or read nothing while bytes could move, before its operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stall(pub Duration);

impl Default for Stall {
    /// 30 s: longer than a pause of TCP on a bad link, shorter than the patience of the next
    /// caller.
    fn default() -> Self {
        Self(Duration::from_secs(30))
    }
}

/// How long a transfer may keep the link while others wait and its caller sends or reads nothing.
/// An upload without bytes to send yields, and resumes when some bytes, or all, have come. A
/// download whose spool is full yields, and resumes when its caller has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trickle(pub Duration);

impl Default for Trickle {
    /// 2 s: longer than a pause of a client that reads from a disk or another network, and about
    /// the cost of resuming.
    fn default() -> Self {
        Self(Duration::from_secs(2))
    }
}

/// The costs that an idle link may cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upkeep {
    /// After so long without a job, the module logs out and stops the FTPS service, which also
    /// releases the data connection to the network; zero: never. The next operation logs in again.
    pub idle_logout: Duration,
    /// While the module is logged in and idle, it asks the server for the directory at this
    /// interval, so that the server does not close the connection; zero: never.
    pub keep_alive: Duration,
}

impl Default for Upkeep {
    /// Two minutes outlast the pauses within one piece of work, and end before the five minutes of
    /// silence that a server must bear at least (RFC 1123 §4.1.3.2).
    fn default() -> Self {
        Self {
            idle_logout: Duration::from_secs(120),
            keep_alive: Duration::ZERO,
        }
    }
}
