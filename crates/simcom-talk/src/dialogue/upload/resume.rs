//! How an upload goes on after a break, or after it yielded.

use super::blocks::Blocks;
use super::rejoin::{Overlay, Rejoin};
use super::state::{State, Upload};
use crate::dialogue::failure::{Cause, Failure, Stage};
use crate::dialogue::inquiry::Inquiry;
use crate::dialogue::known::Known;
use crate::dialogue::operation::{Before, BegunUpload};
use crate::dialogue::size::unknown;
use crate::ftps::ErrCode;

/// How often in all an upload starts over, where nothing else is possible.
const RESTARTS: u32 = 3;

impl Upload {
    /// The transfer broke off. It goes on at what the server has.
    pub(super) fn break_off(&mut self, failure: Failure) -> State {
        self.broken = Some(failure);
        State::Recover(Inquiry::size(self.what.path.clone()))
    }

    /// Takes how much the server has.
    pub(super) fn recovered(&mut self, known: &Known) -> State {
        self.ended = false;
        let found = match known {
            Known::Size(found) => *found,
            Known::Absent => 0,
            Known::NoDirectory => return self.no_directory(),
            Known::Present | Known::Undecided(_) => {
                let failure = self.cannot_go_on(None);
                return self.fail(failure);
            }
            Known::Unread(_) | Known::Failed(..) => {
                let failure = self.cannot_go_on(Some(unknown(known.clone())));
                return self.fail(failure);
            }
        };
        if let Some(failure) = &mut self.broken {
            failure.committed = Some(found);
        }
        let refused = |failure: &Failure| failure.cause == Cause::Reported(ErrCode::REJECTED);
        if found >= self.sent && self.broken.as_ref().is_some_and(refused) {
            // Nothing was cut off: the server refused the file.
            let failure = self.cannot_go_on(None);
            return self.fail(failure);
        }
        if self.what.must_be_new && *known == Known::Size(0) && self.before != Before::Nothing {
            return self.exists();
        }
        if self.what.must_be_new && found > 0 {
            // The file is written over only where it is proven to be this upload's. However far it had
            // come, others had time to write it while the link was broken.
            if found > self.handed {
                self.blocks = None;
                return self.not_shown_to_be_ours(None);
            }
            if !self.has_gone_on() {
                self.blocks = None;
            }
            return State::Rejoin(Rejoin::new(found, &self.trail));
        }
        if let Some(blocks) = &self.blocks {
            if !blocks.may_have(found) {
                return self.start_over(found);
            }
            // Others had time to replace the file while the link was broken. Bytes that were never
            // handed over belong to them.
            if blocks.offset() > 0 && found > self.handed {
                return self.start_over(0);
            }
            if blocks.offset() > 0 {
                return State::Rejoin(Rejoin::new(found, &self.trail));
            }
            // A part of the block that is there does no harm: the block is written again.
            self.resumes += 1;
            return State::Put;
        }
        let touched = self.before != Before::Number(found);
        if touched && (1..=self.sent).contains(&found) && self.can_rest() {
            // The old file may end as this upload's does.
            let rejoin = if self.is_unasked() {
                Rejoin::since(0, found, &self.trail)
            } else {
                Rejoin::new(found, &self.trail)
            };
            State::Rejoin(rejoin.for_going_on())
        } else {
            self.start_over(found)
        }
    }

    /// Takes the comparison of the server's bytes with the source's.
    pub(super) fn rejoined(&mut self, overlay: &Overlay) -> State {
        let (State::Rejoin(rejoin) | State::Tail(rejoin)) = &self.state else {
            return State::Gather;
        };
        let there = rejoin.there();
        // The current block, if it can be written again.
        let block = self
            .blocks
            .as_ref()
            .filter(|blocks| matches!(self.state, State::Rejoin(_)) && blocks.may_have(there));
        let again = match (block.map(Blocks::offset), overlay) {
            (Some(block), Overlay::Same(at)) => block <= *at,
            // The server does not send what it has: the end of the transfer decides.
            (Some(_), Overlay::Unknown(_)) => true,
            (None, _) => false,
        };
        // A beginning that is the same proves where the file can be gone on with. It does not prove
        // whose file it is.
        let at = match *overlay {
            _ if self.what.must_be_new && !rejoin.is_ours(self.handed) => {
                let why = match overlay {
                    Overlay::Unknown(Some(why)) => Some(self.failure(why.clone(), Stage::Commit)),
                    Overlay::Same(_) | Overlay::Unknown(None) => None,
                };
                return self.not_shown_to_be_ours(why);
            }
            // A part of the block that is there does no harm: the block is written again.
            _ if again => {
                self.resumes += 1;
                return State::Put;
            }
            Overlay::Same(at) if rejoin.proves(at) && self.can_rest() => at,
            _ => return self.start_over(0),
        };
        if self.broken.is_some() {
            self.resumes += 1;
        }
        self.read_back = rejoin.is_of_all();
        self.sent = at;
        self.blocks = Some(Blocks::at(at, there));
        State::Gather
    }

