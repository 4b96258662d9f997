//! A download, and how far it has come.

use super::twins::Twins;
use crate::dialogue::cache::Cache;
use crate::dialogue::completeness::Completeness;
use crate::dialogue::failure::{Cause, Failure, Stage};
use crate::dialogue::inquiry::Inquiry;
use crate::dialogue::known::Known;
use crate::dialogue::operation::{self, BegunDownload, Delivered, Growth, Output};
use crate::dialogue::procedure::{Next, Saying, Ways};
use crate::dialogue::resume_window::{Overlap, ResumeWindow};
use crate::dialogue::size::unknown;
use crate::ftps::value::{RemotePath, TransferType};
use crate::ftps::{Command, CommandName};

/// Asks for the size, then for the content. After a break of the link, goes on at the byte that it had
/// reached.
#[derive(Debug)]
pub(crate) struct Download {
    pub(super) path: RemotePath,
    pub(super) offset: u64,
    /// Bytes that may come, from the offset on.
    pub(super) limit: Option<u64>,
    pub(super) growth: Growth,
    /// Bytes arrive as the server holds them, so that sizes can be compared.
    pub(super) exact: bool,
    pub(super) state: State,
    pub(super) size: Option<u64>,
    pub(super) got: u64,
    /// The byte that the last GET began at.
    pub(super) from: u64,
    pub(super) window: ResumeWindow,
    /// The bytes that the server sends again when the transfer goes on, until they were compared.
    pub(super) overlap: Option<Overlap>,
    /// The directory does not list the name.
    pub(super) unlisted: bool,
    /// The server sends files only from their beginning.
    pub(super) no_rest: bool,
    /// The download goes on after it yielded, not after a break.
    pub(super) returned: bool,
    /// Others wait for the link.
    pub(super) yields: bool,
    /// `got` when the last command was sent.
    pub(super) mark: u64,
    pub(super) fruitless: u32,
    /// Why the last fruitless tries got no data connection.
    pub(super) obstacle: Option<Cause>,
    pub(super) resumes: u32,
    pub(super) abandoned: bool,
    pub(super) ways: Ways,
    /// The module may still be carrying out a download.
    pub(super) left: bool,
    /// [`Delivery::Began`] waits until the content shows whether the file is as empty as SIZE said.
    pub(super) owes_began: bool,
    pub(super) twins: Twins,
    /// Content that comes is not taken: the transfer will go on behind the bytes that were handed over.
    pub(super) untaken: bool,
    /// Where the content ends that goes beyond the size, as far as it came.
    pub(super) beyond: Option<u64>,
    /// The size that the file has now, where it has grown since the transfer began.
    pub(super) grown: Option<u64>,
}

#[derive(Debug)]
pub(super) enum State {
    /// A listing has told the size.
    Known(u64),
    Inquire(Box<Inquiry>),
    Begin,
    Get,
    Wait,
    /// The download goes to the cache.
    Fill,
    /// It is read out of the cache.
    Pull(Cache),
    /// The download is abandoned, but may still go on in the module.
    Leave(Cache, Failure),
    /// The download is being aborted in the module. The state in the box follows.
    Abort(Box<State>),
    /// The file is looked at again before the transfer goes on.
    Recheck(Box<Inquiry>),
    /// More came than the file had: the size is asked again, to see whether the file grew.
    Remeasure(Box<Inquiry>),
    /// The procedure looks for the reason of the server's refusal.
    Look(Box<Inquiry>, Failure),
    Yield,
    Finish(Result<(), Failure>),
}

impl Download {
    /// A download of a file in a transfer type.
    pub(crate) fn new(what: operation::Download, transfer_type: TransferType) -> Self {
        let inquiry = Box::new(Inquiry::size(what.path.clone()));
        let returned = what.begun.is_some();
        let begun = what.begun.unwrap_or_default();
        let end = what.offset.get().saturating_add(begun.got);
        Self {
            state: match what.size {
                _ if returned => State::Recheck(inquiry),
                Some(size) => State::Known(size),
                None => State::Inquire(inquiry),
            },
            path: what.path,
            offset: what.offset.get(),
            limit: what.limit,
            growth: what.growth,
            exact: transfer_type == TransferType::Binary,
            size: begun.size,
            got: begun.got,
            from: 0,
            window: begun.window,
            overlap: None,
            unlisted: false,
            no_rest: false,
            returned,
            yields: false,
            mark: begun.got,
            fruitless: 0,
            obstacle: None,
            resumes: begun.resumes,
            abandoned: false,
            ways: Ways::default(),
            left: false,
            owes_began: false,
            twins: Twins::default(),
            untaken: false,
            beyond: begun.size.filter(|size| end > *size).map(|_| end),
            grown: None,
        }
    }

