//! The tasks on files of the module.

mod attempt;
mod fetch;
mod inquiry;
mod look;
mod mode;
mod print;
mod send;
mod store;

pub(crate) use fetch::Fetch;
pub(crate) use look::Look;
pub(crate) use mode::Mode;
pub(crate) use print::Print;
pub(crate) use send::Send;
pub(crate) use store::Store;
