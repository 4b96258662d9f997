//! The gRPC services in one process: a client, the daemon with an emulated module, and an FTP
//! server, over real sockets on this machine.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what it measured, and what is wrong by panicking"
)]

mod abuse;
#[path = "../support/acceptor.rs"]
mod acceptor;
#[path = "../support/authority.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod authority;
mod bounds;
mod budget;
mod calls;
mod certificates;
mod crowd;
mod doors;
mod forms;
mod house;
mod many;
mod options;
#[path = "../support/program.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod program;
mod repair;
mod status;
mod storage;
mod streams;
mod tls;
mod transfers;
mod walk;
mod watches;
mod wire;
