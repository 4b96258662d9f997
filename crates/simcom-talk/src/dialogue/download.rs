//! Reading a file: pushed by the module in counted blocks, or pulled out of its cache.

mod resume;
#[cfg(test)]
mod tests;
mod twins;

use bytes::Bytes;

use super::cache::{Cache, Turn};
use super::exchange::{Settlement, Verdict};
use super::failure::{Cause, Failure, Finding, Stage};
use super::inquiry::{Inquiry, Known};
use super::operation::{
    self, BegunDownload, Delivered, Delivery, Growth, Output, Progress, ProgressStage,
};
use super::procedure::{Next, Procedure, Saying, WayOut, Ways};
use super::seam::{Overlap, Seam};
use super::size::unknown;
use crate::ftps::value::{RemotePath, TransferType};
use crate::ftps::{Command, ErrCode, Report, Verb};
use twins::Twins;

/// A rest of the cache that is read sooner than START and LOGIN are done: 256 commands of 1024
/// bytes (SIMCom manual L1217), each a few tens of milliseconds.
const SOON_READ: u64 = 256 * 1024;

/// Why nothing is asked for a while.
const EMPTY: &str = "nothing has come into the cache";

/// Asks for the size, then for the content, and goes on at the byte it had come to where the
/// link breaks.
#[derive(Debug)]
pub(crate) struct Download {
    path: RemotePath,
    offset: u64,
    /// Bytes that may come, from the offset on.
    limit: Option<u64>,
    growth: Growth,
    /// Bytes are as the server holds them, so that sizes can be compared.
    exact: bool,
    state: State,
    size: Option<u64>,
    got: u64,
    /// The byte that the last GET began at.
    from: u64,
    seam: Seam,
    /// What the server sends again when the transfer goes on, until it was compared.
    overlap: Option<Overlap>,
    /// The directory does not list the name.
    unlisted: bool,
    /// The server sends files from their beginning only.
    no_rest: bool,
    /// It goes on after it made way, not after a break.
    returned: bool,
    /// Others wait for the link.
    yields: bool,
    /// `got` when the last command was said.
    mark: u64,
    fruitless: u32,
    /// Why the data connection did not come about, in the fruitless tries so far.
    obstacle: Option<Cause>,
    resumes: u32,
    abandoned: bool,
    ways: Ways,
    /// A download was left going on in the module.
    left: bool,
    /// [`Delivery::Began`] waits until content shows whether the file is as empty as SIZE said.
    owes_began: bool,
    twins: Twins,
    /// What comes is not taken: the transfer goes on behind what was handed over.
    untaken: bool,
    /// Where the content ended that goes beyond the size, as far as it came.
    beyond: Option<u64>,
    /// The size that the file has now, where it grew since the transfer began.
    grown: Option<u64>,
}

#[derive(Debug)]
enum State {
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
    /// It is not wanted any more, but may still go on in the module.
    Leave(Cache, Failure),
    /// It is being aborted in the module; this follows.
    Abort(Box<State>),
    /// The file is looked at again before the transfer goes on.
    Recheck(Box<Inquiry>),
    /// More came than the file had: whether it grew is asked.
    Remeasure(Box<Inquiry>),
    /// Why the server refused is looked into.
    Look(Box<Inquiry>, Failure),
    Yield,
    Finish(Result<(), Failure>),
}

impl Download {
    /// Of a file, in a transfer type.
    pub(crate) fn new(what: operation::Download, transfer_type: TransferType) -> Self {
        let inquiry = Box::new(Inquiry::size(what.path.clone()));
        let returned = what.begun.is_some();
        let begun = what.begun.unwrap_or_default();
        let end = what.offset.get() + begun.got;
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
            seam: begun.seam,
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

    /// What is known of the file before its content is asked for, unless it `was_asked_for` to know that.
    fn begin(&mut self, known: Known, was_asked_for: bool) -> State {
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
            // The server does not tell; the transfer itself will.
            Known::Present | Known::Undecided(_) | Known::Unread(_) => State::Begin,
            // Nor does it tell where it has no SIZE, and many servers list no hidden files.
            Known::Absent if !self.ways.sizes && !was_asked_for => {
                self.unlisted = true;
                State::Begin
            }
            // The listing that should tell had no data connection. The transfer opens one of its
            // own, after a new login.
            Known::Failed(Verb::List, cause) if cause.is_data_channel() => State::Begin,
            Known::Absent | Known::NoDirectory | Known::Failed(..) => {
                State::Finish(Err(unknown(known)))
            }
        }
    }

