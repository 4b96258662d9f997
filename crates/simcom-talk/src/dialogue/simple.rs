//! Tasks of one or two commands without content.

use bytes::Bytes;

use super::exchange::{Outcome, Response};
use super::failure::{Cause, Failure, Finding, Stage};
use super::inquiry::Inquiry;
use super::known::Known;
use super::operation::{Delivery, Output, Progress, ProgressStage};
use super::procedure::{Next, Procedure, Saying, is_lost, may_retry};
use crate::ftps::value::RemotePath;
use crate::ftps::{Body, Command, ErrCode};

/// Sends one command or a few, until one outcome is known.
#[derive(Debug)]
pub(crate) struct Simple {
    /// Sent in this order.
    commands: Vec<Command>,
    /// Index of the command that is being sent.
    at: usize,
    state: State,
    tries: u32,
    /// The outcome of an earlier try is not known.
    lost: bool,
    answer: Option<Body>,
    /// The name that is looked for when the server refuses.
    subject: Option<RemotePath>,
}

#[derive(Debug)]
enum State {
    Say,
    Wait,
    Look(Box<Inquiry>, Failure),
    Finish(Result<(), Failure>),
}

impl Simple {
    /// Says these commands in this order. Without any, only the standing is wanted. If the server
    /// refuses one, the dialogue looks for the name of the first command that has a path.
    pub(crate) fn of(commands: Vec<Command>) -> Self {
        let subject = commands.iter().find_map(Command::path).cloned();
        Self {
            commands,
            at: 0,
            state: State::Say,
            tries: 0,
            lost: false,
            answer: None,
            subject,
        }
    }

    fn output(&mut self) -> Result<Output, Failure> {
        match (self.commands.last(), self.answer.take()) {
            (Some(Command::WorkingDirectory), Some(Body::Text(text))) => {
                Ok(Output::Directory(text))
            }
            (Some(Command::WorkingDirectory), _) => {
                Err(self.failure(Cause::OutOfOrder("a directory without a name".into())))
            }
            _ => Ok(Output::Done),
        }
    }

    fn failure(&self, cause: Cause) -> Failure {
        let command = self.commands.get(self.at).map(|command| command.name());
        Failure {
            attempt: self.tries.max(1),
            ..Failure::new(cause, command, Stage::Directory)
        }
    }

    fn fail(&mut self, cause: &Cause) -> State {
        self.lost |= is_lost(cause);
        if may_retry(cause, self.tries) {
            // In a new session, the result of the first command does not count.
            self.at = 0;
            return State::Say;
        }
        let failure = self.failure(cause.clone());
        match (&self.subject, cause) {
            (Some(path), Cause::Reported(ErrCode::REJECTED) | Cause::Refused(_))
                if path.file_name().is_some() =>
            {
                State::Look(Box::new(Inquiry::look(path.clone())), failure)
            }
            _ => State::Finish(Err(failure)),
        }
    }

    /// What a refusal means, now that the parent directory was looked into. Where the answer to a
    /// command was lost, the command is sent again. The server refuses the second one if the first
    /// one did the work.
    fn judge(&self, known: &Known, mut failure: Failure) -> Result<(), Failure> {
        failure.finding = match known {
            Known::Size(_) | Known::Present => Some(Finding::NamePresent),
            Known::Absent => Some(Finding::NameAbsent),
            Known::NoDirectory => Some(Finding::DirectoryAbsent),
            Known::Undecided(_) | Known::Unread(_) | Known::Failed(..) => None,
        };
        match (self.commands.get(self.at), failure.finding) {
            (Some(Command::MakeDirectory(_)), Some(Finding::NamePresent))
            | (
                Some(Command::RemoveDirectory(_) | Command::DeleteFile(_)),
                Some(Finding::NameAbsent | Finding::DirectoryAbsent),
            ) if self.lost => Ok(()),
            _ => Err(failure),
        }
    }
}

impl Procedure for Simple {
    fn next(&mut self) -> Next {
        loop {
            match &mut self.state {
                State::Say => {
                    let Some(command) = self.commands.get(self.at) else {
                        self.state = State::Finish(Ok(()));
                        return Next::Reach;
                    };
                    self.tries += 1;
                    self.state = State::Wait;
                    return Next::Say(Saying::Ftps(command.clone()));
                }
                State::Wait => self.state = State::Say,
                State::Look(inquiry, failure) => match inquiry.next() {
                    Ok(command) => return Next::Say(Saying::Ftps(command)),
                    Err(known) => {
                        let failure = failure.clone();
                        self.state = State::Finish(self.judge(&known, failure));
                    }
                },
                State::Finish(result) => {
                    let result = result.clone();
                    return Next::Finish(result.and_then(|()| self.output()));
                }
            }
        }
    }

    fn heard(&mut self, response: &Response) {
        match &mut self.state {
            State::Wait => {}
            State::Look(inquiry, _) => return inquiry.heard(response),
            State::Say | State::Finish(_) => return,
        }
        self.state = match &response.outcome {
            Outcome::Done(body) => {
                self.answer = body.clone();
                self.at += 1;
                if self.at < self.commands.len() {
                    State::Say
                } else {
                    State::Finish(Ok(()))
                }
            }
            Outcome::Failed(cause) => self.fail(cause),
        };
    }

    fn content(&mut self, bytes: Bytes) -> Option<Delivery> {
        if let State::Look(inquiry, _) = &mut self.state {
            inquiry.content(&bytes);
        }
        None
    }

    fn abandon(&mut self, cause: Cause) {
        self.state = State::Finish(Err(self.failure(cause)));
    }

    fn give_up(&mut self, failure: Failure) {
        self.state = State::Finish(Err(failure));
    }

    fn begin_again(&mut self) -> bool {
        // The effect of the first command is lost with the session.
        let lost = self.at > 0 && matches!(self.state, State::Wait);
        if lost {
            self.at = 0;
            self.state = State::Say;
        }
        lost
    }

    fn progress(&self) -> Progress {
        Progress {
            stage: ProgressStage::Transferring,
            ..Progress::default()
        }
    }
}
