//! How a download goes on after a break, or after it made way.

use bytes::{Bytes, BytesMut};

use super::{Download, State};
use crate::dialogue::failure::{Cause, Failure};
use crate::dialogue::inquiry::{Inquiry, Known};
use crate::dialogue::procedure::is_transient;
use crate::dialogue::seam::{Meeting, Overlap};
use crate::dialogue::size::unknown;
use crate::ftps::value::Offset;
use crate::ftps::{Command, ErrCode};

/// How often in a row a transfer goes on without having moved a byte in between. Every new try
/// costs a login.
const FRUITLESS: u32 = 3;

impl Download {
    pub(super) fn recheck(&mut self, known: Known) -> State {
        match (known, self.size) {
            (Known::Size(now), Some(before)) if now != before => {
                State::Finish(Err(self.failure(Cause::SourceChanged)))
            }
            (Known::Size(_) | Known::Present | Known::Undecided(_), _) => {
                self.resumes += u32::from(!std::mem::take(&mut self.returned));
                State::Get
            }
            (known @ (Known::Absent | Known::NoDirectory | Known::Failed(..)), _) => {
                let failure = Failure {
                    committed: Some(self.got),
                    ..unknown(known)
                };
                State::Finish(Err(failure))
            }
        }
    }

    pub(super) fn get(&mut self) -> Result<Command, Failure> {
        self.mark = self.got;
        let position = self.offset + self.got;
        let tail = self.seam.tail();
        let compared = position - tail.len() as u64;
        let from = if self.no_rest { 0 } else { compared };
        self.overlap = (from < position).then(|| Overlap::new(compared - from, tail));
        match Offset::new(from) {
            Ok(offset) if self.ways.pull => Ok(Command::GetToCache(self.path.clone(), offset)),
            Ok(offset) => Ok(Command::Get(self.path.clone(), offset)),
            Err(error) => Err(self.failure(Cause::Unsuitable(error))),
        }
    }

    pub(super) fn fail(&mut self, cause: &Cause) -> State {
        let went_on = self.offset + self.got > 0 && !self.no_rest && self.exact;
        if *cause == Cause::Reported(ErrCode::REJECTED) && went_on {
            if self.got == self.mark {
                // The offset is refused, perhaps, and not the file.
                self.no_rest = true;
                return State::Get;
            }
            // It was the data connection that ended early (RFC 959 §4.2.2: 426, 451).
            return self.go_on(cause.clone());
        }
        let data_channel = matches!(
            cause,
            Cause::Reported(ErrCode::CONNECT_SOCKET | ErrCode::CREATE_SOCKET)
        );
        if is_transient(cause) || data_channel {
            if self.got > self.mark {
                self.obstacle = None;
            }
            if data_channel {
                self.obstacle = Some(cause.clone());
            }
            // Servers may close the control connection over it; that is not the reason then.
            let reason = self.obstacle.clone().unwrap_or_else(|| cause.clone());
            return self.go_on(reason);
        }
        let failure = self.failure(cause.clone());
        if *cause == Cause::Reported(ErrCode::REJECTED) && self.got == 0 && self.size.is_none() {
            return State::Look(Box::new(Inquiry::look(self.path.clone())), failure);
        }
        State::Finish(Err(failure))
    }

    pub(super) fn go_on(&mut self, cause: Cause) -> State {
        self.fruitless = if self.got > self.mark {
            0
        } else {
            self.fruitless + 1
        };
        // Line ends were rewritten: an offset here is no offset there.
        let possible = self.got == 0 || self.exact;
        if !possible || self.fruitless >= FRUITLESS {
            return State::Finish(Err(self.failure(cause)));
        }
        if self.got == 0 {
            return State::Get;
        }
        State::Recheck(Box::new(Inquiry::size(self.path.clone())))
    }

    /// Takes away what the server sent before, once it proves to be that.
    pub(super) fn behind_the_overlap(&mut self, bytes: Bytes) -> Option<Bytes> {
        let Some(overlap) = &mut self.overlap else {
            return Some(bytes);
        };
        match overlap.add(bytes) {
            Meeting::Open => None,
            Meeting::Fits(behind) => {
                self.overlap = None;
                Some(behind)
            }
            Meeting::Differs(behind) => {
                let found = overlap.found();
                let from_the_beginning =
                    self.offset == 0 && !self.no_rest && self.seam.head().starts_with(&found);
                if !from_the_beginning {
                    let failure = self.failure(Cause::SourceChanged);
                    self.end(failure);
                    return None;
                }
                // The offset was ignored: what is known already comes first.
                self.no_rest = true;
                let tail = self.seam.tail();
                self.overlap = Some(Overlap::new(self.got - tail.len() as u64, tail));
                let mut again = BytesMut::from(&*found);
                again.extend_from_slice(&behind);
                self.behind_the_overlap(again.freeze())
            }
        }
    }

    /// Whether it can go on later.
    pub(super) fn can_yield(&self) -> bool {
        self.yields && !self.abandoned && (self.got == 0 || self.exact)
    }
}
