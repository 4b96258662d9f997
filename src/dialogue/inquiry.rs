//! Finding out the size of a file, or whether a name exists, without guessing.

use bytes::Bytes;

use super::exchange::{Settlement, Verdict};
use super::failure::Cause;
use super::procedure::may_retry;
use crate::ftps::listing::{Entry, Facts, Kind, Lines};
use crate::ftps::value::{Offset, RemotePath, is_escape};
use crate::ftps::{Body, Command, ErrCode, Verb};

/// A question about one name on the server; part of several procedures.
///
/// `+CFTPSSIZE: 9` after `OK` is nine bytes or error nine (SIMCom manual L1219): where the
/// number can be either, the parent directory is listed. What a listing shows is there; what it does
/// not show may be hidden, or cut off: then the file itself is asked for, which is short if the number
/// is its size.
#[derive(Debug)]
pub(crate) struct Inquiry {
    path: RemotePath,
    step: Step,
    /// The number that may be a size or an error code.
    number: Option<u64>,
    tries: u32,
    lines: Lines,
    found: Option<Facts>,
    /// Bytes of the file itself that came.
    received: u64,
    /// Names that differ only in case are one: many servers keep one file for both.
    any_case: bool,
    /// The file itself is asked for also where no number was told.
    thorough: bool,
    /// A line of the listing could not be read: an absent name proves nothing.
    unread: bool,
    /// Where the name is absent, its directory is looked for. Some servers list a directory that
    /// does not exist as one that is empty.
    place: bool,
    ascents: u32,
    /// What is known where a directory above is there.
    otherwise: Known,
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
    /// Nor does the directory that it would be in.
    NoDirectory,
    /// It cannot be told; the number that the module gave, if it gave one.
    Undecided(Option<u64>),
    /// The question could not be asked: this command failed.
    Failed(Verb, Cause),
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
    /// Asks for the size; by the parent directory's listing where the name is not ASCII, or a module
    /// may read it as another, for which no module's `AT+CFTPSSIZE` has a form (SIMCom manual L1219).
    pub(crate) fn size(path: RemotePath) -> Self {
        let step = match path.file_name() {
            Some(name) if !name.is_ascii() || is_escape(name) => Step::AskList,
            _ => Step::AskSize,
        };
        Self::new(path, step)
    }

    /// Looks into the parent directory only.
    pub(crate) fn look(path: RemotePath) -> Self {
        Self::new(path, Step::AskList)
    }

    /// Looks into the parent directory, and for that directory itself where the name is not
    /// there: for names that were to be made.
    pub(crate) fn place(path: RemotePath) -> Self {
        Self::look(path).and_place()
    }

    /// Whether the name exists, as far as the size or the listing shows it, in whatever case: for
    /// names that must be new.
    pub(crate) fn existence(path: RemotePath) -> Self {
        Self {
            any_case: true,
            ..Self::size(path).and_place()
        }
    }

    /// The same, and where the name is not there, its directory is looked for.
    pub(crate) fn and_place(self) -> Self {
        Self {
            place: true,
            ..self
        }
    }

    /// The same for a name that was begun to be written: where neither size nor listing shows it, the
    /// file itself is asked for.
    pub(crate) fn thorough(self) -> Self {
        Self {
            thorough: true,
            ..self.and_place()
        }
    }

    /// Whether the listing told.
    pub(crate) fn was_listed(&self) -> bool {
        self.found.is_some()
    }

    fn new(path: RemotePath, step: Step) -> Self {
        Self {
            path,
            step,
            number: None,
            tries: 0,
            lines: Lines::new(),
            found: None,
            received: 0,
            any_case: false,
            thorough: false,
            unread: false,
            place: false,
            ascents: 0,
            otherwise: Known::Undecided(None),
        }
    }

