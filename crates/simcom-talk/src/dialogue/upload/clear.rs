//! Cleans up after an upload that failed: deletes its partial file, and nothing else.

use bytes::Bytes;

use super::rejoin::{Overlay, Rejoin};
use crate::dialogue::exchange::{Outcome, Response};
use crate::dialogue::failure::{Cause, Failure, Stage};
use crate::dialogue::inquiry::Inquiry;
use crate::dialogue::known::Known;
use crate::dialogue::operation::{Before, BegunUpload, Cleared, Delivery, Output, Piece, Remains};
use crate::dialogue::procedure::{Feed, Next, Procedure, Saying, is_transient, may_retry};
use crate::dialogue::size::unknown;
use crate::ftps::value::RemotePath;
use crate::ftps::{Command, CommandName};

/// Deletes the file that an upload has begun, where it is proven to be that upload's. This is proven
/// if all of the following hold: it is no longer than what was handed over, it ends with the bytes
/// that were sent there, these bytes are too many to be another file's by chance, and it is not the
/// file from before the upload. Any other file stays: somebody else may have written the name since.
///
/// Nothing proves whose an empty file is, so it stays.
#[derive(Debug)]
pub(crate) struct Clear {
    path: RemotePath,
    begun: BegunUpload,
    /// The server refused the upload, perhaps before it touched the old file.
    refused: bool,
    /// The job has a source, which can be asked for bytes that the trail does not have.
    sourced: bool,
    state: State,
    tries: u32,
}

#[derive(Debug)]
enum State {
    /// Asks what is there.
    Ask(Box<Inquiry>),
    /// Asks whether the file ends as this upload's does.
    Compare(Rejoin),
    Delete,
    /// Asks whether anything is left although it could not be deleted.
    Look(Box<Inquiry>, Cause),
    Over(Result<Cleared, Failure>),
}

impl Clear {
    /// Clears up as a task of its own.
    pub(crate) fn new(what: Remains) -> Self {
        Self::of(what.path, what.begun, false, what.sourced)
    }

    /// Clears up at the end of an upload.
    pub(super) fn of(path: RemotePath, begun: BegunUpload, refused: bool, sourced: bool) -> Self {
        let inquiry = Inquiry::remains(path.clone());
        Self {
            path,
            begun,
            refused,
            sourced,
            state: State::Ask(Box::new(inquiry)),
            tries: 0,
        }
    }

    /// What to do next, or what came of it.
    pub(super) fn step(&mut self) -> Result<Next, Result<Cleared, Failure>> {
        loop {
            let command = match &mut self.state {
                State::Ask(inquiry) => match inquiry.next() {
                    Ok(command) => command,
                    Err(known) => {
                        let listed = inquiry.was_listed();
                        self.state = self.found(known, listed);
                        continue;
                    }
                },
                State::Compare(rejoin) => match rejoin.next(&self.path) {
                    Ok(Some(command)) => command,
                    Ok(None) if self.sourced => return Ok(Next::Fetch),
                    Ok(None) => {
                        rejoin.without_source();
                        continue;
                    }
                    Err(overlay) => {
                        let ours = rejoin.is_ours(self.begun.at);
                        self.state = self.compared(ours, &overlay);
                        continue;
                    }
                },
                State::Delete => Command::DeleteFile(self.path.clone()),
                State::Look(inquiry, cause) => match inquiry.next() {
                    Ok(command) => command,
                    Err(known) => {
                        let outcome = match known {
                            Known::Absent | Known::NoDirectory => Ok(Cleared::Deleted),
                            _ if is_transient(cause) => {
                                Err(failure(CommandName::DeleteFile, cause))
                            }
                            _ => Ok(Cleared::Left),
                        };
                        self.state = State::Over(outcome);
                        continue;
                    }
                },
                State::Over(outcome) => return Err(outcome.clone()),
            };
            return Ok(Next::Say(Saying::Ftps(command)));
        }
    }

    fn found(&self, known: Known, listed: bool) -> State {
        let there = match known {
            Known::Size(there) => there,
            Known::Absent => return State::Over(Ok(Cleared::Absent)),
            Known::NoDirectory => return State::Over(Ok(Cleared::NoDirectory)),
            Known::Present | Known::Undecided(_) | Known::Unread(_) => {
                return State::Over(Ok(Cleared::Left));
            }
            known @ Known::Failed(..) => return State::Over(Err(unknown(known))),
        };
        let within = (1..=self.begun.at).contains(&there);
        // A server that refuses may do so before it touches the file. A size that it told neither then
        // nor now proves nothing.
        let touched = match self.begun.before {
            Before::Number(before) if before == there => {
                let untouched = !within || self.refused;
                return State::Over(Ok(if untouched {
                    Cleared::Untouched
                } else {
                    Cleared::Left
                }));
            }
            Before::Number(_) => true,
            Before::Nothing => !listed || !self.refused,
            Before::Unknown => !self.refused,
        };
        if within && touched {
            State::Compare(Rejoin::new(there, &self.begun.trail))
        } else {
            State::Over(Ok(Cleared::Left))
        }
    }

    fn compared(&self, ours: bool, overlay: &Overlay) -> State {
        match overlay {
            _ if ours => State::Delete,
            Overlay::Unknown(Some(cause)) if is_transient(cause) => {
                State::Over(Err(failure(CommandName::Get, cause)))
            }
            Overlay::Same(_) | Overlay::Unknown(_) => State::Over(Ok(Cleared::Left)),
        }
    }

    fn deleted(&mut self, outcome: &Outcome) {
        self.tries += 1;
        self.state = match outcome {
            Outcome::Done(_) => State::Over(Ok(Cleared::Deleted)),
            Outcome::Failed(cause) if may_retry(cause, self.tries) => return,
            Outcome::Failed(cause) => {
                let inquiry = Inquiry::look(self.path.clone());
                State::Look(Box::new(inquiry), cause.clone())
            }
        };
    }
}

impl Procedure for Clear {
    fn next(&mut self) -> Next {
        self.step()
            .unwrap_or_else(|outcome| Next::Finish(outcome.map(Output::Cleared)))
    }

    fn heard(&mut self, response: &Response) {
        match &mut self.state {
            State::Ask(inquiry) | State::Look(inquiry, _) => inquiry.heard(response),
            State::Compare(rejoin) => rejoin.heard(&response.outcome),
            State::Delete => self.deleted(&response.outcome),
            State::Over(_) => {}
        }
    }

    fn content(&mut self, bytes: Bytes) -> Option<Delivery> {
        match &mut self.state {
            State::Ask(inquiry) | State::Look(inquiry, _) => inquiry.content(&bytes),
            State::Compare(rejoin) => rejoin.content(&bytes),
            State::Delete | State::Over(_) => {}
        }
        None
    }

    fn feed(&mut self, piece: Piece) -> Option<Feed> {
        if let State::Compare(rejoin) = &mut self.state {
            rejoin.feed(&piece);
        }
        None
    }

    fn position(&self) -> u64 {
        match &self.state {
            State::Compare(rejoin) => rejoin.position(),
            _ => 0,
        }
    }

    fn abandon(&mut self, cause: Cause) {
        self.give_up(failure(CommandName::DeleteFile, &cause));
    }

    fn give_up(&mut self, failure: Failure) {
        self.state = State::Over(Err(failure));
    }
}

fn failure(name: CommandName, cause: &Cause) -> Failure {
    Failure::new(cause.clone(), Some(name), Stage::Directory)
}
