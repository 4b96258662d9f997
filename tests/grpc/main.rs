//! The gRPC services in one process: a client, the daemon with an emulated module, and an FTP
//! server, over real sockets on this machine.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what it measured, and what is wrong by panicking"
)]

mod abuse;
#[path = "../support/acceptor.rs"]
mod acceptor;
mod budget;
mod calls;
mod crowd;
mod doors;
mod forms;
mod house;
mod repair;
mod storage;
mod streams;
mod tls;
mod transfers;
