//! Whether an upload succeeded: the module's report, and the server's size.

use super::blocks::Blocks;
use super::rejoin::{Overlay, Rejoin};
use super::state::{State, Upload};
use crate::dialogue::exchange::Outcome;
use crate::dialogue::failure::{Cause, Failure, Stage};
use crate::dialogue::inquiry::Inquiry;
use crate::dialogue::known::Known;
use crate::dialogue::operation::{Before, Doubt};
use crate::dialogue::procedure::{is_transient, may_retry};
use crate::ftps::ErrCode;

/// How often a wrong size is corrected although the module reported success.
const MENDS: u32 = 2;

impl Upload {
    /// The module reported success for everything.
    pub(super) fn complete(&mut self) -> State {
        self.acknowledged = true;
        if self.what.verify_size {
            State::Verify(self.measure())
        } else {
            State::Finish(Ok(()))
        }
    }

    /// Asks for the size of what was written.
    fn measure(&self) -> Inquiry {
        let path = self.what.path.clone();
        if self.sent > 0 {
            Inquiry::size_of_content(path)
        } else {
            Inquiry::size(path)
        }
    }

    /// The server had all of it already when the transfer went on.
    pub(super) fn is_whole(&mut self) -> State {
        State::Verify(self.measure())
    }

    /// The transfer is over, as far as the module tells.
    pub(super) fn transferred(&mut self, outcome: &Outcome) -> State {
        if self.blocks.is_some() {
            return self.block_transferred(outcome);
        }
        match outcome {
            Outcome::Done(_) if self.ended => self.complete(),
            Outcome::Done(_) if self.paused => State::Yield,
            Outcome::Done(_) => {
                let cause = Cause::OutOfOrder("success before the end of the content".into());
                self.fail(self.failure(cause, Stage::Data))
            }
            Outcome::Failed(cause) => {
                let failure = self.failure(cause.clone(), Stage::Data);
                let again = may_retry(cause, self.tries) || self.may_reopen(cause);
                if !self.begun && again && !self.what.must_be_new {
                    // No byte was taken from the source: a new try is possible.
                    return State::Put;
                }
                let fresh = !self.begun;
                // Even without a prompt in time, the server may have created the file.
                self.begun |= matches!(cause, Cause::Timeout(_));
                if fresh && again {
                    // The file there may be somebody else's.
                    return self.break_off(failure);
                }
                // What the server has decides how the upload goes on, at once or later.
                if self.paused && is_transient(cause) {
                    return State::Yield;
                }
                let cut = !self.ended && (is_transient(cause) || self.may_reopen(cause));
                if self.begun && self.exact && (cut || self.may_be_the_connection(cause)) {
                    return self.break_off(failure);
                }
                self.fail(failure)
            }
        }
    }

    /// Whether a refusal after content was sent may be about the data connection, which ended early, and
    /// not about the file (RFC 959 §4.2.2: 426, 451 against 452, 552, 553). One more try shows.
    fn may_be_the_connection(&self, cause: &Cause) -> bool {
        *cause == Cause::Reported(ErrCode::REJECTED) && self.sent > 0 && self.restarts == 0
    }

    /// Whether the module could not open a data connection, and may be able to in a new session. A
    /// few tries show.
    pub(super) fn may_reopen(&self, cause: &Cause) -> bool {
        cause.is_data_channel() && self.tries < REOPENS
    }

    /// The upload failed for good, unless only its outcome is unknown.
    pub(super) fn fail(&mut self, failure: Failure) -> State {
        if !self.begun && failure.cause.is_refusal() {
            self.failed = Some(failure);
            return self.look();
        }
        if !self.begun {
            return State::Finish(Err(failure));
        }
        let open = is_open(&failure.cause);
        self.failed = Some(failure);
        // Everything was written and only the outcome is lost: the server may have the whole file.
        if self.ended && open {
            return State::Verify(self.measure());
        }
        self.clear_up()
    }

    /// Takes the size that the server told, or that it told none.
    pub(super) fn verified(&mut self, known: Known) -> State {
        let size = match known {
            Known::Size(size) => Some(size),
            _ => None,
        };
        match (size, self.failed.take()) {
            // The size alone proves nothing: bytes may have been lost on the line, and a
            // resynchronisation or the mark that ends a stream may have become content.
            (Some(size), Some(failure)) if size == self.sent && size > 0 && self.exact => {
                self.failed = Some(failure);
                State::Tail(if self.is_unasked() {
                    Rejoin::since(0, size, &self.trail)
                } else {
                    Rejoin::new(size, &self.trail)
                })
            }
            // A block has a length and no end mark. A byte that came twice on the line pushes the last
            // one out of the block. The size is right all the same, and the module drops the extra byte
            // before the next `AT` (V.250 §5.2.1).
            (Some(size), None) if size == self.sent && self.went_in_blocks() => {
                self.weigh(size);
                let start = self.blocks.as_ref().map_or(0, Blocks::start);
                State::Tail(Rejoin::since(start, size, &self.trail))
            }
            (Some(size), _) if size == self.sent => {
                self.weigh(size);
                State::Finish(Ok(()))
            }
            (Some(found), None) => {
                let expected = self.sent;
                let failure = Failure {
                    committed: size,
                    ..self.failure(Cause::SizeMismatch { expected, found }, Stage::Commit)
                };
                if self.mended < MENDS {
                    self.mended += 1;
                    self.acknowledged = false;
                    self.blocks = None;
                    self.broken = Some(failure);
                    return self.recovered(&known);
                }
                self.failed = Some(failure);
                self.clear_up()
            }
            (Some(_), Some(failure))
                if self.exact
                    && (is_transient(&failure.cause) || failure.cause.is_data_channel()) =>
            {
                self.broken = Some(failure);
                self.recovered(&known)
            }
            (Some(_), Some(failure)) => {
                self.failed = Some(Failure {
                    committed: size,
                    ..failure
                });
                self.clear_up()
            }
            // The server does not tell, and the module has reported a failure.
            (None, Some(failure)) if !failure.cause.is_unheard() => {
                self.failed = Some(failure);
                self.clear_up()
            }
            // The server does not tell. The module's report counts. Where there is none, the outcome
            // stays unknown, and a file that may be whole is not deleted.
            (None, _) => State::Finish(Ok(())),
        }
    }

