//! One command line and all that answers it.

mod hear;
mod names;
mod settle;
mod settlement;
mod under_way;

pub(crate) use hear::Heard;
pub(crate) use settlement::{Settlement, Verdict};
pub(crate) use under_way::{Claim, Exchange};
