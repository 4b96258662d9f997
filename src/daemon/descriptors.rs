//! The file descriptors of the daemon, and how many of them are for connections.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::broker::terms::share::Share;

/// Descriptors for all but connections: spool files (128), transfers that are received or read (128), TLS
/// handshakes (64), connections beyond the bound that get a status (32), those for metrics (16), and port, log,
/// listening sockets and store. The rest is a margin.
const RESERVE: u64 = 400;

/// The least number of connections. With so few descriptors, something else fails instead.
const LEAST: u64 = 16;

/// Raises the limit of descriptors as far as the system allows. Answers how many of the `wanted` connections
/// there can be.
pub(super) fn connections(wanted: Share) -> Share {
    let granted = raise(wanted.in_all.saturating_add(RESERVE));
    let share = within(wanted, granted);
    if share != wanted {
        tracing::warn!(
            "listen.connections is {}, and the system lets the daemon open {granted} files: {} \
             connections are taken (LimitNOFILE=, ulimit -n)",
            wanted.in_all,
            share.in_all
        );
    }
    share
}

/// The limit in force, raised to `wanted` where the system allows it.
fn raise(wanted: u64) -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let current = limit.current.unwrap_or(u64::MAX);
    let allowed = limit.maximum.unwrap_or(u64::MAX).min(wanted);
    if current >= allowed {
        return current;
    }
    let raised = Rlimit {
        current: Some(allowed),
        ..limit
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => allowed,
        Err(_) => current,
    }
}

fn within(wanted: Share, descriptors: u64) -> Share {
    let in_all = descriptors.saturating_sub(RESERVE).max(LEAST);
    if in_all >= wanted.in_all {
        return wanted;
    }
    Share {
        in_all,
        // One client never has all of so few.
        of_one: wanted.of_one.min(in_all / 2).max(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_all_else() {
        let wanted = Share {
            in_all: 1024,
            of_one: 600,
        };
        let cases = [
            (20_000, 1024, 600),
            (1024, 624, 312),
            (512, 112, 56),
            (100, 16, 8),
        ];
        for (descriptors, in_all, of_one) in cases {
            assert_eq!(within(wanted, descriptors), Share { in_all, of_one });
        }
    }
}
