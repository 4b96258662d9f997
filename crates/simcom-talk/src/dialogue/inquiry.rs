//! Finds out the size of a file, or whether a name exists, without guessing.
//!
//! More than 400 lines: this is one state machine, whose steps are read together.

use bytes::Bytes;

use super::exchange::{Outcome, Response};
use super::failure::Cause;
use super::known::{Known, known};
use super::procedure::may_retry;
use super::sought::{Sought, is_directory};
use crate::ftps::listing::{Facts, Lines};
use crate::ftps::value::{Offset, RemotePath, is_escape};
use crate::ftps::{Body, Command, CommandName, ErrCode};

/// A question about one name on the server. Several procedures ask it.
///
/// `+CFTPSSIZE: 9` after `OK` is nine bytes or error nine (SIMCom manual L1219). Where the number can be
/// either, the parent directory is listed. A name that a listing or SIZE shows exists. A name that a listing
/// does not show may be hidden, cut off, or printed in an unreadable form. Then the file itself is asked for;
/// it is short if the number is its size.
/// The file is also asked for where the listing shows its name without a size.
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
    /// What the listing of the directory has shown.
    listed: Known,
    /// The entry of the name in the listing, and its line.
    entry: Option<(Facts, Bytes)>,
    /// Bytes of the file itself that came.
    received: u64,
    /// The file itself was asked for.
    is_asked_for: bool,
    /// The server has told sizes: it has the command SIZE.
    tells_sizes: bool,
    /// A size of 0 is checked in the listing, since some servers say it of files with content.
    doubts_zero: bool,
    /// The server said 0.
    said_zero: bool,
    /// The server let the session into the directory and refused to list it.
    is_shut: bool,
    ascents: u32,
    /// What another inquiry's listing has shown. It is not asked for again.
    given: Option<Known>,
}

/// What is asked. It decides how much is done to find the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    /// The size.
    Size,
    /// What the refusal of a command on the name means.
    Refusal,
    /// Whether the name is free in any case of letters: many servers keep one file for both cases.
    Free,
    /// Whether an upload that began has left anything under the name.
    Remains,
}

#[derive(Debug, Clone)]
enum Step {
    AskSize,
    AskList,
    /// Ask for the file itself, which the listing does not show.
    AskContent,
    /// Ask whether a directory above the name exists. This one would list it.
    AskAbove(RemotePath),
    Known(Known),
}

/// How far up a missing directory is looked for. Each step costs a data connection.
const ASCENTS: u32 = 4;

impl Inquiry {
    /// The same as [`Inquiry::size`], for servers that say 0 of files with content. Where the server says 0,
    /// the listing is read as well, and a size there counts.
    pub(crate) fn size_of_content(path: RemotePath) -> Self {
        Self {
            doubts_zero: true,
            ..Self::size(path)
        }
    }

    /// Asks for the size. Where the name is not ASCII, or a module may read it as another name, the parent
    /// directory's listing tells the size: no module's `AT+CFTPSSIZE` has a form for such names (SIMCom manual
    /// L1219).
    pub(crate) fn size(path: RemotePath) -> Self {
        Self::of(path, Question::Size)
    }

    /// The same as [`Inquiry::size`], where a listing of the directory has just shown `listed`.
    pub(crate) fn beside(path: RemotePath, listed: Known) -> Self {
        let mut inquiry = Self {
            given: Some(listed),
            ..Self::size(path)
        };
        inquiry.take_what_is_given();
        inquiry
    }

    /// Looks into the parent directory for the meaning of a refusal. Where that directory cannot be entered,
    /// looks for the directory itself.
    pub(crate) fn look(path: RemotePath) -> Self {
        Self {
            step: Step::AskList,
            ..Self::of(path, Question::Refusal)
        }
    }

