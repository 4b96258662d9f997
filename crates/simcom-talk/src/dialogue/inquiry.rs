//! Finding out the size of a file, or whether a name exists, without guessing.
//!
//! More than 400 lines: it is one state machine, whose steps are read together.

use bytes::Bytes;

use super::exchange::{Outcome, Response};
use super::failure::Cause;
use super::known::{Known, known};
use super::procedure::may_retry;
use super::sought::{Sought, is_directory};
use crate::ftps::listing::{Facts, Lines};
use crate::ftps::value::{Offset, RemotePath, is_escape};
use crate::ftps::{Body, Command, CommandName, ErrCode};

/// A question about one name on the server; part of several procedures.
///
/// `+CFTPSSIZE: 9` after `OK` is nine bytes or error nine (SIMCom manual L1219): where the
/// number can be either, the parent directory is listed. What a listing or SIZE shows is there. What a
/// listing does not show may be hidden, or cut off, or printed as nobody can read it: then the file
/// itself is asked for, which is short if the number is its size. The file is asked for, too, where the listing shows
/// its name without a size.
#[derive(Debug)]
pub(crate) struct Inquiry {
    path: RemotePath,
    kind: Question,
    step: Step,
    /// The number that may be a size or an error code.
    number: Option<u64>,
    tries: u32,
    lines: Lines,
    sought: Sought,
    /// What the listing of the directory has come to.
    listed: Known,
    /// The entry of the name there, and its line.
    entry: Option<(Facts, Bytes)>,
    /// Bytes of the file itself that came.
    received: u64,
    /// The file itself was asked for.
    is_asked_for: bool,
    /// The server has told sizes: it knows SIZE.
    tells_sizes: bool,
    /// A size of 0 is looked at in the listing, since servers say it of files with content.
    doubts_zero: bool,
    /// The server said 0.
    said_zero: bool,
    /// The directory was entered, and its listing was refused.
    is_shut: bool,
    ascents: u32,
    /// What a listing has shown that somebody else asked for: it is not asked for again.
    given: Option<Known>,
}

/// What is asked, and so how much is done to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    /// The size.
    Size,
    /// What the refusal of a command on the name means.
    Refusal,
    /// Whether the name is free, in whatever case: many servers keep one file for both.
    Free,
    /// Whether a name that was begun to be written is there.
    Remains,
}

#[derive(Debug, Clone)]
enum Step {
    AskSize,
    AskList,
    /// The file itself, which the listing does not show.
    AskContent,
    /// Whether a directory above the name exists, which this one would list.
    AskAbove(RemotePath),
    Known(Known),
}

/// How far up a missing directory is looked for. Every step costs a data connection.
const ASCENTS: u32 = 4;

impl Inquiry {
    /// The same as [`Inquiry::size`]. A server that says 0 of a file with content does not tell: where it says
    /// that, the listing is looked at as well, and a size there wins.
    pub(crate) fn size_of_content(path: RemotePath) -> Self {
        Self {
            doubts_zero: true,
            ..Self::size(path)
        }
    }

    /// Asks for the size; by the parent directory's listing where the name is not ASCII, or a module
    /// may read it as another, for which no module's `AT+CFTPSSIZE` has a form (SIMCom manual L1219).
    pub(crate) fn size(path: RemotePath) -> Self {
        Self::of(path, Question::Size)
    }

    /// The same as [`Inquiry::size`], where the directory was listed a moment ago and has shown this.
    pub(crate) fn beside(path: RemotePath, listed: Known) -> Self {
        let mut inquiry = Self {
            given: Some(listed),
            ..Self::size(path)
        };
        inquiry.take_what_is_given();
        inquiry
    }

    /// Looks into the parent directory, and for that directory itself where it cannot be entered: what a
    /// refusal means.
    pub(crate) fn look(path: RemotePath) -> Self {
        Self {
            step: Step::AskList,
            ..Self::of(path, Question::Refusal)
        }
    }

    /// Whether the name is free, as far as the size, the listing or the file itself shows it, in whatever
    /// case. Where no listing can be read, the size decides, and the file itself where the server is not
    /// known to tell sizes.
    pub(crate) fn existence(path: RemotePath) -> Self {
        Self::of(path, Question::Free)
    }

    /// Whether anything is there of an upload that was begun. Where neither size nor listing shows it, the
    /// file itself is asked for.
    pub(crate) fn remains(path: RemotePath) -> Self {
        Self::of(path, Question::Remains)
    }

    /// The server has told sizes since the login: it has none for what it refuses to tell one of.
    pub(crate) fn know_of_sizes(&mut self, tells_sizes: bool) {
        self.tells_sizes = tells_sizes;
    }

