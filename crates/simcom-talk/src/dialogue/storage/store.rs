//! The task that writes a file of the module.

use bytes::Bytes;

use super::failure;
use super::inquiry::{FileInquiry, FileKnown};
use crate::dialogue::exchange::{Outcome, Response};
use crate::dialogue::failure::{Cause, Failure, Finding, Stage};
use crate::dialogue::operation::{Output, Piece, Progress, ProgressStage, Stored, WriteModuleFile};
use crate::dialogue::procedure::{EndOfContent, Feed, Next, Procedure, Saying, may_retry};
use crate::ftps::storage::DriveSpace;
use crate::ftps::{Command, CommandName, Storage, StorageCommandName};

/// Makes room, hands the announced bytes over, and asks for the resulting size.
///
/// An old file of the name is deleted first: the A76xx refuses to write over one (A76XX AT manual
/// V1.09 §13). A file that could not be written whole is deleted.
#[derive(Debug)]
pub(crate) struct Store {
    what: WriteModuleFile,
    state: State,
    held: Option<Piece>,
    sent: u64,
    tries: u32,
    open: bool,
    /// This task created the file, or may have.
    begun: bool,
    failed: Option<Failure>,
}

#[derive(Debug)]
enum State {
    Inquire(FileInquiry),
    Room,
    Clear,
    Fetch,
    Say,
    Transfer,
    Verify(FileInquiry),
    Delete,
    Finish(Result<(), Failure>),
}

impl Store {
    /// Writes this file.
    pub(crate) fn new(what: WriteModuleFile) -> Self {
        Self {
            state: State::Inquire(FileInquiry::new(what.file.clone())),
            what,
            held: None,
            sent: 0,
            tries: 0,
            open: false,
            begun: false,
            failed: None,
        }
    }

    fn size(&self) -> u64 {
        u64::from(self.what.size)
    }

    fn inquired(&self, known: FileKnown) -> State {
        match known {
            FileKnown::Size(_) if self.what.must_be_new => {
                let failure = Failure {
                    finding: Some(Finding::NamePresent),
                    ..self.failure(Cause::Exists)
                };
                State::Finish(Err(failure))
            }
            FileKnown::Size(_) => State::Clear,
            FileKnown::Absent => State::Room,
            FileKnown::NoDirectory => State::Finish(Err(self.failure(Cause::NotOnModule))),
            FileKnown::Failed(cause) => State::Finish(Err(self.failure(cause))),
        }
    }

    /// Whether the drive has room. A module that does not tell finds out by itself.
    fn has_room(&self, response: &Response) -> State {
        let space = response
            .after("+FSMEM:")
            .and_then(|answer| DriveSpace::parse(answer, self.what.file.drive()));
        match space.map(|space| space.free()) {
            Some(free) if free < self.size() => {
                let size = self.size();
                State::Finish(Err(self.failure(Cause::DriveFull { size, free })))
            }
            _ => State::Fetch,
        }
    }

    fn transferred(&mut self, response: &Response) -> State {
        self.open = false;
        self.begun |= response.prompted;
        match (&response.outcome, self.failed.is_some()) {
            // It was abandoned meanwhile: how it ended does not matter.
            (_, true) => self.clear_up(),
            (Outcome::Done(_), _) => State::Verify(FileInquiry::new(self.what.file.clone())),
            (Outcome::Failed(cause), _) => {
                self.tries += 1;
                // No byte was taken from the source: a new try is possible.
                if !self.begun && may_retry(cause, self.tries) {
                    return State::Inquire(FileInquiry::new(self.what.file.clone()));
                }
                self.begun |= matches!(cause, Cause::Timeout(_));
                self.failed = Some(self.failure(cause.clone()));
                self.clear_up()
            }
        }
    }

    fn verified(&mut self, known: FileKnown) -> State {
        let (size, failure) = match known {
            FileKnown::Size(found) if found == self.size() => return State::Finish(Ok(())),
            FileKnown::Size(found) => {
                let expected = self.size();
                let cause = Cause::SizeMismatch { expected, found };
                (found, self.failure(cause))
            }
            FileKnown::Absent | FileKnown::NoDirectory => (0, self.failure(Cause::NotOnModule)),
            FileKnown::Failed(cause) => return State::Finish(Err(self.failure(cause))),
        };
        self.failed = Some(Failure {
            committed: Some(size),
            stage: Stage::Commit,
            ..failure
        });
        self.clear_up()
    }

    fn clear_up(&self) -> State {
        if self.begun {
            return State::Delete;
        }
        State::Finish(self.failed.clone().map_or(Ok(()), Err))
    }

    fn deleted(&self, outcome: &Outcome) -> State {
        let failure = self.failed.clone().map(|failure| match outcome {
            Outcome::Done(_) => Failure {
                committed: Some(0),
                ..failure
            },
            Outcome::Failed(_) => Failure {
                finding: Some(Finding::LeftBehind),
                ..failure
            },
        });
        State::Finish(failure.map_or(Ok(()), Err))
    }

