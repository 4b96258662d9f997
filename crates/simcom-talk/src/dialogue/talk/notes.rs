//! What was said on the line, in words that have a bound: for whoever counts.

use std::collections::VecDeque;
use std::time::Duration;

use crate::dialogue::exchange::{Outcome, Response};
use crate::dialogue::failure::Cause;
use crate::ftps::{CommandName, Urc};

/// Something that was said on the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// A command was answered, or was given up.
    Command {
        /// The command.
        name: CommandName,
        /// One of [`Note::RESULTS`].
        result: &'static str,
        /// From its line to the end of its answer.
        took: Duration,
    },
    /// The module said something that nobody asked for: one of [`Urc::NAMES`].
    Unsolicited(&'static str),
}

impl Note {
    /// How commands end: done; refused with `ERROR`; with a code other than 0 in its report; without an answer in time;
    /// cut short by a break of the line, the module or the network.
    pub const RESULTS: [&'static str; 5] = ["ok", "error", "code", "timeout", "broken"];
}

/// The notes that nobody has read yet.
#[derive(Debug, Default)]
pub(super) struct Notes(VecDeque<Note>);

/// More than one call of the dialogue brings. An owner that does not read them loses the later ones.
const KEPT: usize = 64;

impl Notes {
    pub(super) fn answered(&mut self, response: &Response, took: Duration) {
        let result = match &response.outcome {
            Outcome::Done(_) => "ok",
            Outcome::Failed(Cause::Refused(_)) => "error",
            Outcome::Failed(Cause::Reported(_)) => "code",
            Outcome::Failed(Cause::Timeout(_)) => "timeout",
            Outcome::Failed(_) => "broken",
        };
        self.add(Note::Command {
            name: response.name,
            result,
            took,
        });
    }

    pub(super) fn unsolicited(&mut self, code: &Urc) {
        self.add(Note::Unsolicited(code.name()));
    }

    pub(super) fn next(&mut self) -> Option<Note> {
        self.0.pop_front()
    }

    fn add(&mut self, note: Note) {
        if self.0.len() < KEPT {
            self.0.push_back(note);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_that_reads_no_notes_costs_no_more_than_a_few() {
        let mut notes = Notes::default();
        for _ in 0..1000 {
            notes.unsolicited(&Urc::Boot);
        }
        let read = std::iter::from_fn(|| notes.next()).count();
        assert_eq!(read, KEPT);
    }
}
