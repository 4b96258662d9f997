//! The task that copies a file of the server to a drive of the module.

use bytes::Bytes;

use super::failure;
use super::inquiry::{FileInquiry, FileKnown};
use crate::dialogue::completeness::Completeness;
use crate::dialogue::exchange::{Outcome, Response};
use crate::dialogue::failure::{Cause, Failure, Finding, Stage};
use crate::dialogue::inquiry::Inquiry;
use crate::dialogue::known::Known;
use crate::dialogue::operation::{
    Delivery, ModuleTransfer, MovedFile, Output, Progress, ProgressStage,
};
use crate::dialogue::procedure::{Next, Procedure, Saying, is_transient};
use crate::dialogue::size::unknown;
use crate::ftps::command::ModuleFile;
use crate::ftps::value::Offset;
use crate::ftps::{Command, CommandName, ErrCode, Storage, StorageCommandName};

/// How many tries in a row may move no byte before the transfer fails. Each try costs a login.
const FRUITLESS: u32 = 3;

/// Asks server and module for the sizes, has the module fetch the file, and compares the sizes.
/// After a break of the link, goes on at the byte that the module has reached.
///
/// No document says whether GETFILE replaces an old file of the name, so the old file is deleted
/// first.
#[derive(Debug)]
pub(crate) struct Fetch {
    what: ModuleTransfer,
    state: State,
    /// The size on the server, where it tells.
    size: Option<u64>,
    /// Bytes on the module.
    got: u64,
    fruitless: u32,
    resumes: u32,
    /// Why the transfer broke, while the module is asked how far it came.
    broken: Option<Cause>,
}

#[derive(Debug)]
enum State {
    Server(Box<Inquiry>),
    Module(FileInquiry),
    Clear,
    Say,
    Wait,
    /// The module is asked how far it came.
    Check(FileInquiry),
    /// Asks why the server refused.
    Look(Box<Inquiry>, Failure),
    Finish(Result<(), Failure>),
}

impl Fetch {
    /// Fetches this file.
    pub(crate) fn new(what: ModuleTransfer) -> Self {
        Self {
            state: State::Server(Box::new(Inquiry::size(what.path.clone()))),
            got: what.offset.get(),
            what,
            size: None,
            fruitless: 0,
            resumes: 0,
            broken: None,
        }
    }

    fn asked_server(&mut self, known: Known) -> State {
        match known {
            Known::Size(size) if self.got > size => self.fail(Cause::SizeMismatch {
                expected: self.got,
                found: size,
            }),
            Known::Size(size) if self.what.limit.is_some_and(|most| size - self.got > most) => self
                .fail(Cause::OverLimit {
                    size: size - self.got,
                    limit: self.what.limit.unwrap_or_default(),
                }),
            Known::Size(size) => {
                self.size = Some(size);
                State::Module(self.inquiry())
            }
            // The server does not tell the size. The transfer itself will show it.
            Known::Present | Known::Undecided(_) | Known::Unread(_) => {
                State::Module(self.inquiry())
            }
            Known::Absent | Known::NoDirectory | Known::Failed(..) => {
                State::Finish(Err(unknown(known)))
            }
        }
    }

    fn asked_module(&self, known: FileKnown) -> State {
        let goes_on = self.got > 0;
        match known {
            FileKnown::Size(found) if goes_on && found == self.got => State::Say,
            FileKnown::Size(found) if goes_on => self.fail(Cause::SizeMismatch {
                expected: self.got,
                found,
            }),
            FileKnown::Size(_) if self.what.must_be_new => State::Finish(Err(Failure {
                finding: Some(Finding::NamePresent),
                ..self.failure(Cause::Exists)
            })),
            FileKnown::Size(_) => State::Clear,
            FileKnown::Absent if !goes_on => State::Say,
            FileKnown::Absent | FileKnown::NoDirectory => self.fail(Cause::NotOnModule),
            FileKnown::Failed(cause) => self.fail(cause),
        }
    }

    fn say(&mut self) -> Result<Command, Failure> {
        let offset =
            Offset::new(self.got).map_err(|error| self.failure(Cause::Unsuitable(error)))?;
        Ok(Command::GetFile(ModuleFile {
            path: self.what.path.clone(),
            drive: self.what.file.drive(),
            offset,
            bytes: self.size.map(|size| size.saturating_sub(self.got)),
        }))
    }

    fn moved(&mut self, outcome: &Outcome) -> State {
        let Outcome::Failed(cause) = outcome else {
            return State::Check(self.inquiry());
        };
        if is_transient(cause) || cause.is_data_channel() {
            self.broken = Some(cause.clone());
            return State::Check(self.inquiry());
        }
        let failure = self.failure(cause.clone());
        let doubtful = matches!(
            cause,
            Cause::Reported(ErrCode::REJECTED | ErrCode::MEMORY | ErrCode::FILE)
        );
        if doubtful && self.size.is_none() {
            let inquiry = Inquiry::look(self.what.path.clone());
            return State::Look(Box::new(inquiry), failure);
        }
        State::Finish(Err(failure))
    }

