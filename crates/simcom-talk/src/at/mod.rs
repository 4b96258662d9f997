//! Floor 0, the grammar: lines, prompts, counted blocks and command lines (ITU-T V.250).
//!
//! It knows no command's meaning, no clock and no I/O.

pub mod args;
pub mod framer;
mod gap;
pub mod line;

pub use args::CommandLine;
pub use framer::{Expect, Frame, Framer};
pub use line::{ErrorCode, FinalCode, Line};
