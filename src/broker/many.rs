//! Many files of a server in one operation.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::DropGuard;

use super::Broker;
use super::caller::{Caller, Target};
use super::error::{Cause, Error};
use super::link::Place;
use super::location::Location;
use super::operation::{Feed, Operation};
use crate::modem::{self, JobId, clock};
use simcom_talk::dialogue::failure::{self, Stage};
use simcom_talk::dialogue::operation::{Output, Seen, Standing, Survey, Task, Wanted};
use simcom_talk::ftps::listing::Entry;
use simcom_talk::ftps::value::RemotePath;

/// Most files of one operation whose files come one by one: an hour at three a second.
pub const FILES: usize = 10_000;

/// Most files of a request that names them all.
pub const PATHS: usize = 1000;

/// Most bytes of all names of one operation, which are kept until the results were read: a hundred for each
/// of [`FILES`].
pub const NAMES: usize = 1 << 20;

/// How many files in a row may fail on the link, although it came back each time, before the others are not
/// tried any more: as often as any command is.
const FRUITLESS: u32 = 3;

/// An operation on many files under way. Dropping it cancels the operation. What one of them came to comes as
/// soon as it is known, in any order.
#[derive(Debug)]
pub struct Many<T> {
    id: JobId,
    operation: Weak<Operation>,
    place: watch::Receiver<Place>,
    results: mpsc::Receiver<T>,
    driver: JoinHandle<Result<Counts, Error>>,
    ended: Option<Result<Counts, Error>>,
    _cancel: DropGuard,
}

/// What comes next of [`Many`].
#[derive(Debug)]
pub enum Next<T> {
    /// Something of one file.
    Part(T),
    /// Nothing more comes.
    End(Counts),
}

/// What became of all files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// As they were asked for.
    pub succeeded: usize,
    /// Others.
    pub failed: usize,
    /// Time on the link, without waiting in the queue.
    pub elapsed: Duration,
}

/// How an operation on many files stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ManyProgress {
    /// It has the link, or has ended.
    pub is_on_link: bool,
    /// Bytes that it has moved.
    pub moved: u64,
    /// Its place, while it waits.
    pub place: Place,
}

/// What one file came to, by its place among those that were given.
#[derive(Debug)]
pub struct OfFile<T> {
    /// From 0 on.
    pub index: usize,
    /// As it was given.
    pub path: RemotePath,
    /// What it came to.
    pub outcome: Result<T, Error>,
}

/// What is known of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its line in the listing of its directory; `None` where that hides it.
    pub entry: Option<Entry>,
    /// Its size, where the server tells.
    pub size: Option<u64>,
}

impl<T> Many<T> {
    /// An operation whose results come from `results`, and which `driver` carries out.
    pub(super) fn begin(
        operation: &Arc<Operation>,
        results: mpsc::Receiver<T>,
        driver: impl Future<Output = Result<Counts, Error>> + Send + 'static,
    ) -> Self {
        operation.has_more();
        let teller = operation.teller();
        Self {
            id: operation.id.clone(),
            operation: Arc::downgrade(operation),
            place: operation.place.subscribe(),
            results,
            driver: tokio::spawn(teller.tells(driver)),
            ended: None,
            _cancel: operation.cancel.clone().drop_guard(),
        }
    }

    /// Names the operation.
    #[must_use]
    pub const fn operation(&self) -> &JobId {
        &self.id
    }

    /// How it stands.
    #[must_use]
    pub fn progress(&self) -> ManyProgress {
        let (is_on_link, moved) = self
            .operation
            .upgrade()
            .map_or((true, 0), |operation| operation.stands());
        ManyProgress {
            is_on_link,
            moved,
            place: *self.place.borrow(),
        }
    }

    /// Waits for what comes next. Cancel-safe. An error is the last thing that comes.
    ///
    /// # Errors
    /// Why not all files were seen to.
    pub async fn next(&mut self) -> Result<Next<T>, Error> {
        if let Some(part) = self.results.recv().await {
            return Ok(Next::Part(part));
        }
        if self.ended.is_none() {
            let ended = (&mut self.driver).await;
            self.ended = Some(ended.unwrap_or_else(|how| Err(Error::lost(&self.id, &how))));
        }
        match &self.ended {
            Some(Ok(counts)) => Ok(Next::End(*counts)),
            Some(Err(error)) => Err(error.clone()),
            None => Err(Cause::WrongAnswer.into()),
        }
    }
}

