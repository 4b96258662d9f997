//! Writing a file: one escaped stream behind a prompt.

use bytes::Bytes;

use super::exchange::{Settlement, Verdict};
use super::failure::{Cause, Failure, Finding, Stage};
use super::inquiry::{Inquiry, Known};
use super::operation::{self, Output, Piece, Progress, ProgressStage, Stored};
use super::procedure::{Feed, Next, Procedure, Saying, is_transient, may_retry};
use super::size::unknown;
use crate::ftps::command::PutForm;
use crate::ftps::value::TransferType;
use crate::ftps::{Body, Command, ErrCode, Verb, escape};

/// Writes a file and makes sure of it.
///
/// The file is begun once its first piece is there, so that a source which never sends holds
/// nothing open on the server. A transfer whose outcome was lost is not repeated: the size on
/// the server decides.
#[derive(Debug)]
pub(crate) struct Upload {
    what: operation::Upload,
    state: State,
    /// The piece that waits for the prompt.
    held: Option<Piece>,
    sent: u64,
    tries: u32,
    /// What the server said of the name before the transfer.
    before: Before,
    /// The prompt is open.
    open: bool,
    /// Every byte and the end were written.
    ended: bool,
    /// The file was, or may have been, created by us.
    begun: bool,
    acknowledged: bool,
    confirmed: Option<u64>,
    /// Why the transfer failed, while the server is asked what it has.
    failed: Option<Failure>,
}

#[derive(Debug)]
enum State {
    /// Whether the name is free.
    Free(Inquiry),
    Fetch,
    /// Which size the name has before.
    Before,
    Put,
    Transfer,
    Verify(Inquiry),
    /// What the name has after a failed transfer: what was not touched is not deleted.
    Compare,
    Delete,
    Deleting,
    /// Whether anything is left, now that it could not be deleted.
    Look(Box<Inquiry>),
    Finish(Result<(), Failure>),
}

/// What SIZE answered. A file that had the size of ours before is no proof that ours arrived, if
/// the outcome is lost; and one that still has the size it had is not ours to delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// Not asked, or no answer.
    Unknown,
    /// The server refused: there is no such file.
    Nothing,
    /// This, if it was no error code.
    Number(u64),
}

impl Before {
    fn of(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Done(Some(Body::Number(number) | Body::Length(number))) => {
                Self::Number(*number)
            }
            Verdict::Failed(Cause::Reported(ErrCode::REJECTED)) => Self::Nothing,
            _ => Self::Unknown,
        }
    }
}

impl Upload {
    /// Of a file, in a transfer type. Where line ends may be rewritten, sizes cannot be compared.
    pub(crate) fn new(mut what: operation::Upload, transfer_type: TransferType) -> Self {
        what.verify_size &= transfer_type == TransferType::Binary;
        let state = if what.must_be_new {
            State::Free(Inquiry::look(what.path.clone()))
        } else {
            State::Fetch
        };
        Self {
            what,
            state,
            held: None,
            sent: 0,
            tries: 0,
            before: Before::Unknown,
            open: false,
            ended: false,
            begun: false,
            acknowledged: false,
            confirmed: None,
            failed: None,
        }
    }

    fn free(&self, known: Known) -> State {
        match known {
            Known::Absent => State::Fetch,
            Known::Size(_) | Known::Present => {
                let failure = Failure {
                    finding: Some(Finding::NamePresent),
                    ..self.failure(Cause::Exists, Stage::Directory)
                };
                State::Finish(Err(failure))
            }
            Known::Undecided(_) => {
                let cause =
                    Cause::OutOfOrder("a listing that does not tell if a name exists".into());
                State::Finish(Err(self.failure(cause, Stage::Directory)))
            }
            known @ Known::Failed(..) => State::Finish(Err(unknown(known))),
        }
    }

    /// The transfer is over, as far as the module tells.
    fn transferred(&mut self, verdict: &Verdict) -> State {
        match verdict {
            Verdict::Done(_) if self.ended => {
                self.acknowledged = true;
                if self.what.verify_size {
                    State::Verify(Inquiry::size(self.what.path.clone()))
                } else {
                    State::Finish(Ok(()))
                }
            }
            Verdict::Done(_) => {
                let cause = Cause::OutOfOrder("success before the end of the content".into());
                self.fail(self.failure(cause, Stage::Data))
            }
            Verdict::Failed(cause) => {
                // Not a byte was taken from the source: nothing speaks against a new try.
                if !self.begun && may_retry(cause, self.tries) {
                    return State::Put;
                }
                // Without a prompt in time the server may have created the file all the same.
                self.begun |= matches!(cause, Cause::Timeout(_));
                self.fail(self.failure(cause.clone(), Stage::Data))
            }
        }
    }

