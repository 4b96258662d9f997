//! Whether to repeat a command of the file system, and its failure.

use crate::dialogue::failure::{Cause, Failure, Stage};
use crate::dialogue::procedure::may_retry;
use crate::ftps::CommandName;

/// Whether a command of the file system is worth another try. Its refusal is an answer. The refusal
/// of a command of the FTPS service may only mean that nobody is logged in.
pub(super) fn again(cause: &Cause, tries: &mut u32) -> bool {
    *tries += 1;
    !matches!(cause, Cause::Refused(_)) && may_retry(cause, *tries)
}

/// The failure of a command at its `attempt`th try.
pub(super) fn failure(cause: Cause, command: CommandName, stage: Stage, attempt: u32) -> Failure {
    Failure {
        attempt: attempt.max(1),
        ..Failure::new(cause, Some(command), stage)
    }
}
