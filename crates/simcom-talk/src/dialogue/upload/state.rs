//! An upload and how far it is.

use bytes::{Bytes, BytesMut};

use super::blocks::Blocks;
use super::clear::Clear;
use super::rejoin::Rejoin;
use crate::dialogue::failure::{Cause, Failure, Finding, Stage};
use crate::dialogue::inquiry::Inquiry;
use crate::dialogue::known::Known;
use crate::dialogue::operation::{self, Before, Doubt, Output, Piece, Stored, Trail};
use crate::dialogue::procedure::{Feed, Ways};
use crate::dialogue::size::unknown;
use crate::ftps::value::TransferType;
use crate::ftps::{CommandName, ErrCode, escape};

/// Writes a file and makes sure of it.
///
/// The file is begun once its first piece is there, so that a source which never sends holds
/// nothing open on the server. Where the link breaks, or others wait for it, the transfer goes on
/// at what the server has (see [`super::rejoin`]), in blocks, since the stream cannot begin at an offset
/// (SIMCom manual L1215); where that cannot be relied on, it starts over. A transfer whose outcome
/// alone was lost is not repeated where the server has the right size and the right last bytes.
///
/// What must be new never takes the place of a file that is not shown to be its own.
///
/// Which size the name has before tells later what is ours: a file that still has it may be the old one. Of a
/// file that is short and all at hand nothing is asked before: it is compared as a whole where the outcome is
/// lost or the link broke, and what it may have left is deleted only if the module has reported that the name
/// was written. Else the old file may have begun with the same bytes.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(super) what: operation::Upload,
    pub(super) state: State,
    /// The piece that waits for the prompt.
    pub(super) held: Option<Piece>,
    pub(super) ways: Ways,
    /// Bytes are written as they are, so that sizes and offsets mean something.
    pub(super) exact: bool,
    /// The content, where it goes in blocks.
    pub(super) blocks: Option<Blocks>,
    pub(super) resumes: u32,
    pub(super) sent: u64,
    /// The most that was ever handed to the module.
    pub(super) handed: u64,
    /// The last of that.
    pub(super) trail: Trail,
    pub(super) tries: u32,
    /// What the server said of the name before the transfer.
    pub(super) before: Before,
    /// That was asked.
    pub(super) prepared: bool,
    /// It goes without that question.
    pub(super) is_short: bool,
    /// The module has reported that the name was written, as far as it was handed over.
    pub(super) written: bool,
    /// All bytes that the server has were read back, and are those of the source.
    pub(super) read_back: bool,
    /// The prompt is open.
    pub(super) open: bool,
    /// Every byte and the end were written.
    pub(super) ended: bool,
    /// The file was, or may have been, created by us.
    pub(super) begun: bool,
    pub(super) acknowledged: bool,
    /// The size at the end is that of a listing.
    pub(super) listed: bool,
    pub(super) confirmed: Option<u64>,
    pub(super) doubt: Option<Doubt>,
    /// Why the transfer failed for good, while things are put in order.
    pub(super) failed: Option<Failure>,
    /// Why its caller gave it up while it was verified. If it is not whole, it ends with this, and nothing is
    /// sent again.
    pub(super) given_up: Option<Failure>,
    /// Why it broke off last.
    pub(super) broken: Option<Failure>,
    /// The server does not go on with a file.
    pub(super) no_rest: bool,
    pub(super) restarts: u32,
    /// Blocks in a row that did not arrive.
    pub(super) fruitless: u32,
    /// How often a size that was wrong after the module had reported success was mended.
    pub(super) mended: u32,
    /// The most that the server had when the transfer started over.
    pub(super) farthest: u64,
    /// Others wait for the link.
    pub(super) yields: bool,
    /// The stream was ended for them, not by the source.
    pub(super) paused: bool,
}

#[derive(Debug)]
pub(super) enum State {
    /// Whether the name is free.
    Free(Inquiry),
    Fetch,
    /// What the module can do is asked for.
    Reach,
    /// Which size the name has before.
    Before,
    /// The next block is taken from the source.
    Gather,
    Put,
    Transfer,
    /// Whether the server has what it should after the first blocks.
    Check(Inquiry),
    /// How much the server has of what broke off.
    Recover(Inquiry),
    /// Whether that is ours.
    Rejoin(Rejoin),
    Verify(Inquiry),
    /// Whether a file of the right size, of which nothing was heard or that went in blocks, ends as
    /// it should.
    Tail(Rejoin),
    /// What a failed transfer left is deleted.
    Clear(Box<Clear>),
    /// What a refusal meant.
    Look(Box<Inquiry>),
    Yield,
    Finish(Result<(), Failure>),
}

