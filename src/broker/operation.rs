//! An operation from its admission to its one answer, and all that live.

mod admittance;
mod ended;
mod registry;
mod stay;
mod telling;

use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::caller::Principal;
use super::error::{Cause, Error};
use super::estimate::{Load, Way};
use super::events::{Events, Failing, Outcome};
use super::labels::Labels;
use super::link::{Link, Place, Slot, Turn};
use super::location::Profile;
use super::names::{Name, Touch, Writer};
use super::requests::Named;
use super::scheduler::{Priority, Why, Wish, Yielding, Yields};
use super::session::SessionUse;
use super::transfers::Key;
use super::usage::{Allowance, Moved, Traffic};
use crate::modem::health::LoggedIn;
use crate::modem::source::Source;
use crate::modem::{self, Job, JobId, clock};
use admittance::has_logged_in;
pub use ended::Ended;
pub(super) use registry::{Admission, Operations};
use simcom_talk::dialogue::failure::{self, Ending};
use simcom_talk::dialogue::operation::{
    self, Cleared, Delivery, Output, Progress, ProgressStage, Remains, Standing, Task,
};
use simcom_talk::ftps::value::{RemotePath, Server};
use stay::{Stay, is_yielded, load};

/// One operation: whose it is, where it goes, and what became of it.
///
/// It lives in a task of its own that no caller can drop, so that the link is given on only when
/// the module is free; the caller holds [`Operation::cancel`].
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) id: JobId,
    /// Ends the operation.
    pub(super) cancel: CancellationToken,
    /// Its place while it waits.
    pub(super) place: watch::Sender<Place>,
    /// When it gives up the link before its end.
    pub(super) yields: Yields,
    priority: Priority,
    method: &'static str,
    /// Where it goes; `None` where it is about the module alone.
    server: Option<Arc<Server>>,
    profile: Profile,
    labels: Labels,
    /// The request that it is made for, where that has a name.
    request: Option<Named>,
    pub(super) principal: Principal,
    deadline: Option<Instant>,
    stall: Duration,
    link: Arc<Link>,
    operations: Arc<Operations>,
    events: Arc<Events>,
    admitted: Instant,
    facts: Mutex<Facts>,
    /// What it may have on the air; `None` where it is about the module alone.
    pub(super) allowance: Option<Arc<Allowance>>,
    /// How it was cancelled. Closed when the operation has ended.
    ending: watch::Sender<Option<Ending>>,
    slot: Slot,
    /// The link, between two jobs of an operation that has many. Taken back before the slot goes.
    kept: Mutex<Kept>,
    _session: Option<SessionUse>,
}

/// The link of an operation that has more to do with it.
#[derive(Debug, Default)]
struct Kept {
    /// There are more jobs to come.
    more: bool,
    turn: Option<Turn>,
}

#[derive(Debug, Default)]
struct Facts {
    /// `CancelOperation` was called.
    called_off: bool,
    /// Its caller has all that it wanted.
    enough: bool,
    /// The daemon is stopping and has ended it.
    stopped: bool,
    on_link_since: Option<Instant>,
    /// Time on the link, without the job that has it.
    on_link: Duration,
    /// Bytes that its transfer has moved.
    bytes: u64,
    /// As many there were when it got the link.
    bytes_before: u64,
    /// When and why it was asked to make way.
    asked: Option<(Instant, Why)>,
    /// When it gave up the link, to go on later.
    yielded: Option<Instant>,
    /// When that was last told.
    told: Option<Instant>,
    started: bool,
    ended: bool,
}

/// What goes along with a job.
#[derive(Default)]
pub(super) struct Feed {
    pub(super) source: Option<Box<dyn Source>>,
    /// For a transfer that can go on later: others wait for the link.
    pub(super) make_way: CancellationToken,
    pub(super) delivery: Option<mpsc::Sender<Delivery>>,
    pub(super) progress: watch::Sender<Progress>,
    /// Who writes, where that matters beyond the job.
    pub(super) writer: Option<Arc<Writer>>,
}