    /// Takes the comparison of the server's bytes with the source's.
    pub(super) fn laid_over(&mut self, overlay: &Overlay) -> State {
        match &self.state {
            State::Tail(_) => self.heard_of_the_tail(overlay),
            _ => self.rejoined(overlay),
        }
    }

    /// The server names the right size.
    fn weigh(&mut self, size: u64) {
        self.doubt = self.doubt_of_the_size();
        self.confirmed = self.doubt.is_none().then_some(size);
    }

    /// Why the right size does not prove that the file is the new one. It does where the name had another
    /// size before. A refusal of SIZE before proves nothing if the size now comes from a listing.
    fn doubt_of_the_size(&self) -> Option<Doubt> {
        match self.before {
            _ if self.acknowledged || self.read_back => None,
            Before::Nothing if !self.listed || self.what.must_be_new => None,
            Before::Number(before) if before != self.sent => None,
            Before::Number(_) => Some(Doubt::SameBefore),
            Before::Nothing | Before::Unknown => Some(Doubt::BeforeUnknown),
        }
    }

    /// Whether blocks arrived, as far as the module told.
    fn went_in_blocks(&self) -> bool {
        self.acknowledged && self.blocks.as_ref().is_some_and(Blocks::has_begun)
    }

    /// All blocks arrived, the size is right, and the last bytes were read back.
    fn heard_of_the_last_blocks(&mut self, overlay: &Overlay) -> State {
        let State::Tail(rejoin) = &self.state else {
            return State::Finish(Ok(()));
        };
        let there = rejoin.there();
        let same = match *overlay {
            Overlay::Same(same) if same < there => same,
            // Where the server does not send them, the module's report and the size count.
            Overlay::Same(_) | Overlay::Unknown(_) => return State::Finish(Ok(())),
        };
        let proven = rejoin.proves(same) && self.can_rest();
        self.acknowledged = false;
        (self.confirmed, self.doubt) = (None, None);
        self.ended = false;
        let failure = self.failure(Cause::Garbled, Stage::Commit);
        if self.mended >= MENDS {
            return self.fail(failure);
        }
        self.mended += 1;
        self.broken = Some(failure);
        if !proven {
            return self.start_over(0);
        }
        self.resumes += 1;
        self.sent = same;
        self.blocks = Some(Blocks::at(same, there));
        State::Gather
    }

    /// The outcome was lost, the size is right, and the last bytes were read back.
    fn heard_of_the_tail(&mut self, overlay: &Overlay) -> State {
        if self.acknowledged {
            return self.heard_of_the_last_blocks(overlay);
        }
        let State::Tail(rejoin) = &self.state else {
            return State::Finish(Ok(()));
        };
        let there = rejoin.there();
        let Overlay::Same(same) = *overlay else {
            // A file that may be whole is neither deleted nor called whole.
            self.failed = None;
            self.doubt = Some(Doubt::EndUnread);
            return State::Finish(Ok(()));
        };
        if same == there {
            self.failed = None;
            self.read_back = rejoin.is_of_all();
            self.weigh(there);
            return State::Finish(Ok(()));
        }
        self.ended = false;
        self.broken = self.failed.take();
        self.rejoined(overlay)
    }
}

/// How often a PUT is sent for which the module could not open a data connection: as often as any command
/// that a new try can help.
const REOPENS: u32 = 3;

/// Whether the server may have the whole file all the same: the connection or the module was lost before
/// the outcome. A refusal leaves nothing unknown.
fn is_open(cause: &Cause) -> bool {
    matches!(cause, Cause::Reported(code) if *code != ErrCode::REJECTED) || is_transient(cause)
}

impl Cause {
    /// Whether the module's report of the outcome was lost: the module fell silent, or told of the
    /// connection and not of the transfer.
    pub(super) fn is_unheard(&self) -> bool {
        match self {
            Self::Reported(code) => matches!(
                *code,
                ErrCode::CLOSED_BY_SERVER
                    | ErrCode::TIMEOUT
                    | ErrCode::NETWORK
                    | ErrCode::SSL_CLOSED
                    | ErrCode::SERVER_TIMEOUT
            ),
            Self::Refused(_) => false,
            cause => is_transient(cause),
        }
    }
}
