//! Clearing up after an upload that failed: what was begun is deleted, what was not touched stays.

use super::{State, Upload};
use crate::dialogue::exchange::Verdict;
use crate::dialogue::failure::{Cause, Failure, Finding};
use crate::dialogue::inquiry::{Inquiry, Known};
use crate::dialogue::operation::Before;
use crate::dialogue::procedure::may_retry;
use crate::ftps::ErrCode;

impl Upload {
    /// Ends with the failure, after deleting what was begun where that is wanted.
    pub(super) fn clear_up(&mut self) -> State {
        if self.what.delete_on_failure && self.begun {
            // A block that arrived has taken the place of whatever was there.
            return match &self.blocks {
                Some(blocks) if blocks.offset() > 0 => State::Delete,
                _ => State::Compare,
            };
        }
        State::Finish(self.failed.clone().map_or(Ok(()), Err))
    }

    /// The server was asked what the name has now; once more in a new connection, where it
    /// closed the old one over it.
    pub(super) fn hear_compare(&mut self, verdict: &Verdict) -> Option<State> {
        match verdict {
            Verdict::Failed(cause) if may_retry(cause, self.compares) => {
                self.compares += 1;
                None
            }
            verdict => Some(self.compared(Before::of(verdict))),
        }
    }

    /// A server that refuses a transfer may do so before it touches the file that was there.
    pub(super) fn compared(&self, after: Before) -> State {
        match (self.before, after) {
            (Before::Number(before), Before::Number(after)) if before == after => {
                State::Finish(self.failed.clone().map_or(Ok(()), Err))
            }
            (Before::Number(_) | Before::Nothing, Before::Number(_)) => State::Delete,
            _ => self.look(),
        }
    }

    pub(super) fn look(&self) -> State {
        let path = self.what.path.clone();
        State::Look(Box::new(match &self.failed {
            Some(failure) if is_refusal(&failure.cause) => Inquiry::place(path),
            _ => Inquiry::look(path),
        }))
    }

    pub(super) fn looked(&self, known: &Known) -> State {
        let Some(failure) = self.failed.clone() else {
            return State::Finish(Ok(()));
        };
        let finding = match known {
            Known::NoDirectory => Some(Finding::DirectoryAbsent),
            Known::Absent => failure.finding,
            _ if !self.begun => failure.finding,
            _ => Some(Finding::LeftBehind),
        };
        State::Finish(Err(Failure { finding, ..failure }))
    }

    pub(super) fn deleted(&mut self, verdict: &Verdict) -> State {
        let Some(failure) = self.failed.clone() else {
            return State::Finish(Ok(()));
        };
        match verdict {
            Verdict::Done(_) => State::Finish(Err(Failure {
                committed: Some(0),
                ..failure
            })),
            Verdict::Failed(_) => self.look(),
        }
    }
}

/// Whether the server would not have the file.
pub(super) fn is_refusal(cause: &Cause) -> bool {
    matches!(
        cause,
        Cause::Reported(ErrCode::REJECTED) | Cause::Refused(_)
    )
}
