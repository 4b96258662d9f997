//! Writing a file: one escaped stream behind a prompt, or blocks.

mod blocks;
mod clear;

use bytes::Bytes;

use blocks::Blocks;
use clear::Before;

use super::exchange::{Settlement, Verdict};
use super::failure::{Cause, Failure, Finding, Stage};
use super::inquiry::{Inquiry, Known};
use super::operation::{self, Output, Piece, Progress, ProgressStage, Stored};
use super::procedure::{Feed, Next, Procedure, Saying, Ways, is_transient, may_retry};
use super::size::unknown;
use crate::ftps::value::TransferType;
use crate::ftps::{Command, ErrCode, Verb, escape};

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
    ways: Ways,
    /// Bytes are written as they are, so that sizes and offsets mean something.
    exact: bool,
    /// The content, where it goes in blocks.
    blocks: Option<Blocks>,
    resumes: u32,
    sent: u64,
    tries: u32,
    /// How often the server was asked what is left of a failed transfer; begins with 1.
    compares: u32,
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
    /// What the module can do is asked for.
    Reach,
    /// Which size the name has before.
    Before,
    /// The next block is taken from the source.
    Gather,
    Put,
    Transfer,
    /// Whether the server has what it should after the first blocks.
    Check(Inquiry),
    /// How much the server has of a block whose outcome was lost.
    Recover(Inquiry, Failure),
    Verify(Inquiry),
    /// What the name has after a failed transfer: what was not touched is not deleted.
    Compare,
    Delete,
    Deleting,
    /// Whether anything is left, now that it could not be deleted.
    Look(Box<Inquiry>),
    Finish(Result<(), Failure>),
}

impl Upload {
    /// Of a file, in a transfer type. Where line ends may be rewritten, sizes cannot be compared.
    pub(crate) fn new(mut what: operation::Upload, transfer_type: TransferType) -> Self {
        let exact = transfer_type == TransferType::Binary;
        what.verify_size &= exact;
        let state = if what.must_be_new {
            State::Free(Inquiry::look(what.path.clone()))
        } else {
            State::Fetch
        };
        Self {
            what,
            state,
            held: None,
            ways: Ways::default(),
            exact,
            blocks: None,
            resumes: 0,
            sent: 0,
            tries: 0,
            compares: 1,
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

    /// The module reported success for all of it.
    fn complete(&mut self) -> State {
        self.acknowledged = true;
        if self.what.verify_size {
            State::Verify(Inquiry::size(self.what.path.clone()))
        } else {
            State::Finish(Ok(()))
        }
    }

    /// The transfer is over, as far as the module tells.
    fn transferred(&mut self, verdict: &Verdict) -> State {
        if self.blocks.is_some() {
            return self.block_transferred(verdict);
        }
        match verdict {
            Verdict::Done(_) if self.ended => self.complete(),
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
            // The server does not tell, and the module has said that it failed.
            (None, Some(failure)) if !is_unheard(&failure.cause) => {
                self.failed = Some(failure);
                self.clear_up()
            }
            // The server does not tell. What the module said stands; where it said nothing,
            // the outcome stays open, and a file that may be whole is not deleted.
            (None, _) => State::Finish(Ok(())),
        }
    }

    fn failure(&self, cause: Cause, stage: Stage) -> Failure {
        Failure {
            attempt: self.tries.max(1),
            committed: self.blocks.as_ref().map(Blocks::offset),
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
                State::Fetch => {
                    self.state = State::Reach;
                    return Next::Reach;
                }
                State::Reach if self.what.verify_size || self.what.delete_on_failure => {
                    self.state = State::Before;
                }
                State::Reach => self.state = self.begin(),
                State::Gather => match self.gather() {
                    State::Gather => return Next::Fetch,
                    state => self.state = state,
                },
                State::Check(inquiry) => match inquiry.next() {
                    Ok(command) => return Next::Say(Saying::Ftps(command)),
                    Err(known) => self.state = self.checked(&known),
                },
                State::Recover(inquiry, failure) => match inquiry.next() {
                    Ok(command) => return Next::Say(Saying::Ftps(command)),
                    Err(known) => {
                        let failure = failure.clone();
                        self.state = self.recovered(&known, failure);
                    }
                },
                State::Before | State::Compare => {
                    let command = Command::Size(self.what.path.clone());
                    return Next::Say(Saying::Ftps(command));
                }
                State::Put => {
                    self.tries += 1;
                    match self.put() {
                        Ok(command) => {
                            self.state = State::Transfer;
                            return Next::Say(Saying::Ftps(command));
                        }
                        Err(failure) => self.state = self.fail(failure),
                    }
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
                        resumes: self.resumes,
                    };
                    return Next::Finish(result.clone().map(|()| Output::Stored(stored)));
                }
            }
        }
    }

