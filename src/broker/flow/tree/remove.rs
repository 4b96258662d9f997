//! The removal of a directory with everything below it.

use std::sync::Arc;
use std::vec;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::DropGuard;

use super::listed::Listed;
use super::{MAX_DEPTH, below, has_name, is_of_one_name, without_slashes};
use crate::broker::Broker;
use crate::broker::flow::get::{Deliver, Next, Reading};
use crate::broker::link::QueuePlace;
use crate::broker::operation::{Feed, Operation};
use crate::broker::spool::Spools;
use crate::broker::terms::{Caller, Cause, Error, Patience, Priority, Target};
use crate::modem::JobId;
use simcom_talk::dialogue::failure::{Ending, Finding};
use simcom_talk::dialogue::operation::{FoundName, Output, Standing, Task};
use simcom_talk::ftps::listing::{Kind, Lines};
use simcom_talk::ftps::value::RemotePath;

/// Outcomes that wait for a slow caller. The link is not held meanwhile.
const OUTCOMES: usize = 64;

/// Bytes of the names of all directories on the current path. The remaining names of a directory
/// are listed again once these are removed.
const NAMES: usize = 512 * 1024;

/// Least names taken from a directory.
const SOME: usize = 16;

/// How often a directory is listed again: enough for some millions of names. A server that always
/// shows new names has no end.
const PASSES: u32 = 1000;

/// The removal of a tree: the content of a directory before the directory, each in a turn of its
/// own. It removes symlinks and never follows them. Dropping it ends the removal where it is.
#[derive(Debug)]
pub struct Removing {
    operation: Arc<Operation>,
    outcomes: mpsc::Receiver<Removed>,
    driver: JoinHandle<Result<RemovedCount, Error>>,
    _cancel: DropGuard,
}

/// The result for one name.
#[derive(Debug)]
pub struct Removed {
    /// Like [`simcom_talk::ftps::listing::Facts::name`], relative to the removed directory: empty
    /// for that directory.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// Why it is still there, if it is.
    pub outcome: Result<(), Box<Error>>,
}

/// The result of a removal in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RemovedCount {
    /// Directories removed.
    pub directories: u64,
    /// Files, symlinks and other names deleted.
    pub files: u64,
    /// Names still there.
    pub failed: u64,
}

/// The task of a removal.
struct Driver {
    operation: Arc<Operation>,
    standing: Standing,
    spools: Arc<Spools>,
    patience: Patience,
    told: mpsc::Sender<Removed>,
    /// The directories from the top to the current one.
    frames: Vec<Frame>,
    count: RemovedCount,
}

/// A directory on the current path.
struct Frame {
    path: RemotePath,
    name: String,
    rest: vec::IntoIter<Listed>,
    /// Bytes of the names taken from its listing.
    bytes: usize,
    /// It has more names than were taken.
    has_more: bool,
    /// Some of its names were removed since the listing.
    shrank: bool,
    /// How often it was listed again.
    passes: u32,
    /// Some of its names stay.
    stays: bool,
}

impl Broker {
    /// Admits the removal of a directory with everything below it. Returns at once.
    ///
    /// # Errors
    /// The target and admission causes of [`Broker`]; [`Cause::InvalidPath`];
    /// [`Cause::RootOfTree`]: the path is a root directory or the current directory. Nothing has
    /// reached the module.
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
        let priority = Priority::Normal;
        let there = Some(location.about(&path));
        let operation = self.admit_at(caller, "RemoveTree", priority, there, session)?;
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
    /// Identifies the operation.
    #[must_use]
    pub fn operation(&self) -> &JobId {
        &self.operation.id
    }

    /// Its place in the queue, while it waits.
    #[must_use]
    pub fn place(&self) -> QueuePlace {
        *self.operation.place.borrow()
    }

    /// Waits for the next outcome; `None` after the last one. Cancel-safe.
    pub async fn next(&mut self) -> Option<Removed> {
        self.outcomes.recv().await
    }

    /// The result, after the last outcome.
    ///
    /// # Errors
    /// The cause that ended the removal early: a link cause of [`Broker`], or
    /// [`Cause::NotADirectory`]: the name is a file or a symlink.
    pub async fn finish(self) -> Result<RemovedCount, Error> {
        let driver = self.driver.await;
        driver.unwrap_or_else(|how| Err(Error::lost(&self.operation.id, &how)))
    }
}

impl RemovedCount {
    /// Whether nothing is left.
    ///
    /// # Errors
    /// [`Cause::TreeIncomplete`]: some names are still there.
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
            Output::Found(FoundName::Listed(facts, _)) if facts.kind == Kind::Directory => {}
            // A directory that the listing hides can be removed as well; its own listing shows
            // whether it is one.
            Output::Found(FoundName::Hidden(_)) => {}
            Output::Found(FoundName::Listed(..)) => {
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

    /// Removes a name of the current directory, or enters it.
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

    /// The current directory has no more names to take: removes it, if nothing in it stays.
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

    /// The outcome of one removal. A name that is gone already counts as removed.
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
            // A caller that does not listen any more has cancelled the removal.
            _ = self.told.send(removed) => Ok(()),
        }
    }

    async fn carry_out(&self, task: Task) -> Result<Output, Error> {
        let standing = self.standing.clone();
        self.operation.run(standing, task, Feed::default()).await
    }

    /// Lists the current directory again: the removed names have made room for the rest.
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
