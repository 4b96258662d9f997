//! All that is below a directory.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio_util::sync::DropGuard;

use super::{MAX_DEPTH, below, branch_of, is_of_one_name, without_slashes};
use crate::broker::Broker;
use crate::broker::caller::{Caller, Target};
use crate::broker::error::{Cause, Error};
use crate::broker::get::{Deliver, GetProgress, Next, Reading};
use crate::broker::operation::Operation;
use crate::broker::put::Patience;
use crate::broker::scheduler::Priority;
use crate::broker::spool::Spools;
use crate::modem::JobId;
use crate::modem::clock;
use simcom_talk::dialogue::operation::{Standing, Task};
use simcom_talk::ftps::listing::{Entry, Facts, Kind, Lines};
use simcom_talk::ftps::value::RemotePath;

/// Bytes of the names of directories that wait for their turn, and of their paths: some thousands of them.
const WAITING: usize = 1024 * 1024;

/// A walk through a tree: one listing a directory, each in a turn of its own, a directory before those in it.
/// Links are told and not followed. Dropping it cancels the operation.
#[derive(Debug)]
pub struct Walk {
    operation: Arc<Operation>,
    standing: Standing,
    spools: Arc<Spools>,
    patience: Patience,
    max_depth: usize,
    /// Directories that are still to be listed, the next one last.
    waiting: Vec<Branch>,
    waiting_bytes: usize,
    current: Option<Current>,
    /// Directories that cannot be listed, until that is told.
    failed: VecDeque<(String, Error)>,
    count: WalkCount,
    _cancel: DropGuard,
}

/// A directory of the tree.
#[derive(Debug)]
struct Branch {
    /// `None`: the directory that the session stands in.
    path: Option<RemotePath>,
    /// As it is told; empty for the one that the tree begins with.
    name: String,
    depth: usize,
}

impl Branch {
    /// What it takes while it waits. The first one waits for nothing.
    fn bytes(&self) -> usize {
        let path = self.path.as_ref().map_or(0, |path| path.as_str().len());
        if self.depth == 0 {
            0
        } else {
            path + self.name.len()
        }
    }
}

/// The directory that is being listed.
#[derive(Debug)]
struct Current {
    branch: Branch,
    reading: Reading,
    lines: Lines,
    /// Directories in it.
    found: Vec<Branch>,
}

/// What comes next of a [`Walk`]. Names of directories are as [`Facts::name`] is, and seen from where the tree
/// begins: empty for that one.
#[derive(Debug)]
pub enum Walked {
    /// Some entries of a directory.
    Entries {
        /// The directory.
        directory: String,
        /// In the server's order. Never none.
        entries: Vec<Entry>,
    },
    /// A directory that could not be listed, or not to its end.
    Failed {
        /// The directory.
        directory: String,
        /// Why.
        error: Box<Error>,
    },
    /// All was told.
    End(WalkCount),
}

/// What a walk has met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WalkCount {
    /// Directories that were listed, the first one included.
    pub directories: u64,
    /// Files.
    pub files: u64,
    /// Links, and what is neither a file nor a directory or could not be read.
    pub others: u64,
    /// Sizes of the files, as far as the listings tell them, in bytes.
    pub bytes: u64,
    /// Directories that could not be listed.
    pub failed: u64,
}

impl Broker {
    /// Admits a walk through all that is below a directory, the session's (or the login directory) where there is
    /// no path; no deeper than so many directories in one another, where that is said. Returns at once.
    ///
    /// # Errors
    /// Why it was not admitted. Nothing of it reaches the module.
    pub fn walk(
        &self,
        caller: &Caller,
        target: &Target,
        path: Option<&RemotePath>,
        max_depth: Option<usize>,
    ) -> Result<Walk, Error> {
        let (location, session) = self.locate(caller, target)?;
        let (standing, path) = match path {
            Some(path) => location
                .locate(&without_slashes(path)?)
                .map(|(standing, path)| (standing, Some(path)))?,
            None => location.here(),
        };
        location.profile.allow(&caller.principal, "Walk")?;
        let priority = Priority::Normal;
        let operation = self.admit_at(caller, "Walk", priority, Some(location), session)?;
        let cancel = operation.cancel.clone().drop_guard();
        let top = Branch {
            path,
            name: String::new(),
            depth: 0,
        };
        Ok(Walk {
            operation,
            standing,
            spools: Arc::clone(&self.shared.spools),
            patience: self.patience(),
            max_depth: max_depth.unwrap_or(usize::MAX),
            waiting: vec![top],
            waiting_bytes: 0,
            current: None,
            failed: VecDeque::new(),
            count: WalkCount::default(),
            _cancel: cancel,
        })
    }
}

impl Walk {
    /// Names the operation.
    #[must_use]
    pub fn operation(&self) -> &JobId {
        &self.operation.id
    }

