//! An operation from its admission to its one answer, and the table of running operations.
//!
//! Above 400 lines because an operation is one state machine: admitted, on the link, yielded,
//! cancelled, ended.

mod admittance;
mod ended;
mod pace;
mod queued;
mod registry;
pub mod requests;
mod stay;
mod telling;

use std::future::pending;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::link::{Link, QueuePlace, Slot, Turn};
use super::names::{Name, Touch, Writer};
use super::scheduler::{Wish, Yielding};
use super::usage::{Allowance, Moved, Traffic};
use crate::broker::catalogue::{ServerProfile, SessionUse};
use crate::broker::terms::{
    Cause, Error, Key, Labels, Load, Named, Principal, Priority, Way, YieldReason, Yields,
};
use crate::broker::watch::{Events, Failing, Outcome, metrics};
use crate::modem::health::LoggedIn;
use crate::modem::source::Source;
use crate::modem::{self, Job, JobId, clock};
use admittance::has_logged_in;
pub use ended::Ended;
pub(crate) use pace::{EVERY, Pace};
pub use queued::{Queued, Running, State};
pub(crate) use registry::{Admission, Operations};
use simcom_talk::dialogue::failure::{self, Ending};
use simcom_talk::dialogue::operation::{
    self, Cleared, Delivery, Output, Progress, ProgressStage, Remains, Standing, Task,
};
use simcom_talk::ftps::storage::ModulePath;
use simcom_talk::ftps::value::{RemotePath, Server};
use stay::{Stay, is_yielded, load};

/// One operation: its principal, its target and its result.
///
/// It runs in a task of its own that no caller can drop, so that it passes the link on only when
/// the module is free. The caller holds [`Operation::cancel`].
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) id: JobId,
    /// Ends the operation.
    pub(crate) cancel: CancellationToken,
    /// Its place while it waits.
    pub(crate) place: watch::Sender<QueuePlace>,
    /// When it yields the link before its end.
    pub(crate) yields: Yields,
    priority: Priority,
    method: &'static str,
    /// The path that it is about, on a server or on the module; empty where there is none, or are many.
    path: OnceLock<Arc<str>>,
    /// Whether the log has its path.
    logs_paths: bool,
    /// Its server; `None` where it concerns the module alone.
    server: Option<Arc<Server>>,
    profile: ServerProfile,
    labels: Labels,
    /// The named request that it belongs to, if any.
    request: Option<Named>,
    pub(crate) principal: Principal,
    deadline: Option<Instant>,
    stall: Duration,
    link: Arc<Link>,
    operations: Arc<Operations>,
    events: Arc<Events>,
    admitted: Instant,
    facts: Mutex<Facts>,
    pace: Pace,
    /// Its budget on the air; `None` where it concerns the module alone.
    pub(crate) allowance: Option<Arc<Allowance>>,
    /// How it was cancelled. The channel closes when the operation has ended.
    ending: watch::Sender<Option<Ending>>,
    slot: Slot,
    /// The link, between two jobs of an operation with many. It is dropped before the slot.
    kept: Mutex<Kept>,
    _session: Option<SessionUse>,
}

/// The link of an operation that has more jobs.
#[derive(Debug, Default)]
struct Kept {
    /// More jobs follow.
    more: bool,
    turn: Option<Turn>,
}

#[derive(Debug, Default)]
struct Facts {
    /// A client called `CancelOperation`.
    called_off: bool,
    /// Its caller has everything that it asked for.
    enough: bool,
    /// The daemon is stopping and ended it.
    stopped: bool,
    on_link_since: Option<Instant>,
    /// Time on the link, without the current job.
    on_link: Duration,
    /// When and why the scheduler asked it to yield.
    asked: Option<(Instant, YieldReason)>,
    /// When it yielded the link, to resume later.
    yielded: Option<Instant>,
    started: bool,
    ended: bool,
}

/// What a job gets beside its task.
#[derive(Default)]
pub(crate) struct Feed {
    pub(crate) source: Option<Box<dyn Source>>,
    /// Cancelled when a transfer that can resume should yield, because others wait for the link.
    pub(crate) yield_request: CancellationToken,
    pub(crate) delivery: Option<mpsc::Sender<Delivery>>,
    pub(crate) progress: watch::Sender<Progress>,
    /// The writer of the name, where it matters beyond the job.
    pub(crate) writer: Option<Arc<Writer>>,
}

