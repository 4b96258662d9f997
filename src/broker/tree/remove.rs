//! The removal of a directory with all that is below it.

use std::sync::Arc;
use std::vec;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::DropGuard;

use super::listed::Listed;
use super::{MAX_DEPTH, below, has_name, is_of_one_name, without_slashes};
use crate::broker::Broker;
use crate::broker::caller::{Caller, Target};
use crate::broker::error::{Cause, Error};
use crate::broker::get::{Deliver, Next, Reading};
use crate::broker::link::Place;
use crate::broker::operation::{Feed, Operation};
use crate::broker::put::Patience;
use crate::broker::scheduler::Priority;
use crate::broker::spool::Spools;
use crate::modem::JobId;
use simcom_talk::dialogue::failure::{Ending, Finding};
use simcom_talk::dialogue::operation::{Found, Output, Standing, Task};
use simcom_talk::ftps::listing::{Kind, Lines};
use simcom_talk::ftps::value::RemotePath;

/// Outcomes that wait for a caller who reads slowly. The link is not held meanwhile.
const OUTCOMES: usize = 64;

/// Bytes of the names of all directories that are gone through at the same time. What a directory has beyond that
/// is listed again once these are removed.
const NAMES: usize = 512 * 1024;

/// So many names of a directory are taken in any case.
const SOME: usize = 16;

/// How often a directory is listed again: some millions of names. A server that shows new ones for ever has no end.
const PASSES: u32 = 1000;

/// The removal of a tree: what is in a directory before the directory, each in a turn of its own. Links are
/// removed and never followed. Dropping it ends the removal where it is.
#[derive(Debug)]
pub struct Removing {
    operation: Arc<Operation>,
    outcomes: mpsc::Receiver<Removed>,
    driver: JoinHandle<Result<RemovedCount, Error>>,
    _cancel: DropGuard,
}

/// What became of one name.
#[derive(Debug)]
pub struct Removed {
    /// As [`simcom_talk::ftps::listing::Facts::name`] is, and seen from the directory that is removed: empty for that.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Why it is still there, where it is.
    pub outcome: Result<(), Box<Error>>,
}

/// What a removal came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RemovedCount {
    /// Directories that were removed.
    pub directories: u64,
    /// Files, links and other things that were deleted.
    pub files: u64,
    /// Names that are still there.
    pub failed: u64,
}

/// The task of a removal.
struct Driver {
    operation: Arc<Operation>,
    standing: Standing,
    spools: Arc<Spools>,
    patience: Patience,
    told: mpsc::Sender<Removed>,
    /// The directories from the first to the one that is gone through.
    frames: Vec<Frame>,
    count: RemovedCount,
}

/// A directory that is gone through.
struct Frame {
    path: RemotePath,
    name: String,
    rest: vec::IntoIter<Listed>,
    /// Bytes of the names that it was listed with.
    bytes: usize,
    /// It has more than was taken.
    has_more: bool,
    /// Something of it was removed since it was listed.
    shrank: bool,
    /// How often it was listed again.
    passes: u32,
    /// Something stays in it.
    stays: bool,
}

impl Broker {
    /// Admits the removal of a directory with all that is below it. Returns at once.
    ///
    /// # Errors
    /// Why it was not admitted. Nothing of it reaches the module. [`Cause::RootOfTree`]: the path names a root, or
    /// the directory that somebody stands in.
    pub fn remove_tree(
        &self,
        caller: &Caller,
        target: &Target,
        path: &RemotePath,
    ) -> Result<Removing, Error> {
        let (location, session) = self.locate(caller, target)?;
        let path = without_slashes(path)?;
        if !has_name(&path) {
            return Err(Cause::RootOfTree.into());
        }
        let (standing, path) = location.locate(&path)?;
        if !has_name(&path) {
            return Err(Cause::RootOfTree.into());
        }
        location.profile.allow(&caller.principal, "RemoveTree")?;
        let priority = Priority::Normal;
        let operation = self.admit_at(caller, "RemoveTree", priority, Some(location), session)?;
        let cancel = operation.cancel.clone().drop_guard();
        let (told, outcomes) = mpsc::channel(OUTCOMES);
        let driver = Driver {
            operation: Arc::clone(&operation),
            standing,
            spools: Arc::clone(&self.shared.spools),
            patience: self.patience(),
            told,
            frames: Vec::new(),
            count: RemovedCount::default(),
        };
        let teller = operation.teller();
        Ok(Removing {
            operation,
            outcomes,
            driver: tokio::spawn(teller.tells(driver.run(path))),
            _cancel: cancel,
        })
    }
}