/// One job that the link was had for.
struct Done {
    answer: Result<Output, modem::Error>,
    took: Duration,
    /// When and why it was asked to make way.
    asked: Option<(Instant, Why)>,
    ended: Instant,
}

impl Operation {
    /// Waits for the link and does one job with it.
    pub(super) async fn run(
        &self,
        standing: Standing,
        task: Task,
        feed: Feed,
    ) -> Result<Output, Error> {
        let turn = self.turn(load(&task), None).await?;
        self.submit(turn, standing, task, feed).await
    }

    /// The same, if it still makes sense when the link is there; `None` where it does not.
    pub(super) async fn run_if(
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
    pub(super) async fn turn(&self, load: Load, yielding: Option<Yielding>) -> Result<Turn, Error> {
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

    /// Many jobs follow one another: the link is kept between two of them, while those who wait can.
    /// Whoever says so has to [`Operation::let_go`] where the next one does not follow at once.
    pub(super) fn has_more(&self) {
        self.kept().more = true;
    }

    /// Gives the link on, where it was kept.
    pub(super) fn let_go(&self) {
        // Dropped without the lock: it is given to the next at once.
        let turn = self.kept().turn.take();
        drop(turn);
    }

    /// A job is over: keeps the link for the next, or gives it on.
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
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does one job. Gives the link on when the module is free. What it moves is booked, however
    /// it ends.
    pub(super) async fn submit(
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
                let why = asked.map_or(Why::Urgent, |(_, why)| why);
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
        // The link does not wait for the disk, nor for what follows a failure.
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

    /// While it has the link: tells its job to make way when others need the link, if it may.
    /// Never completes.
    pub(super) async fn give_way(&self, make_way: &CancellationToken, may: impl Fn() -> bool) {
        let why = self.slot.wanted_by_others().await;
        if may() {
            self.facts().asked = Some((clock::now(), why));
            make_way.cancel();
        }
        pending().await
    }

    /// One that writes a name from now on; `None` where it is no server's.
    pub(super) fn writes(
        &self,
        standing: &Standing,
        path: &RemotePath,
        own: Option<Key>,
    ) -> Option<Arc<Writer>> {
        let name = Name::at(standing, path)?;
        Some(self.operations.names.begin(name, own, self.admitted))
    }

    /// Whether a transfer may write its name now.
    pub(super) fn may_write(&self, own: &Key) -> bool {
        self.operations.names.may_write(own)
    }

    fn writer(&self, standing: &Standing, task: &Task) -> Option<Arc<Writer>> {
        self.writes(standing, written(task)?, None)
    }

    /// Whether somebody else has begun to write a name, and has not ended.
    pub(super) fn is_begun(
        &self,
        standing: &Standing,
        path: &RemotePath,
        own: Option<&Key>,
    ) -> bool {
        let name = Name::at(standing, path);
        name.is_some_and(|name| self.operations.names.is_begun(&name, own))
    }

    /// Deletes what an upload has left, if it is shown to be that; whatever its caller thinks by
    /// now. `may` is asked with the link: `None` where it says no. It is booked like all else, and
    /// done whatever is left of the data budget: it costs little, and nobody else can do it.
    pub(super) async fn clear(
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
            // The deletion for a transfer, which has a source, waits for its turn: it is tried for days, also
            // at a server that does not answer, where each try takes minutes.
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

    /// Has the module do something with the link, and books what that moved, however it ends.
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
            allowance.book(&Moved::by(traffic, way, &answer, *progress.borrow()));
        }
        Done {
            answer,
            took,
            asked,
            ended,
        }
    }

    /// Has the module do something, until it has or `cancel` or `deadline` has ended it.
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
            make_way: feed.make_way,
            deadline,
            stall: self.stall,
            reply,
        };
        match self.link.modem.submit(job).await {
            Ok(()) => answer.await.unwrap_or(Err(modem::Error::Stopping)),
            Err(_) => Err(modem::Error::Stopping),
        }
    }

    /// Whether the server of an upload was seen to go on with a file.
    pub(super) fn goes_on(&self) -> bool {
        let server = self.server.as_ref();
        server.is_some_and(|server| self.link.is_known_to_go_on(server))
    }

