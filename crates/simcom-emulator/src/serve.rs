//! Joins an emulated module to a byte stream, with the real network behind it.
//!
//! [`Module`] is the module with its network and its clock. It is served on any stream by
//! [`Module::serve`], inside a program by [`in_process`], on a pseudo-terminal by [`pty`], and
//! from the command line by [`emulate`].

pub mod emulate;
mod module;
pub mod pty;

pub use module::{Ended, InProcess, Module, Remote, in_process};
