//! Floor 2, the talk: the host side of the conversation, without I/O and without a clock.

pub mod failure;
pub mod operation;
