//! A SIMCom module in software. It takes the bytes that a host types on its AT port, answers with
//! the bytes that a module would send, and carries every FTPS command to an FTP server.
//!
//! [`Emulator`] is the module without I/O and without a clock: bytes, network events and times go
//! in, [`Action`]s come out. [`uplink`] holds the two networks behind it (a tree in memory, and a
//! real FTP client); [`serve`] joins an emulator and a network to a byte stream or a
//! pseudo-terminal.
//!
//! Replies are written as literal bytes by rules of this module alone, from the vendor's documents.
//! It shares no code with the host's side, so a misreading there is not repeated here.

mod boot;
mod commands;
mod conduct;
mod contexts;
mod emulator;
mod faults;
mod input;
mod knobs;
mod line;
mod model;
mod network_loss;
mod outbox;
mod pending;
mod power;
pub mod request;
pub mod serve;
mod session;
mod settings;
mod storage;
mod typed;
pub mod uplink;

#[cfg(test)]
mod tests;

pub use emulator::{Action, Emulator};
pub use faults::{Effect, Fault, Phase, Stuck, Trigger};
pub use knobs::{
    CacheFull, FailureForm, Hearing, Knobs, OkOrder, Prompt, Reaction, ReactionError, Sim,
};
pub use model::{Family, Model};