    /// Whether the listing told.
    pub(crate) fn was_listed(&self) -> bool {
        self.entry.is_some()
    }

    /// The entry of the name in the listing of its directory, and its line.
    pub(crate) fn entry(&self) -> Option<&(Facts, Bytes)> {
        self.entry.as_ref()
    }

    /// The file itself was asked for, to tell its size from an error code.
    pub(crate) fn has_asked_for_content(&self) -> bool {
        self.is_asked_for
    }

    /// The server's line of the name, where it is listed and no directory.
    pub(crate) fn line_of_file(&self) -> Option<Bytes> {
        let (facts, line) = self.entry.as_ref()?;
        (!is_directory(facts)).then(|| line.clone())
    }

    fn of(path: RemotePath, kind: Question) -> Self {
        let step = match path.file_name() {
            Some(name) if !name.is_ascii() || is_escape(name) => Step::AskList,
            _ => Step::AskSize,
        };
        Self {
            path,
            kind,
            step,
            number: None,
            tries: 0,
            lines: Lines::new(),
            sought: Sought::default(),
            listed: Known::Undecided(None),
            entry: None,
            received: 0,
            is_asked_for: false,
            tells_sizes: false,
            doubts_zero: false,
            said_zero: false,
            is_shut: false,
            ascents: 0,
            given: None,
        }
    }

    /// The next command, or what is known.
    pub(crate) fn next(&mut self) -> Result<Command, Known> {
        match self.step.clone() {
            Step::AskSize => Ok(Command::Size(self.path.clone())),
            Step::AskList => Ok(self.list(&self.path.clone())),
            Step::AskContent => {
                self.is_asked_for = true;
                self.received = 0;
                Ok(Command::Get(self.path.clone(), Offset::ZERO))
            }
            Step::AskAbove(directory) => Ok(self.list(&directory)),
            Step::Known(known) => Err(known),
        }
    }

    /// A part of the listing, or of the file.
    pub(crate) fn content(&mut self, bytes: &Bytes) {
        if matches!(self.step, Step::AskContent) {
            self.received += bytes.len() as u64;
            return;
        }
        let entries = self.lines.push(bytes);
        self.sought.read(entries);
    }

    /// How the last command ended.
    pub(crate) fn heard(&mut self, response: &Response) {
        if let Outcome::Failed(cause) = &response.outcome
            && may_retry(cause, self.tries + 1)
        {
            self.tries += 1;
            return;
        }
        self.tries = 0;
        let entered = response.name != CommandName::ChangeDirectory;
        let step = self.step.clone();
        self.step = match (step, &response.outcome) {
            (Step::AskSize, outcome) => self.hear_size(outcome),
            (Step::AskList, Outcome::Done(_)) => {
                let known = self.decide();
                self.hear_list(known)
            }
            (Step::AskContent, outcome) => Step::Known(self.hear_content(outcome)),
            (Step::AskAbove(_), Outcome::Done(_)) => {
                let known = self.decide();
                self.hear_above(&known)
            }
            // That a directory cannot be listed is no failure of the link.
            (Step::AskList, Outcome::Failed(cause)) if cause.is_refusal() => {
                self.is_shut = entered;
                self.listed = Known::Undecided(None);
                if entered && self.asks_for_content() {
                    Step::AskContent
                } else {
                    self.ascend(&self.path.clone())
                }
            }
            (Step::AskAbove(directory), Outcome::Failed(cause))
                if cause.is_refusal() && !entered =>
            {
                self.ascend(&directory)
            }
            (Step::AskAbove(_), Outcome::Failed(_)) => self.conclude(),
            (Step::AskList, Outcome::Failed(cause)) => {
                Step::Known(Known::Failed(CommandName::List, cause.clone()))
            }
            (known @ Step::Known(_), _) => known,
        };
        self.take_what_is_given();
        if self.said_zero {
            self.step = match std::mem::replace(&mut self.step, Step::AskList) {
                // It was said a moment ago, or the listing shows content, or nobody could look.
                step @ (Step::AskList | Step::Known(Known::Size(_) | Known::Failed(..))) => step,
                _ => Step::Known(Known::Size(0)),
            };
        }
    }

    /// In place of a listing.
    fn take_what_is_given(&mut self) {
        if matches!(self.step, Step::AskList)
            && let Some(known) = self.given.take()
        {
            self.step = self.hear_list(known);
        }
    }