impl Removing {
    /// Names the operation.
    #[must_use]
    pub fn operation(&self) -> &JobId {
        &self.operation.id
    }

    /// Its place in the queue, while it waits.
    #[must_use]
    pub fn place(&self) -> Place {
        *self.operation.place.borrow()
    }

    /// Waits for the next outcome; `None` where there is no other. Cancel-safe.
    pub async fn next(&mut self) -> Option<Removed> {
        self.outcomes.recv().await
    }

    /// What it came to, once there is no other outcome.
    ///
    /// # Errors
    /// Why it did not go through all of the tree. [`Cause::NotADirectory`]: the name is a file or a link.
    pub async fn finish(self) -> Result<RemovedCount, Error> {
        let driver = self.driver.await;
        driver.unwrap_or_else(|how| Err(Error::lost(&self.operation.id, &how)))
    }
}

impl RemovedCount {
    /// Whether nothing is left.
    ///
    /// # Errors
    /// [`Cause::TreeIncomplete`]: something is.
    pub fn outcome(&self) -> Result<(), Error> {
        match self.failed {
            0 => Ok(()),
            failed => Err(Cause::TreeIncomplete { failed }.into()),
        }
    }
}

impl Driver {
    async fn run(mut self, path: RemotePath) -> Result<RemovedCount, Error> {
        let outcome = self.remove(path).await;
        let whole =
            outcome.and_then(|()| self.count.outcome().map_err(|e| self.operation.error(e)));
        self.operation.log(&whole);
        match whole {
            Err(error) if !matches!(error.cause, Cause::TreeIncomplete { .. }) => Err(error),
            _ => Ok(self.count),
        }
    }

    async fn remove(&mut self, path: RemotePath) -> Result<(), Error> {
        match self.carry_out(Task::Stat(path.clone())).await? {
            Output::Found(Found::Listed(facts, _)) if facts.kind == Kind::Directory => {}
            // A directory that is not listed can be removed as well: whether it is one, the listing shows.
            Output::Found(Found::Hidden(_)) => {}
            Output::Found(Found::Listed(..)) => {
                return Err(self.operation.error(Cause::NotADirectory));
            }
            _ => return Err(self.operation.error(Cause::WrongAnswer)),
        }
        let top = self.list(path, String::new()).await?;
        self.frames.push(top);
        while let Some(frame) = self.frames.last_mut() {
            match frame.rest.next() {
                Some(entry) => self.take(entry).await?,
                None if frame.has_more && frame.shrank && frame.passes < PASSES => {
                    self.list_again().await?;
                }
                None => self.leave().await?,
            }
        }
        Ok(())
    }

    /// Removes a name of the directory that is gone through, or goes into it.
    async fn take(&mut self, listed: Listed) -> Result<(), Error> {
        let Some(frame) = self.frames.last() else {
            return Ok(());
        };
        let (kind, name, path) = match listed {
            Listed::Name(kind, name, path) => (kind, below(&frame.name, &name), path),
            Listed::Unsayable(kind, name, cause) => {
                let name = below(&frame.name, &name);
                return self.failed(name, kind, cause.into()).await;
            }
        };
        if kind != Kind::Directory {
            let deleted = self.carry_out(Task::DeleteFile(path)).await;
            return self.ended(name, kind, deleted).await;
        }
        if self.frames.len() >= MAX_DEPTH {
            return self.failed(name, kind, Cause::TreeTooLarge.into()).await;
        }
        match self.list(path, name.clone()).await {
            Ok(frame) => {
                self.frames.push(frame);
                Ok(())
            }
            Err(error) if is_of_one_name(&error) => self.failed(name, kind, error).await,
            Err(error) => Err(error),
        }
    }