/// What files came to, on its way to whoever asked.
#[derive(Debug)]
pub(super) struct Results<T> {
    told: mpsc::Sender<T>,
    counts: Counts,
    /// Files in a row that failed on the link.
    fruitless: u32,
}

impl<T> Results<T> {
    /// There is room for so many that nobody has read.
    pub(super) fn new(room: usize) -> (Self, mpsc::Receiver<T>) {
        let (told, results) = mpsc::channel(room);
        let results_of = Self {
            told,
            counts: Counts::default(),
            fruitless: 0,
        };
        (results_of, results)
    }

    /// One file is over. There is room for each of them. Gives back why the others are not tried any more,
    /// where what failed it fails them as well.
    pub(super) fn over<R>(
        &mut self,
        of: OfFile<R>,
        part: impl FnOnce(OfFile<R>) -> T,
    ) -> Result<(), Error> {
        let end = self.count(of.outcome.as_ref());
        self.tell(part(of));
        end
    }

    /// The same of a file whose failure is counted together with that of others.
    pub(super) fn over_with_others<R>(&mut self, of: OfFile<R>, part: impl FnOnce(OfFile<R>) -> T) {
        match of.outcome {
            Ok(_) => self.counts.succeeded += 1,
            Err(_) => self.counts.failed += 1,
        }
        self.tell(part(of));
    }

    fn tell(&self, part: T) {
        // Nobody reads any more: the operation is cancelled in its own way.
        let _ = self.told.try_send(part);
    }

    /// Counts one file that is over.
    pub(super) fn count<R>(&mut self, outcome: Result<&R, &Error>) -> Result<(), Error> {
        match outcome {
            Ok(_) => {
                self.counts.succeeded += 1;
                self.fruitless = 0;
                Ok(())
            }
            Err(error) => {
                self.counts.failed += 1;
                self.fails(error)
            }
        }
    }

    /// Something failed: a file, or what concerns several.
    pub(super) fn fails(&mut self, error: &Error) -> Result<(), Error> {
        let reach = Reach::of(error);
        self.fruitless = match reach {
            Reach::File => 0,
            Reach::Link | Reach::All => self.fruitless + 1,
        };
        if reach == Reach::All || self.fruitless >= FRUITLESS {
            return Err(error.clone());
        }
        Ok(())
    }

    /// Where parts go.
    pub(super) const fn told(&self) -> &mpsc::Sender<T> {
        &self.told
    }

    /// All is over: the link is given on, and what became of it is written down.
    pub(super) fn end(
        self,
        operation: &Operation,
        outcome: Result<(), Error>,
    ) -> Result<Counts, Error> {
        operation.let_go();
        let outcome = outcome.map(|()| Counts {
            elapsed: operation.on_link(),
            ..self.counts
        });
        operation.log(&outcome);
        outcome
    }
}

/// What a failure concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// The file alone.
    File,
    /// The link, which may be there again for the next file.
    Link,
    /// All that are to come: the module, its login, or the one who asked.
    All,
}