/// One finished job on the link.
struct Done {
    answer: Result<Output, modem::Error>,
    took: Duration,
    /// When and why the scheduler asked it to yield.
    asked: Option<(Instant, YieldReason)>,
    ended: Instant,
}

impl Operation {
    /// Tells which file of the module it is about.
    pub(crate) fn is_about(&self, file: &ModulePath) {
        // It is told once.
        let _ = self.path.set(Arc::from(file.to_string()));
    }

    /// Waits for the link and runs one job on it.
    pub(crate) async fn run(
        &self,
        standing: Standing,
        task: Task,
        feed: Feed,
    ) -> Result<Output, Error> {
        let turn = self.turn(load(&task), None).await?;
        self.submit(turn, standing, task, feed).await
    }

    /// Like `run`, if the job still makes sense when the link is there; `None` if it does not.
    pub(crate) async fn run_if(
        &self,
        may: impl FnOnce() -> bool,
        standing: Standing,
        task: Task,
        feed: Feed,
    ) -> Result<Option<Output>, Error> {
        let turn = self.turn(load(&task), None).await?;
        if !may() {
            return Ok(None);
        }
        self.submit(turn, standing, task, feed).await.map(Some)
    }

    /// Waits for the link, for as long as the caller does.
    pub(crate) async fn turn(&self, load: Load, yielding: Option<Yielding>) -> Result<Turn, Error> {
        let wish = Wish {
            priority: self.priority,
            server: self.server.clone(),
            deadline: self.deadline,
            load,
            yielding,
            deletes_a_part: false,
        };
        if let Some(turn) = self.kept().turn.take()
            && !self.cancel.is_cancelled()
        {
            self.slot.goes_on(&wish);
            return Ok(turn);
        }
        let turn = tokio::select! {
            biased;
            () = self.cancelled() => return Err(self.ended_by_caller(Ending::BeforeItBegan)),
            turn = self.slot.turn(wish, &self.place) => turn,
        };
        turn.ok_or_else(|| self.error(modem::Error::Stopping))
    }

    /// More jobs follow: the operation keeps the link between two of them, while the waiting jobs
    /// have patience. The caller must call [`Operation::let_go`] if the next job does not follow at
    /// once.
    pub(crate) fn has_more(&self) {
        self.kept().more = true;
    }

    /// Passes the link on, if the operation kept it.
    pub(crate) fn let_go(&self) {
        // Dropped after the lock is released: the drop passes the link on at once.
        let turn = self.kept().turn.take();
        drop(turn);
    }

