//! How an upload that failed ends.

use super::blocks::Blocks;
use super::clear::Clear;
use super::state::{State, Upload};
use crate::dialogue::failure::{Failure, Finding};
use crate::dialogue::inquiry::Inquiry;
use crate::dialogue::known::Known;
use crate::dialogue::operation::{self, Before, Cleared};

impl Upload {
    /// Ends with the failure. Deletes the partial file first, where that is wanted.
    pub(super) fn clear_up(&mut self) -> State {
        let Some(failure) = &self.failed else {
            return State::Finish(Ok(()));
        };
        if !self.what.delete_on_failure || !self.begun {
            return State::Finish(Err(failure.clone()));
        }
        let refused = failure.cause.is_refusal();
        // The bytes that were written have replaced the old file, and so has a block that arrived.
        let in_blocks = self.blocks.as_ref().is_some_and(Blocks::has_begun);
        let written = in_blocks || (self.is_unasked() && self.written);
        let before = if written {
            Before::Nothing
        } else {
            self.before
        };
        // Where nobody has asked before, the old file may still be there, as after a refusal.
        let refused = refused || (self.is_unasked() && !written);
        let begun = operation::BegunUpload {
            at: self.handed,
            before,
            resumes: self.resumes,
            trail: self.trail.clone(),
        };
        let path = self.what.path.clone();
        State::Clear(Box::new(Clear::of(path, begun, refused, false)))
    }

    pub(super) fn cleared(&self, cleared: &Result<Cleared, Failure>) -> State {
        let Some(failure) = self.failed.clone() else {
            return State::Finish(Ok(()));
        };
        State::Finish(Err(match cleared {
            Ok(Cleared::Deleted) => Failure {
                committed: Some(0),
                ..failure
            },
            Ok(Cleared::Absent | Cleared::Untouched) => failure,
            Ok(Cleared::NoDirectory) => Failure {
                finding: Some(Finding::DirectoryAbsent),
                ..failure
            },
            Ok(Cleared::Left) | Err(_) => Failure {
                finding: Some(Finding::LeftBehind),
                ..failure
            },
        }))
    }

    /// The server refused before anything was begun: looks for the meaning of that.
    pub(super) fn look(&self) -> State {
        State::Look(Box::new(Inquiry::look(self.what.path.clone())))
    }

    pub(super) fn looked(&self, known: &Known) -> State {
        let Some(failure) = self.failed.clone() else {
            return State::Finish(Ok(()));
        };
        let finding = match known {
            Known::NoDirectory => Some(Finding::DirectoryAbsent),
            _ => failure.finding,
        };
        State::Finish(Err(Failure { finding, ..failure }))
    }
}
