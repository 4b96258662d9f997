//! The task that lists a directory.

mod again;
mod compare;

use bytes::Bytes;

use self::again::Again;
use self::compare::Compare;
use super::exchange::{Outcome, Response};
use super::failure::{Cause, Failure, Finding, Stage};
use super::inquiry::Inquiry;
use super::known::Known;
use super::operation::{Delivered, Delivery, Output, Progress, ProgressStage};
use super::procedure::{Next, Procedure, Saying, may_retry};
use crate::ftps::value::RemotePath;
use crate::ftps::{Body, Command, CommandName, ErrCode};

/// Lists a directory, or a file, and delivers the text.
///
/// The directory is listed from within (see [`super::route`]). Where the server refuses to let the session in,
/// the directory above tells what the name is: the line of a file is its listing. A directory that cannot be
/// entered is listed by its path as a last try. That listing is believed only if it shows a name that the
/// current directory does not have.
///
/// Some servers refuse to list an empty directory. A directory that the session entered is taken for empty then,
/// if the directory above lists its name; that also shows that the server can list. A login directory that the
/// server calls `/` has no directory above. It is taken for empty where the server lets the session move to it:
/// nothing tells it from one that may not be listed.
#[derive(Debug)]
pub(crate) struct List {
    /// The path without slashes at its end.
    path: Option<RemotePath>,
    state: State,
    tries: u32,
    /// What was delivered.
    again: Again,
}

#[derive(Debug)]
enum State {
    Say,
    Wait,
    /// Asks what the name is after this refusal. The flag says whether the directory was entered.
    Look(Box<Inquiry>, Failure, bool),
    /// Asks what the current directory is called, after its listing was refused.
    Name(Failure),
    /// Asks whether a directory that no listing shows can be entered, after that refusal.
    Enter(RemotePath, Failure),
    /// Lists the current directory.
    Here(Compare, Failure),
    /// Lists the path, to compare it with the current directory.
    There(Compare, Failure),
    /// Delivers the last bytes before the end.
    Deliver(Bytes),
    Finish(Result<(), Failure>),
}

impl List {
    /// Lists the directory at the path, or the current one where there is no path.
    pub(crate) fn new(path: Option<RemotePath>) -> Self {
        let trimmed = |path: RemotePath| {
            let text = path.as_str().trim_end_matches('/');
            RemotePath::new(text).unwrap_or(path)
        };
        Self {
            path: path.map(trimmed),
            state: State::Say,
            tries: 0,
            again: Again::default(),
        }
    }

    fn failure(&self, response: &Response, cause: Cause) -> Failure {
        let stage = if response.name == CommandName::List {
            Stage::Data
        } else {
            Stage::Directory
        };
        Failure {
            attempt: self.tries.max(1),
            ..Failure::new(cause, Some(response.name), stage)
        }
    }

    /// Takes a failure of the listing.
    fn fail(&mut self, response: &Response, cause: &Cause) -> State {
        // Delivered text cannot be taken back: the next listing has to begin with it.
        if may_retry(cause, self.tries) && !self.again.differs() {
            self.again.begin();
            return State::Say;
        }
        let failure = self.failure(response, cause.clone());
        let refused = matches!(
            cause,
            Cause::Reported(ErrCode::REJECTED) | Cause::Refused(_)
        );
        let entered = response.name == CommandName::List;
        match &self.path {
            Some(path) if refused && path.file_name().is_some() => {
                State::Look(Box::new(Inquiry::look(path.clone())), failure, entered)
            }
            Some(_) if refused && !entered => State::Here(Compare::default(), failure),
            Some(path) if refused => State::Enter(path.clone(), failure),
            None if refused => State::Name(failure),
            _ => State::Finish(Err(failure)),
        }
    }

    /// Takes the name of the current directory.
    fn named(name: &str, failure: Failure) -> State {
        match RemotePath::new(name) {
            Ok(path) if path.is_absolute() && path.file_name().is_some() => {
                State::Look(Box::new(Inquiry::look(path)), failure, true)
            }
            Ok(path) => State::Enter(path, failure),
            Err(_) => State::Finish(Err(failure)),
        }
    }

    /// Takes what the directory above shows of the name.
    fn looked(
        &self,
        known: &Known,
        line: Option<Bytes>,
        mut failure: Failure,
        entered: bool,
    ) -> State {
        let listed = matches!(known, Known::Size(_) | Known::Present);
        let absent = matches!(known, Known::Absent | Known::NoDirectory);
        if entered {
            // Servers answer 450 or 550 for an empty directory.
            return State::Finish(if listed { Ok(()) } else { Err(failure) });
        }
        if let Some(line) = line.filter(|_| listed) {
            return State::Deliver([&line, b"\r\n".as_slice()].concat().into());
        }
        let name = self.path.as_ref().and_then(RemotePath::file_name);
        // Many servers do not list such names.
        let may_be_hidden = name.is_some_and(|name| name.starts_with('.'));
        if absent {
            failure.finding = Some(Finding::NameAbsent);
        }
        if absent && !may_be_hidden {
            return State::Finish(Err(failure));
        }
        State::Here(Compare::default(), failure)
    }

