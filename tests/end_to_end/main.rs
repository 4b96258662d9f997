//! The whole way against real FTP servers: gRPC client, daemon, serial line, emulated module,
//! server, and back. `tests/README.md` says what runs where.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test says what it measured, fails by panicking, and waits for real programs by a \
              real clock"
)]

mod abort;
mod command_line;
mod commands;
mod content;
mod crash;
mod disk;
mod doctor;
mod doors;
mod durable;
mod errors;
mod field;
mod folders;
mod languages;
mod line;
mod long;
mod many;
mod module;
mod moods;
mod naming;
mod outbox;
mod parity;
mod pieces;
mod progress;
mod round_trip;
mod servers;
mod sharing;
mod storage;
#[path = "../support/mod.rs"]
mod support;
mod surviving;
mod tls;
mod trees;
mod unary;
mod ways;
