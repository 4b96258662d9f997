//! Joins an emulated module to a byte stream, with the real network behind it.
//!
//! [`Module`] is the module with its network and its clock. [`Module::serve`] serves it on any
//! stream, [`in_process`] inside a program, [`pty`] on a pseudo-terminal, and [`emulate`] from the
//! command line.

pub mod emulate;
mod module;
pub mod pty;

pub use module::{Ended, InProcess, Module, Remote, in_process};
