//! The task that reads a file of the module.

use bytes::Bytes;

use super::inquiry::{FileInquiry, FileKnown};
use super::{again, failure};
use crate::dialogue::completeness::Completeness;
use crate::dialogue::exchange::{Outcome, Response};
use crate::dialogue::failure::{Cause, Failure, Stage};
use crate::dialogue::operation::{Delivered, Delivery, Output, Progress, ProgressStage};
use crate::dialogue::procedure::{Next, Procedure, Saying};
use crate::ftps::storage::ModulePath;
use crate::ftps::{Command, CommandName, Storage, StorageCommandName};

/// Asks for the size, then for the content. Where an answer is lost, goes on at the byte that it
/// had reached.
#[derive(Debug)]
pub(crate) struct Print {
    file: ModulePath,
    state: State,
    size: u64,
    got: u64,
    tries: u32,
    resumes: u32,
}

#[derive(Debug)]
enum State {
    Inquire(FileInquiry),
    Begin,
    Say,
    Wait,
    Finish(Result<(), Failure>),
}

impl Print {
    /// Reads this file.
    pub(crate) fn new(file: ModulePath) -> Self {
        Self {
            state: State::Inquire(FileInquiry::new(file.clone())),
            file,
            size: 0,
            got: 0,
            tries: 0,
            resumes: 0,
        }
    }

    fn begin(&mut self, known: FileKnown) -> State {
        match known {
            FileKnown::Size(size) => {
                self.size = size;
                State::Begin
            }
            FileKnown::Absent | FileKnown::NoDirectory => self.fail(Cause::NotOnModule),
            FileKnown::Failed(cause) => self.fail(cause),
        }
    }

    /// How content that ends behind `end` bytes compares with the size of the file.
    fn completeness(&self, end: u64) -> Completeness {
        Completeness::judge(end, Some(self.size))
    }

    fn printed(&mut self, outcome: &Outcome) -> State {
        match outcome {
            Outcome::Done(_) => match self.completeness(self.got).objection() {
                None => State::Finish(Ok(())),
                // Whole frames were lost, or the file has changed.
                Some(cause) => self.fail(cause),
            },
            Outcome::Failed(cause) if again(cause, &mut self.tries) => {
                self.resumes += u32::from(self.got > 0);
                State::Say
            }
            Outcome::Failed(cause) => self.fail(cause.clone()),
        }
    }

    fn fail(&self, cause: Cause) -> State {
        let failure = Failure {
            committed: Some(self.got),
            ..failure(
                cause,
                CommandName::Storage(StorageCommandName::Read),
                Stage::Data,
                self.tries,
            )
        };
        State::Finish(Err(failure))
    }
}

impl Procedure for Print {
    fn next(&mut self) -> Next {
        loop {
            match &mut self.state {
                State::Inquire(inquiry) => match inquiry.next() {
                    Ok(command) => return Next::Say(Saying::Ftps(command)),
                    Err(known) => self.state = self.begin(known),
                },
                State::Begin => {
                    self.state = State::Say;
                    let size = Some(self.size);
                    return Next::Deliver(Delivery::Began { size });
                }
                // No document says whether the module sends no frame for an empty file, or refuses.
                State::Say if Completeness::judge(self.got, Some(self.size)).is_whole() => {
                    self.state = State::Finish(Ok(()))
                }
                State::Say => {
                    self.state = State::Wait;
                    let command = Storage::Read(self.file.clone(), self.got);
                    return Next::Say(Saying::Ftps(Command::Storage(command)));
                }
                State::Wait => self.state = State::Say,
                State::Finish(result) => {
                    let delivered = Delivered {
                        bytes: self.got,
                        resumes: self.resumes,
                    };
                    return Next::Finish(result.clone().map(|()| Output::Delivered(delivered)));
                }
            }
        }
    }

    fn heard(&mut self, response: &Response) {
        self.state = match &mut self.state {
            State::Inquire(inquiry) => return inquiry.heard(response),
            State::Wait => self.printed(&response.outcome),
            State::Begin | State::Say | State::Finish(_) => return,
        };
    }

    fn content(&mut self, bytes: Bytes) -> Option<Delivery> {
        if !matches!(self.state, State::Wait) {
            // The read was abandoned and the module cannot be stopped: the rest is thrown away.
            return None;
        }
        let found = self.got + bytes.len() as u64;
        let completeness = self.completeness(found);
        if completeness.is_beyond() {
            self.state = match completeness.objection() {
                Some(cause) => self.fail(cause),
                None => State::Finish(Ok(())),
            };
            return None;
        }
        self.got = found;
        Some(Delivery::Chunk(bytes))
    }

    fn abandon(&mut self, cause: Cause) {
        self.state = self.fail(cause);
    }

    fn give_up(&mut self, failure: Failure) {
        let committed = Some(self.got);
        self.state = State::Finish(Err(Failure {
            committed,
            ..failure
        }));
    }

    fn progress(&self) -> Progress {
        Progress {
            stage: ProgressStage::Transferring,
            bytes: self.got,
            resumes: self.resumes,
        }
    }

    fn remaining(&self) -> Option<u64> {
        Some(self.size.saturating_sub(self.got))
    }
}