    /// Returns the part of the path's listing that is handed on.
    fn hand_on(&mut self, bytes: Option<Bytes>) -> Option<Delivery> {
        let new = self.again.take(bytes?);
        (!new.is_empty()).then_some(Delivery::Chunk(new))
    }
}

impl Procedure for List {
    fn next(&mut self) -> Next {
        loop {
            match &mut self.state {
                State::Say => {
                    self.tries += 1;
                    self.state = State::Wait;
                    return Next::Say(Saying::Ftps(Command::List(self.path.clone())));
                }
                State::Wait => self.state = State::Say,
                State::Look(inquiry, failure, entered) => match inquiry.next() {
                    Ok(command) => return Next::Say(Saying::Ftps(command)),
                    Err(known) => {
                        let (line, entered) = (inquiry.line_of_file(), *entered);
                        let failure = failure.clone();
                        self.state = self.looked(&known, line, failure, entered);
                    }
                },
                State::Name(_) => return Next::Say(Saying::Ftps(Command::WorkingDirectory)),
                State::Enter(path, _) => {
                    return Next::Say(Saying::Ftps(Command::ChangeDirectory(path.clone())));
                }
                State::Here(..) => return Next::Say(Saying::Ftps(Command::List(None))),
                State::There(_, failure) => match &self.path {
                    Some(path) => {
                        let command = Command::ListPath(path.clone());
                        return Next::Say(Saying::Ftps(command));
                    }
                    None => self.state = State::Finish(Err(failure.clone())),
                },
                State::Deliver(last) => {
                    let last = std::mem::take(last);
                    self.state = State::Finish(Ok(()));
                    if let Some(delivery) = self.hand_on(Some(last)) {
                        return Next::Deliver(delivery);
                    }
                }
                State::Finish(result) => {
                    let delivered = Delivered {
                        bytes: self.again.delivered(),
                        resumes: 0,
                    };
                    let result = result.clone();
                    return Next::Finish(result.map(|()| Output::Delivered(delivered)));
                }
            }
        }
    }

    fn heard(&mut self, response: &Response) {
        let state = std::mem::replace(&mut self.state, State::Say);
        self.state = match (state, &response.outcome) {
            (State::Wait, Outcome::Done(_)) if !self.again.is_whole() => {
                let cause = Cause::OutOfOrder("another listing than the one that broke off".into());
                State::Finish(Err(self.failure(response, cause)))
            }
            (State::Wait, Outcome::Done(_)) => State::Finish(Ok(())),
            (State::Wait, Outcome::Failed(cause)) => self.fail(response, cause),
            (State::Look(mut inquiry, failure, entered), _) => {
                inquiry.heard(response);
                State::Look(inquiry, failure, entered)
            }
            (State::Name(failure), Outcome::Done(Some(Body::Text(name)))) => {
                Self::named(name, failure)
            }
            (State::Enter(..), Outcome::Done(_)) => State::Finish(Ok(())),
            (State::Name(failure), _) | (State::Enter(_, failure), Outcome::Failed(_)) => {
                State::Finish(Err(failure))
            }
            // A server that refuses to list the current directory cannot show it in place of the other one.
            (State::Here(mut compare, failure), _) => {
                compare.turn();
                State::There(compare, failure)
            }
            (State::There(mut compare, _), Outcome::Done(_)) if compare.is_believed() => {
                State::Deliver(compare.finish().unwrap_or_default())
            }
            (State::There(mut compare, failure), Outcome::Done(_)) => match compare.finish() {
                Some(last) => State::Deliver(last),
                None => State::Finish(Err(failure)),
            },
            (State::There(compare, _), Outcome::Failed(cause)) if compare.is_believed() => {
                State::Finish(Err(self.failure(response, cause.clone())))
            }
            (State::There(_, failure), Outcome::Failed(_)) => State::Finish(Err(failure)),
            (state, _) => state,
        };
    }

    fn content(&mut self, bytes: Bytes) -> Option<Delivery> {
        let name = self.path.as_ref().and_then(RemotePath::file_name);
        match &mut self.state {
            State::Look(inquiry, ..) => {
                inquiry.content(&bytes);
                None
            }
            State::Wait => self.hand_on(Some(bytes)),
            State::Here(compare, _) => {
                compare.here(&bytes);
                None
            }
            State::There(compare, _) => {
                let bytes = compare.there(&bytes, name.unwrap_or_default());
                self.hand_on(bytes)
            }
            State::Say
            | State::Name(_)
            | State::Enter(..)
            | State::Deliver(_)
            | State::Finish(_) => None,
        }
    }

    fn abandon(&mut self, cause: Cause) {
        let failure = Failure::new(cause, Some(CommandName::List), Stage::Data);
        self.state = State::Finish(Err(failure));
    }

    fn give_up(&mut self, failure: Failure) {
        self.state = State::Finish(Err(failure));
    }

    fn progress(&self) -> Progress {
        Progress {
            stage: ProgressStage::Transferring,
            bytes: self.again.delivered(),
            resumes: 0,
        }
    }
}
