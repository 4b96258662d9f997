//! Reading a file: pushed by the module in counted blocks.

use bytes::Bytes;

use super::exchange::{Settlement, Verdict};
use super::failure::{Cause, Failure, Finding, Stage};
use super::inquiry::{Inquiry, Known};
use super::operation::{self, Delivered, Delivery, Output, Progress, ProgressStage};
use super::procedure::{Next, Procedure, Saying, is_transient};
use super::size::unknown;
use crate::ftps::value::{Offset, RemotePath, TransferType};
use crate::ftps::{Command, ErrCode, Verb};

/// How often in a row a transfer goes on without having moved a byte in between. Every new try
/// costs a login.
const FRUITLESS: u32 = 3;

/// Asks for the size, then for the content, and goes on at the byte it had come to where the
/// link breaks.
#[derive(Debug)]
pub(crate) struct Download {
    path: RemotePath,
    offset: u64,
    /// Bytes are as the server holds them, so that sizes can be compared.
    exact: bool,
    state: State,
    size: Option<u64>,
    got: u64,
    /// `got` when the last command was said.
    mark: u64,
    fruitless: u32,
    /// Why the data connection did not come about, in the fruitless tries so far.
    obstacle: Option<Cause>,
    resumes: u32,
    abandoned: bool,
}

#[derive(Debug)]
enum State {
    Inquire(Box<Inquiry>),
    Begin,
    Get,
    Wait,
    /// The file is looked at again before the transfer goes on.
    Recheck(Box<Inquiry>),
    /// Why the server refused is looked into.
    Look(Box<Inquiry>, Failure),
    Finish(Result<(), Failure>),
}

impl Download {
    /// Of a file, in a transfer type.
    pub(crate) fn new(what: operation::Download, transfer_type: TransferType) -> Self {
        Self {
            state: State::Inquire(Box::new(Inquiry::size(what.path.clone()))),
            path: what.path,
            offset: what.offset.get(),
            exact: transfer_type == TransferType::Binary,
            size: None,
            got: 0,
            mark: 0,
            fruitless: 0,
            obstacle: None,
            resumes: 0,
            abandoned: false,
        }
    }

    fn begin(&mut self, known: Known) -> State {
        match known {
            Known::Size(size) if self.offset > size => {
                let cause = Cause::SizeMismatch {
                    expected: self.offset,
                    found: size,
                };
                State::Finish(Err(self.failure(cause)))
            }
            Known::Size(size) => {
                self.size = Some(size);
                State::Begin
            }
            // The server does not tell; the transfer itself will.
            Known::Present | Known::Undecided(_) => State::Begin,
            Known::Absent | Known::Failed(..) => State::Finish(Err(unknown(known))),
        }
    }

    fn recheck(&mut self, known: Known) -> State {
        match (known, self.size) {
            (Known::Size(now), Some(before)) if now != before => {
                let cause = Cause::SizeMismatch {
                    expected: before,
                    found: now,
                };
                State::Finish(Err(self.failure(cause)))
            }
            (Known::Size(_) | Known::Present | Known::Undecided(_), _) => {
                self.resumes += 1;
                State::Get
            }
            (known @ (Known::Absent | Known::Failed(..)), _) => {
                let failure = Failure {
                    committed: Some(self.got),
                    ..unknown(known)
                };
                State::Finish(Err(failure))
            }
        }
    }

    fn get(&mut self) -> Result<Command, Failure> {
        self.mark = self.got;
        match Offset::new(self.offset + self.got) {
            Ok(offset) => Ok(Command::Get(self.path.clone(), offset)),
            Err(error) => Err(self.failure(Cause::Unsuitable(error))),
        }
    }

    /// The module said that the transfer is complete: is it?
    fn complete(&mut self) -> State {
        let end = self.offset + self.got;
        match self.size {
            // Which bytes are missing is not known: it may be whole blocks out of the middle.
            Some(size) if self.exact && end != size => {
                let cause = Cause::SizeMismatch {
                    expected: size,
                    found: end,
                };
                State::Finish(Err(self.failure(cause)))
            }
            _ => State::Finish(Ok(())),
        }
    }

    fn fail(&mut self, cause: &Cause) -> State {
        let data_channel = matches!(
            cause,
            Cause::Reported(ErrCode::CONNECT_SOCKET | ErrCode::CREATE_SOCKET)
        );
        if is_transient(cause) || data_channel {
            if self.got > self.mark {
                self.obstacle = None;
            }
            if data_channel {
                self.obstacle = Some(cause.clone());
            }
            // Servers may close the control connection over it; that is not the reason then.
            let reason = self.obstacle.clone().unwrap_or_else(|| cause.clone());
            return self.go_on(reason);
        }
        let failure = self.failure(cause.clone());
        if *cause == Cause::Reported(ErrCode::REJECTED) && self.got == 0 && self.size.is_none() {
            return State::Look(Box::new(Inquiry::look(self.path.clone())), failure);
        }
        State::Finish(Err(failure))
    }

