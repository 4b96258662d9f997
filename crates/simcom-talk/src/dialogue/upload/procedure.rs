//! What an upload says next, and what it makes of the answers.

use bytes::Bytes;

use super::state::{State, Upload};
use crate::dialogue::exchange::{Outcome, Response};
use crate::dialogue::failure::{Cause, Failure, Finding, Stage};
use crate::dialogue::operation::{self, Before, Output, Piece, Progress, ProgressStage};
use crate::dialogue::procedure::{Feed, Next, Procedure, Saying, WayOut, Ways};
use crate::ftps::{Body, Command, ErrCode};

impl Procedure for Upload {
    fn next(&mut self) -> Next {
        loop {
            if self.failed.is_none() && self.sends() {
                self.failed = self.given_up.take();
            }
            if self.failed.is_some() && self.is_under_way() {
                self.state = self.clear_up();
            } else if self.yields && self.can_yield() {
                self.state = State::Yield;
            }
            if let Some(inquiry) = self.inquiry() {
                match inquiry.next() {
                    Ok(command) => return Next::Say(Saying::Ftps(command)),
                    Err(known) => self.state = self.answered(known),
                }
                continue;
            }
            let asks_before = self.asks_before();
            match &mut self.state {
                State::Fetch if self.held.is_none() => return Next::Fetch,
                State::Fetch if self.prepared => self.state = self.begin(),
                State::Fetch => {
                    self.state = State::Reach;
                    return Next::Reach;
                }
                State::Reach if asks_before => self.state = State::Before,
                State::Reach => self.state = self.begin(),
                State::Gather => match self.gather() {
                    State::Gather => return Next::Fetch,
                    state => self.state = state,
                },
                State::Before => {
                    let command = Command::Size(self.what.path.clone());
                    return Next::Say(Saying::Ftps(command));
                }
                State::Put => {
                    self.tries += 1;
                    match self.put() {
                        Ok(command) => {
                            self.state = State::Transfer;
                            return Next::Say(Saying::Ftps(command));
                        }
                        Err(failure) => self.state = self.fail(failure),
                    }
                }
                // While a prompt is open, the dialogue asks for the next piece.
                State::Transfer => match self.failed.clone() {
                    // It was abandoned before its command was sent: its source is asked for
                    // nothing.
                    Some(failure) => {
                        self.state = if self.begun {
                            self.clear_up()
                        } else {
                            State::Finish(Err(failure))
                        };
                    }
                    None => return Next::Fetch,
                },
                State::Rejoin(rejoin) | State::Tail(rejoin) => match rejoin.next(&self.what.path) {
                    Ok(Some(command)) => return Next::Say(Saying::Ftps(command)),
                    Ok(None) => return Next::Fetch,
                    Err(overlay) => self.state = self.laid_over(&overlay),
                },
                State::Clear(clear) => match clear.step() {
                    Ok(next) => return next,
                    Err(cleared) => self.state = self.cleared(&cleared),
                },
                State::Yield => {
                    return Next::Finish(Ok(Output::UploadYielded(self.begun_upload())));
                }
                State::Finish(result) => {
                    let result = result.clone();
                    return Next::Finish(self.result(&result));
                }
                State::Free(_)
                | State::Check(_)
                | State::Recover(_)
                | State::Verify(_)
                | State::Look(_) => {}
            }
        }
    }

    fn heard(&mut self, response: &Response) {
        if let Some(inquiry) = self.inquiry() {
            return inquiry.heard(response);
        }
        self.state = match &mut self.state {
            State::Before => {
                self.before = Before::of(&response.outcome);
                self.prepared = true;
                self.begin()
            }
            State::Transfer => {
                self.open = false;
                self.begun |= response.prompted;
                self.written |= self.begun && matches!(response.outcome, Outcome::Done(_));
                match self.failed.clone() {
                    // It was abandoned meanwhile: how the cut transfer ended does not matter.
                    Some(_) if self.begun => self.clear_up(),
                    Some(failure) => State::Finish(Err(failure)),
                    None => self.transferred(&response.outcome),
                }
            }
            State::Rejoin(rejoin) | State::Tail(rejoin) => {
                return rejoin.heard(&response.outcome);
            }
            State::Clear(clear) => return clear.heard(response),
            _ => return,
        };
    }

