//! Finding out the size of a file, or whether a name exists, without guessing.

use bytes::Bytes;

use super::exchange::{Settlement, Verdict};
use super::failure::Cause;
use super::procedure::may_retry;
use crate::ftps::listing::{Entry, Facts, Kind, Lines};
use crate::ftps::value::RemotePath;
use crate::ftps::{Body, Command, ErrCode, Verb};

/// A question about one name on the server; part of several procedures.
///
/// `+CFTPSSIZE: 9` after `OK` is nine bytes or error nine (SIMCom manual L1219): where the
/// number can be either, the parent directory is listed and its answer counts.
#[derive(Debug)]
pub(crate) struct Inquiry {
    path: RemotePath,
    step: Step,
    /// The number that may be a size or an error code.
    number: Option<u64>,
    tries: u32,
    lines: Lines,
    found: Option<Facts>,
    /// A line of the listing could not be read: an absent name proves nothing.
    unread: bool,
}

/// What was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Known {
    /// The file has this size.
    Size(u64),
    /// The name exists and is no file whose size can be told.
    Present,
    /// The name does not exist.
    Absent,
    /// It cannot be told; the number that the module gave, if it gave one.
    Undecided(Option<u64>),
    /// The question could not be asked: this command failed.
    Failed(Verb, Cause),
}

#[derive(Debug)]
enum Step {
    AskSize,
    AskList,
    Known(Known),
}

impl Inquiry {
    /// Asks for the size; by the parent directory's listing where the name is not ASCII, for
    /// which no module's `AT+CFTPSSIZE` has a form (SIMCom manual L1219).
    pub(crate) fn size(path: RemotePath) -> Self {
        let step = match path.file_name() {
            Some(name) if !name.is_ascii() => Step::AskList,
            _ => Step::AskSize,
        };
        Self::new(path, step)
    }

    /// Looks into the parent directory only.
    pub(crate) fn look(path: RemotePath) -> Self {
        Self::new(path, Step::AskList)
    }

    fn new(path: RemotePath, step: Step) -> Self {
        Self {
            path,
            step,
            number: None,
            tries: 0,
            lines: Lines::new(),
            found: None,
            unread: false,
        }
    }

    /// The next command, or what is known.
    pub(crate) fn next(&mut self) -> Result<Command, Known> {
        match &self.step {
            Step::AskSize => Ok(Command::Size(self.path.clone())),
            Step::AskList => {
                self.lines = Lines::new();
                self.found = None;
                self.unread = false;
                Ok(Command::List(self.path.parent()))
            }
            Step::Known(known) => Err(known.clone()),
        }
    }

    /// A part of the listing.
    pub(crate) fn content(&mut self, bytes: &Bytes) {
        let entries = self.lines.push(bytes);
        self.read(entries);
    }

    /// How the last command ended.
    pub(crate) fn heard(&mut self, settlement: &Settlement) {
        if let Verdict::Failed(cause) = &settlement.verdict
            && may_retry(cause, self.tries + 1)
        {
            self.tries += 1;
            return;
        }
        self.step = match (&self.step, &settlement.verdict) {
            (Step::AskSize, verdict) => self.hear_size(verdict),
            (Step::AskList, Verdict::Done(_)) => {
                let last = self.lines.finish();
                self.read(last);
                Step::Known(self.decide())
            }
            // A directory that cannot be listed tells nothing; that is no failure of the link.
            (
                Step::AskList,
                Verdict::Failed(Cause::Reported(ErrCode::REJECTED) | Cause::Refused(_)),
            ) => Step::Known(Known::Undecided(self.number)),
            (Step::AskList, Verdict::Failed(cause)) => {
                Step::Known(Known::Failed(Verb::List, cause.clone()))
            }
            (Step::Known(known), _) => Step::Known(known.clone()),
        };
    }

    fn hear_size(&mut self, verdict: &Verdict) -> Step {
        match verdict {
            Verdict::Done(Some(Body::Length(size))) => Step::Known(Known::Size(*size)),
            Verdict::Done(Some(Body::Number(number))) => {
                if ErrCode::is_known_failure(*number) {
                    self.number = Some(*number);
                    Step::AskList
                } else {
                    Step::Known(Known::Size(*number))
                }
            }
            // Refused by the server: no such file, a directory, or a server without SIZE.
            Verdict::Failed(Cause::Reported(ErrCode::REJECTED) | Cause::Refused(_)) => {
                self.tries = 0;
                Step::AskList
            }
            Verdict::Failed(cause) => Step::Known(Known::Failed(Verb::Size, cause.clone())),
            Verdict::Done(_) => Step::Known(Known::Failed(
                Verb::Size,
                Cause::OutOfOrder("a size without a number".into()),
            )),
        }
    }

    fn read(&mut self, entries: impl IntoIterator<Item = Entry>) {
        for entry in entries {
            match entry.facts {
                Some(facts) if Some(facts.name.as_str()) == self.path.file_name() => {
                    self.found = Some(facts);
                }
                Some(_) => {}
                None => self.unread = true,
            }
        }
    }

    fn decide(&self) -> Known {
        match &self.found {
            Some(Facts {
                kind: Kind::File,
                size: Some(size),
                ..
            }) => Known::Size(*size),
            Some(_) => Known::Present,
            None if self.unread => Known::Undecided(self.number),
            None => Known::Absent,
        }
    }
}
