//! The tasks on files of the module.

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

use super::failure::{Cause, Failure, Stage};
use super::procedure::may_retry;
use crate::ftps::CommandName;

/// Whether a command of the file system is worth another try. Its refusal is an answer. The refusal
/// of a command of the FTPS service may only mean that nobody is logged in.
fn again(cause: &Cause, tries: &mut u32) -> bool {
    *tries += 1;
    !matches!(cause, Cause::Refused(_)) && may_retry(cause, *tries)
}

/// The failure of a command at its `attempt`th try.
fn failure(cause: Cause, command: CommandName, stage: Stage, attempt: u32) -> Failure {
    Failure {
        attempt: attempt.max(1),
        ..Failure::new(cause, Some(command), stage)
    }
}
