//! Bounds of what clients may use of the server.

use std::time::Duration;

use crate::broker::terms::share::Share;

/// Streams of one connection at once: what RFC 9113 §6.5.2 advises at least. A client that wants more
/// waits; gRPC's libraries do so by themselves.
pub(super) const STREAMS: u32 = 100;

/// Bytes of a call's metadata: gRPC's own custom, of which a call of ours needs a few hundred.
pub(super) const METADATA: u32 = 8 * 1024;

/// Streams that were reset before anybody looked at them: beyond that the connection ends. h2's own
/// default, which rapid reset is answered with.
pub(super) const RESET_STREAMS: usize = 20;

/// Work that a client may cause at once, and in a second beyond that. It is counted in HTTP/2 frames, and a
/// frame that begins a call counts as eight: a thousand calls at once and five hundred a second. The link has
/// ten operations a second at best; a file in frames of 16 KiB comes with 80 MiB a second. Frames beyond that
/// stay on the socket, and their sender waits.
pub(super) const WORK_AT_ONCE: u32 = 10_000;
pub(super) const WORK_A_SECOND: u32 = 5_000;

/// What a connection costs its client, and what a TLS handshake costs its address. Each has a pace of its own,
/// as fast as that of frames: 625 can come at once, and 312 a second beyond that.
pub(super) const ARRIVAL: u32 = 16;

/// What a status about too many connections costs its client. It is as much work as to admit the client: 62 get
/// it at once, and 31 a second beyond that. Further connections are closed.
pub(super) const TELLING: u32 = 160;

/// Calls at once whose answers may be long, and are whole in memory until the client takes them: lists,
/// and the contract itself (reflection). One may have a few hundred KiB.
pub(super) const LONG_ANSWERS: Share = Share {
    in_all: 32,
    of_one: 8,
};

/// Calls at once that receive or read a transfer which is kept. Each has a file open, as has a spool on disk,
/// of which there may be as many.
pub(super) const FILES: Share = Share {
    in_all: 128,
    of_one: 64,
};

/// Calls at once about many files. Each may keep the results of 10,000 files until they are read, which are a
/// few MiB.
pub(super) const MANY: Share = Share {
    in_all: 32,
    of_one: 8,
};

/// Walks and removals of trees at once. Each may keep some MiB of names in memory.
pub(super) const TREES: Share = Share {
    in_all: 8,
    of_one: 2,
};

/// Watches of one transfer at once. Each gets an update four times a second. A screen shows fewer.
pub(super) const WATCHES: Share = Share {
    in_all: 256,
    of_one: 64,
};

/// Calls of `WatchTransfers` at once. Each remembers of every transfer which state it has sent: a hundred
/// kilobytes for a thousand transfers. A screen needs one.
pub(super) const WATCHES_OF_ALL: Share = Share {
    in_all: 32,
    of_one: 8,
};

/// How long a client may take to begin HTTP/2 once it is connected: as long as for a TLS handshake.
pub(super) const PREFACE: Duration = Duration::from_secs(10);

/// How long the first message of a call may take. It has a few KiB.
pub(super) const FIRST_MESSAGE: Duration = Duration::from_secs(10);

/// How long any other message may take once it has begun. 128 KiB at 5 KiB a second take 26 s.
pub(super) const MESSAGE: Duration = Duration::from_secs(30);

/// Longest message that is no chunk, in bytes: two paths of 4 KiB, a certificate of 10 KiB, and names.
pub const HEADER: u32 = 24 * 1024;

/// Longest chunk that a client may send, in bytes. Larger ones would not be faster: the link moves
/// 100 KiB a second at best.
pub const CHUNK: u32 = 128 * 1024;

/// Bytes of a message with a chunk besides the chunk: a tag and a length.
pub(super) const FRAMING: u32 = 16;

/// Longest message with a whole file or with many paths, in bytes: as much content as a chunk, and a path of 4
/// KiB, which may be given in two forms.
pub const FILE: u32 = CHUNK + 8 * 1024;

/// A call may send only a few chunks shorter than this, in bytes: each costs the processor as much as a long
/// one.
pub(super) const SHORT: u32 = 256;

/// Short chunks that a call may send at once.
pub(super) const SHORT_AT_ONCE: u32 = 1024;

/// Short chunks that a call may send in a second beyond that.
pub(super) const SHORT_A_SECOND: u32 = 100;

/// Bounds of connections and calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections.
    pub connections: Share,
    /// Calls at once.
    pub calls: Share,
    /// How long a connection without a call stays.
    pub idle: Duration,
    /// Bytes of messages that have begun and are not whole, in all. One client has half of it at most.
    pub messages: u64,
}

impl Default for Limits {
    /// 2048 connections are a thousand clients, and as many that reconnect; one costs some 15 KiB. A call costs
    /// 10 to 56 KiB, so that all calls of one client take 112 MiB at most. Ten minutes is longer than the
    /// pauses of most clients that poll.
    fn default() -> Self {
        Self {
            connections: Share {
                in_all: 2048,
                of_one: 1024,
            },
            calls: Share {
                in_all: 4096,
                of_one: 2048,
            },
            idle: Duration::from_secs(600),
            messages: 8 << 20,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_bounds_tells_what_is_in_force() {
        let share = |of: Share| format!("{} | {}", of.of_one, of.in_all);
        let (first, next) = (FIRST_MESSAGE.as_secs(), MESSAGE.as_secs());
        let chunk = CHUNK / 1024;
        let rows = [
            format!(
                "| time to begin HTTP/2, to do a TLS handshake | {} s |",
                PREFACE.as_secs()
            ),
            format!("| streams of a connection | {STREAMS} |"),
            format!("| calls at once | {} |", share(Limits::default().calls)),
            format!(
                "`ListCommandForms`) and reflection | {} |",
                share(LONG_ANSWERS)
            ),
            format!("`ReadTransfer`) | {} |", share(FILES)),
            format!("`WatchTransfer` | {} |", share(WATCHES)),
            format!("`WatchTransfers` | {} |", share(WATCHES_OF_ALL)),
            format!("`StatFiles`) | {} |", share(MANY)),
            format!("`RemoveTree`) | {} |", share(TREES)),
            format!("| {} KiB, of which {chunk} KiB are content |", FILE / 1024),
            format!("| metadata of a call | {} KiB |", METADATA / 1024),
            format!("with one | {} KiB; {chunk} KiB of chunk |", HEADER / 1024),
            format!("for another, once begun | {first} s; {next} s |"),
            format!("| chunks shorter than {SHORT} bytes, of a call |"),
            format!("| {SHORT_AT_ONCE}, and {SHORT_A_SECOND} a second |"),
        ];
        let readme = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));
        for row in rows {
            assert!(readme.contains(&row), "{row}");
        }
        // The README writes these numbers with commas, or in words.
        assert_eq!((WORK_AT_ONCE, WORK_A_SECOND), (10_000, 5_000));
        let arrivals = [WORK_AT_ONCE / ARRIVAL, WORK_A_SECOND / ARRIVAL];
        assert_eq!(arrivals, [625, 312]);
        let told = [WORK_AT_ONCE / TELLING, WORK_A_SECOND / TELLING];
        let row = format!(
            "{} at once, then {} a second, are told so",
            told[0], told[1]
        );
        assert!(readme.contains(&row), "{row}");
        for what in [
            "connections that a client opens",
            "TLS handshakes of an address",
        ] {
            let row = format!("| {what} | 625 at once, then 312 a second |");
            assert!(readme.contains(&row), "{row}");
        }
        assert_eq!(RESET_STREAMS, 20);
    }
}
