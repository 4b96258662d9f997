//! The emulated module as programs see it: its port, its network, and TLS, against real FTP servers in this process.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot be set up should fail where it stands"
)]

#[path = "../support/acceptor.rs"]
mod acceptor;
mod network;
mod serial;
mod tls;