impl Reach {
    fn of(error: &Error) -> Self {
        match &error.cause {
            Cause::Modem(error) => match &**error {
                modem::Error::Failed(failure) => Self::of_failure(failure),
                modem::Error::NotReady(_)
                | modem::Error::DeviceAbsent { .. }
                | modem::Error::PortHeld { .. }
                | modem::Error::Io(_)
                | modem::Error::Stopping => Self::All,
            },
            Cause::Cancelled(_)
            | Cause::Expired
            | Cause::Stopping
            | Cause::DataBudget(_)
            | Cause::ReaderTooSlow
            | Cause::WriterTooSlow
            | Cause::Spool(_)
            | Cause::WrongAnswer
            // What refuses an operation as a whole.
            | Cause::OnlyValidated
            | Cause::RequestIdUsed
            | Cause::RequestRunning
            | Cause::QueueFull { .. }
            | Cause::TooManySessions { .. }
            | Cause::TooManyWatchers { .. }
            | Cause::ProfileNotFound(_)
            | Cause::ProfileNotAllowed { .. }
            | Cause::SessionNotFound
            | Cause::OperationNotFound
            | Cause::InlineNotAllowed
            | Cause::AtCommandsNotAllowed
            | Cause::NoVerifyInAscii => Self::All,
            Cause::SourceChanged
            | Cause::NameTaken(_)
            | Cause::NameBusy(_)
            | Cause::Unverified { .. }
            | Cause::Indeterminate
            | Cause::SentinelUnknown
            | Cause::InvalidPath(_)
            | Cause::OwnSentinel
            | Cause::DirectoryNotEmpty
            | Cause::NotADirectory
            | Cause::RootOfTree
            | Cause::NotAddressable(_)
            | Cause::TreeTooLarge
            | Cause::TreeIncomplete { .. }
            | Cause::UnusableDirectory(_)
            | Cause::SizeMismatch { .. }
            | Cause::HashMismatch(_)
            | Cause::WrongOffset { .. }
            // Of transfers that outlive their caller.
            | Cause::TransfersOff
            | Cause::TransferNotFound
            | Cause::TransferExists
            | Cause::TransferBusy
            | Cause::TooManyTransfers { .. }
            | Cause::SpoolFull { .. }
            | Cause::WrongState(_)
            | Cause::TransferEnded
            | Cause::TransferExpired(_)
            | Cause::GaveUp { .. }
            | Cause::Interrupted
            | Cause::SpoolLost
            | Cause::Store(_)
            | Cause::RecordDamaged => Self::File,
        }
    }

    fn of_failure(failure: &failure::Failure) -> Self {
        match failure.stage {
            Stage::Device
            | Stage::Sim
            | Stage::Network
            | Stage::Dns
            | Stage::Tcp
            | Stage::Tls
            | Stage::Login => Self::All,
            Stage::Directory | Stage::Data | Stage::Commit if failure.is_of_the_link() => {
                Self::Link
            }
            Stage::Directory | Stage::Data | Stage::Commit => Self::File,
        }
    }
}

/// One job of many, where a login that has worked and is refused is tried again.
pub(super) async fn job(
    operation: &Operation,
    standing: &Standing,
    task: Task,
) -> Result<Output, Error> {
    loop {
        operation.until_login_is_tried(standing).await?;
        let answer = operation.run(standing.clone(), task.clone(), Feed::default());
        match answer.await {
            Ok(output) => return Ok(output),
            Err(error) => {
                let again = operation.until_login_is_tried_again(standing, error);
                again.await?;
            }
        }
    }
}

/// Looks for names that are in one directory, and asks for the size of those of which the listing does not
/// tell what is wanted, where that is wished for.
pub(super) async fn survey(
    operation: &Operation,
    standing: &Standing,
    names: Vec<Wanted>,
    asks: bool,
) -> Result<Vec<Seen>, Error> {
    let survey = Survey {
        names,
        asks,
        now: Some(clock::wall(clock::now())),
    };
    match job(operation, standing, Task::Survey(survey)).await? {
        Output::Surveyed(surveyed) => Ok(surveyed.names),
        _ => Err(operation.error(Cause::WrongAnswer)),
    }
}

/// A file as the module has to be asked for it.
#[derive(Debug, Clone)]
pub(super) struct Located {
    pub(super) index: usize,
    pub(super) standing: Standing,
    pub(super) path: RemotePath,
}

impl Located {
    pub(super) fn of(location: &Location, index: usize, path: &RemotePath) -> Result<Self, Cause> {
        let (standing, path) = location.locate(path)?;
        Ok(Self {
            index,
            standing,
            path,
        })
    }

    /// Whether two are in one directory, as far as their names tell.
    fn is_beside(&self, other: &Self) -> bool {
        self.path.parent() == other.path.parent() && self.standing == other.standing
    }
}

/// Files by their directories, in the order in which these were named first.
pub(super) fn by_directory<T: Clone>(
    files: impl IntoIterator<Item = (Located, T)>,
) -> Vec<Vec<(Located, T)>> {
    let mut groups: Vec<Vec<(Located, T)>> = Vec::new();
    for file in files {
        let same = |group: &&mut Vec<(Located, T)>| {
            group
                .first()
                .is_some_and(|first| first.0.is_beside(&file.0))
        };
        // Most follow one of the same directory.
        match groups.iter_mut().rev().find(same) {
            Some(group) => group.push(file),
            None => groups.push(vec![file]),
        }
    }
    groups
}