    /// A job has ended: keeps the link for the next one, or passes it on.
    fn keep_or_give(&self, turn: Turn) {
        let mut kept = self.kept();
        if kept.more && self.slot.may_go_on() {
            kept.turn = Some(turn);
        } else {
            drop(kept);
            drop(turn);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock()
    }

    /// Runs one job. Passes the link on when the module is free. Books what the job moved, however
    /// it ends.
    pub(crate) async fn submit(
        &self,
        turn: Turn,
        standing: Standing,
        mut task: Task,
        feed: Feed,
    ) -> Result<Output, Error> {
        let way = self.way();
        if let Some(allowance) = &self.allowance {
            let permitted = allowance.permit(&mut task, way);
            permitted.map_err(|cause| self.error(cause))?;
        }
        let (stay, progress) = (Stay::of(&task, way), feed.progress.clone());
        let writer = feed
            .writer
            .clone()
            .or_else(|| self.writer(&standing, &task));
        let work = operation::Operation {
            standing: standing.clone(),
            task,
        };
        let (cancel, deadline) = (self.cancel.clone(), self.deadline);
        let Done {
            answer,
            took,
            asked,
            ended,
        } = self.on_link_for(work, feed, way, cancel, deadline).await;
        if let Ok(output) = &answer {
            match stay.part(output, took, asked.map(|(at, _)| ended.duration_since(at))) {
                Some(part) => self.link.learn_part(&part, standing.clone()),
                None => self.link.learn(stay.spent(output, took), standing.clone()),
            }
            if is_yielded(output) {
                let why = asked.map_or(YieldReason::Urgent, |(_, why)| why);
                self.yielded(ended, why);
            }
        }
        if let Standing::LoggedIn(place) = &standing
            && has_logged_in(&answer)
        {
            self.link.login_works(&LoggedIn::from(&*place.server));
        }
        let names = &self.operations.names;
        let touch = touch(&answer, *progress.borrow());
        let taken = writer
            .zip(touch)
            .map(|(writer, touch)| names.wrote(&writer, touch));
        let taken = taken.unwrap_or_default();
        // The link waits neither for the disk nor for the work after a failure.
        if answer.is_ok() && taken.is_empty() {
            self.keep_or_give(turn);
        } else {
            drop(turn);
        }
        names.record(taken, self.cancelled()).await;
        answer.map_err(|error| {
            let over = over_limit(&error);
            let error = self.error(error);
            if let (Some(size), Some(allowance)) = (over, &self.allowance) {
                let cause = allowance.exceeded(size);
                return Error { cause, ..error };
            }
            match error.cause {
                Cause::Cancelled(ending) => Error {
                    cause: self.ended_by_caller(ending).cause,
                    ..error
                },
                _ => error,
            }
        })
    }

    /// While the operation has the link: tells its job to yield when others need the link and `may`
    /// allows it. Never completes.
    pub(crate) async fn yield_when_wanted(
        &self,
        yield_request: &CancellationToken,
        may: impl Fn() -> bool,
    ) {
        let why = self.slot.wanted_by_others().await;
        if may() {
            self.facts().asked = Some((clock::now(), why));
            yield_request.cancel();
        }
        pending().await
    }

    /// Registers a writer of a name; `None` where the name is on no server.
    pub(crate) fn writes(
        &self,
        standing: &Standing,
        path: &RemotePath,
        own: Option<Key>,
    ) -> Option<Arc<Writer>> {
        let name = Name::at(standing, path)?;
        Some(self.operations.names.begin(name, own, self.admitted))
    }

    /// Whether a transfer may write its name now.
    pub(crate) fn may_write(&self, own: &Key) -> bool {
        self.operations.names.may_write(own)
    }

    fn writer(&self, standing: &Standing, task: &Task) -> Option<Arc<Writer>> {
        self.writes(standing, written(task)?, None)
    }

    /// Whether another writer has begun to write a name and has not ended.
    pub(crate) fn is_begun(
        &self,
        standing: &Standing,
        path: &RemotePath,
        own: Option<&Key>,
    ) -> bool {
        let name = Name::at(standing, path);
        name.is_some_and(|name| self.operations.names.is_begun(&name, own))
    }

    /// Deletes what an upload left, if that is proven to be the upload's, even when the caller is
    /// gone. `may` is asked while the operation has the link: `None` where it says no. The deletion
    /// is booked like every job, and runs whatever the data budget says: it costs little, and
    /// nobody else can do it.
    pub(crate) async fn clear(
        &self,
        standing: Standing,
        remains: Remains,
        source: Option<Box<dyn Source>>,
        cancel: CancellationToken,
        may: impl FnOnce() -> bool,
    ) -> Result<Option<Cleared>, Error> {
        let wish = Wish {
            priority: Priority::Interactive,
            server: self.server.clone(),
            deadline: None,
            load: Load::Small,
            yielding: None,
            // A transfer's deletion, which has a source, waits for its turn: the daemon retries it
            // for days, also at a server that does not answer, where each try takes minutes.
            deletes_a_part: source.is_none(),
        };
        let nobody = watch::Sender::default();
        self.let_go();
        let turn = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(self.ended_by_caller(Ending::BeforeItBegan)),
            turn = self.slot.turn(wish, &nobody) => turn,
        };
        let turn = turn.ok_or_else(|| self.error(modem::Error::Stopping))?;
        if !may() {
            return Ok(None);
        }
        let task = Task::Clear(remains);
        let work = operation::Operation { standing, task };
        let feed = Feed {
            source,
            ..Feed::default()
        };
        let done = self.on_link_for(work, feed, self.way(), cancel, None).await;
        drop(turn);
        match done.answer {
            Ok(Output::Cleared(cleared)) => Ok(Some(cleared)),
            Ok(_) => Err(self.error(Cause::WrongAnswer)),
            Err(error) => Err(self.error(error)),
        }
    }

