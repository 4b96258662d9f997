//! Tasks on the module's file system without content: list, delete, free space.

use std::collections::VecDeque;
use std::time::Duration;

use tracing::info;

use super::{again, failure};
use crate::dialogue::exchange::{Outcome, Response};
use crate::dialogue::failure::{Cause, Failure, Stage};
use crate::dialogue::operation::Output;
use crate::dialogue::procedure::{Next, Procedure, Saying, TRIES};
use crate::ftps::storage::{self, DriveSpace, ModuleEntry, ModulePath};
use crate::ftps::value::Drive;
use crate::ftps::{Command, CommandName, Storage, StorageCommandName, unsolicited};

/// Goes to a directory and asks there.
#[derive(Debug)]
pub(crate) struct Look {
    wish: Wish,
    step: Step,
    tries: u32,
    /// How many names there are, where the module tells.
    count: Option<usize>,
    /// Names whose size is still to be asked for, and those that are done.
    ahead: VecDeque<ModuleEntry>,
    entries: Vec<(ModuleEntry, Option<u64>)>,
    spaces: Vec<DriveSpace>,
    /// Why a drive that exists did not tell its space. This is the failure where no drive tells.
    untold: Option<Failure>,
    ended: Option<Failure>,
}

#[derive(Debug)]
enum Wish {
    List(ModulePath),
    Delete(ModulePath),
    /// Free space on the first of these drives. Where all drives are asked for, a drive that is missing or
    /// does not tell is passed over.
    Space {
        drives: VecDeque<Drive>,
        all: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Enter,
    Count,
    List,
    /// The names did not agree with their number: another line slipped in. Wait for a quiet line.
    Quiet,
    Size,
    Delete,
    /// The module refused: ask whether there is such a file.
    Why,
    Space,
    Done,
}

/// How long the line must be silent, so that the rest of a listing passes.
const QUIET: Duration = Duration::from_millis(200);

impl Look {
    /// Lists a directory, with the size of each file.
    pub(crate) fn list(directory: ModulePath) -> Self {
        Self::new(Wish::List(directory))
    }

    /// Deletes a file.
    pub(crate) fn delete(file: ModulePath) -> Self {
        Self::new(Wish::Delete(file))
    }

    /// Asks for the free space on a drive, or on all drives of the module.
    pub(crate) fn space(drive: Option<Drive>) -> Self {
        let drives = drive.map_or_else(|| Drive::ALL.into(), |drive| [drive].into());
        Self::new(Wish::Space {
            drives,
            all: drive.is_none(),
        })
    }

    fn new(wish: Wish) -> Self {
        Self {
            wish,
            step: Step::Enter,
            tries: 0,
            count: None,
            ahead: VecDeque::new(),
            entries: Vec::new(),
            spaces: Vec::new(),
            untold: None,
            ended: None,
        }
    }

    fn command(&self) -> Option<Storage> {
        Some(match (self.step, &self.wish) {
            (Step::Enter, Wish::List(directory)) => Storage::Enter(directory.clone()),
            (Step::Enter, Wish::Delete(file)) => Storage::Enter(file.directory()),
            (Step::Enter, Wish::Space { drives, .. }) => {
                Storage::Enter(ModulePath::root(*drives.front()?))
            }
            (Step::Count, _) => Storage::Count,
            (Step::List, _) => Storage::List(self.count),
            (Step::Size, Wish::List(directory)) => {
                let name = &self.ahead.front()?.name;
                let base = directory.as_str().trim_end_matches('/');
                Storage::Attributes(ModulePath::new(&format!("{base}/{name}")).ok()?)
            }
            (Step::Delete, Wish::Delete(file)) => Storage::Delete(file.clone()),
            (Step::Why, Wish::Delete(file)) => Storage::Attributes(file.clone()),
            (Step::Space, _) => Storage::Space,
            _ => return None,
        })
    }

    /// The directory is the current one.
    fn entered(&self) -> Step {
        match self.wish {
            Wish::List(_) => Step::Count,
            Wish::Delete(_) => Step::Delete,
            Wish::Space { .. } => Step::Space,
        }
    }

    fn listed(&mut self, response: &Response) -> Step {
        let entries = storage::entries(response.info.iter().map(String::as_str));
        if self.count.is_some_and(|count| count != entries.len()) {
            self.tries += 1;
            if self.tries >= TRIES {
                let cause = Cause::OutOfOrder("a listing of another length than announced".into());
                self.fail(cause, CommandName::Storage(StorageCommandName::List));
            }
            return Step::Quiet;
        }
        self.ahead = entries.into();
        self.next_size()
    }

    /// Puts directories, and files whose names cannot be sent, aside without a size.
    fn next_size(&mut self) -> Step {
        while let Some(entry) = self.ahead.front() {
            let sayable = ModulePath::of_remote(Drive::C, &entry.name).is_ok();
            if !entry.directory && sayable {
                return Step::Size;
            }
            let entry = self.ahead.pop_front();
            self.entries.extend(entry.map(|entry| (entry, None)));
        }
        Step::Done
    }

    fn sized(&mut self, size: Option<u64>) -> Step {
        let entry = self.ahead.pop_front();
        self.entries.extend(entry.map(|entry| (entry, size)));
        self.next_size()
    }

