//! One command line and all that answers it.

mod conclude;
mod frames;
mod names;
mod response;
mod under_way;
mod unproven;

pub(crate) use frames::Heard;
pub(crate) use response::{Outcome, Response};
pub(crate) use under_way::{Exchange, Information};