    fn hear_size(&mut self, outcome: &Outcome) -> Step {
        match outcome {
            Outcome::Done(Some(Body::Length(0) | Body::Number(0))) if self.doubts_zero => {
                self.said_zero = true;
                Step::AskList
            }
            Outcome::Done(Some(Body::Length(size))) => Step::Known(Known::Size(*size)),
            Outcome::Done(Some(Body::Number(number))) => {
                if ErrCode::is_known_failure(*number) {
                    self.number = Some(*number);
                    Step::AskList
                } else {
                    Step::Known(Known::Size(*number))
                }
            }
            // Refused by the server: no such file, a directory, or a server without SIZE.
            Outcome::Failed(cause) if cause.is_refusal() => Step::AskList,
            Outcome::Failed(cause) => Step::Known(Known::Failed(CommandName::Size, cause.clone())),
            Outcome::Done(_) => Step::Known(Known::Failed(
                CommandName::Size,
                Cause::OutOfOrder("a size without a number".into()),
            )),
        }
    }

    /// The directory was listed.
    fn hear_list(&mut self, known: Known) -> Step {
        self.entry = self.sought.found().cloned();
        self.listed = known.clone();
        match known {
            // A directory has no size. Of a link, and of a file that is listed without one, the number may be
            // it.
            Known::Present
                if self.number.is_some()
                    && self.kind != Question::Free
                    && self.line_of_file().is_some() =>
            {
                if self.asks_for_content() {
                    Step::AskContent
                } else {
                    Step::Known(Known::Undecided(self.number))
                }
            }
            Known::Absent | Known::Unread(_) => self.conclude(),
            known => Step::Known(known),
        }
    }

    /// Whether the file itself is to be asked for. It is short if the number is its size; of a file that is
    /// there, on a server that may have no SIZE, it may be long.
    fn asks_for_content(&self) -> bool {
        let is_short = self.number.is_some() && (self.tells_sizes || self.listed == Known::Absent);
        let wanted = match self.kind {
            Question::Size | Question::Refusal => false,
            Question::Remains => self.entry.is_none(),
            Question::Free => !self.tells_sizes && self.sought.mentioned().is_none(),
        };
        !self.is_asked_for && (is_short || wanted)
    }

    /// The file itself was asked for, since the number may be its size or an error code, or nothing else
    /// shows whether it is there.
    fn hear_content(&self, outcome: &Outcome) -> Known {
        match (outcome, self.number) {
            (Outcome::Done(_), Some(number)) if number == self.received => Known::Size(number),
            (Outcome::Done(_), _) => Known::Present,
            // Refused both times.
            (Outcome::Failed(cause), number)
                if cause.is_refusal()
                    && number.is_none_or(|code| code == u64::from(ErrCode::REJECTED.get())) =>
            {
                self.known_of_refused()
            }
            (Outcome::Failed(_), _) if self.listed == Known::Present => Known::Present,
            (Outcome::Failed(_), Some(number)) => Known::Undecided(Some(number)),
            (Outcome::Failed(cause), None) => Known::Failed(CommandName::Get, cause.clone()),
        }
    }

    /// The server refuses to tell a size, and the file itself where that was asked for: what the listing
    /// makes of that.
    fn known_of_refused(&self) -> Known {
        match &self.listed {
            // No listing speaks for it, and all else against it.
            Known::Unread(_) | Known::Undecided(_)
                if self.kind == Question::Free && self.sought.mentioned().is_none() =>
            {
                Known::Absent
            }
            Known::Undecided(_) => Known::Undecided(self.number),
            listed => listed.clone(),
        }
    }

    /// All was asked that is worth it.
    fn conclude(&mut self) -> Step {
        if self.asks_for_content() {
            return Step::AskContent;
        }
        Step::Known(self.known_of_refused())
    }

    /// Asks for a listing of the directory that holds a path.
    fn list(&mut self, path: &RemotePath) -> Command {
        self.lines = Lines::new();
        self.sought = Sought::new(path, self.kind == Question::Free);
        Command::List(path.parent())
    }

    /// Looks for the directory of a path, where it has one with a name.
    fn ascend(&mut self, path: &RemotePath) -> Step {
        let directory = path.parent().filter(|above| above.file_name().is_some());
        match directory {
            Some(directory) if self.ascents < ASCENTS => {
                self.ascents += 1;
                Step::AskAbove(directory)
            }
            _ => self.conclude(),
        }
    }

    /// The directory above was listed.
    fn hear_above(&mut self, known: &Known) -> Step {
        match known {
            // It was entered, and nothing in it is listed: servers answer 450 or 550 for an empty one.
            Known::Size(_) | Known::Present
                if self.is_shut && self.ascents == 1 && self.kind == Question::Refusal =>
            {
                Step::Known(Known::Absent)
            }
            Known::Absent if !self.is_shut => Step::Known(Known::NoDirectory),
            _ => self.conclude(),
        }
    }

    /// What the listing says.
    fn decide(&mut self) -> Known {
        let last = self.lines.finish();
        self.sought.read(last);
        known(&self.sought, None)
    }
}
