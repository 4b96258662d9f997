//! The task that finds out what a name on the server is.

use bytes::Bytes;

use super::exchange::Response;
use super::failure::{Cause, Failure, Stage};
use super::inquiry::Inquiry;
use super::known::Known;
use super::operation::{Delivery, FoundName, Output, Progress, ProgressStage};
use super::procedure::{Next, Procedure, Saying, Ways};
use super::size::unknown;
use crate::ftps::CommandName;
use crate::ftps::value::RemotePath;

/// Finds a name in the listing of its directory. Where the listing does not show it, asks for the size: many
/// servers hide some names.
#[derive(Debug)]
pub(crate) struct Stat {
    path: RemotePath,
    inquiry: Inquiry,
    /// The listing does not show the name, and the size is asked for.
    is_hidden: bool,
    /// Bytes of listings that came.
    got: u64,
    ended: Option<Failure>,
}

impl Stat {
    /// Finds out what this path is.
    pub(crate) fn new(path: RemotePath) -> Self {
        Self {
            inquiry: Inquiry::look(path.clone()),
            path,
            is_hidden: false,
            got: 0,
            ended: None,
        }
    }
}

impl Procedure for Stat {
    fn next(&mut self) -> Next {
        loop {
            if let Some(failure) = &self.ended {
                return Next::Finish(Err(failure.clone()));
            }
            let known = match self.inquiry.next() {
                Ok(command) => return Next::Say(Saying::Ftps(command)),
                Err(known) => known,
            };
            if let Some((facts, raw)) = self.inquiry.entry() {
                let found = FoundName::Listed(Box::new(facts.clone()), raw.clone());
                return Next::Finish(Ok(Output::Found(found)));
            }
            match known {
                Known::Size(size) => {
                    return Next::Finish(Ok(Output::Found(FoundName::Hidden(size))));
                }
                // The name has no size either.
                known if self.is_hidden => return Next::Finish(Err(unknown(known))),
                Known::NoDirectory => return Next::Finish(Err(unknown(known))),
                Known::Failed(name, cause) if !cause.is_data_channel() => {
                    return Next::Finish(Err(unknown(Known::Failed(name, cause))));
                }
                Known::Present
                | Known::Absent
                | Known::Undecided(_)
                | Known::Unread(_)
                | Known::Failed(..) => {
                    self.is_hidden = true;
                    self.inquiry = Inquiry::size(self.path.clone());
                }
            }
        }
    }

    fn heard(&mut self, response: &Response) {
        self.inquiry.heard(response);
    }

    fn content(&mut self, bytes: Bytes) -> Option<Delivery> {
        self.got += bytes.len() as u64;
        self.inquiry.content(&bytes);
        None
    }

    fn equip(&mut self, ways: Ways) {
        self.inquiry.know_of_sizes(ways.sizes);
    }

    fn abandon(&mut self, cause: Cause) {
        let name = Some(CommandName::List);
        self.ended = Some(Failure::new(cause, name, Stage::Directory));
    }

    fn give_up(&mut self, failure: Failure) {
        self.ended = Some(failure);
    }

    fn progress(&self) -> Progress {
        Progress {
            stage: ProgressStage::Transferring,
            bytes: self.got,
            resumes: 0,
        }
    }
}
