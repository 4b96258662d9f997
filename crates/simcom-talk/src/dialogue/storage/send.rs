//! The task that writes a file of the server from a drive of the module.

use bytes::Bytes;

use super::failure;
use super::inquiry::{FileInquiry, FileKnown};
use crate::dialogue::exchange::{Outcome, Response};
use crate::dialogue::failure::{Cause, Failure, Stage};
use crate::dialogue::inquiry::Inquiry;
use crate::dialogue::known::Known;
use crate::dialogue::operation::{
    Delivery, ModuleTransfer, MovedFile, Output, Progress, ProgressStage,
};
use crate::dialogue::procedure::{Next, Procedure, Saying, may_retry};
use crate::ftps::command::ModuleFile;
use crate::ftps::{Command, CommandName, ErrCode};

/// Asks the module for the size, has the module send the file, and asks the server for its size. A
/// transfer whose outcome was lost is repeated: the module still has the file.
#[derive(Debug)]
pub(crate) struct Send {
    what: ModuleTransfer,
    state: State,
    /// The size on the module.
    size: u64,
    confirmed: Option<u64>,
    tries: u32,
}

#[derive(Debug)]
enum State {
    Module(FileInquiry),
    Say,
    Wait,
    Verify(Box<Inquiry>),
    /// Asks why the module failed.
    Look(FileInquiry, Failure),
    Finish(Result<(), Failure>),
}

impl Send {
    /// Sends this file.
    pub(crate) fn new(what: ModuleTransfer) -> Self {
        Self {
            state: State::Module(FileInquiry::new(what.file.clone())),
            what,
            size: 0,
            confirmed: None,
            tries: 0,
        }
    }

    fn asked(&mut self, known: FileKnown) -> State {
        let offset = self.what.offset.get();
        match known {
            FileKnown::Size(found) if found < offset => self.fail(Cause::SizeMismatch {
                expected: offset,
                found,
            }),
            FileKnown::Size(size) if self.what.limit.is_some_and(|most| size - offset > most) => {
                self.fail(Cause::OverLimit {
                    size: size - offset,
                    limit: self.what.limit.unwrap_or_default(),
                })
            }
            FileKnown::Size(size) => {
                self.size = size;
                State::Say
            }
            FileKnown::Absent | FileKnown::NoDirectory => self.fail(Cause::NotOnModule),
            FileKnown::Failed(cause) => self.fail(cause),
        }
    }

    fn moved(&mut self, outcome: &Outcome) -> State {
        match outcome {
            Outcome::Done(_) => State::Verify(Box::new(Inquiry::size(self.what.path.clone()))),
            Outcome::Failed(cause) if may_retry(cause, self.tries) => State::Say,
            Outcome::Failed(cause @ Cause::Reported(ErrCode::MEMORY | ErrCode::FILE)) => {
                let inquiry = FileInquiry::new(self.what.file.clone());
                State::Look(inquiry, self.failure(cause.clone()))
            }
            Outcome::Failed(cause) => self.fail(cause.clone()),
        }
    }

    fn verified(&mut self, known: Known) -> State {
        match known {
            Known::Size(found) if found != self.size => {
                let expected = self.size;
                State::Finish(Err(Failure {
                    committed: Some(found),
                    stage: Stage::Commit,
                    ..self.failure(Cause::SizeMismatch { expected, found })
                }))
            }
            Known::Size(size) => {
                self.confirmed = Some(size);
                State::Finish(Ok(()))
            }
            // The server does not tell. The module's report counts.
            _ => State::Finish(Ok(())),
        }
    }

    fn failure(&self, cause: Cause) -> Failure {
        failure(cause, CommandName::PutFile, Stage::Data, self.tries)
    }

    fn fail(&self, cause: Cause) -> State {
        State::Finish(Err(self.failure(cause)))
    }
}

impl Procedure for Send {
    fn next(&mut self) -> Next {
        loop {
            match &mut self.state {
                State::Module(inquiry) => match inquiry.next() {
                    Ok(command) => return Next::Say(Saying::Ftps(command)),
                    Err(known) => self.state = self.asked(known),
                },
                State::Say => {
                    self.tries += 1;
                    self.state = State::Wait;
                    let offset = self.what.offset;
                    return Next::Say(Saying::Ftps(Command::PutFile(ModuleFile {
                        path: self.what.path.clone(),
                        drive: self.what.file.drive(),
                        offset,
                        bytes: Some(self.size - offset.get()),
                    })));
                }
                State::Wait => self.state = State::Say,
                State::Verify(inquiry) => match inquiry.next() {
                    Ok(command) => return Next::Say(Saying::Ftps(command)),
                    Err(known) => self.state = self.verified(known),
                },
                State::Look(inquiry, failure) => match inquiry.next() {
                    Ok(command) => return Next::Say(Saying::Ftps(command)),
                    Err(FileKnown::Absent | FileKnown::NoDirectory) => {
                        self.state = self.fail(Cause::NotOnModule);
                    }
                    Err(_) => self.state = State::Finish(Err(failure.clone())),
                },
                State::Finish(result) => {
                    let moved = MovedFile {
                        size: self.size,
                        confirmed: self.confirmed,
                        resumes: 0,
                    };
                    return Next::Finish(result.clone().map(|()| Output::Moved(moved)));
                }
            }
        }
    }

    fn heard(&mut self, response: &Response) {
        match &mut self.state {
            State::Module(inquiry) | State::Look(inquiry, _) => inquiry.heard(response),
            State::Verify(inquiry) => inquiry.heard(response),
            State::Wait => self.state = self.moved(&response.outcome),
            State::Say | State::Finish(_) => {}
        }
    }

    fn content(&mut self, bytes: Bytes) -> Option<Delivery> {
        if let State::Verify(inquiry) = &mut self.state {
            inquiry.content(&bytes);
        }
        None
    }

    fn abandon(&mut self, cause: Cause) {
        // A transfer of which only the check is missing is not given up.
        if !matches!(self.state, State::Verify(_) | State::Finish(_)) {
            self.state = self.fail(cause);
        }
    }

    fn give_up(&mut self, failure: Failure) {
        self.state = match self.state {
            // The module reported success. A server that cannot be asked does not change that.
            State::Verify(_) => State::Finish(Ok(())),
            _ => State::Finish(Err(failure)),
        };
    }

    fn progress(&self) -> Progress {
        let stage = match self.state {
            State::Module(_) => ProgressStage::Preparing,
            State::Say | State::Wait => ProgressStage::Transferring,
            _ => ProgressStage::Verifying,
        };
        let bytes = self.confirmed.unwrap_or_default();
        Progress {
            stage,
            bytes,
            resumes: 0,
        }
    }
}
