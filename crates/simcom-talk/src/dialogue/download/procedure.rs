//! What a download says next, and what it makes of the answers.

use bytes::Bytes;

use super::state::{Download, State};
use crate::dialogue::cache::{Cache, Turn};
use crate::dialogue::exchange::{Outcome, Response};
use crate::dialogue::failure::{Cause, Failure, Finding};
use crate::dialogue::known::Known;
use crate::dialogue::operation::{Delivery, Progress, ProgressStage};
use crate::dialogue::procedure::{Next, Procedure, Saying, WayOut, Ways};
use crate::ftps::{Command, ErrCode, Report};

/// A rest in the cache up to this size is read sooner than START and LOGIN are done: 256 commands
/// of 1024 bytes (SIMCom manual L1217), each a few tens of milliseconds.
const SOON_READ: u64 = 256 * 1024;

/// Why the download asks nothing for a while.
const EMPTY: &str = "nothing has come into the cache";

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
                // The abilities of the module must be known as well.
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
                // Where nothing goes on in the module, leaving costs nothing. A rest that is soon
                // read is thrown away. Otherwise the transfer is aborted, which costs the login
                // (SIMCom manual L1218).
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
                // The file is really empty.
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

    fn heard(&mut self, response: &Response) {
        self.state = match &mut self.state {
            State::Inquire(inquiry)
            | State::Recheck(inquiry)
            | State::Remeasure(inquiry)
            | State::Look(inquiry, _) => {
                return inquiry.heard(response);
            }
            State::Wait => match &response.outcome {
                Outcome::Done(_) => self.complete(),
                Outcome::Failed(cause) => self.fail(cause),
            },
            State::Fill => match &response.outcome {
                Outcome::Done(_) => State::Pull(Cache::new(response)),
                Outcome::Failed(cause) => self.fail(cause),
            },
            State::Pull(cache) | State::Leave(cache, _) => return cache.heard(response),
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
            // The download yielded: what comes now comes again later.
            State::Known(_) | State::Yield => None,
            State::Begin | State::Get | State::Fill | State::Abort(_) | State::Finish(_) => {
                // The download was abandoned and the module cannot be stopped: the rest is thrown
                // away.
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

    fn unsolicited_report(&mut self, report: &Report) -> Option<ErrCode> {
        match &mut self.state {
            State::Pull(cache) | State::Leave(cache, _) => cache.unsolicited_report(report),
            _ => None,
        }
    }

    fn begin_again(&mut self) -> bool {
        // The session ended, and the content of the cache is lost with it.
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