impl Broker {
    /// Admits the deletion of many files. Returns at once.
    ///
    /// # Errors
    /// Why it was not admitted. Nothing of it reaches the module.
    pub fn delete_files(
        &self,
        caller: &Caller,
        target: &Target,
        paths: Vec<RemotePath>,
    ) -> Result<Many<OfFile<()>>, Error> {
        let (location, session) = self.locate(caller, target)?;
        let operation = self.admit(caller, "DeleteFiles", location.clone(), session)?;
        let (mut results, told) = Results::new(paths.len().max(1));
        let all = Arc::clone(&operation);
        let driver = async move {
            let outcome = delete(&all, &location, paths, &mut results).await;
            results.end(&all, outcome)
        };
        Ok(Many::begin(&operation, told, driver))
    }

    /// Admits the looking for many names. Returns at once.
    ///
    /// # Errors
    /// Why it was not admitted. Nothing of it reaches the module.
    pub fn stat_files(
        &self,
        caller: &Caller,
        target: &Target,
        paths: Vec<RemotePath>,
    ) -> Result<Many<OfFile<Known>>, Error> {
        let (location, session) = self.locate(caller, target)?;
        let operation = self.admit(caller, "StatFiles", location.clone(), session)?;
        let (mut results, told) = Results::new(paths.len().max(1));
        let all = Arc::clone(&operation);
        let driver = async move {
            let outcome = stat(&all, &location, paths, &mut results).await;
            results.end(&all, outcome)
        };
        Ok(Many::begin(&operation, told, driver))
    }
}

async fn delete(
    operation: &Operation,
    location: &Location,
    paths: Vec<RemotePath>,
    results: &mut Results<OfFile<()>>,
) -> Result<(), Error> {
    for (index, path) in paths.into_iter().enumerate() {
        let outcome = match location.locate(&path) {
            Ok((standing, path)) => job(operation, &standing, Task::DeleteFile(path))
                .await
                .map(drop),
            Err(cause) => Err(operation.error(cause)),
        };
        let of = OfFile {
            index,
            path,
            outcome,
        };
        results.over(of, |of| of)?;
    }
    Ok(())
}

async fn stat(
    operation: &Operation,
    location: &Location,
    paths: Vec<RemotePath>,
    results: &mut Results<OfFile<Known>>,
) -> Result<(), Error> {
    let mut there = Vec::new();
    for (index, path) in paths.into_iter().enumerate() {
        match Located::of(location, index, &path) {
            Ok(located) => there.push((located, path)),
            Err(cause) => {
                let outcome = Err(operation.error(cause));
                let of = OfFile {
                    index,
                    path,
                    outcome,
                };
                results.over(of, |of| of)?;
            }
        }
    }
    for group in by_directory(there) {
        let Some((first, _)) = group.first() else {
            continue;
        };
        let names = group.iter().map(|(located, _)| Wanted {
            path: located.path.clone(),
            size: None,
        });
        let seen = survey(operation, &first.standing, names.collect(), true).await;
        let failed = seen.as_ref().err().cloned();
        let mut seen = seen.unwrap_or_default().into_iter();
        for (located, path) in group {
            let outcome = match (seen.next(), &failed) {
                (_, Some(error)) => Err(error.clone()),
                (Some(seen), None) => known(operation, seen),
                (None, None) => Err(operation.error(Cause::WrongAnswer)),
            };
            let of = OfFile {
                index: located.index,
                path,
                outcome,
            };
            results.over_with_others(of, |of| of);
        }
        if let Some(error) = failed {
            results.fails(&error)?;
        }
    }
    Ok(())
}

fn known(operation: &Operation, seen: Seen) -> Result<Known, Error> {
    match (seen.entry, seen.size) {
        (entry @ Some(_), size) => Ok(Known {
            entry,
            size: size.ok(),
        }),
        (None, Ok(size)) => Ok(Known {
            entry: None,
            size: Some(size),
        }),
        (None, Err(failure)) => Err(operation.error(modem::Error::Failed(failure))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_bounds_tells_what_is_in_force() {
        assert_eq!((FILES, NAMES), (10_000, 1 << 20));
        let row = format!("paths of one of the others | 10,000; 1 MiB; {PATHS} |");
        assert!(include_str!("../../README.md").contains(&row), "{row}");
    }
}
