//! Many files of a server in one operation.
//!
//! Above 400 lines because one table says, for every cause, whether it concerns one file or all of
//! them.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::DropGuard;

use crate::broker::Broker;
use crate::broker::catalogue::Location;
use crate::broker::link::QueuePlace;
use crate::broker::operation::{Feed, Operation};
use crate::broker::terms::{Caller, Cause, Error, Target};
use crate::modem::{self, JobId, clock};
use simcom_talk::dialogue::failure::{self, Stage};
use simcom_talk::dialogue::operation::{Output, Standing, Survey, SurveyedName, Task, WantedName};
use simcom_talk::ftps::listing::Entry;
use simcom_talk::ftps::value::RemotePath;

/// Most files of one operation that receives its files one by one: an hour at three per second.
pub const FILES: usize = 10_000;

/// Most files of a request that lists them all.
pub const PATHS: usize = 1000;

/// Most bytes of all names of one operation; they are kept until the results are read. A hundred
/// for each of [`FILES`].
pub const NAMES: usize = 1 << 20;

/// How many files in a row may fail on the link, although it came back each time, before the
/// operation gives up the others: as often as any command is tried.
const FRUITLESS: u32 = 3;

/// A running operation on many files. Dropping it cancels the operation. The result of each file
/// comes as soon as it is known, in any order.
#[derive(Debug)]
pub struct Many<T> {
    id: JobId,
    operation: Weak<Operation>,
    place: watch::Receiver<QueuePlace>,
    results: mpsc::Receiver<T>,
    driver: JoinHandle<Result<Counts, Error>>,
    ended: Option<Result<Counts, Error>>,
    _cancel: DropGuard,
}

/// The next item of [`Many`].
#[derive(Debug)]
pub enum Next<T> {
    /// A part of one file's result.
    Part(T),
    /// The end.
    End(Counts),
}

/// The results of all files in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Files that succeeded.
    pub succeeded: usize,
    /// Files that failed.
    pub failed: usize,
    /// Time on the link, without waiting in the queue.
    pub elapsed: Duration,
}

/// How far an operation on many files is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ManyProgress {
    /// It has the link, or has ended.
    pub is_on_link: bool,
    /// Bytes that it has moved.
    pub moved: u64,
    /// Its place, while it waits.
    pub place: QueuePlace,
}

/// The result of one file, by its index in the request.
#[derive(Debug)]
pub struct OfFile<T> {
    /// Counted from 0.
    pub index: usize,
    /// The path as the caller gave it.
    pub path: RemotePath,
    /// The result.
    pub outcome: Result<T, Error>,
}

/// What the server shows about a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its line in the listing of its directory; `None` where the listing hides it.
    pub entry: Option<Entry>,
    /// Its size, if the server tells.
    pub size: Option<u64>,
}

impl<T> Many<T> {
    /// An operation that `driver` carries out, and whose results come from `results`.
    pub(crate) fn begin(
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

    /// Identifies the operation.
    #[must_use]
    pub const fn operation(&self) -> &JobId {
        &self.id
    }

    /// Its progress.
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

    /// Waits for the next item. Cancel-safe. An error is the last item.
    ///
    /// # Errors
    /// The cause that ended the operation before all files had a result: a link cause of
    /// [`Broker`], [`Cause::ReaderTooSlow`], [`Cause::WriterTooSlow`] or [`Cause::Spool`].
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

/// The results of files on their way to the caller.
#[derive(Debug)]
pub(crate) struct Results<T> {
    told: mpsc::Sender<T>,
    counts: Counts,
    /// Files in a row that failed on the link.
    fruitless: u32,
}

impl<T> Results<T> {
    /// Results for a channel of `room` unread items.
    pub(crate) fn new(room: usize) -> (Self, mpsc::Receiver<T>) {
        let (told, results) = mpsc::channel(room);
        let results_of = Self {
            told,
            counts: Counts::default(),
            fruitless: 0,
        };
        (results_of, results)
    }

    /// One file has ended. The channel has room for its result. Returns an error if the failure
    /// concerns the other files too.
    pub(crate) fn over<R>(
        &mut self,
        of: OfFile<R>,
        part: impl FnOnce(OfFile<R>) -> T,
    ) -> Result<(), Error> {
        let end = self.count(of.outcome.as_ref());
        self.tell(part(of));
        end
    }

    /// Like `over`, for a file whose failure counts once together with those of others.
    pub(crate) fn over_with_others<R>(&mut self, of: OfFile<R>, part: impl FnOnce(OfFile<R>) -> T) {
        match of.outcome {
            Ok(_) => self.counts.succeeded += 1,
            Err(_) => self.counts.failed += 1,
        }
        self.tell(part(of));
    }

    fn tell(&self, part: T) {
        // Nobody reads any more: the caller cancels the operation itself.
        let _ = self.told.try_send(part);
    }

    /// Counts one file that has ended.
    pub(crate) fn count<R>(&mut self, outcome: Result<&R, &Error>) -> Result<(), Error> {
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

    /// A failure of one file, or of something that concerns several.
    pub(crate) fn fails(&mut self, error: &Error) -> Result<(), Error> {
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

    /// The channel for the parts.
    pub(crate) const fn told(&self) -> &mpsc::Sender<T> {
        &self.told
    }

    /// The operation has ended: passes the link on and logs the result.
    pub(crate) fn end(
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
    /// The link; it may be back for the next file.
    Link,
    /// All later files: the failure is of the module, its login, or the caller.
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
            // Causes that refuse an operation as a whole.
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
            // Causes of transfers that outlive their caller.
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

/// One of many jobs; it retries a refused login that has worked before.
pub(crate) async fn job(
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

/// Looks up names in one directory. With `asks`, it also asks for each size that the listing does not
/// show.
pub(crate) async fn survey(
    operation: &Operation,
    standing: &Standing,
    names: Vec<WantedName>,
    asks: bool,
) -> Result<Vec<SurveyedName>, Error> {
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

/// A file as the module needs it in a command.
#[derive(Debug, Clone)]
pub(crate) struct Located {
    pub(crate) index: usize,
    pub(crate) standing: Standing,
    pub(crate) path: RemotePath,
}

impl Located {
    pub(crate) fn of(location: &Location, index: usize, path: &RemotePath) -> Result<Self, Cause> {
        let (standing, path) = location.locate(path)?;
        Ok(Self {
            index,
            standing,
            path,
        })
    }

    /// Whether both files are in one directory, by their names.
    fn is_beside(&self, other: &Self) -> bool {
        self.path.parent() == other.path.parent() && self.standing == other.standing
    }
}

/// Groups files by directory, in the order in which the directories first appear.
pub(crate) fn by_directory<T: Clone>(
    files: impl IntoIterator<Item = (Located, T)>,
) -> Vec<Vec<(Located, T)>> {
    let mut groups: Vec<Vec<(Located, T)>> = Vec::new();
    for file in files {
        let same = |group: &&mut Vec<(Located, T)>| {
            group
                .first()
                .is_some_and(|first| first.0.is_beside(&file.0))
        };
        // Most files follow one of the same directory.
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
    /// The target and admission causes of [`Broker`]. Nothing has reached the module.
    /// [`Many::next`] reports the rest.
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

    /// Admits the lookup of many names. Returns at once.
    ///
    /// # Errors
    /// The target and admission causes of [`Broker`]. Nothing has reached the module.
    /// [`Many::next`] reports the rest.
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
        let names = group.iter().map(|(located, _)| WantedName {
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

fn known(operation: &Operation, seen: SurveyedName) -> Result<Known, Error> {
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
        assert!(
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).contains(&row),
            "{row}"
        );
    }
}