    /// Whether the name is free in any case of letters, as far as the size, the listing or the file itself
    /// shows it. Where no listing can be read, the size decides. Where the server is not known to tell sizes,
    /// the file itself decides.
    pub(crate) fn existence(path: RemotePath) -> Self {
        Self::of(path, Question::Free)
    }

    /// Whether an upload that began has left anything. Where neither the size nor the listing shows it, the
    /// file itself is asked for.
    pub(crate) fn remains(path: RemotePath) -> Self {
        Self::of(path, Question::Remains)
    }

    /// Tells whether the server has told sizes since the login. Where such a server refuses SIZE, the name has
    /// no size.
    pub(crate) fn know_of_sizes(&mut self, tells_sizes: bool) {
        self.tells_sizes = tells_sizes;
    }

    /// Whether the listing gave the answer.
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

    /// The server's line of the name, where the listing has the name and it is no directory.
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

    /// Takes a part of the listing, or of the file.
    pub(crate) fn content(&mut self, bytes: &Bytes) {
        if matches!(self.step, Step::AskContent) {
            self.received += bytes.len() as u64;
            return;
        }
        let entries = self.lines.push(bytes);
        self.sought.read(entries);
    }

    /// Takes the end of the last command.
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
            // A directory that cannot be listed is no failure of the link.
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
                // The listing was read a moment ago, or shows content, or could not be read.
                step @ (Step::AskList | Step::Known(Known::Size(_) | Known::Failed(..))) => step,
                _ => Step::Known(Known::Size(0)),
            };
        }
    }

    /// Uses the listing that was given in place of a new one.
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
            // The server refused: no such file, a directory, or a server without SIZE.
            Outcome::Failed(cause) if cause.is_refusal() => Step::AskList,
            Outcome::Failed(cause) => Step::Known(Known::Failed(CommandName::Size, cause.clone())),
            Outcome::Done(_) => Step::Known(Known::Failed(
                CommandName::Size,
                Cause::OutOfOrder("a size without a number".into()),
            )),
        }
    }

    /// Takes what the listing of the directory shows.
    fn hear_list(&mut self, known: Known) -> Step {
        self.entry = self.sought.found().cloned();
        self.listed = known.clone();
        match known {
            // A directory has no size. For a link, and for a file that is listed without a size, the number
            // may be the size.
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

    /// Whether to ask for the file itself. It is short if the number is its size. A file that exists on a
    /// server without SIZE may be long.
    fn asks_for_content(&self) -> bool {
        let is_short = self.number.is_some() && (self.tells_sizes || self.listed == Known::Absent);
        let wanted = match self.kind {
            Question::Size | Question::Refusal => false,
            Question::Remains => self.entry.is_none(),
            Question::Free => !self.tells_sizes && self.sought.mentioned().is_none(),
        };
        !self.is_asked_for && (is_short || wanted)
    }

    /// Takes the outcome of asking for the file itself: the number may be its size or an error code, or
    /// nothing else shows whether the file exists.
    fn hear_content(&self, outcome: &Outcome) -> Known {
        match (outcome, self.number) {
            (Outcome::Done(_), Some(number)) if number == self.received => Known::Size(number),
            (Outcome::Done(_), _) => Known::Present,
            // The server refused both.
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

    /// What the listing tells after the server refused to tell a size, and refused the file itself where that
    /// was asked for.
    fn known_of_refused(&self) -> Known {
        match &self.listed {
            // No listing shows the name, and everything else speaks against it.
            Known::Unread(_) | Known::Undecided(_)
                if self.kind == Question::Free && self.sought.mentioned().is_none() =>
            {
                Known::Absent
            }
            Known::Undecided(_) => Known::Undecided(self.number),
            listed => listed.clone(),
        }
    }

    /// Ends the inquiry: more questions would not help.
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

    /// Takes the listing of the directory above.
    fn hear_above(&mut self, known: &Known) -> Step {
        match known {
            // The server let the session in, and lists nothing there: servers answer 450 or 550 for an empty
            // directory.
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
