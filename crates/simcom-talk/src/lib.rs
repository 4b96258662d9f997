//! The host's side of the conversation with a SIMCom cellular module that moves files by `AT+CFTPS..`.
//!
//! Three rooms, each of which names only those before it: [`at`], the grammar of V.250 (lines, prompts, counted
//! blocks); [`ftps`], the commands of SIMCom's manual as types, with their answers, error codes and listings;
//! [`dialogue`], which conducts one task after the other and says what to write to the port, what to wait for and
//! until when.
//!
//! Nothing here reads a port, a file or a clock, and nothing needs a runtime: bytes and times go in, steps come out.
//! `examples/` has a program that does it over a serial port.

pub mod at;
pub mod dialogue;
pub mod ftps;