    /// Runs something on the link and books what it moved, however it ends.
    async fn on_link_for(
        &self,
        work: operation::Operation,
        feed: Feed,
        way: Way,
        cancel: CancellationToken,
        deadline: Option<Instant>,
    ) -> Done {
        let (traffic, progress) = (Traffic::of(&work.task), feed.progress.clone());
        let began = clock::now();
        self.began(began);
        let answer = self.carry_out(work, feed, cancel, deadline).await;
        let ended = clock::now();
        let took = ended.duration_since(began);
        let asked = {
            let mut facts = self.facts();
            facts.on_link_since = None;
            facts.on_link += took;
            facts.asked.take()
        };
        if let Some(allowance) = &self.allowance {
            let moved = Moved::by(traffic, way, &answer, *progress.borrow());
            if let Some(volume) = allowance.book(&moved) {
                metrics::moved(volume, moved.resumes);
            }
        }
        Done {
            answer,
            took,
            asked,
            ended,
        }
    }

    /// Runs something on the module until it ends, or until `cancel` or `deadline` ends it.
    async fn carry_out(
        &self,
        work: operation::Operation,
        feed: Feed,
        cancel: CancellationToken,
        deadline: Option<Instant>,
    ) -> Result<Output, modem::Error> {
        let (reply, answer) = oneshot::channel();
        let job = Job {
            id: self.id.clone(),
            operation: work,
            source: feed.source,
            delivery: feed.delivery,
            progress: feed.progress,
            cancel,
            yield_request: feed.yield_request,
            deadline,
            stall: self.stall,
            reply,
        };
        match self.link.modem.submit(job).await {
            Ok(()) => answer.await.unwrap_or(Err(modem::Error::Stopping)),
            Err(_) => Err(modem::Error::Stopping),
        }
    }

    /// Whether the server of an upload has shown that it resumes a file.
    pub(crate) fn goes_on(&self) -> bool {
        let server = self.server.as_ref();
        server.is_some_and(|server| self.link.is_known_to_go_on(server))
    }

    /// The server has resumed a file.
    pub(crate) fn went_on(&self) {
        if let Some(server) = &self.server {
            self.link.goes_on(server);
        }
    }

    /// Whether the module can end a download before its end.
    pub(crate) fn can_abort(&self) -> bool {
        let health = self.link.modem.health();
        health.borrow().capabilities.profile.abort
    }

    /// Its caller trickles, or goes on.
    pub(crate) fn trickles(&self, trickles: bool) {
        self.slot.trickles(trickles);
    }

    /// Its caller neither sent nor read for `time`, of the `trickle` that is allowed, and left.
    pub(crate) fn stood_still(&self, time: Duration, trickle: Duration) {
        if time >= trickle / 20 {
            self.slot.stood_still();
        }
    }

    /// How long its caller may trickle while others wait; `trickle` is the limit of a principal
    /// without a history. A principal that once held up the link gets less until all its work has
    /// been over for a while: otherwise many transfers that nobody reads would hold up the link one
    /// after another.
    pub(crate) fn patience(&self, trickle: Duration) -> Duration {
        if self.slot.has_stood_still() {
            trickle / 20
        } else {
            trickle
        }
    }

    /// Whether its caller ended it before the module began.
    pub(crate) fn ended_off_the_link(&self) -> bool {
        *self.ending.borrow() == Some(Ending::BeforeItBegan)
    }

    /// Completes when the caller has ended the operation: it left, cancelled the operation, or its
    /// deadline passed.
    pub(crate) async fn cancelled(&self) {
        let expired = async {
            match self.deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => {}
            () = expired => {}
        }
    }

