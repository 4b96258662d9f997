//! The task that asks for the size of a file.

use bytes::Bytes;

use super::exchange::Response;
use super::failure::{Cause, Failure, Finding, Stage};
use super::inquiry::Inquiry;
use super::known::Known;
use super::operation::{Delivery, Output};
use super::procedure::{Next, Procedure, Saying, Ways};
use crate::ftps::value::RemotePath;
use crate::ftps::{CommandName, ErrCode};

/// Asks for the size of a file.
#[derive(Debug)]
pub(crate) struct Size {
    inquiry: Inquiry,
    ended: Option<Failure>,
}

impl Size {
    /// Asks for the size of this file.
    pub(crate) fn new(path: RemotePath) -> Self {
        Self {
            inquiry: Inquiry::size_of_content(path),
            ended: None,
        }
    }
}

impl Procedure for Size {
    fn next(&mut self) -> Next {
        if let Some(failure) = &self.ended {
            return Next::Finish(Err(failure.clone()));
        }
        match self.inquiry.next() {
            Ok(command) => Next::Say(Saying::Ftps(command)),
            Err(Known::Size(size)) => Next::Finish(Ok(Output::Size(size))),
            Err(known) => Next::Finish(Err(unknown(known))),
        }
    }

    fn heard(&mut self, response: &Response) {
        self.inquiry.heard(response);
    }

    fn content(&mut self, bytes: Bytes) -> Option<Delivery> {
        self.inquiry.content(&bytes);
        None
    }

    fn equip(&mut self, ways: Ways) {
        self.inquiry.know_of_sizes(ways.sizes);
    }

    fn abandon(&mut self, cause: Cause) {
        self.ended = Some(Failure::new(
            cause,
            Some(CommandName::Size),
            Stage::Directory,
        ));
    }

    fn give_up(&mut self, failure: Failure) {
        self.ended = Some(failure);
    }
}

/// The failure that an inquiry without a size leads to.
pub(crate) fn unknown(known: Known) -> Failure {
    let rejected = Cause::Reported(ErrCode::REJECTED);
    let (name, cause, finding) = match known {
        Known::Absent => (CommandName::Size, rejected, Some(Finding::NameAbsent)),
        Known::NoDirectory => (CommandName::Size, rejected, Some(Finding::DirectoryAbsent)),
        Known::Size(_) | Known::Present => {
            (CommandName::Size, rejected, Some(Finding::NamePresent))
        }
        Known::Undecided(Some(number)) => (CommandName::Size, Cause::Undecided(number), None),
        Known::Undecided(None) => (CommandName::Size, rejected, None),
        Known::Unread(line) => (CommandName::List, Cause::ListingUnread(line), None),
        Known::Failed(name, cause) => (name, cause, None),
    };
    // A listing needs a data connection, which can fail in its own ways.
    let stage = if name == CommandName::List {
        Stage::Data
    } else {
        Stage::Directory
    };
    Failure {
        finding,
        ..Failure::new(cause, Some(name), stage)
    }
}
