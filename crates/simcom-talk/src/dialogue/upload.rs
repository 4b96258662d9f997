//! Writing a file: one escaped stream behind a prompt, or blocks.

mod blocks;
mod clear;
mod rejoin;
mod resume;
mod verify;

use bytes::{Bytes, BytesMut};

use blocks::Blocks;
pub(crate) use clear::Clear;
use clear::is_refusal;
use rejoin::Rejoin;

use super::exchange::{Settlement, Verdict};
use super::failure::{Cause, Failure, Finding, Stage};
use super::inquiry::{Inquiry, Known};
use super::operation::{
    self, Before, Cleared, Doubt, Output, Piece, Progress, ProgressStage, Stored, Trail,
};
use super::procedure::{Feed, Next, Procedure, Saying, WayOut, Ways};
use super::size::unknown;
use crate::ftps::value::TransferType;
use crate::ftps::{Body, Command, ErrCode, Verb, escape};

/// Writes a file and makes sure of it.
///
/// The file is begun once its first piece is there, so that a source which never sends holds
/// nothing open on the server. Where the link breaks, or others wait for it, the transfer goes on
/// at what the server has (see [`rejoin`]), in blocks, since the stream cannot begin at an offset
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
    what: operation::Upload,
    state: State,
    /// The piece that waits for the prompt.
    held: Option<Piece>,
    ways: Ways,
    /// Bytes are written as they are, so that sizes and offsets mean something.
    exact: bool,
    /// The content, where it goes in blocks.
    blocks: Option<Blocks>,
    resumes: u32,
    sent: u64,
    /// The most that was ever handed to the module.
    handed: u64,
    /// The last of that.
    trail: Trail,
    tries: u32,
    /// What the server said of the name before the transfer.
    before: Before,
    /// That was asked.
    prepared: bool,
    /// It goes without that question.
    is_short: bool,
    /// The module has reported that the name was written, as far as it was handed over.
    written: bool,
    /// All bytes that the server has were read back, and are those of the source.
    read_back: bool,
    /// The prompt is open.
    open: bool,
    /// Every byte and the end were written.
    ended: bool,
    /// The file was, or may have been, created by us.
    begun: bool,
    acknowledged: bool,
    /// The size at the end is that of a listing.
    listed: bool,
    confirmed: Option<u64>,
    doubt: Option<Doubt>,
    /// Why the transfer failed for good, while things are put in order.
    failed: Option<Failure>,
    /// Why its caller gave it up while it was verified. If it is not whole, it ends with this, and nothing is
    /// sent again.
    given_up: Option<Failure>,
    /// Why it broke off last.
    broken: Option<Failure>,
    /// The server does not go on with a file.
    no_rest: bool,
    restarts: u32,
    /// Blocks in a row that did not arrive.
    fruitless: u32,
    /// How often a size that was wrong after the module had reported success was mended.
    mended: u32,
    /// The most that the server had when the transfer started over.
    farthest: u64,
    /// Others wait for the link.
    yields: bool,
    /// The stream was ended for them, not by the source.
    paused: bool,
}

#[derive(Debug)]
enum State {
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