    fn go_on(&mut self, cause: Cause) -> State {
        self.fruitless = if self.got > self.mark {
            0
        } else {
            self.fruitless + 1
        };
        // Line ends were rewritten: an offset here is no offset there.
        let possible = self.got == 0 || self.exact;
        if !possible || self.fruitless >= FRUITLESS {
            return State::Finish(Err(self.failure(cause)));
        }
        if self.got == 0 {
            return State::Get;
        }
        State::Recheck(Box::new(Inquiry::size(self.path.clone())))
    }

    fn failure(&self, cause: Cause) -> Failure {
        Failure {
            attempt: self.resumes + self.fruitless.max(1),
            committed: Some(self.got),
            ..Failure::new(cause, Some(Verb::Get.name()), Stage::Data)
        }
    }
}

impl Procedure for Download {
    fn next(&mut self) -> Next {
        loop {
            match &mut self.state {
                State::Inquire(inquiry) => match inquiry.next() {
                    Ok(command) => return Next::Say(Saying::Ftps(command)),
                    Err(known) => self.state = self.begin(known),
                },
                State::Begin => {
                    // Nothing is left to read, and many servers refuse to begin at the end.
                    let nothing = self.offset > 0 && self.size == Some(self.offset);
                    self.state = if nothing {
                        State::Finish(Ok(()))
                    } else {
                        State::Get
                    };
                    return Next::Deliver(Delivery::Began { size: self.size });
                }
                State::Get => match self.get() {
                    Ok(command) => {
                        self.state = State::Wait;
                        return Next::Say(Saying::Ftps(command));
                    }
                    Err(failure) => self.state = State::Finish(Err(failure)),
                },
                State::Wait => self.state = State::Get,
                State::Recheck(inquiry) => match inquiry.next() {
                    Ok(command) => return Next::Say(Saying::Ftps(command)),
                    Err(known) => self.state = self.recheck(known),
                },
                State::Look(inquiry, failure) => match inquiry.next() {
                    Ok(command) => return Next::Say(Saying::Ftps(command)),
                    Err(known) => {
                        let mut failure = failure.clone();
                        if known == Known::Absent {
                            failure.finding = Some(Finding::NameAbsent);
                        }
                        self.state = State::Finish(Err(failure));
                    }
                },
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

    fn heard(&mut self, settlement: &Settlement) {
        self.state = match &mut self.state {
            State::Inquire(inquiry) | State::Recheck(inquiry) | State::Look(inquiry, _) => {
                return inquiry.heard(settlement);
            }
            State::Wait => match &settlement.verdict {
                Verdict::Done(_) => self.complete(),
                Verdict::Failed(cause) => self.fail(cause),
            },
            State::Begin | State::Get | State::Finish(_) => return,
        };
    }

    fn content(&mut self, bytes: Bytes) -> Option<Delivery> {
        match &mut self.state {
            State::Inquire(inquiry) | State::Recheck(inquiry) | State::Look(inquiry, _) => {
                inquiry.content(&bytes);
                None
            }
            State::Wait => {
                let end = self.offset + self.got + bytes.len() as u64;
                if self.exact && self.size.is_some_and(|size| end > size) {
                    // More than there is: an offset was ignored, or lines fell into the content.
                    let found = end;
                    let expected = self.size.unwrap_or_default();
                    let failure = self.failure(Cause::SizeMismatch { expected, found });
                    self.state = State::Finish(Err(failure));
                    return None;
                }
                self.got += bytes.len() as u64;
                Some(Delivery::Chunk(bytes))
            }
            State::Begin | State::Get | State::Finish(_) => {
                // Abandoned: the module cannot be stopped, the rest is thrown away.
                self.got += bytes.len() as u64;
                None
            }
        }
    }

    fn abandon(&mut self, cause: Cause) {
        if !self.abandoned {
            self.abandoned = true;
            self.state = State::Finish(Err(self.failure(cause)));
        }
    }

    fn give_up(&mut self, failure: Failure) {
        let committed = Some(self.got);
        self.state = State::Finish(Err(Failure {
            committed,
            ..failure
        }));
    }

    fn progress(&self) -> Progress {
        let stage = match self.state {
            State::Inquire(_) | State::Begin => ProgressStage::Preparing,
            _ => ProgressStage::Transferring,
        };
        Progress {
            stage,
            bytes: self.got,
        }
    }

    fn remaining(&self) -> Option<u64> {
        self.size
            .map(|size| size.saturating_sub(self.offset + self.got))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_connection_is_named_and_not_the_goodbye_that_followed() {
        let what = operation::Download {
            path: RemotePath::new("/f").unwrap(),
            offset: Offset::ZERO,
        };
        let mut download = Download::new(what, TransferType::Binary);
        let codes = [
            ErrCode::CLOSED_BY_SERVER,
            ErrCode::CONNECT_SOCKET,
            ErrCode::CLOSED_BY_SERVER,
        ];
        for code in codes {
            download.state = State::Wait;
            download.heard(&Settlement {
                name: Verb::Get.name(),
                verdict: Verdict::Failed(Cause::Reported(code)),
                clean: true,
                info: Vec::new(),
                prompted: false,
                echoed: false,
            });
        }
        let Next::Finish(Err(failure)) = download.next() else {
            panic!("three fruitless tries are enough");
        };
        assert_eq!(failure.cause, Cause::Reported(ErrCode::CONNECT_SOCKET));
        assert_eq!(failure.stage, Stage::Data);
    }
}