    /// An upload that must be new does not write over a file. Where this job has created the name, the
    /// file is most likely its own and was spoilt on its way. Otherwise others had time to write it.
    fn not_shown_to_be_ours(&mut self, why: Option<Failure>) -> State {
        if self.tries == 0 && why.is_none() {
            return self.exists();
        }
        let failure = self.cannot_go_on(why);
        self.fail(failure)
    }

    /// The server does not go on with a file as it should.
    pub(super) fn without_rest(&mut self, failure: Failure) -> State {
        self.no_rest = true;
        self.ended = false;
        self.broken = Some(failure);
        let reached = self.sent;
        self.start_over(reached)
    }

    /// Begins with the first byte again, unless an earlier try from there came no further.
    pub(super) fn start_over(&mut self, reached: u64) -> State {
        let further = reached > self.farthest || self.restarts == 0;
        if self.restarts >= RESTARTS || (self.no_rest && !further) {
            let failure = self.cannot_go_on(None);
            return self.fail(failure);
        }
        self.farthest = self.farthest.max(reached);
        self.restarts += 1;
        self.resumes += 1;
        self.blocks = None;
        self.held = None;
        self.read_back = false;
        self.sent = 0;
        State::Fetch
    }

    /// Whether the server took a block behind what it had.
    fn has_gone_on(&self) -> bool {
        self.blocks.as_ref().is_some_and(Blocks::has_gone_on)
    }

    /// Why the upload ends: what broke it off, or why nobody knows what the server has.
    fn cannot_go_on(&mut self, why: Option<Failure>) -> Failure {
        let unknown = Cause::OutOfOrder("a server that does not tell what it has".into());
        let failure = self.failure(unknown, Stage::Commit);
        self.broken.take().or(why).unwrap_or(failure)
    }

    /// Whether bytes of the source come next.
    pub(super) fn sends(&self) -> bool {
        matches!(
            self.state,
            State::Fetch | State::Reach | State::Gather | State::Put | State::Rejoin(_)
        )
    }

    /// Whether the file can be written from an offset.
    pub(super) fn can_rest(&self) -> bool {
        self.ways.rest && self.exact && !self.no_rest
    }

    /// Whether the open stream can end where it is, to go on later.
    pub(super) fn can_pause(&self) -> bool {
        matches!(self.state, State::Transfer)
            && self.open
            && self.blocks.is_none()
            && !self.ended
            && self.failed.is_none()
            && self.sent > 0
            && self.can_rest()
            && self.before != Before::Unknown
    }

    /// Whether the upload can yield here and now.
    pub(super) fn can_yield(&self) -> bool {
        let between = matches!(
            self.state,
            State::Fetch
                | State::Reach
                | State::Gather
                | State::Put
                | State::Check(_)
                | State::Recover(_)
                | State::Rejoin(_)
        );
        let over = self.blocks.as_ref().is_some_and(Blocks::is_over);
        let can_go_on = self.sent > 0 && self.can_rest() && self.before != Before::Unknown;
        between && !over && (!self.begun || can_go_on)
    }

    /// Whether it has reached neither its end nor a failure.
    pub(super) fn is_under_way(&self) -> bool {
        matches!(
            self.state,
            State::Free(_)
                | State::Fetch
                | State::Reach
                | State::Before
                | State::Gather
                | State::Put
                | State::Check(_)
                | State::Recover(_)
                | State::Rejoin(_)
        )
    }

    /// How far the upload has come.
    pub(super) fn begun_upload(&self) -> BegunUpload {
        BegunUpload {
            at: if self.begun { self.sent } else { 0 },
            // Where nothing was begun, the question is asked again: others may have created the name
            // by then.
            before: if self.begun {
                self.before
            } else {
                Before::Unknown
            },
            resumes: self.resumes,
            trail: self.trail.clone(),
        }
    }
}
