//! The base of the end-to-end tests: real FTP servers, the daemon and the emulator as processes, a
//! tap on the line between them, and the gRPC clients of other languages.
//!
//! Everything here listens only on loopback, on free ports, in a scratch directory of its own. It
//! ends with the value that owns it, also when a test panics or is killed.

#[expect(dead_code, reason = "other tests use the rest")]
pub(crate) mod authority;
pub(crate) mod certificate;
pub(crate) mod disk;
pub(crate) mod failure;
pub(crate) mod grpcurl;
pub(crate) mod process;
pub(crate) mod python;
pub(crate) mod servers;
pub(crate) mod site;
#[expect(dead_code, reason = "other tests use the rest")]
pub(crate) mod tap;
pub(crate) mod tools;
pub(crate) mod wait;