    /// Nothing is left to be taken of the directory: it goes itself, where nothing stays in it.
    async fn leave(&mut self) -> Result<(), Error> {
        let Some(frame) = self.frames.pop() else {
            return Ok(());
        };
        if frame.stays || frame.has_more {
            let error = Cause::DirectoryNotEmpty.into();
            return self.failed(frame.name, Kind::Directory, error).await;
        }
        let removed = self.carry_out(Task::RemoveDirectory(frame.path)).await;
        self.ended(frame.name, Kind::Directory, removed).await
    }

    /// What became of a name that was to be removed. One that is not there any more is as it should be.
    async fn ended(
        &mut self,
        name: String,
        kind: Kind,
        outcome: Result<Output, Error>,
    ) -> Result<(), Error> {
        let is_done = outcome.is_ok();
        match outcome {
            Err(error) if is_gone(&error) => {}
            Err(error) if is_of_one_name(&error) => return self.failed(name, kind, error).await,
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        if kind == Kind::Directory {
            self.count.directories += 1;
        } else {
            self.count.files += 1;
        }
        if let Some(above) = self.frames.last_mut() {
            above.shrank |= is_done;
        }
        self.tell(name, kind, Ok(())).await
    }

    async fn failed(&mut self, name: String, kind: Kind, error: Error) -> Result<(), Error> {
        self.count.failed += 1;
        if let Some(above) = self.frames.last_mut() {
            above.stays = true;
        }
        self.tell(name, kind, Err(Box::new(self.operation.error(error))))
            .await
    }

    async fn tell(
        &self,
        name: String,
        kind: Kind,
        outcome: Result<(), Box<Error>>,
    ) -> Result<(), Error> {
        let removed = Removed {
            name,
            kind,
            outcome,
        };
        tokio::select! {
            biased;
            () = self.operation.cancelled() => {
                Err(self.operation.ended_by_caller(Ending::BeforeItBegan))
            }
            // Whoever does not listen any more has cancelled it.
            _ = self.told.send(removed) => Ok(()),
        }
    }

    async fn carry_out(&self, task: Task) -> Result<Output, Error> {
        let standing = self.standing.clone();
        self.operation.run(standing, task, Feed::default()).await
    }

    /// Lists the directory that is gone through once more: what was removed has made room for the rest.
    async fn list_again(&mut self) -> Result<(), Error> {
        let Some(frame) = self.frames.last() else {
            return Ok(());
        };
        let (path, name, stays) = (frame.path.clone(), frame.name.clone(), frame.stays);
        let passes = frame.passes + 1;
        let again = self.list(path, name).await?;
        if let Some(frame) = self.frames.last_mut() {
            *frame = Frame {
                stays,
                passes,
                ..again
            };
        }
        Ok(())
    }

    async fn list(&self, path: RemotePath, name: String) -> Result<Frame, Error> {
        let job = Deliver {
            standing: self.standing.clone(),
            task: Task::List(Some(path.clone())),
            insists: true,
        };
        let operation = Arc::clone(&self.operation);
        let mut reading = Reading::part_of(operation, job, &self.spools, self.patience);
        let held: usize = self.frames.iter().map(|frame| frame.bytes).sum();
        let room = NAMES.saturating_sub(held);
        let mut lines = Lines::new();
        let (mut names, mut bytes, mut has_more) = (Vec::new(), 0, false);
        loop {
            let (entries, is_over) = match reading.next().await? {
                Next::Chunk(chunk) => (lines.push(&chunk), false),
                Next::End(_) => (lines.finish(), true),
            };
            for entry in entries {
                if bytes >= room && names.len() >= SOME {
                    has_more = true;
                    break;
                }
                let listed = Listed::of(&path, entry);
                bytes += listed.bytes();
                names.push(listed);
            }
            if is_over {
                break;
            }
        }
        Ok(Frame {
            path,
            name,
            rest: names.into_iter(),
            bytes,
            has_more,
            shrank: false,
            passes: 0,
            stays: false,
        })
    }
}

/// Somebody else has removed the name.
fn is_gone(error: &Error) -> bool {
    error
        .failure()
        .is_some_and(|failure| failure.finding == Some(Finding::NameAbsent))
}