    /// Ends what goes on in the module before whatever was to come.
    fn abort(&mut self) -> Next {
        let then = std::mem::replace(&mut self.state, State::Get);
        self.state = State::Abort(Box::new(then));
        Next::Say(Saying::Ftps(Command::Abort))
    }

    /// Whether every byte of the file is there.
    fn is_whole(&self) -> bool {
        self.exact && !self.owes_began && self.size == Some(self.offset + self.got)
    }

    fn result(&self) -> Result<Output, Failure> {
        match &self.state {
            State::Finish(Err(failure)) => Err(failure.clone()),
            State::Yield => Ok(Output::DownloadYielded(BegunDownload {
                got: self.got,
                size: self.size,
                seam: self.seam.clone(),
                resumes: self.resumes,
                undelivered: Vec::new(),
            })),
            _ => Ok(Output::Delivered(Delivered {
                bytes: self.got,
                resumes: self.resumes,
            })),
        }
    }

    /// The module said that the transfer is complete: is it?
    fn complete(&mut self) -> State {
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

    /// Ends with a failure, once nothing goes on in the module.
    fn end(&mut self, failure: Failure) {
        let state = std::mem::replace(&mut self.state, State::Get);
        self.state = match state {
            State::Pull(cache) => State::Leave(cache, failure),
            // Nobody can tell yet whether it began.
            State::Fill => {
                self.left = true;
                State::Finish(Err(failure))
            }
            _ => State::Finish(Err(failure)),
        };
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
            let whole = self.is_whole();
            let soon = self.remaining().is_some_and(|bytes| bytes <= SOON_READ);
            if self.can_yield() {
                match &self.state {
                    State::Get | State::Wait | State::Fill | State::Recheck(_) => {
                        self.state = State::Yield;
                    }
                    State::Pull(cache) if cache.is_at_rest() => {}
                    State::Pull(_) if self.ways.abort && !soon => {
                        self.state = State::Yield;
                        return self.abort();
                    }
                    _ => {}
                }
            }
            match &mut self.state {
                // What the module can do must be known as well.
                State::Known(size) => {
                    let known = Known::Size(*size);
                    self.state = self.begin(known, false);
                    return Next::Reach;
                }
                State::Inquire(inquiry) => match inquiry.next() {
                    Ok(command) => return Next::Say(Saying::Ftps(command)),
                    Err(known) => {
                        let asked = inquiry.has_asked_for_content();
                        self.state = self.begin(known, asked);
                    }
                },
                State::Begin => {
                    // Nothing is left to read, and many servers refuse to begin at the end.
                    let nothing = self.offset > 0 && self.size == Some(self.offset);
                    self.state = if nothing {
                        State::Finish(Ok(()))
                    } else {
                        State::Get
                    };
                    // Some servers say 0 of files whose size they do not know.
                    self.owes_began = self.size == Some(0);
                    if !self.owes_began {
                        return Next::Deliver(Delivery::Began { size: self.size });
                    }
                }
                State::Get => {
                    let command = self.get();
                    self.state = match command {
                        Command::GetToCache(..) => State::Fill,
                        _ => State::Wait,
                    };
                    self.left = false;
                    return Next::Say(Saying::Ftps(command));
                }
                State::Wait | State::Fill => self.state = State::Get,
                State::Pull(cache) => match cache.next(whole) {
                    Turn::Say(command) => return Next::Say(Saying::Ftps(command)),
                    Turn::Pause(span) => return Next::Pause(span, EMPTY),
                    Turn::Over(Ok(())) => {
                        self.left = !cache.is_at_rest();
                        self.state = self.complete();
                    }
                    Turn::Over(Err(cause)) => {
                        let stuck = cache.is_stuck() && self.ways.abort;
                        self.state = self.fail(&cause);
                        if stuck {
                            return self.abort();
                        }
                    }
                },
                // At rest it costs nothing. A rest that is soon read is thrown away; else it is
                // aborted, which costs the login (SIMCom manual L1218).
                State::Leave(cache, failure) => {
                    let failure = failure.clone();
                    let turn = if cache.is_at_rest() {
                        Turn::Over(Ok(()))
                    } else if self.ways.abort && !soon {
                        self.state = State::Finish(Err(failure));
                        return self.abort();
                    } else {
                        cache.next(whole)
                    };
                    match turn {
                        Turn::Say(command) => return Next::Say(Saying::Ftps(command)),
                        Turn::Pause(span) => return Next::Pause(span, EMPTY),
                        Turn::Over(_) => {
                            self.left = !cache.is_at_rest();
                            self.state = State::Finish(Err(failure));
                        }
                    }
                }
                State::Abort(then) => {
                    self.state = std::mem::replace(&mut **then, State::Get);
                }
                State::Recheck(inquiry) => match inquiry.next() {
                    Ok(command) => return Next::Say(Saying::Ftps(command)),
                    Err(known) => self.state = self.recheck(known),
                },
                State::Remeasure(inquiry) => match inquiry.next() {
                    Ok(command) => return Next::Say(Saying::Ftps(command)),
                    Err(known) => self.state = self.remeasure(&known),
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
                // It is empty indeed.
                State::Finish(Ok(())) if std::mem::take(&mut self.owes_began) => {
                    return Next::Deliver(Delivery::Began { size: self.size });
                }
                State::Finish(Ok(())) if self.grown.is_some() => {
                    if let Some(size) = self.grown.take() {
                        return Next::Deliver(Delivery::Grown { size });
                    }
                }
                State::Yield | State::Finish(_) => return Next::Finish(self.result()),
            }
        }
    }

    fn heard(&mut self, settlement: &Settlement) {
        self.state = match &mut self.state {
            State::Inquire(inquiry)
            | State::Recheck(inquiry)
            | State::Remeasure(inquiry)
            | State::Look(inquiry, _) => {
                return inquiry.heard(settlement);
            }
            State::Wait => match &settlement.verdict {
                Verdict::Done(_) => self.complete(),
                Verdict::Failed(cause) => self.fail(cause),
            },
            State::Fill => match &settlement.verdict {
                Verdict::Done(_) => State::Pull(Cache::new(settlement)),
                Verdict::Failed(cause) => self.fail(cause),
            },
            State::Pull(cache) | State::Leave(cache, _) => return cache.heard(settlement),
            State::Known(_)
            | State::Begin
            | State::Get
            | State::Abort(_)
            | State::Yield
            | State::Finish(_) => return,
        };
    }

    fn content(&mut self, bytes: Bytes) -> Option<Delivery> {
        match &mut self.state {
            State::Inquire(inquiry)
            | State::Recheck(inquiry)
            | State::Remeasure(inquiry)
            | State::Look(inquiry, _) => {
                inquiry.content(&bytes);
                None
            }
            State::Wait | State::Pull(..) => {
                if let State::Pull(cache) = &mut self.state {
                    cache.content(bytes.len() as u64);
                }
                self.take(bytes)
            }
            State::Leave(cache, _) => {
                cache.content(bytes.len() as u64);
                self.got += bytes.len() as u64;
                None
            }
            // Made way: what comes now comes again later.
            State::Known(_) | State::Yield => None,
            State::Begin | State::Get | State::Fill | State::Abort(_) | State::Finish(_) => {
                // Abandoned: the module cannot be stopped, the rest is thrown away.
                self.got += bytes.len() as u64;
                None
            }
        }
    }

    fn equip(&mut self, ways: Ways) {
        self.ways = ways;
        if let State::Inquire(inquiry) | State::Recheck(inquiry) | State::Remeasure(inquiry) =
            &mut self.state
        {
            inquiry.know_of_sizes(ways.sizes);
        }
    }

    fn overhear(&mut self, report: &Report) -> Option<ErrCode> {
        match &mut self.state {
            State::Pull(cache) | State::Leave(cache, _) => cache.overhear(report),
            _ => None,
        }
    }

    fn begin_again(&mut self) -> bool {
        // What the cache held is lost with the session.
        match &self.state {
            State::Pull(..) => self.state = self.go_on(Cause::Disconnected),
            State::Leave(_, failure) => self.state = State::Finish(Err(failure.clone())),
            State::Abort(_) => {}
            _ => return false,
        }
        self.left = false;
        true
    }

    fn leaves_open(&self) -> bool {
        self.left
    }

    fn make_way(&mut self, pushed: bool) -> WayOut {
        self.yields = true;
        if pushed && self.can_yield() && matches!(self.state, State::Wait) {
            self.state = State::Yield;
            return WayOut::Abort;
        }
        WayOut::Later
    }

    fn abandon(&mut self, cause: Cause) {
        if !self.abandoned {
            self.abandoned = true;
            let failure = self.failure(cause);
            self.end(failure);
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
            resumes: self.resumes,
        }
    }

    fn remaining(&self) -> Option<u64> {
        self.size
            .map(|size| size.saturating_sub(self.offset + self.got))
    }
}
