//! How an upload in blocks proceeds.

use super::blocks::Blocks;
use super::state::{State, Upload};
use crate::dialogue::exchange::Outcome;
use crate::dialogue::failure::{Cause, Failure, Stage};
use crate::dialogue::inquiry::Inquiry;
use crate::dialogue::known::Known;
use crate::dialogue::operation::Piece;
use crate::dialogue::procedure::is_transient;
use crate::ftps::command::PutForm;
use crate::ftps::{Command, ErrCode};

/// How many blocks in a row may fail to arrive before the transfer fails. Reading what the server has
/// in between does not reset the count. Each try may cost a login.
const FRUITLESS: u32 = 3;

impl Upload {
    /// Begins to send the content. Whether it goes in blocks is decided here.
    pub(super) fn begin(&mut self) -> State {
        if self.ways.blocks && self.exact && !self.no_rest {
            let mut blocks = Blocks::default();
            self.held
                .take()
                .into_iter()
                .for_each(|piece| blocks.push(piece));
            self.blocks = Some(blocks);
        }
        State::Gather
    }

    /// Gathers the next part of the content.
    pub(super) fn gather(&mut self) -> State {
        match &mut self.blocks {
            None => State::Put,
            // An empty file has no block: it goes as an empty stream.
            Some(blocks) if blocks.is_over() && blocks.offset() == 0 => {
                self.blocks = None;
                self.held = Some(Piece::End);
                State::Put
            }
            Some(blocks) if blocks.is_over() => {
                let begun = blocks.has_begun();
                self.ended = true;
                if begun {
                    self.complete()
                } else {
                    self.is_whole()
                }
            }
            Some(blocks) => match blocks.cut() {
                true => State::Put,
                false => State::Gather,
            },
        }
    }

    pub(super) fn put(&self) -> Result<Command, Failure> {
        let form = match &self.blocks {
            None => Ok(PutForm::Stream),
            Some(blocks) => blocks.form(),
        };
        let path = self.what.path.clone();
        form.map(|form| Command::Put(path, form))
            .map_err(|error| self.failure(Cause::Unsuitable(error), Stage::Data))
    }

    /// A block is over, as far as the module tells.
    pub(super) fn block_transferred(&mut self, outcome: &Outcome) -> State {
        let Some(blocks) = &mut self.blocks else {
            return State::Gather;
        };
        match outcome {
            Outcome::Done(_) => {
                self.broken = None;
                self.fruitless = 0;
                if blocks.arrived() {
                    State::Check(Inquiry::size(self.what.path.clone()))
                } else {
                    State::Gather
                }
            }
            Outcome::Failed(cause) => {
                self.fruitless += 1;
                let again =
                    (is_transient(cause) || cause.is_data_channel()) && self.fruitless < FRUITLESS;
                let gone_on = blocks.has_gone_on();
                let offset = blocks.offset();
                let failure = self.failure(cause.clone(), Stage::Data);
                self.begun |= matches!(cause, Cause::Timeout(_));
                match offset {
                    // The server refused a block with an offset, after it took the file from the
                    // first byte.
                    1.. if !gone_on && *cause == Cause::Reported(ErrCode::REJECTED) => {
                        match &self.broken {
                            // It refused a block without an offset as well.
                            Some(broken) if broken.cause == *cause => self.fail(failure),
                            _ => self.without_rest(failure),
                        }
                    }
                    _ if !again => self.fail(failure),
                    // The first block writes the file from its beginning, whatever the server had of
                    // it.
                    0 if !self.what.must_be_new => State::Put,
                    _ => self.break_off(failure),
                }
            }
        }
    }

    /// Takes whether the server has the blocks that it should have.
    pub(super) fn checked(&mut self, known: &Known) -> State {
        let found = match known {
            Known::Size(found) => *found,
            Known::Absent | Known::NoDirectory => 0,
            // The server does not tell. What it says at the end decides.
            Known::Present | Known::Undecided(_) | Known::Unread(_) => return State::Gather,
            Known::Failed(_, cause) if is_transient(cause) => return State::Gather,
            Known::Failed(_, cause) => {
                return self.fail(self.failure(cause.clone(), Stage::Commit));
            }
        };
        let expected = match &self.blocks {
            Some(blocks) if blocks.should_have(found) => return State::Gather,
            blocks => blocks.as_ref().map_or(0, Blocks::offset),
        };
        self.without_rest(Failure {
            committed: Some(found),
            ..self.failure(Cause::SizeMismatch { expected, found }, Stage::Commit)
        })
    }
}
