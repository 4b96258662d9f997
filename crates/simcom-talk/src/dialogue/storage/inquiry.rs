//! Whether the module has a file, and how large it is.

use super::again;
use crate::dialogue::exchange::{Outcome, Response};
use crate::dialogue::failure::Cause;
use crate::ftps::storage::{self, ModulePath};
use crate::ftps::{Command, Storage};

/// A question about one file of the module. Several procedures ask it. It goes to the file's
/// directory first, and leaves the file system there.
#[derive(Debug)]
pub(super) struct FileInquiry {
    file: ModulePath,
    step: Step,
    tries: u32,
}

/// What was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FileKnown {
    /// It is there and has this size.
    Size(u64),
    /// The directory exists and has no file of the name.
    Absent,
    /// There is no such directory or drive.
    NoDirectory,
    /// The question could not be asked.
    Failed(Cause),
}

#[derive(Debug)]
enum Step {
    Enter,
    Ask,
    Known(FileKnown),
}

impl FileInquiry {
    pub(super) fn new(file: ModulePath) -> Self {
        Self {
            file,
            step: Step::Enter,
            tries: 0,
        }
    }

    /// The next command, or what is known.
    pub(super) fn next(&self) -> Result<Command, FileKnown> {
        match &self.step {
            Step::Enter => Ok(Command::Storage(Storage::Enter(self.file.directory()))),
            Step::Ask => Ok(Command::Storage(Storage::Attributes(self.file.clone()))),
            Step::Known(known) => Err(known.clone()),
        }
    }

    /// Takes the end of the last command.
    pub(super) fn heard(&mut self, response: &Response) {
        self.step = match (&self.step, &response.outcome) {
            (Step::Enter, Outcome::Done(_)) => Step::Ask,
            (Step::Enter, Outcome::Failed(Cause::Refused(_))) => {
                Step::Known(FileKnown::NoDirectory)
            }
            (Step::Ask, Outcome::Done(_)) => {
                let size = response.after("+FSATTRI:").and_then(storage::size);
                Step::Known(size.map_or_else(
                    || FileKnown::Failed(Cause::OutOfOrder("a file without a size".into())),
                    FileKnown::Size,
                ))
            }
            (Step::Ask, Outcome::Failed(Cause::Refused(_))) => Step::Known(FileKnown::Absent),
            // The module may have restarted meanwhile and stand in another directory.
            (Step::Enter | Step::Ask, Outcome::Failed(cause)) if again(cause, &mut self.tries) => {
                Step::Enter
            }
            (Step::Enter | Step::Ask, Outcome::Failed(cause)) => {
                Step::Known(FileKnown::Failed(cause.clone()))
            }
            (Step::Known(known), _) => Step::Known(known.clone()),
        };
    }
}