    fn fail(&mut self, failure: Failure) -> State {
        if !self.begun {
            return State::Finish(Err(failure));
        }
        let open = is_open(&failure.cause);
        self.failed = Some(failure);
        // All was written and only the outcome is lost: the server may have it whole.
        if self.ended && open {
            return State::Verify(Inquiry::size(self.what.path.clone()));
        }
        self.clear_up()
    }

    fn verified(&mut self, known: Known) -> State {
        let size = match known {
            Known::Size(size) => Some(size),
            _ => None,
        };
        let told = match self.before {
            _ if self.acknowledged => true,
            Before::Nothing => true,
            Before::Number(before) => before != self.sent,
            Before::Unknown => false,
        };
        match (size, self.failed.take()) {
            (Some(size), _) if size == self.sent => {
                self.confirmed = told.then_some(size);
                State::Finish(Ok(()))
            }
            (Some(found), None) => {
                let expected = self.sent;
                self.failed = Some(Failure {
                    committed: size,
                    ..self.failure(Cause::SizeMismatch { expected, found }, Stage::Commit)
                });
                self.clear_up()
            }
            (Some(_), Some(failure)) => {
                self.failed = Some(Failure {
                    committed: size,
                    ..failure
                });
                self.clear_up()
            }
            // The server does not tell. What the module said stands; where it said nothing,
            // the outcome stays open, and a file that may be whole is not deleted.
            (None, _) => State::Finish(Ok(())),
        }
    }

    /// Ends with the failure, after deleting what was begun where that is wanted.
    fn clear_up(&mut self) -> State {
        if self.what.delete_on_failure && self.begun {
            return State::Compare;
        }
        State::Finish(self.failed.clone().map_or(Ok(()), Err))
    }

    /// A server that refuses a transfer may do so before it touches the file that was there.
    fn compared(&self, after: Before) -> State {
        match (self.before, after) {
            (Before::Number(before), Before::Number(after)) if before == after => {
                State::Finish(self.failed.clone().map_or(Ok(()), Err))
            }
            (Before::Number(_) | Before::Nothing, Before::Number(_)) => State::Delete,
            _ => self.look(),
        }
    }

    fn look(&self) -> State {
        State::Look(Box::new(Inquiry::look(self.what.path.clone())))
    }

    fn looked(&self, known: &Known) -> State {
        let Some(failure) = self.failed.clone() else {
            return State::Finish(Ok(()));
        };
        let finding = match known {
            Known::Absent => failure.finding,
            _ => Some(Finding::LeftBehind),
        };
        State::Finish(Err(Failure { finding, ..failure }))
    }

    fn deleted(&mut self, verdict: &Verdict) -> State {
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

    fn failure(&self, cause: Cause, stage: Stage) -> Failure {
        Failure {
            attempt: self.tries.max(1),
            ..Failure::new(cause, Some(Verb::Put.name()), stage)
        }
    }

    fn write(&mut self, piece: Piece) -> Feed {
        match piece {
            Piece::Data(bytes) => {
                self.sent += bytes.len() as u64;
                Feed {
                    bytes: escape::escape(&bytes),
                    end: false,
                }
            }
            Piece::End => {
                self.ended = true;
                Feed {
                    bytes: Bytes::from_static(&[escape::END]),
                    end: true,
                }
            }
        }
    }
}

impl Procedure for Upload {
    fn next(&mut self) -> Next {
        loop {
            match &mut self.state {
                State::Free(inquiry) => match inquiry.next() {
                    Ok(command) => return Next::Say(Saying::Ftps(command)),
                    Err(known) => self.state = self.free(known),
                },
                State::Fetch if self.held.is_none() => return Next::Fetch,
                State::Fetch if self.what.verify_size || self.what.delete_on_failure => {
                    self.state = State::Before;
                }
                State::Fetch => self.state = State::Put,
                State::Before | State::Compare => {
                    let command = Command::Size(self.what.path.clone());
                    return Next::Say(Saying::Ftps(command));
                }
                State::Put => {
                    self.tries += 1;
                    self.state = State::Transfer;
                    let command = Command::Put(self.what.path.clone(), PutForm::Stream);
                    return Next::Say(Saying::Ftps(command));
                }
                // While a prompt is open the dialogue asks for the next piece.
                State::Transfer => return Next::Fetch,
                State::Verify(inquiry) => match inquiry.next() {
                    Ok(command) => return Next::Say(Saying::Ftps(command)),
                    Err(known) => self.state = self.verified(known),
                },
                State::Delete => {
                    self.state = State::Deleting;
                    let command = Command::DeleteFile(self.what.path.clone());
                    return Next::Say(Saying::Ftps(command));
                }
                State::Deleting => self.state = State::Delete,
                State::Look(inquiry) => match inquiry.next() {
                    Ok(command) => return Next::Say(Saying::Ftps(command)),
                    Err(known) => self.state = self.looked(&known),
                },
                State::Finish(result) => {
                    let stored = Stored {
                        sent: self.sent,
                        acknowledged: self.acknowledged,
                        confirmed: self.confirmed,
                        resumes: 0,
                    };
                    return Next::Finish(result.clone().map(|()| Output::Stored(stored)));
                }
            }
        }
    }