    fn heard(&mut self, settlement: &Settlement) {
        self.state = match &mut self.state {
            State::Free(inquiry)
            | State::Verify(inquiry)
            | State::Check(inquiry)
            | State::Recover(inquiry, _) => return inquiry.heard(settlement),
            State::Look(inquiry) => return inquiry.heard(settlement),
            State::Before => {
                self.before = Before::of(&settlement.verdict);
                self.begin()
            }
            State::Compare => match &settlement.verdict {
                // The server that closed the connection over it is asked in a new one.
                Verdict::Failed(cause) if may_retry(cause, self.compares) => {
                    self.compares += 1;
                    return;
                }
                verdict => self.compared(Before::of(verdict)),
            },
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
            State::Fetch
            | State::Reach
            | State::Gather
            | State::Put
            | State::Delete
            | State::Finish(_) => return,
        };
    }

    fn content(&mut self, bytes: Bytes) -> Option<operation::Delivery> {
        match &mut self.state {
            State::Free(inquiry)
            | State::Verify(inquiry)
            | State::Check(inquiry)
            | State::Recover(inquiry, _) => inquiry.content(&bytes),
            State::Look(inquiry) => inquiry.content(&bytes),
            _ => {}
        }
        None
    }

    fn equip(&mut self, ways: Ways) {
        self.ways = ways;
    }

    fn feed(&mut self, piece: Piece) -> Option<Feed> {
        if let Some(blocks) = &mut self.blocks {
            blocks.push(piece);
            return None;
        }
        if self.open {
            return Some(self.write(piece));
        }
        self.held = Some(piece);
        None
    }

    fn prompted(&mut self) -> Option<Feed> {
        self.open = true;
        self.begun = true;
        if let Some(blocks) = &self.blocks {
            let bytes = blocks.block();
            self.sent = blocks.offset() + bytes.len() as u64;
            return Some(Feed { bytes, end: true });
        }
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
            State::Free(_) | State::Fetch | State::Reach | State::Before => {
                self.state = State::Finish(Err(failure));
            }
            State::Gather | State::Put | State::Check(_) | State::Recover(..) => {
                self.failed = Some(failure);
                self.state = self.clear_up();
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
        let stored = match &self.failed {
            None => self.acknowledged,
            Some(first) => self.ended && is_unheard(&first.cause),
        };
        let first = self.failed.take().unwrap_or(failure);
        self.state = State::Finish(if stored {
            Ok(())
        } else {
            Err(Failure { finding, ..first })
        });
    }

    fn progress(&self) -> Progress {
        let stage = match self.state {
            State::Free(_) | State::Fetch | State::Reach | State::Before => {
                ProgressStage::Preparing
            }
            State::Put if self.blocks.is_none() => ProgressStage::Preparing,
            State::Gather | State::Put | State::Transfer | State::Check(_) | State::Recover(..) => {
                ProgressStage::Transferring
            }
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

/// Whether the module's word on the outcome was lost: it fell silent, or told of the connection
/// and not of the transfer.
fn is_unheard(cause: &Cause) -> bool {
    match cause {
        Cause::Reported(code) => matches!(
            *code,
            ErrCode::CLOSED_BY_SERVER
                | ErrCode::TIMEOUT
                | ErrCode::NETWORK
                | ErrCode::SSL_CLOSED
                | ErrCode::SERVER_TIMEOUT
        ),
        Cause::Refused(_) => false,
        cause => is_transient(cause),
    }
}