    /// Takes what is known of the file before its content is asked for. `was_asked_for`: the file was
    /// already asked for to learn that.
    pub(super) fn begin(&mut self, known: Known, was_asked_for: bool) -> State {
        match known {
            Known::Size(size) if self.offset > size => {
                let cause = Cause::SizeMismatch {
                    expected: self.offset,
                    found: size,
                };
                State::Finish(Err(self.failure(cause)))
            }
            Known::Size(size) => {
                let size_left = size - self.offset;
                if let Some(limit) = self.limit.filter(|limit| size_left > *limit) {
                    let cause = Cause::OverLimit {
                        size: size_left,
                        limit,
                    };
                    return State::Finish(Err(self.failure(cause)));
                }
                self.size = Some(size);
                State::Begin
            }
            // The server does not tell the size. The transfer itself will show it.
            Known::Present | Known::Undecided(_) | Known::Unread(_) => State::Begin,
            // A server without SIZE does not tell either, and many servers do not list hidden files.
            Known::Absent if !self.ways.sizes && !was_asked_for => {
                self.unlisted = true;
                State::Begin
            }
            // The listing that should tell the size got no data connection. The transfer opens one of its
            // own, after a new login.
            Known::Failed(CommandName::List, cause) if cause.is_data_channel() => State::Begin,
            Known::Absent | Known::NoDirectory | Known::Failed(..) => {
                State::Finish(Err(unknown(known)))
            }
        }
    }

    /// Ends what goes on in the module before the next state begins.
    pub(super) fn abort(&mut self) -> Next {
        let then = std::mem::replace(&mut self.state, State::Get);
        self.state = State::Abort(Box::new(then));
        Next::Say(Saying::Ftps(Command::Abort))
    }

    /// How the content that came compares with the size of the file.
    pub(super) fn completeness(&self) -> Completeness {
        let comparable = self.size.filter(|_| self.exact);
        Completeness::judge(self.offset + self.got, comparable)
    }

    /// Whether every byte of the file is there.
    pub(super) fn is_whole(&self) -> bool {
        !self.owes_began && self.completeness().is_whole()
    }

    pub(super) fn result(&self) -> Result<Output, Failure> {
        match &self.state {
            State::Finish(Err(failure)) => Err(failure.clone()),
            State::Yield => Ok(Output::DownloadYielded(BegunDownload {
                got: self.got,
                size: self.size,
                window: self.window.clone(),
                resumes: self.resumes,
                undelivered: Vec::new(),
            })),
            _ => Ok(Output::Delivered(Delivered {
                bytes: self.got,
                resumes: self.resumes,
            })),
        }
    }

    /// Judges a transfer that the module calls complete.
    pub(super) fn complete(&mut self) -> State {
        if std::mem::take(&mut self.untaken) {
            return self.go_on(Cause::Garbled);
        }
        if let Some(overlap) = &self.overlap {
            // The file ends before the place where the transfer went on.
            let (expected, found) = (self.offset + self.got, self.from + overlap.taken());
            return if self.got > 0 {
                self.go_on(Cause::SourceChanged)
            } else {
                State::Finish(Err(self.failure(Cause::SizeMismatch { expected, found })))
            };
        }
        if self.beyond.is_some() {
            return State::Remeasure(Box::new(Inquiry::size(self.path.clone())));
        }
        match self.completeness().objection() {
            Some(cause) => State::Finish(Err(self.failure(cause))),
            None => State::Finish(Ok(())),
        }
    }

    /// Ends with a failure, once nothing goes on in the module.
    pub(super) fn end(&mut self, failure: Failure) {
        let state = std::mem::replace(&mut self.state, State::Get);
        self.state = match state {
            State::Pull(cache) => State::Leave(cache, failure),
            // Whether it began is not known yet.
            State::Fill => {
                self.left = true;
                State::Finish(Err(failure))
            }
            _ => State::Finish(Err(failure)),
        };
    }

    pub(super) fn failure(&self, cause: Cause) -> Failure {
        Failure {
            attempt: self.resumes + self.fruitless.max(1),
            committed: Some(self.got),
            ..Failure::new(cause, Some(CommandName::Get), Stage::Data)
        }
    }
}