    fn free(&mut self, known: Known) -> State {
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
    fn exists(&self) -> State {
        State::Finish(Err(Failure {
            finding: Some(Finding::NamePresent),
            ..self.failure(Cause::Exists, Stage::Directory)
        }))
    }

    fn no_directory(&self) -> State {
        let cause = Cause::Reported(ErrCode::REJECTED);
        State::Finish(Err(Failure {
            finding: Some(Finding::DirectoryAbsent),
            ..self.failure(cause, Stage::Directory)
        }))
    }

    /// Whether the size that the name has is asked for before it is written.
    fn asks_before(&self) -> bool {
        (self.what.verify_size || self.what.delete_on_failure) && !self.is_short
    }

    /// Whether nobody has asked for that, so that a file of any size and content may have been there.
    fn is_unasked(&self) -> bool {
        self.is_short && !self.prepared
    }

    /// Bytes go to the module, of which the first is this byte of the file.
    fn hand_over(&mut self, at: u64, bytes: &[u8]) {
        self.trail.put(at, bytes);
        self.sent = at + bytes.len() as u64;
        self.handed = self.handed.max(self.sent);
    }

    /// The question that the state asks, where it asks one.
    fn inquiry(&mut self) -> Option<&mut Inquiry> {
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
    fn answered(&mut self, known: Known) -> State {
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

    fn result(&self, result: &Result<(), Failure>) -> Result<Output, Failure> {
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

    fn failure(&self, cause: Cause, stage: Stage) -> Failure {
        Failure {
            attempt: self.tries.max(1),
            committed: self.blocks.as_ref().map(Blocks::offset),
            ..Failure::new(cause, Some(Verb::Put.name()), stage)
        }
    }

    fn write(&mut self, piece: Piece) -> Feed {
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
                // While a prompt is open the dialogue asks for the next piece.
                State::Transfer => match self.failed.clone() {
                    // It was given up before its command was said: nothing is asked of its source.
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

    fn heard(&mut self, settlement: &Settlement) {
        if let Some(inquiry) = self.inquiry() {
            return inquiry.heard(settlement);
        }
        self.state = match &mut self.state {
            State::Before => {
                self.before = Before::of(&settlement.verdict);
                self.prepared = true;
                self.begin()
            }
            State::Transfer => {
                self.open = false;
                self.begun |= settlement.prompted;
                self.written |= self.begun && matches!(settlement.verdict, Verdict::Done(_));
                match self.failed.clone() {
                    // Abandoned meanwhile: how the cut transfer ended does not matter.
                    Some(_) if self.begun => self.clear_up(),
                    Some(failure) => State::Finish(Err(failure)),
                    None => self.transferred(&settlement.verdict),
                }
            }
            State::Rejoin(rejoin) | State::Tail(rejoin) => {
                return rejoin.heard(&settlement.verdict);
            }
            State::Clear(clear) => return clear.heard(settlement),
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
            // It is not read back a second time, and its source is asked for no byte.
            rejoin.without_source();
        }
        let failure = match (&self.broken, &cause) {
            // It would have to start over, and cannot: what broke it is the reason.
            (Some(broken), Cause::SourceForgotten) => broken.clone(),
            _ => self.failure(cause, Stage::Data),
        };
        // A file that may be whole is looked at to the end. If it is not, nothing is sent again.
        if self.ended && !self.sends() {
            self.given_up = Some(failure);
        } else {
            self.failed = Some(failure);
        }
    }

    fn give_up(&mut self, failure: Failure) {
        // The first failure is the reason; that the link did not come back only keeps the
        // leftovers where they are.
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
    /// L1219): 9 is the server's refusal, or a file of nine bytes, and others tell nothing.
    fn of(verdict: &Verdict) -> Self {
        let refused = u64::from(ErrCode::REJECTED.get());
        match verdict {
            Verdict::Done(Some(Body::Length(size))) => Self::Number(*size),
            Verdict::Done(Some(Body::Number(number))) if *number == refused => Self::Nothing,
            Verdict::Done(Some(Body::Number(number))) if ErrCode::is_known_failure(*number) => {
                Self::Unknown
            }
            Verdict::Done(Some(Body::Number(number))) => Self::Number(*number),
            Verdict::Failed(Cause::Reported(ErrCode::REJECTED)) => Self::Nothing,
            _ => Self::Unknown,
        }
    }
}

/// How it ends when it has failed.
impl Upload {
    /// Ends with the failure, after deleting what was begun where that is wanted.
    fn clear_up(&mut self) -> State {
        let Some(failure) = &self.failed else {
            return State::Finish(Ok(()));
        };
        if !self.what.delete_on_failure || !self.begun {
            return State::Finish(Err(failure.clone()));
        }
        let refused = is_refusal(&failure.cause);
        // What was written has taken the place of whatever was there, as has a block that arrived.
        let in_blocks = self.blocks.as_ref().is_some_and(Blocks::has_begun);
        let written = in_blocks || (self.is_unasked() && self.written);
        let before = if written {
            Before::Nothing
        } else {
            self.before
        };
        // Where nobody has asked, the old file may be there still, as after a refusal.
        let refused = refused || (self.is_unasked() && !written);
        let begun = operation::BegunUpload {
            at: self.handed,
            before,
            resumes: self.resumes,
            trail: self.trail.clone(),
        };
        let path = self.what.path.clone();
        State::Clear(Box::new(Clear::of(path, begun, refused, false)))
    }

    fn cleared(&self, cleared: &Result<Cleared, Failure>) -> State {
        let Some(failure) = self.failed.clone() else {
            return State::Finish(Ok(()));
        };
        State::Finish(Err(match cleared {
            Ok(Cleared::Deleted) => Failure {
                committed: Some(0),
                ..failure
            },
            Ok(Cleared::Absent | Cleared::Untouched) => failure,
            Ok(Cleared::NoDirectory) => Failure {
                finding: Some(Finding::DirectoryAbsent),
                ..failure
            },
            Ok(Cleared::Left) | Err(_) => Failure {
                finding: Some(Finding::LeftBehind),
                ..failure
            },
        }))
    }

    /// The server refused before anything was begun: what that meant is looked for.
    fn look(&self) -> State {
        State::Look(Box::new(Inquiry::look(self.what.path.clone())))
    }

    fn looked(&self, known: &Known) -> State {
        let Some(failure) = self.failed.clone() else {
            return State::Finish(Ok(()));
        };
        let finding = match known {
            Known::NoDirectory => Some(Finding::DirectoryAbsent),
            _ => failure.finding,
        };
        State::Finish(Err(Failure { finding, ..failure }))
    }
}