    fn failure(&self, cause: Cause) -> Failure {
        failure(
            cause,
            CommandName::Storage(StorageCommandName::Write),
            Stage::Data,
            self.tries,
        )
    }

    /// Returns what goes behind the prompt, never more than was announced.
    fn write(&mut self, piece: Piece) -> Option<Feed> {
        let left = self.size() - self.sent;
        match piece {
            Piece::Data(bytes) if bytes.len() as u64 <= left => {
                self.sent += bytes.len() as u64;
                let end = self.sent == self.size();
                Some(Feed { bytes, end })
            }
            Piece::Data(bytes) => {
                let found = self.sent + bytes.len() as u64;
                self.mismatch(found);
                None
            }
            Piece::End if left == 0 => Some(Feed {
                bytes: Bytes::new(),
                end: true,
            }),
            Piece::End => {
                self.mismatch(self.sent);
                None
            }
        }
    }

    fn mismatch(&mut self, found: u64) {
        let expected = self.size();
        let failure = self.failure(Cause::SizeMismatch { expected, found });
        self.failed.get_or_insert(failure);
    }
}

impl Procedure for Store {
    fn next(&mut self) -> Next {
        loop {
            let file = || self.what.file.clone();
            let command = match &mut self.state {
                State::Inquire(inquiry) => match inquiry.next() {
                    Ok(command) => return Next::Say(Saying::Ftps(command)),
                    Err(known) => {
                        self.state = self.inquired(known);
                        continue;
                    }
                },
                State::Room => Storage::Space,
                State::Clear | State::Delete => Storage::Delete(file()),
                State::Fetch if self.held.is_none() => return Next::Fetch,
                State::Fetch => {
                    self.state = State::Say;
                    continue;
                }
                State::Say => {
                    self.state = State::Transfer;
                    Storage::Write(self.what.file.clone(), self.what.size)
                }
                // While a prompt is open, the dialogue asks for the next piece.
                State::Transfer => return Next::Fetch,
                State::Verify(inquiry) => match inquiry.next() {
                    Ok(command) => return Next::Say(Saying::Ftps(command)),
                    Err(known) => {
                        self.state = self.verified(known);
                        continue;
                    }
                },
                State::Finish(result) => {
                    let stored = Stored {
                        sent: self.sent,
                        acknowledged: true,
                        confirmed: Some(self.sent),
                        doubt: None,
                        resumes: 0,
                    };
                    return Next::Finish(result.clone().map(|()| Output::Stored(stored)));
                }
            };
            return Next::Say(Saying::Ftps(Command::Storage(command)));
        }
    }

    fn heard(&mut self, response: &Response) {
        self.state = match &mut self.state {
            State::Inquire(inquiry) | State::Verify(inquiry) => return inquiry.heard(response),
            State::Room => self.has_room(response),
            State::Clear => match &response.outcome {
                Outcome::Done(_) => State::Room,
                Outcome::Failed(cause) => State::Finish(Err(failure(
                    cause.clone(),
                    CommandName::Storage(StorageCommandName::Delete),
                    Stage::Device,
                    self.tries,
                ))),
            },
            State::Transfer => self.transferred(response),
            State::Delete => self.deleted(&response.outcome),
            State::Fetch | State::Say | State::Finish(_) => return,
        };
    }

    fn feed(&mut self, piece: Piece) -> Option<Feed> {
        if self.open {
            return self.write(piece);
        }
        self.held = Some(piece);
        None
    }

    fn position(&self) -> u64 {
        self.sent
    }

    fn prompted(&mut self) -> Option<Feed> {
        self.open = true;
        self.begun = true;
        let piece = self.held.take()?;
        self.write(piece)
    }

    fn is_cut_short(&self) -> bool {
        self.open && self.failed.is_some()
    }

    fn end_of_content(&self) -> EndOfContent {
        EndOfContent::Fill(self.size() - self.sent)
    }

    fn abandon(&mut self, cause: Cause) {
        let failure = self.failure(cause);
        match self.state {
            // A transfer of which only the check is missing is not given up.
            State::Transfer if self.begun && self.sent == self.size() => {}
            State::Transfer => {
                self.failed.get_or_insert(failure);
            }
            State::Inquire(_) | State::Room | State::Clear | State::Fetch | State::Say => {
                self.state = State::Finish(Err(failure));
            }
            State::Verify(_) | State::Delete | State::Finish(_) => {}
        }
    }

    fn give_up(&mut self, failure: Failure) {
        let finding = self.begun.then_some(Finding::LeftBehind);
        let first = self.failed.take().unwrap_or(failure);
        self.state = State::Finish(Err(Failure { finding, ..first }));
    }

    fn progress(&self) -> Progress {
        let stage = match self.state {
            State::Transfer => ProgressStage::Transferring,
            State::Verify(_) | State::Delete | State::Finish(_) => ProgressStage::Verifying,
            _ => ProgressStage::Preparing,
        };
        Progress {
            stage,
            bytes: self.sent,
            resumes: 0,
        }
    }
}