    fn content(&mut self, bytes: Bytes) -> Option<operation::Delivery> {
        if let State::Rejoin(rejoin) | State::Tail(rejoin) = &mut self.state {
            rejoin.content(&bytes);
        } else if let State::Clear(clear) = &mut self.state {
            clear.content(bytes);
        } else if let Some(inquiry) = self.inquiry() {
            inquiry.content(&bytes);
        }
        None
    }

    fn equip(&mut self, ways: Ways) {
        self.ways = ways;
        if let Some(inquiry) = self.inquiry() {
            inquiry.know_of_sizes(ways.sizes);
        }
    }

    fn feed(&mut self, piece: Piece) -> Option<Feed> {
        if let State::Rejoin(rejoin) | State::Tail(rejoin) = &mut self.state {
            rejoin.feed(&piece);
            return None;
        }
        if let Some(blocks) = &mut self.blocks {
            blocks.push(piece);
            return None;
        }
        if self.open {
            return Some(self.write(piece));
        }
        self.held = Some(piece);
        None
    }

    fn position(&self) -> u64 {
        match (&self.state, &self.blocks) {
            (State::Rejoin(rejoin) | State::Tail(rejoin), _) => rejoin.position(),
            (_, Some(blocks)) => blocks.position(),
            (_, None) => self.sent,
        }
    }

    fn prompted(&mut self) -> Option<Feed> {
        self.open = true;
        self.begun = true;
        if let Some(blocks) = &self.blocks {
            let (at, bytes) = (blocks.offset(), blocks.block());
            self.hand_over(at, &bytes);
            return Some(Feed { bytes, end: true });
        }
        let piece = self.held.take()?;
        Some(self.write(piece))
    }

    fn make_way(&mut self, _pushed: bool) -> WayOut {
        self.yields = true;
        if self.can_pause() {
            self.paused = true;
            return WayOut::EndContent;
        }
        WayOut::Later
    }

    fn abandon(&mut self, cause: Cause) {
        if self.failed.is_some() {
            return;
        }
        if let State::Tail(rejoin) = &mut self.state {
            // It is not read back a second time, and its source is asked for nothing.
            rejoin.without_source();
        }
        let failure = match (&self.broken, &cause) {
            // It would have to start over and cannot: the reason is what broke it.
            (Some(broken), Cause::SourceForgotten) => broken.clone(),
            _ => self.failure(cause, Stage::Data),
        };
        // A file that may be whole is checked to the end. If it is not whole, nothing is sent
        // again.
        if self.ended && !self.sends() {
            self.given_up = Some(failure);
        } else {
            self.failed = Some(failure);
        }
    }

    fn give_up(&mut self, failure: Failure) {
        // The first failure is the reason. That the link did not come back only means that the
        // partial file stays.
        let finding = self.begun.then_some(Finding::LeftBehind);
        let stored = match &self.failed {
            None => self.acknowledged,
            Some(first) => self.ended && first.cause.is_unheard(),
        };
        let broken = self.broken.take();
        let first = self.failed.take().or(broken).unwrap_or(failure);
        self.state = State::Finish(if stored {
            Ok(())
        } else {
            Err(Failure { finding, ..first })
        });
    }

    fn progress(&self) -> Progress {
        let stage = match self.state {
            State::Free(_) | State::Fetch | State::Reach | State::Before => {
                ProgressStage::Preparing
            }
            State::Put if self.blocks.is_none() => ProgressStage::Preparing,
            State::Gather
            | State::Put
            | State::Transfer
            | State::Check(_)
            | State::Recover(_)
            | State::Rejoin(_)
            | State::Yield => ProgressStage::Transferring,
            _ => ProgressStage::Verifying,
        };
        Progress {
            stage,
            bytes: self.sent,
            resumes: self.resumes,
        }
    }
}

impl Before {
    /// What an answer to SIZE says. A number that may be an error code is no size (SIMCom manual
    /// L1219): 9 is the server's refusal, or a file of nine bytes. The other codes tell nothing.
    fn of(outcome: &Outcome) -> Self {
        let refused = u64::from(ErrCode::REJECTED.get());
        match outcome {
            Outcome::Done(Some(Body::Length(size))) => Self::Number(*size),
            Outcome::Done(Some(Body::Number(number))) if *number == refused => Self::Nothing,
            Outcome::Done(Some(Body::Number(number))) if ErrCode::is_known_failure(*number) => {
                Self::Unknown
            }
            Outcome::Done(Some(Body::Number(number))) => Self::Number(*number),
            Outcome::Failed(Cause::Reported(ErrCode::REJECTED)) => Self::Nothing,
            _ => Self::Unknown,
        }
    }
}