    fn heard(&mut self, settlement: &Settlement) {
        self.state = match &mut self.state {
            State::Free(inquiry) | State::Verify(inquiry) => return inquiry.heard(settlement),
            State::Look(inquiry) => return inquiry.heard(settlement),
            State::Before => {
                self.before = Before::of(&settlement.verdict);
                State::Put
            }
            State::Compare => self.compared(Before::of(&settlement.verdict)),
            State::Transfer => {
                self.open = false;
                self.begun |= settlement.prompted;
                match self.failed.clone() {
                    // Abandoned meanwhile: how the cut transfer ended does not matter.
                    Some(_) if self.begun => self.clear_up(),
                    Some(failure) => State::Finish(Err(failure)),
                    None => self.transferred(&settlement.verdict),
                }
            }
            State::Deleting => self.deleted(&settlement.verdict),
            State::Fetch | State::Put | State::Delete | State::Finish(_) => return,
        };
    }

    fn content(&mut self, bytes: Bytes) -> Option<operation::Delivery> {
        match &mut self.state {
            State::Free(inquiry) | State::Verify(inquiry) => inquiry.content(&bytes),
            State::Look(inquiry) => inquiry.content(&bytes),
            _ => {}
        }
        None
    }

    fn feed(&mut self, piece: Piece) -> Option<Feed> {
        if self.open {
            return Some(self.write(piece));
        }
        self.held = Some(piece);
        None
    }

    fn prompted(&mut self) -> Option<Feed> {
        self.open = true;
        self.begun = true;
        let piece = self.held.take()?;
        Some(self.write(piece))
    }

    fn abandon(&mut self, cause: Cause) {
        // What is complete but for its verification is no longer given up.
        if self.ended || self.failed.is_some() {
            return;
        }
        let failure = self.failure(cause, Stage::Data);
        match self.state {
            State::Transfer => self.failed = Some(failure),
            State::Free(_) | State::Fetch | State::Before | State::Put => {
                self.state = State::Finish(Err(failure));
            }
            State::Verify(_)
            | State::Compare
            | State::Delete
            | State::Deleting
            | State::Look(_)
            | State::Finish(_) => {}
        }
    }

    fn give_up(&mut self, failure: Failure) {
        // The first failure is the reason; that the link did not come back only keeps the
        // leftovers where they are.
        let finding = self.begun.then_some(Finding::LeftBehind);
        let first = self.failed.take().unwrap_or(failure);
        let stored = self.ended && is_open(&first.cause);
        self.state = State::Finish(if stored {
            Ok(())
        } else {
            Err(Failure { finding, ..first })
        });
    }

    fn progress(&self) -> Progress {
        let stage = match self.state {
            State::Free(_) | State::Fetch | State::Before | State::Put => ProgressStage::Preparing,
            State::Transfer => ProgressStage::Transferring,
            _ => ProgressStage::Verifying,
        };
        Progress {
            stage,
            bytes: self.sent,
        }
    }
}

/// Whether the server may hold the whole file all the same: the connection or the module was
/// lost on the way to the outcome. A refusal leaves nothing open.
fn is_open(cause: &Cause) -> bool {
    matches!(cause, Cause::Reported(code) if *code != ErrCode::REJECTED) || is_transient(cause)
}