    /// The error of an operation that its caller or the stop of the daemon ended; `ending` says how
    /// it ended on the link.
    pub(crate) fn ended_by_caller(&self, ending: Ending) -> Error {
        self.ending.send_replace(Some(ending));
        let expired = self
            .deadline
            .is_some_and(|deadline| clock::now() >= deadline);
        let (called_off, stopped) = {
            let facts = self.facts();
            (facts.called_off, facts.stopped)
        };
        self.error(match (called_off, stopped, expired) {
            (true, ..) | (false, false, false) => Cause::Cancelled(ending),
            (false, true, _) => Cause::Stopping,
            (false, false, true) => Cause::Expired,
        })
    }

    /// Its caller has everything that it asked for: ends it as a success.
    pub(crate) fn enough(&self) {
        self.facts().enough = true;
        self.cancel.cancel();
    }

    /// Ends it because the daemon is stopping.
    fn stop(&self) {
        self.facts().stopped = true;
        self.cancel.cancel();
    }

    /// An error of this operation.
    pub(crate) fn error(&self, cause: impl Into<Error>) -> Error {
        Error {
            operation: Some(self.id.clone()),
            ..cause.into()
        }
    }

    /// The size of the running transfer is known now.
    pub(crate) fn sized(&self, bytes: u64) {
        self.slot.sized(bytes);
    }

    /// What the module must do first to reach the server; nothing, where there is no server.
    fn way(&self) -> Way {
        let Some(server) = &self.server else {
            return Way::There;
        };
        let health = self.link.modem.health();
        let health = health.borrow();
        let to = LoggedIn::from(server.as_ref());
        Way::between(health.logged_in.as_ref(), &to)
    }

    /// Whether it has the link, and the bytes that it has moved.
    pub(crate) fn stands(&self) -> (bool, u64) {
        let kept = self.kept().turn.is_some();
        let facts = self.facts();
        (kept || facts.on_link_since.is_some(), self.pace.bytes())
    }

    /// Time on the link so far.
    pub(crate) fn on_link(&self) -> Duration {
        let facts = self.facts();
        let now = facts.on_link_since.map(|since| clock::now() - since);
        facts.on_link + now.unwrap_or_default()
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock()
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        // An operation refused before its work began, or whose task was lost, has not reported its
        // end.
        self.end(Outcome::Failed {
            how: Failing::Failed,
            why: None,
        });
        let mut live = self.operations.live();
        live.remove(&self.id);
        // Otherwise a table that was once large would keep its memory between the memory freed by
        // calls.
        if live.is_empty() {
            live.shrink_to_fit();
        }
    }
}

/// The name on the server that a task writes or deletes.
const fn written(task: &Task) -> Option<&RemotePath> {
    match task {
        Task::DeleteFile(path) => Some(path),
        Task::Upload(what) => Some(&what.path),
        Task::Send(what) => Some(&what.path),
        _ => None,
    }
}

/// What a job did to the file that it writes or deletes, as far as its answer shows.
fn touch(answer: &Result<Output, modem::Error>, progress: Progress) -> Option<Touch> {
    let moved = !matches!(
        progress.stage,
        ProgressStage::Waiting | ProgressStage::Preparing
    );
    match answer {
        // A file that the server contradicts, or that nobody knows of, does not count as written.
        Ok(Output::Stored(stored)) => {
            let whole = match stored.confirmed {
                Some(size) => size == stored.sent,
                None => stored.acknowledged,
            };
            Some(if whole { Touch::Written } else { Touch::Begun })
        }
        Ok(Output::Moved(_)) => Some(Touch::Written),
        Ok(Output::UploadYielded(begun)) => (begun.at > 0).then_some(Touch::Begun),
        Ok(_) => Some(Touch::Begun),
        Err(modem::Error::Failed(failure)) => failure.touched.then_some(Touch::Begun),
        Err(modem::Error::Io(_) | modem::Error::Stopping) => moved.then_some(Touch::Begun),
        Err(
            modem::Error::DeviceAbsent { .. }
            | modem::Error::PortHeld { .. }
            | modem::Error::NotReady(_),
        ) => None,
    }
}

/// The size of a file that exceeded its job's limit.
const fn over_limit(error: &modem::Error) -> Option<u64> {
    match error {
        modem::Error::Failed(failure) => match failure.cause {
            failure::Cause::OverLimit { size, .. } => Some(size),
            _ => None,
        },
        _ => None,
    }
}