    /// The next command, or what is known.
    pub(crate) fn next(&mut self) -> Result<Command, Known> {
        match self.step.clone() {
            Step::AskSize => Ok(Command::Size(self.path.clone())),
            Step::AskList => Ok(self.list(self.path.parent())),
            Step::AskContent => {
                self.received = 0;
                Ok(Command::Get(self.path.clone(), Offset::ZERO))
            }
            Step::AskAbove(directory) => Ok(self.list(directory.parent())),
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
                match self.decide() {
                    Known::Absent | Known::Undecided(_)
                        if self.number.is_some() || self.thorough =>
                    {
                        self.tries = 0;
                        Step::AskContent
                    }
                    absent @ Known::Absent if self.place => self.ascend(absent),
                    known => Step::Known(known),
                }
            }
            (Step::AskContent, verdict) => match self.hear_content(verdict) {
                absent @ Known::Absent if self.place => self.ascend(absent),
                known => Step::Known(known),
            },
            (Step::AskAbove(_), Verdict::Done(_)) => {
                let last = self.lines.finish();
                self.read(last);
                Step::Known(match self.decide() {
                    Known::Absent => Known::NoDirectory,
                    _ => self.otherwise.clone(),
                })
            }
            // A directory that cannot be listed tells nothing, unless it is missing; that is no
            // failure of the link.
            (
                Step::AskList | Step::AskAbove(_),
                Verdict::Failed(Cause::Reported(ErrCode::REJECTED) | Cause::Refused(_)),
            ) => self.ascend(Known::Undecided(self.number)),
            (Step::AskAbove(_), Verdict::Failed(_)) => Step::Known(self.otherwise.clone()),
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

    /// The file itself was asked for, since the number may be its size or an error code.
    fn hear_content(&self, verdict: &Verdict) -> Known {
        let refused = ErrCode::REJECTED.get();
        match (verdict, self.number) {
            (Verdict::Done(_), Some(number)) if number == self.received => Known::Size(number),
            (Verdict::Done(_), _) => Known::Present,
            // Refused both times, and not listed.
            (Verdict::Failed(Cause::Reported(ErrCode::REJECTED) | Cause::Refused(_)), number)
                if number.is_none_or(|code| code == u64::from(refused)) && !self.unread =>
            {
                Known::Absent
            }
            (Verdict::Failed(_), number) => Known::Undecided(number),
        }
    }

    /// Asks for a listing.
    fn list(&mut self, directory: Option<RemotePath>) -> Command {
        self.lines = Lines::new();
        self.found = None;
        self.unread = false;
        Command::List(directory)
    }

    /// Looks for the directory of what was asked for last, where it has one with a name.
    fn ascend(&mut self, otherwise: Known) -> Step {
        let below = match &self.step {
            Step::AskAbove(directory) => directory,
            _ => &self.path,
        };
        let directory = below.parent().filter(|above| above.file_name().is_some());
        if self.ascents == 0 {
            self.otherwise = otherwise;
        }
        match directory {
            Some(directory) if self.ascents < ASCENTS => {
                self.ascents += 1;
                Step::AskAbove(directory)
            }
            _ => Step::Known(self.otherwise.clone()),
        }
    }

    fn read(&mut self, entries: impl IntoIterator<Item = Entry>) {
        let sought = match &self.step {
            Step::AskAbove(directory) => directory.file_name(),
            _ => self.path.file_name(),
        };
        for entry in entries {
            match entry.facts {
                Some(facts) if Some(facts.name.as_str()) == sought => {
                    self.found = Some(facts);
                }
                Some(facts)
                    if self.any_case
                        && self.found.is_none()
                        && sought.is_some_and(|sought| is_alike(&facts.name, sought)) =>
                {
                    self.found = Some(facts);
                }
                // Blanks before a name may be the server's.
                Some(facts) => {
                    let is_near = |sought: &str| facts.name.trim_start() == sought.trim_start();
                    self.unread |= sought.is_some_and(is_near);
                }
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

/// Whether two names are one where the case of letters does not count.
fn is_alike(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A listing in which all names begin with a blank is read as one with two blanks before names.
    #[test]
    fn a_name_that_differs_from_one_that_is_there_in_its_blanks_is_not_called_absent() {
        let known = |name: &str, listing: &[u8]| {
            let path = RemotePath::new(format!("/d/{name}")).unwrap();
            let mut inquiry = Inquiry::look(path);
            let mut lines = Lines::new();
            let mut entries = lines.push(listing);
            entries.extend(lines.finish());
            inquiry.read(entries);
            inquiry.decide()
        };
        let two = b"-rw-r--r-- 1 u g 5 Mar 19 13:51  a\r\n-rw-r--r-- 1 u g 7 Mar 19 13:51  b\r\n";
        assert_eq!(known("a", two), Known::Size(5));
        assert_eq!(known(" a", two), Known::Undecided(None));
        assert_eq!(known("c", two), Known::Absent);
        let one = b"-rw-r--r-- 1 u g 5 Mar 19 13:51  a\r\n";
        assert_eq!(known(" a", one), Known::Size(5));
        assert_eq!(known("a", one), Known::Undecided(None));
    }
}