    /// How it stands with the link.
    #[must_use]
    pub fn progress(&self) -> GetProgress {
        let reading = self.current.as_ref().map(|current| &current.reading);
        reading.map_or_else(GetProgress::default, |reading| *reading.progress().borrow())
    }

    /// Waits for what comes next. Cancel-safe. An error is the last thing that comes.
    ///
    /// # Errors
    /// Why the walk does not go on: the directory that it begins with cannot be listed, the link or its server is
    /// lost, or the tree is too large.
    pub async fn next(&mut self) -> Result<Walked, Error> {
        let next = self.step().await;
        let ended = match &next {
            Ok(Walked::End(count)) => Some(count.outcome()),
            Ok(_) => None,
            Err(error) => Some(Err(error.clone())),
        };
        if let Some(outcome) = ended {
            let teller = self.operation.teller();
            teller.tells(async { self.operation.log(&outcome) }).await;
        }
        next
    }

    async fn step(&mut self) -> Result<Walked, Error> {
        loop {
            if let Some((directory, error)) = self.failed.pop_front() {
                self.count.failed += 1;
                let error = Box::new(error);
                return Ok(Walked::Failed { directory, error });
            }
            let Some(current) = &mut self.current else {
                let Some(branch) = self.waiting.pop() else {
                    return Ok(Walked::End(self.count));
                };
                self.waiting_bytes -= branch.bytes();
                self.current = Some(self.list(branch));
                continue;
            };
            let next = current.reading.next().await;
            let directory = current.branch.name.clone();
            let entries = match next {
                Ok(Next::Chunk(chunk)) => {
                    let entries = current.lines.push(&chunk);
                    self.meet(&entries)?;
                    entries
                }
                Ok(Next::End(_)) => {
                    let entries = current.lines.finish();
                    self.meet(&entries)?;
                    self.count.directories += 1;
                    self.leave();
                    entries
                }
                Err(error) if directory.is_empty() || !is_of_one_name(&error) => return Err(error),
                Err(error) => {
                    self.failed.push_back((directory, error));
                    self.leave();
                    continue;
                }
            };
            if !entries.is_empty() {
                return Ok(Walked::Entries { directory, entries });
            }
        }
    }

    /// Begins with a directory.
    fn list(&self, branch: Branch) -> Current {
        let job = Deliver {
            standing: self.standing.clone(),
            task: Task::List(branch.path.clone()),
            insists: true,
        };
        let operation = Arc::clone(&self.operation);
        Current {
            branch,
            reading: Reading::part_of(operation, job, &self.spools, self.patience),
            lines: Lines::at(clock::wall(clock::now())),
            found: Vec::new(),
        }
    }

    /// Counts entries, and keeps the directories among them for later.
    fn meet(&mut self, entries: &[Entry]) -> Result<(), Error> {
        for entry in entries {
            match entry.facts.as_ref().map(|facts| (facts.kind, facts)) {
                Some((Kind::File, facts)) => {
                    self.count.files += 1;
                    self.count.bytes += facts.size.unwrap_or_default();
                }
                Some((Kind::Directory, facts)) => self.meet_directory(facts)?,
                Some((Kind::Link | Kind::Other, _)) | None => self.count.others += 1,
            }
        }
        Ok(())
    }

    fn meet_directory(&mut self, facts: &Facts) -> Result<(), Error> {
        let Some(Current { branch, found, .. }) = &mut self.current else {
            return Ok(());
        };
        if branch.depth >= self.max_depth {
            return Ok(());
        }
        let reached = branch_of(branch.path.as_ref(), facts);
        let reached = match reached {
            Ok(_) if branch.depth >= MAX_DEPTH => Err(Cause::TreeTooLarge),
            reached => reached,
        };
        match reached {
            Ok((name, path)) => {
                let new = Branch {
                    path: Some(path),
                    name: below(&branch.name, &name),
                    depth: branch.depth + 1,
                };
                self.waiting_bytes += new.bytes();
                found.push(new);
            }
            Err(cause) => {
                let name = below(&branch.name, &facts.name);
                self.failed.push_back((name, self.operation.error(cause)));
            }
        }
        if self.waiting_bytes > WAITING {
            return Err(self.operation.error(Cause::TreeTooLarge));
        }
        Ok(())
    }

    /// The directory is done: those in it come next, in the server's order.
    fn leave(&mut self) {
        if let Some(current) = self.current.take() {
            self.waiting.extend(current.found.into_iter().rev());
        }
    }
}

impl WalkCount {
    /// Whether all of the tree was seen.
    ///
    /// # Errors
    /// [`Cause::TreeIncomplete`]: some directories could not be listed.
    pub fn outcome(&self) -> Result<(), Error> {
        match self.failed {
            0 => Ok(()),
            failed => Err(Cause::TreeIncomplete { failed }.into()),
        }
    }
}