    /// Takes how far the module came, and judges whether that is everything.
    fn checked(&mut self, known: FileKnown) -> State {
        let found = match known {
            FileKnown::Size(found) => found,
            FileKnown::Absent => 0,
            FileKnown::NoDirectory => return self.fail(Cause::NotOnModule),
            FileKnown::Failed(cause) => {
                let cause = self.broken.take().unwrap_or(cause);
                return self.fail(cause);
            }
        };
        let before = std::mem::replace(&mut self.got, found);
        let Some(cause) = self.broken.take() else {
            return match Completeness::judge(found, self.size).objection() {
                Some(cause) => self.fail(cause),
                None if self.size.is_none() && known == FileKnown::Absent => {
                    self.fail(Cause::NotOnModule)
                }
                None => State::Finish(Ok(())),
            };
        };
        self.fruitless = if found > before {
            0
        } else {
            self.fruitless + 1
        };
        if self.fruitless >= FRUITLESS {
            return self.fail(cause);
        }
        match self.size {
            Some(size) if found > size => State::Clear,
            Some(_) if found == 0 => State::Say,
            Some(size) if found == size => State::Finish(Ok(())),
            Some(_) => {
                self.resumes += 1;
                State::Say
            }
            // The module has some bytes, and nothing tells whether they are all: begin from the
            // beginning.
            None if found > 0 => State::Clear,
            None => State::Say,
        }
    }

    fn inquiry(&self) -> FileInquiry {
        FileInquiry::new(self.what.file.clone())
    }

    fn failure(&self, cause: Cause) -> Failure {
        let attempt = self.resumes + self.fruitless;
        Failure {
            committed: Some(self.got),
            ..failure(cause, CommandName::GetFile, Stage::Data, attempt)
        }
    }

    fn fail(&self, cause: Cause) -> State {
        State::Finish(Err(self.failure(cause)))
    }
}

impl Procedure for Fetch {
    fn next(&mut self) -> Next {
        loop {
            match &mut self.state {
                State::Server(inquiry) => match inquiry.next() {
                    Ok(command) => return Next::Say(Saying::Ftps(command)),
                    Err(known) => self.state = self.asked_server(known),
                },
                State::Module(inquiry) => match inquiry.next() {
                    Ok(command) => return Next::Say(Saying::Ftps(command)),
                    Err(known) => self.state = self.asked_module(known),
                },
                State::Clear => {
                    let command = Storage::Delete(self.what.file.clone());
                    return Next::Say(Saying::Ftps(Command::Storage(command)));
                }
                State::Say => match self.say() {
                    Ok(command) => {
                        self.state = State::Wait;
                        return Next::Say(Saying::Ftps(command));
                    }
                    Err(failure) => self.state = State::Finish(Err(failure)),
                },
                State::Wait => self.state = State::Say,
                State::Check(inquiry) => match inquiry.next() {
                    Ok(command) => return Next::Say(Saying::Ftps(command)),
                    Err(known) => self.state = self.checked(known),
                },
                State::Look(inquiry, failure) => match inquiry.next() {
                    Ok(command) => return Next::Say(Saying::Ftps(command)),
                    Err(known) => {
                        let mut failure = failure.clone();
                        if matches!(known, Known::Absent | Known::NoDirectory) {
                            failure.finding = Some(Finding::NameAbsent);
                        }
                        self.state = State::Finish(Err(failure));
                    }
                },
                State::Finish(result) => {
                    let moved = MovedFile {
                        size: self.got,
                        confirmed: self.size,
                        resumes: self.resumes,
                    };
                    return Next::Finish(result.clone().map(|()| Output::Moved(moved)));
                }
            }
        }
    }

    fn heard(&mut self, response: &Response) {
        self.state = match &mut self.state {
            State::Server(inquiry) | State::Look(inquiry, _) => return inquiry.heard(response),
            State::Module(inquiry) | State::Check(inquiry) => return inquiry.heard(response),
            State::Clear => match &response.outcome {
                Outcome::Done(_) => {
                    self.got = 0;
                    State::Say
                }
                Outcome::Failed(cause) => State::Finish(Err(failure(
                    cause.clone(),
                    CommandName::Storage(StorageCommandName::Delete),
                    Stage::Device,
                    1,
                ))),
            },
            State::Wait => self.moved(&response.outcome),
            State::Say | State::Finish(_) => return,
        };
    }

    fn content(&mut self, bytes: Bytes) -> Option<Delivery> {
        if let State::Server(inquiry) | State::Look(inquiry, _) = &mut self.state {
            inquiry.content(&bytes);
        }
        None
    }

    fn abandon(&mut self, cause: Cause) {
        self.state = State::Finish(Err(Failure {
            committed: None,
            ..self.failure(cause)
        }));
    }

    fn give_up(&mut self, failure: Failure) {
        // The first failure is the reason.
        let failure = match self.broken.take() {
            Some(cause) => self.failure(cause),
            None => failure,
        };
        self.state = State::Finish(Err(failure));
    }

    fn progress(&self) -> Progress {
        let stage = match self.state {
            State::Server(_) | State::Module(_) | State::Clear => ProgressStage::Preparing,
            State::Say | State::Wait | State::Check(_) => ProgressStage::Transferring,
            State::Look(..) | State::Finish(_) => ProgressStage::Verifying,
        };
        Progress {
            stage,
            bytes: self.got,
            resumes: self.resumes,
        }
    }
}
