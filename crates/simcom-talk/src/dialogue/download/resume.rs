//! How a download goes on after a break, or after it yielded.

use bytes::{Bytes, BytesMut};

use super::state::{Download, State};
use crate::dialogue::failure::{Cause, Failure};
use crate::dialogue::inquiry::Inquiry;
use crate::dialogue::known::Known;
use crate::dialogue::operation::{Delivery, Growth};
use crate::dialogue::procedure::is_transient;
use crate::dialogue::resume_window::{Meeting, Overlap, is_telling};
use crate::dialogue::size::unknown;
use crate::ftps::value::Offset;
use crate::ftps::{Command, ErrCode};

/// How many tries in a row may move no byte before the transfer fails. Each try costs a login.
const FRUITLESS: u32 = 3;

impl Download {
    /// Takes what the file is now, before the transfer goes on. A file that is shorter is another file. A file that
    /// is longer may have grown: the bytes in the resume window tell.
    pub(super) fn recheck(&mut self, known: Known) -> State {
        match (known, self.size) {
            (Known::Size(now), Some(before)) if now < before => {
                State::Finish(Err(self.failure(Cause::SourceChanged)))
            }
            (
                known @ (Known::Size(_) | Known::Present | Known::Undecided(_) | Known::Unread(_)),
                before,
            ) => {
                if let (Known::Size(now), Some(before)) = (&known, before) {
                    self.grown = Some(*now).filter(|now| *now > before);
                }
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

    /// Takes the size after more came than the file had.
    pub(super) fn remeasure(&mut self, known: &Known) -> State {
        let expected = self.size.unwrap_or_default();
        let found = self.beyond.take().unwrap_or_default();
        // A server that ignores the offset sends the whole file, and a file that grows has no fewer bytes than
        // before. Where the transfer went on once, the bytes in the resume window have shown that the server honoured
        // the offset.
        let honours_rest =
            self.from == 0 || self.mark > 0 || found.saturating_sub(self.from) < expected;
        let cause = match known {
            // The bytes that came first were there when the transfer began. The rest was added to the file.
            Known::Size(now) if *now >= found && honours_rest => {
                self.grown = Some(*now);
                return State::Finish(Ok(()));
            }
            // Both are possible. The file is read from its beginning, and the bytes in the resume window tell.
            Known::Size(now) if *now >= found && is_telling(self.window.tail()) => {
                self.no_rest = true;
                self.resumes += 1;
                // Bytes that were handed on do not come again.
                self.beyond = (self.growth == Growth::All).then_some(found);
                return State::Get;
            }
            Known::Size(now) if *now != expected => Cause::SourceChanged,
            // The server ignored an offset, or lines fell into the content.
            _ => Cause::SizeMismatch { expected, found },
        };
        State::Finish(Err(self.failure(cause)))
    }

    /// The next GET. Where the module takes no offset that far into the file, GET begins at the last offset that the
    /// module takes, and the known bytes are thrown away.
    pub(super) fn get(&mut self) -> Command {
        self.mark = self.got;
        self.twins.begin();
        let position = self.offset.saturating_add(self.got);
        let tail = self.window.tail();
        let compared = position.saturating_sub(tail.len() as u64);
        // Where neither a size nor earlier bytes are known, nothing shows that the server ignored the offset.
        let blind = self.exact && self.size.is_none() && tail.is_empty();
        let wanted = if self.no_rest || blind { 0 } else { compared };
        let offset = Offset::new(wanted.min(Offset::MAX)).unwrap_or(Offset::ZERO);
        self.from = offset.get();
        self.overlap =
            (self.from < position).then(|| Overlap::new(compared.saturating_sub(self.from), tail));
        if self.ways.pull {
            Command::GetToCache(self.path.clone(), offset)
        } else {
            Command::Get(self.path.clone(), offset)
        }
    }

    /// Takes a block and returns the part of it that is handed on.
    pub(super) fn take(&mut self, block: Bytes) -> Option<Delivery> {
        // Only where line ends are kept: otherwise the transfer could not go on behind the first of the two.
        self.untaken |= self.exact && self.twins.is_second(&block);
        if self.untaken {
            return None;
        }
        let mut bytes = self.behind_the_overlap(block)?;
        if bytes.is_empty() {
            return None;
        }
        self.twins.settle(&bytes);
        if self.exact
            && let Some(size) = self.size
        {
            if size == 0 && self.owes_began {
                // A server that says 0 of a file with content does not know its size.
                self.size = None;
            } else {
                let position = self.offset.saturating_add(self.got);
                let end = self.beyond.unwrap_or(position) + bytes.len() as u64;
                if end > size {
                    self.beyond = Some(end);
                    if self.growth == Growth::FirstSize {
                        let left = usize::try_from(size.saturating_sub(position)).unwrap_or(0);
                        bytes.truncate(left);
                    }
                }
            }
        }
        self.owes_began = false;
        if bytes.is_empty() {
            return None;
        }
        self.got += bytes.len() as u64;
        self.window.add(&bytes);
        Some(Delivery::Chunk(bytes))
    }

    pub(super) fn fail(&mut self, cause: &Cause) -> State {
        if std::mem::take(&mut self.untaken) {
            return self.go_on(Cause::Garbled);
        }
        let went_on = self.offset + self.got > 0 && !self.no_rest && self.exact;
        if *cause == Cause::Reported(ErrCode::REJECTED) && went_on {
            if self.got > self.mark {
                // The data connection ended early (RFC 959 §4.2.2: 426, 451).
                return self.go_on(cause.clone());
            }
            if self.from > 0 {
                // The server may refuse the offset and not the file.
                self.no_rest = true;
                return State::Get;
            }
        }
        if cause.is_refusal() && self.got == 0 && self.unlisted {
            // Neither SIZE nor the listing nor the file itself shows the name.
            return State::Finish(Err(unknown(Known::Absent)));
        }
        let data_channel = cause.is_data_channel();
        if is_transient(cause) || data_channel {
            if self.got > self.mark {
                self.obstacle = None;
            }
            if data_channel {
                self.obstacle = Some(cause.clone());
            }
            // Servers may close the control connection after such an error. The closed connection is not the reason
            // then.
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
        // Where line ends were rewritten, an offset here is another offset on the server.
        let possible = self.got == 0 || self.exact;
        if !possible || self.fruitless >= FRUITLESS {
            return State::Finish(Err(self.failure(cause)));
        }
        if self.got == 0 {
            return State::Get;
        }
        State::Recheck(Box::new(Inquiry::size(self.path.clone())))
    }

    /// Removes the overlap from what comes, once it proves to be what the server sent before.
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
                    self.offset == 0 && !self.no_rest && self.window.head().starts_with(&found);
                // Where GET began at the last offset that a module takes, an ignored offset does not show in the
                // head.
                let skipped = self.from > 0 && self.from < self.compared();
                if skipped && !self.no_rest {
                    self.no_rest = true;
                    self.untaken = true;
                    return None;
                }
                if !from_the_beginning {
                    let failure = self.failure(Cause::SourceChanged);
                    self.end(failure);
                    return None;
                }
                // The server ignored the offset: the known bytes come first.
                self.no_rest = true;
                let tail = self.window.tail();
                self.overlap = Some(Overlap::new(self.got - tail.len() as u64, tail));
                let mut again = BytesMut::from(&*found);
                again.extend_from_slice(&behind);
                self.behind_the_overlap(again.freeze())
            }
        }
    }

    /// The position of the first byte that is compared when the transfer goes on.
    fn compared(&self) -> u64 {
        self.offset + self.got - self.window.tail().len() as u64
    }

    /// Whether the download can yield and go on later.
    pub(super) fn can_yield(&self) -> bool {
        self.yields && !self.abandoned && (self.got == 0 || self.exact)
    }
}
