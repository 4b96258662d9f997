//! An upload, and how far it has come.

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

/// Writes a file and checks it.
///
/// The file is begun once its first piece is there, so that a source which never sends keeps nothing open on
/// the server. After a break of the link, or after it yielded, the upload goes on at what the server has (see
/// [`super::rejoin`]). It goes on in blocks, since a stream cannot begin at an offset (SIMCom manual L1215).
/// Where the server's part cannot be relied on, the upload starts over. Where only the outcome was lost, and
/// the server has the right size and the right last bytes, nothing is sent again.
///
/// An upload that must be new never replaces a file that is not proven to be its own.
///
/// The size that the name has before the upload tells later whose a file is: a file that still has that size
/// may be the old one. For a file that is short and all at hand, nothing is asked before. Where its outcome
/// is lost or the link broke, it is compared as a whole. What it may have left is deleted only if the module
/// has reported that it wrote the name. Otherwise an old file may have begun with the same bytes.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(super) what: operation::Upload,
    pub(super) state: State,
    /// The piece that waits for the prompt.
    pub(super) held: Option<Piece>,
    pub(super) ways: Ways,
    /// Bytes are written as they are, so that sizes and offsets are reliable.
    pub(super) exact: bool,
    /// The content, where it goes in blocks.
    pub(super) blocks: Option<Blocks>,
    pub(super) resumes: u32,
    pub(super) sent: u64,
    /// Most bytes that were ever handed to the module.
    pub(super) handed: u64,
    /// The last of those bytes.
    pub(super) trail: Trail,
    pub(super) tries: u32,
    /// What the server had under the name before the transfer.
    pub(super) before: Before,
    /// That question was asked.
    pub(super) prepared: bool,
    /// The upload goes without that question.
    pub(super) is_short: bool,
    /// The module has reported that it wrote the name, as far as the content was handed over.
    pub(super) written: bool,
    /// All bytes that the server has were read back and are those of the source.
    pub(super) read_back: bool,
    /// The prompt is open.
    pub(super) open: bool,
    /// Every byte and the end mark were written.
    pub(super) ended: bool,
    /// This upload created the file, or may have.
    pub(super) begun: bool,
    pub(super) acknowledged: bool,
    /// The size at the end comes from a listing.
    pub(super) listed: bool,
    pub(super) confirmed: Option<u64>,
    pub(super) doubt: Option<Doubt>,
    /// Why the transfer failed for good. It is kept while the upload cleans up.
    pub(super) failed: Option<Failure>,
    /// Why the caller abandoned the upload while it was checked. If the file is not whole, the upload ends
    /// with this, and nothing is sent again.
    pub(super) given_up: Option<Failure>,
    /// Why it broke off last.
    pub(super) broken: Option<Failure>,
    /// The server does not go on with a file.
    pub(super) no_rest: bool,
    pub(super) restarts: u32,
    /// How many blocks in a row did not arrive.
    pub(super) fruitless: u32,
    /// How often the upload corrected a wrong size after the module had reported success.
    pub(super) mended: u32,
    /// Most bytes that the server had when the transfer started over.
    pub(super) farthest: u64,
    /// Others wait for the link.
    pub(super) yields: bool,
    /// The stream was ended for those who wait, not by the source.
    pub(super) paused: bool,
}

#[derive(Debug)]
pub(super) enum State {
    /// Asks whether the name is free.
    Free(Inquiry),
    Fetch,
    /// Asks for the abilities of the module.
    Reach,
    /// Asks which size the name has before.
    Before,
    /// Takes the next block from the source.
    Gather,
    Put,
    Transfer,
    /// Asks whether the server has what it should after the first blocks.
    Check(Inquiry),
    /// Asks how much the server has of what broke off.
    Recover(Inquiry),
    /// Asks whether that is this upload's.
    Rejoin(Rejoin),
    Verify(Inquiry),
    /// Asks whether a file of the right size ends as it should. Its outcome was lost, or it went in blocks.
    Tail(Rejoin),
    /// Deletes what a failed transfer left.
    Clear(Box<Clear>),
    /// Asks for the meaning of a refusal.
    Look(Box<Inquiry>),
    Yield,
    Finish(Result<(), Failure>),
}

impl Upload {
    /// Writes a file in a transfer type. Where line ends may be rewritten, sizes cannot be compared.
    pub(crate) fn new(mut what: operation::Upload, transfer_type: TransferType) -> Self {
        let exact = transfer_type == TransferType::Binary;
        what.verify_size &= exact;
        // The size of an empty file is all there is of it. It proves nothing if the old file was empty.
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

    /// Whether the upload asks for the size of the name before it writes it.
    pub(super) fn asks_before(&self) -> bool {
        (self.what.verify_size || self.what.delete_on_failure) && !self.is_short
    }

    /// Whether nobody has asked for it, so that the old file may have any size and content.
    pub(super) fn is_unasked(&self) -> bool {
        self.is_short && !self.prepared
    }

    /// Bytes go to the module. `at` is the position of the first of them.
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

    /// Takes the answer to that question.
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