    /// The server went on with a file.
    pub(super) fn went_on(&self) {
        if let Some(server) = &self.server {
            self.link.goes_on(server);
        }
    }

    /// Whether the module can end a download before its end.
    pub(super) fn can_abort(&self) -> bool {
        let health = self.link.modem.health();
        health.borrow().capabilities.profile.abort
    }

    /// Its caller stands still, or goes on.
    pub(super) fn trickles(&self, trickles: bool) {
        self.slot.trickles(trickles);
    }

    /// Its caller stood still for so long of what any may, and left.
    pub(super) fn stood_still(&self, time: Duration, trickle: Duration) {
        if time >= trickle / 20 {
            self.slot.stood_still();
        }
    }

    /// How long its caller may stand still while others wait, of what any may at first. A principal
    /// that has let the link wait once is not waited for so long again before all its work has been over
    /// for a while: many transfers that nobody reads would hold the link up one after another.
    pub(super) fn patience(&self, trickle: Duration) -> Duration {
        if self.slot.has_stood_still() {
            trickle / 20
        } else {
            trickle
        }
    }

    /// Whether the caller's wish ended it before the module began with it.
    pub(super) fn ended_off_the_link(&self) -> bool {
        *self.ending.borrow() == Some(Ending::BeforeItBegan)
    }

    /// Completes when the caller has had enough: it left, called the operation off, or its
    /// deadline passed.
    pub(super) async fn cancelled(&self) {
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

    /// The error of an operation that the caller or the end of the daemon ended, and how it ended on
    /// the link.
    pub(super) fn ended_by_caller(&self, ending: Ending) -> Error {
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

    /// Its caller has all that it wanted: ends it, as one that is done.
    pub(super) fn enough(&self) {
        self.facts().enough = true;
        self.cancel.cancel();
    }

    /// Ends it because the daemon is stopping.
    fn stop(&self) {
        self.facts().stopped = true;
        self.cancel.cancel();
    }

    /// An error of this operation.
    pub(super) fn error(&self, cause: impl Into<Error>) -> Error {
        Error {
            operation: Some(self.id.clone()),
            ..cause.into()
        }
    }

    /// The size of what is being moved was found out.
    pub(super) fn sized(&self, bytes: u64) {
        self.slot.sized(bytes);
    }

    /// What lies between the module and the server now: nothing, where there is no server.
    fn way(&self) -> Way {
        let Some(server) = &self.server else {
            return Way::There;
        };
        let health = self.link.modem.health();
        let health = health.borrow();
        let to = LoggedIn::from(server.as_ref());
        Way::between(health.logged_in.as_ref(), &to)
    }

    /// Whether it has the link, and bytes that it has moved.
    pub(super) fn stands(&self) -> (bool, u64) {
        let kept = self.kept().turn.is_some();
        let facts = self.facts();
        (kept || facts.on_link_since.is_some(), facts.bytes)
    }

    /// Time on the link so far.
    pub(super) fn on_link(&self) -> Duration {
        let facts = self.facts();
        let now = facts.on_link_since.map(|since| clock::now() - since);
        facts.on_link + now.unwrap_or_default()
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        // One that was refused before its work began, or whose task was lost, has not told it.
        self.end(Outcome::Failed {
            how: Failing::Failed,
            why: None,
        });
        let mut live = self.operations.live();
        live.remove(&self.id);
        // Room for many that were there once would stay, between what their calls have given back.
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

/// What a job that writes or deletes a file has done to it, as far as can be told.
fn touch(answer: &Result<Output, modem::Error>, progress: Progress) -> Option<Touch> {
    let moved = !matches!(
        progress.stage,
        ProgressStage::Waiting | ProgressStage::Preparing
    );
    match answer {
        // What the server contradicts, or nobody knows, is not there.
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

/// The size of a file that was larger than its job was allowed.
const fn over_limit(error: &modem::Error) -> Option<u64> {
    match error {
        modem::Error::Failed(failure) => match failure.cause {
            failure::Cause::OverLimit { size, .. } => Some(size),
            _ => None,
        },
        _ => None,
    }
}