impl Upload {
    /// Of a file, in a transfer type. Where line ends may be rewritten, sizes cannot be compared.
    pub(crate) fn new(mut what: operation::Upload, transfer_type: TransferType) -> Self {
        let exact = transfer_type == TransferType::Binary;
        what.verify_size &= exact;
        // The size of an empty file is all there is of it: that must not be the size that was there before.
        let is_short = exact
            && what
                .at_hand
                .is_some_and(|size| (1..=operation::Upload::SHORT).contains(&size));
        let is_begun =
            |begun: &operation::BegunUpload| begun.at > 0 || begun.before == Before::Nothing;
        let begun = what.begun.take().filter(is_begun);
        let state = match &begun {
            Some(_) => State::Recover(Inquiry::size(what.path.clone())),
            None if what.must_be_new => State::Free(Inquiry::existence(what.path.clone())),
            None => State::Fetch,
        };
        Self {
            what,
            state,
            held: None,
            ways: Ways::default(),
            exact,
            blocks: None,
            resumes: begun.as_ref().map_or(0, |begun| begun.resumes),
            sent: begun.as_ref().map_or(0, |begun| begun.at),
            handed: begun.as_ref().map_or(0, |begun| begun.at),
            tries: 0,
            before: begun.as_ref().map_or(Before::Unknown, |begun| begun.before),
            prepared: begun.is_some(),
            is_short: is_short && begun.is_none(),
            written: false,
            read_back: false,
            open: false,
            ended: false,
            begun: begun.is_some(),
            trail: begun.map(|begun| begun.trail).unwrap_or_default(),
            acknowledged: false,
            listed: false,
            confirmed: None,
            doubt: None,
            failed: None,
            given_up: None,
            broken: None,
            no_rest: false,
            restarts: 0,
            fruitless: 0,
            mended: 0,
            farthest: 0,
            yields: false,
            paused: false,
        }
    }

    pub(super) fn free(&mut self, known: Known) -> State {
        match known {
            Known::Absent => {
                self.before = Before::Nothing;
                self.prepared = true;
                State::Fetch
            }
            Known::Size(_) | Known::Present => self.exists(),
            Known::NoDirectory => self.no_directory(),
            Known::Undecided(Some(number)) => {
                State::Finish(Err(self.failure(Cause::Undecided(number), Stage::Directory)))
            }
            known @ (Known::Undecided(None) | Known::Unread(_) | Known::Failed(..)) => {
                State::Finish(Err(unknown(known)))
            }
        }
    }

    /// The name is taken, and must be new.
    pub(super) fn exists(&self) -> State {
        State::Finish(Err(Failure {
            finding: Some(Finding::NamePresent),
            ..self.failure(Cause::Exists, Stage::Directory)
        }))
    }

    pub(super) fn no_directory(&self) -> State {
        let cause = Cause::Reported(ErrCode::REJECTED);
        State::Finish(Err(Failure {
            finding: Some(Finding::DirectoryAbsent),
            ..self.failure(cause, Stage::Directory)
        }))
    }

    /// Whether the size that the name has is asked for before it is written.
    pub(super) fn asks_before(&self) -> bool {
        (self.what.verify_size || self.what.delete_on_failure) && !self.is_short
    }

    /// Whether nobody has asked for that, so that a file of any size and content may have been there.
    pub(super) fn is_unasked(&self) -> bool {
        self.is_short && !self.prepared
    }

    /// Bytes go to the module, of which the first is this byte of the file.
    pub(super) fn hand_over(&mut self, at: u64, bytes: &[u8]) {
        self.trail.put(at, bytes);
        self.sent = at + bytes.len() as u64;
        self.handed = self.handed.max(self.sent);
    }

    /// The question that the state asks, where it asks one.
    pub(super) fn inquiry(&mut self) -> Option<&mut Inquiry> {
        match &mut self.state {
            State::Free(inquiry)
            | State::Verify(inquiry)
            | State::Check(inquiry)
            | State::Recover(inquiry) => Some(inquiry),
            State::Look(inquiry) => Some(inquiry),
            _ => None,
        }
    }

    /// Such a question was answered.
    pub(super) fn answered(&mut self, known: Known) -> State {
        match self.state {
            State::Free(_) => self.free(known),
            State::Verify(ref inquiry) => {
                self.listed = inquiry.was_listed();
                self.verified(known)
            }
            State::Check(_) => self.checked(&known),
            State::Recover(_) => self.recovered(&known),
            _ => self.looked(&known),
        }
    }

    pub(super) fn result(&self, result: &Result<(), Failure>) -> Result<Output, Failure> {
        result.clone().map(|()| {
            Output::Stored(Stored {
                sent: self.sent,
                acknowledged: self.acknowledged,
                confirmed: self.confirmed,
                doubt: self.doubt,
                resumes: self.resumes,
            })
        })
    }

    pub(super) fn failure(&self, cause: Cause, stage: Stage) -> Failure {
        Failure {
            attempt: self.tries.max(1),
            committed: self.blocks.as_ref().map(Blocks::offset),
            ..Failure::new(cause, Some(CommandName::Put), stage)
        }
    }

    pub(super) fn write(&mut self, piece: Piece) -> Feed {
        match piece {
            Piece::Data(bytes) => {
                self.hand_over(self.sent, &bytes);
                let content = escape::escape(&bytes);
                self.paused = self.yields && self.can_pause();
                if !self.paused {
                    return Feed {
                        bytes: content,
                        end: false,
                    };
                }
                let mut last = BytesMut::from(content);
                last.extend_from_slice(&[escape::END]);
                Feed {
                    bytes: last.freeze(),
                    end: true,
                }
            }
            Piece::End => {
                self.ended = true;
                Feed {
                    bytes: Bytes::from_static(&[escape::END]),
                    end: true,
                }
            }
        }
    }
}