    fn measured(&mut self, response: &Response) -> Step {
        let Wish::Space { drives, .. } = &mut self.wish else {
            return Step::Done;
        };
        let space = drives
            .front()
            .zip(response.after("+FSMEM:"))
            .and_then(|(drive, answer)| DriveSpace::parse(answer, *drive));
        let Some(space) = space else {
            return self.unmeasured(Cause::OutOfOrder("room without numbers".into()));
        };
        drives.pop_front();
        self.spaces.push(space);
        self.next_drive()
    }

    /// The drive exists and does not tell its space, like an empty slot for a card.
    fn unmeasured(&mut self, cause: Cause) -> Step {
        let name = CommandName::Storage(StorageCommandName::Space);
        let Wish::Space { drives, all: true } = &mut self.wish else {
            self.fail(cause, name);
            return Step::Done;
        };
        let drive = drives.pop_front();
        let drive = drive.map(Drive::name).unwrap_or_default();
        info!(drive, %cause, "the drive does not tell its free space");
        let failed = failure(cause, name, Stage::Device, self.tries);
        self.untold.get_or_insert(failed);
        self.next_drive()
    }

    /// The next drive whose space is asked for. It is a failure if none of the existing drives tells.
    fn next_drive(&mut self) -> Step {
        if matches!(&self.wish, Wish::Space { drives, .. } if !drives.is_empty()) {
            return Step::Enter;
        }
        if self.spaces.is_empty() {
            self.ended = self.ended.take().or(self.untold.take());
        }
        Step::Done
    }

    fn refused(&mut self, name: CommandName, cause: &Cause) -> Step {
        match (self.step, &mut self.wish) {
            // This module does not have this drive.
            (Step::Enter, Wish::Space { drives, all: true }) => {
                drives.pop_front();
                return self.next_drive();
            }
            (Step::Space, _) => return self.unmeasured(cause.clone()),
            // Not every firmware counts its names.
            (Step::Count, _) => return Step::List,
            // It has gone meanwhile, or never was a file: where nothing tells how many there are, an
            // unsolicited line may have been taken for a name.
            (Step::Size, _) => {
                let mistaken = |entry: &ModuleEntry| unsolicited::is_said_by_modules(&entry.name);
                if self.count.is_none() && self.ahead.front().is_some_and(mistaken) {
                    self.ahead.pop_front();
                    return self.next_size();
                }
                return self.sized(None);
            }
            (Step::Delete, _) => return Step::Why,
            (Step::Enter | Step::Why, _) => self.fail(Cause::NotOnModule, name),
            _ => self.fail(cause.clone(), name),
        }
        Step::Done
    }

    fn fail(&mut self, cause: Cause, name: CommandName) {
        let failed = failure(cause, name, Stage::Device, self.tries);
        self.ended.get_or_insert(failed);
    }

    fn output(&mut self) -> Output {
        match self.wish {
            Wish::List(_) => Output::ModuleFiles(std::mem::take(&mut self.entries)),
            Wish::Delete(_) => Output::Done,
            Wish::Space { .. } => Output::Space(std::mem::take(&mut self.spaces)),
        }
    }
}

impl Procedure for Look {
    fn next(&mut self) -> Next {
        if let Some(failure) = &self.ended {
            return Next::Finish(Err(failure.clone()));
        }
        if self.step == Step::Quiet {
            self.step = Step::Enter;
            return Next::Quiet(QUIET);
        }
        match self.command() {
            Some(command) => Next::Say(Saying::Ftps(Command::Storage(command))),
            None => Next::Finish(Ok(self.output())),
        }
    }

    fn heard(&mut self, response: &Response) {
        self.step = match (&response.outcome, self.step) {
            (Outcome::Done(_), Step::Enter) => self.entered(),
            (Outcome::Done(_), Step::Count) => {
                self.count = response.after("+FSLS:").and_then(storage::count);
                Step::List
            }
            (Outcome::Done(_), Step::List) => self.listed(response),
            (Outcome::Done(_), Step::Size) => {
                self.sized(response.after("+FSATTRI:").and_then(storage::size))
            }
            (Outcome::Done(_), Step::Space) => self.measured(response),
            // A listed name that cannot be sent.
            (Outcome::Failed(Cause::Unsuitable(_)), Step::Size) => self.sized(None),
            // The file is there and cannot be deleted.
            (Outcome::Done(_), Step::Why) => {
                self.fail(
                    Cause::Refused(None),
                    CommandName::Storage(StorageCommandName::Delete),
                );
                Step::Done
            }
            (Outcome::Done(_), _) => Step::Done,
            (Outcome::Failed(cause @ Cause::Refused(_)), _) => self.refused(response.name, cause),
            (Outcome::Failed(cause), _) => {
                if !again(cause, &mut self.tries) {
                    self.fail(cause.clone(), response.name);
                }
                // The module may have restarted and stand in another directory.
                self.entries.clear();
                Step::Enter
            }
        };
    }

    fn abandon(&mut self, cause: Cause) {
        self.ended = Some(Failure::new(cause, None, Stage::Device));
    }

    fn give_up(&mut self, failure: Failure) {
        self.ended = Some(failure);
    }
}
