//! The walk through a directory and everything below it.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio_util::sync::DropGuard;

use super::{MAX_DEPTH, below, branch_of, is_of_one_name, without_slashes};
use crate::broker::Broker;
use crate::broker::flow::get::{Deliver, GetProgress, Next, Reading};
use crate::broker::operation::Operation;
use crate::broker::spool::Spools;
use crate::broker::terms::{Caller, Cause, Error, Patience, Priority, Target};
use crate::modem::{JobId, clock};
use simcom_talk::dialogue::operation::{Standing, Task};
use simcom_talk::ftps::listing::{Entry, Facts, Kind, Lines};
use simcom_talk::ftps::value::RemotePath;

/// Bytes of the waiting directories' names and paths: some thousands of directories.
const WAITING: usize = 1024 * 1024;

/// A walk through a tree: one listing per directory, each in a turn of its own, a directory before
/// those in it. It reports symlinks and does not follow them. Dropping it cancels the operation.
#[derive(Debug)]
pub struct Walk {
    operation: Arc<Operation>,
    standing: Standing,
    spools: Arc<Spools>,
    patience: Patience,
    max_depth: usize,
    /// Directories still to list, the next one last.
    waiting: Vec<Branch>,
    waiting_bytes: usize,
    current: Option<Current>,
    /// Directories that could not be listed, until they are reported.
    failed: VecDeque<(String, Error)>,
    count: WalkCount,
    _cancel: DropGuard,
}

/// A directory of the tree.
#[derive(Debug)]
struct Branch {
    /// `None`: the session's directory.
    path: Option<RemotePath>,
    /// The reported name; empty for the top of the tree.
    name: String,
    depth: usize,
}

impl Branch {
    /// Its bytes in memory while it waits. The first directory does not wait.
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
    /// Directories found in it.
    found: Vec<Branch>,
}

/// The next item of a [`Walk`]. Names of directories are like [`Facts::name`], relative to the top
/// of the tree: empty for the top.
#[derive(Debug)]
pub enum Walked {
    /// Some entries of a directory.
    Entries {
        /// The directory.
        directory: String,
        /// In the server's order; never empty.
        entries: Vec<Entry>,
    },
    /// A directory that was not listed, or not to its end.
    Failed {
        /// The directory.
        directory: String,
        /// The cause.
        error: Box<Error>,
    },
    /// The end.
    End(WalkCount),
}

/// What a walk found, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WalkCount {
    /// Directories listed, including the top.
    pub directories: u64,
    /// Files.
    pub files: u64,
    /// Symlinks, and entries that are neither a file nor a directory or could not be read.
    pub others: u64,
    /// Sum of the files' sizes in bytes, as far as the listings show them.
    pub bytes: u64,
    /// Directories not listed.
    pub failed: u64,
}

impl Broker {
    /// Admits a walk through everything below a directory; without a path, the session's (or the
    /// login directory). `max_depth` bounds the depth. Returns at once.
    ///
    /// # Errors
    /// The target and admission causes of [`Broker`]; [`Cause::InvalidPath`]. Nothing has reached
    /// the module.
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
        let priority = Priority::Normal;
        let there = Some(match &path {
            Some(path) => location.about(path),
            None => location,
        });
        let operation = self.admit_at(caller, "Walk", priority, there, session)?;
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
    /// Identifies the operation.
    #[must_use]
    pub fn operation(&self) -> &JobId {
        &self.operation.id
    }

    /// Its progress on the link.
    #[must_use]
    pub fn progress(&self) -> GetProgress {
        let reading = self.current.as_ref().map(|current| &current.reading);
        reading.map_or_else(GetProgress::default, |reading| *reading.progress().borrow())
    }

    /// Waits for the next item. Cancel-safe. An error is the last item.
    ///
    /// # Errors
    /// A link cause of [`Broker`]: the top cannot be listed, or the link or the server is lost;
    /// [`Cause::TreeTooLarge`]; [`Cause::ReaderTooSlow`]; [`Cause::Spool`].
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

    /// Begins the listing of a directory.
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

    /// The directory is done: the directories in it come next, in the server's order.
    fn leave(&mut self) {
        if let Some(current) = self.current.take() {
            self.waiting.extend(current.found.into_iter().rev());
        }
    }
}

impl WalkCount {
    /// Whether the walk saw the whole tree.
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
