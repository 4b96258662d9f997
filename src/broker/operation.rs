//! An operation from its admission to its one answer, and all that live.

mod stay;

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::Span;
use uuid::Uuid;

use super::caller::{Caller, Principal};
use super::error::{Cause, Error};
use super::estimate::{Load, Way};
use super::events::{About, Events, OperationChange, Outcome, What};
use super::link::{Link, Place, Slot, Turn};
use super::location::Profile;
use super::queue::{Queued, State};
use super::scheduler::{Priority, Why, Wish, Yielding, Yields};
use super::session::{SessionId, Sessions};
use super::status::Running;
use super::usage::{Allowance, Moved, Traffic};
use crate::ftps::value::{RemotePath, Server};
use crate::modem::failure::{self, Ending};
use crate::modem::health::LoggedIn;
use crate::modem::operation::{self, Delivery, Output, Progress, Standing, Task};
use crate::modem::source::Source;
use crate::modem::{self, Job, JobId, clock};
use stay::{Stay, is_yielded, load};

/// All operations that live, by their names.
#[derive(Debug, Default)]
pub(super) struct Operations {
    live: Mutex<HashMap<JobId, Weak<Operation>>>,
}

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
    principal: Principal,
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
    _session: Option<SessionUse>,
}

/// What an operation is made of.
pub(super) struct Admission<'a> {
    pub(super) caller: &'a Caller,
    pub(super) method: &'static str,
    pub(super) priority: Priority,
    pub(super) yields: Yields,
    pub(super) server: Option<Arc<Server>>,
    /// The profile of the server, where there is one.
    pub(super) profile: Profile,
    pub(super) session: Option<SessionUse>,
    pub(super) allowance: Option<Arc<Allowance>>,
    pub(super) stall: Duration,
    pub(super) events: Arc<Events>,
}

#[derive(Debug, Default)]
struct Facts {
    /// `CancelOperation` was called.
    called_off: bool,
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
}

impl Operations {
    /// Makes an operation, where the link admits it.
    pub(super) fn admit(
        self: &Arc<Self>,
        link: &Arc<Link>,
        admission: Admission<'_>,
    ) -> Result<Arc<Operation>, Cause> {
        let Admission {
            caller,
            method,
            server,
            profile,
            session,
            allowance,
            stall,
            priority,
            yields,
            events,
        } = admission;
        if caller
            .deadline
            .is_some_and(|deadline| clock::now() >= deadline)
        {
            return Err(Cause::Expired);
        }
        let slot = link
            .admit(&caller.principal)
            .map_err(|full| Cause::QueueFull {
                own: full.own,
                retry_after: full.retry_after,
            })?;
        let operation = Arc::new(Operation {
            id: JobId::new(Uuid::new_v4().to_string()),
            server,
            profile,
            cancel: CancellationToken::new(),
            place: watch::Sender::default(),
            yields,
            priority,
            method,
            principal: caller.principal.clone(),
            deadline: caller.deadline,
            stall,
            link: Arc::clone(link),
            operations: Arc::clone(self),
            events,
            admitted: clock::now(),
            facts: Mutex::default(),
            allowance,
            ending: watch::Sender::default(),
            slot,
            _session: session,
        });
        self.live()
            .insert(operation.id.clone(), Arc::downgrade(&operation));
        operation.tell(OperationChange::Admitted {
            admitted: link.admitted(),
        });
        Ok(operation)
    }

    /// Calls an operation off, and waits until it has ended. `None`: there is none of this name
    /// and principal, or it ended in another way.
    pub(super) async fn call_off(&self, principal: &Principal, id: &JobId) -> Option<Ending> {
        let mut ending = {
            let operation = self.live().get(id)?.upgrade()?;
            if operation.principal != *principal {
                return None;
            }
            operation.facts().called_off = true;
            operation.cancel.cancel();
            operation.ending.subscribe()
        };
        while ending.changed().await.is_ok() {}
        *ending.borrow()
    }

    /// The operation that has the link.
    pub(super) fn running(&self, now: Instant) -> Option<Running> {
        // Upgraded first: the last owner of an operation takes the lock as it drops it.
        let live: Vec<_> = self.live().values().filter_map(Weak::upgrade).collect();
        live.iter().find_map(|operation| {
            let since = operation.facts().on_link_since?;
            Some(Running {
                operation: operation.id.clone(),
                method: operation.method,
                principal: operation.principal.clone(),
                elapsed: now.duration_since(since),
            })
        })
    }

    /// All operations as `principal` may see them: the one on the link, those that wait in their
    /// order, the others by age.
    pub(super) fn list(&self, principal: &Principal, link: &Link, now: Instant) -> Vec<Queued> {
        let live: Vec<_> = self.live().values().filter_map(Weak::upgrade).collect();
        let places = link.places(now);
        let listed = live.iter().map(|operation| {
            let mut about = operation.about();
            if about.principal.as_ref() != Some(principal) {
                about.hide();
            }
            let (on_link, bytes) = {
                let facts = operation.facts();
                (facts.on_link_since, facts.bytes)
            };
            let state = match (on_link, places.get(&operation.slot.key())) {
                (Some(since), _) => State::Running {
                    elapsed: now.duration_since(since),
                },
                (None, Some(place)) => State::Waiting(*place),
                (None, None) => State::Aside,
            };
            Queued {
                about,
                state,
                bytes,
                admitted: operation.admitted,
            }
        });
        let mut listed: Vec<_> = listed.collect();
        listed.sort_by_key(|queued| match queued.state {
            State::Running { .. } => (0, 0, queued.admitted),
            State::Waiting(place) => (1, place.ahead, queued.admitted),
            State::Aside => (2, 0, queued.admitted),
        });
        listed
    }

    fn live(&self) -> MutexGuard<'_, HashMap<JobId, Weak<Operation>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

    /// Waits for the link, for as long as the caller does.
    pub(super) async fn turn(&self, load: Load, yielding: Option<Yielding>) -> Result<Turn, Error> {
        let wish = Wish {
            priority: self.priority,
            server: self.server.clone(),
            deadline: self.deadline,
            load,
            yielding,
        };
        let turn = tokio::select! {
            biased;
            () = self.cancelled() => return Err(self.ended_by_caller(Ending::BeforeItBegan)),
            turn = self.slot.turn(wish, &self.place) => turn,
        };
        turn.ok_or_else(|| self.error(modem::Error::Stopping))
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
        let (reply, answer) = oneshot::channel();
        let way = self.way();
        let stay = Stay::of(&task, way);
        if let Some(allowance) = &self.allowance {
            let permitted = allowance.permit(&mut task, way);
            permitted.map_err(|cause| self.error(cause))?;
        }
        let (traffic, progress) = (Traffic::of(&task), feed.progress.clone());
        let job = Job {
            id: self.id.clone(),
            operation: operation::Operation {
                standing: standing.clone(),
                task,
            },
            source: feed.source,
            delivery: feed.delivery,
            progress: feed.progress,
            cancel: self.cancel.clone(),
            make_way: feed.make_way,
            deadline: self.deadline,
            stall: self.stall,
            reply,
        };
        let began = clock::now();
        self.began(began);
        let answer = match self.link.modem.submit(job).await {
            Ok(()) => answer.await.unwrap_or(Err(modem::Error::Stopping)),
            Err(_) => Err(modem::Error::Stopping),
        };
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
        if let Ok(output) = &answer {
            match stay.part(output, took, asked.map(|(at, _)| ended.duration_since(at))) {
                Some(part) => self.link.learn_part(&part, standing),
                None => self.link.learn(stay.spent(output, took), standing),
            }
            if is_yielded(output) {
                let why = asked.map_or(Why::Urgent, |(_, why)| why);
                self.yielded(ended, why);
            }
        }
        drop(turn);
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

    /// Deletes what is left of an upload that ended off the link, whatever its caller thinks by now.
    /// Answers whether that worked.
    pub(super) async fn delete_leftover(&self, standing: Standing, path: RemotePath) -> bool {
        let wish = Wish {
            priority: Priority::Interactive,
            server: self.server.clone(),
            deadline: None,
            load: Load::Small,
            yielding: None,
        };
        let Some(turn) = self.slot.turn(wish, &watch::Sender::default()).await else {
            return false;
        };
        let (reply, answer) = oneshot::channel();
        let job = Job {
            id: self.id.clone(),
            operation: operation::Operation {
                standing,
                task: Task::DeleteFile(path),
            },
            source: None,
            delivery: None,
            progress: watch::Sender::default(),
            cancel: CancellationToken::new(),
            make_way: CancellationToken::new(),
            deadline: None,
            stall: self.stall,
            reply,
        };
        self.facts().on_link_since = Some(clock::now());
        let submitted = self.link.modem.submit(job).await.is_ok();
        let deleted = submitted && matches!(answer.await, Ok(Ok(_)));
        self.facts().on_link_since = None;
        drop(turn);
        deleted
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

    /// Its caller sends nothing, or sends again.
    pub(super) fn trickles(&self, trickles: bool) {
        self.slot.trickles(trickles);
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
            () = self.cancel.cancelled() => {}
            () = expired => {}
        }
    }

    /// The error of an operation that the caller ended, and how it ended on the link.
    pub(super) fn ended_by_caller(&self, ending: Ending) -> Error {
        self.ending.send_replace(Some(ending));
        let expired = self
            .deadline
            .is_some_and(|deadline| clock::now() >= deadline);
        if expired && !self.facts().called_off {
            return self.error(Cause::Expired);
        }
        self.error(Cause::Cancelled(ending))
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

    /// So many bytes have moved so far.
    pub(super) fn moved(&self, bytes: u64) {
        let now = clock::now();
        {
            let mut facts = self.facts();
            facts.bytes = bytes;
            self.slot.moved(bytes.saturating_sub(facts.bytes_before));
            if facts.told.is_some_and(|told| now < told + TELL) {
                return;
            }
            facts.told = Some(now);
        }
        self.tell(OperationChange::Progress { bytes });
    }

    /// The operation as its own principal may see it.
    fn about(&self) -> About {
        About {
            operation: self.id.clone(),
            method: self.method,
            principal: Some(self.principal.clone()),
            profile: self.profile.name.clone(),
            priority: self.priority,
        }
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

    /// Time on the link so far.
    pub(super) fn on_link(&self) -> Duration {
        self.facts().on_link
    }

    /// The span of all that is done for it.
    pub(super) fn span(&self) -> Span {
        tracing::info_span!(
            "operation",
            operation = %self.id,
            principal = %self.principal,
            method = self.method,
        )
    }

    /// Writes down how it ended, and tells those who watch.
    pub(super) fn log<T>(&self, outcome: &Result<T, Error>) {
        let on_link = self.on_link();
        match outcome {
            Ok(_) => {
                tracing::info!(?on_link, "done");
                self.end(Outcome::Done);
            }
            Err(error) => {
                tracing::info!(?on_link, %error, "failed");
                self.end(Outcome::Failed(Some(Box::new(error.clone()))));
            }
        }
    }

    /// It has the link, for the first time or again.
    fn began(&self, now: Instant) {
        let (first, yielded) = {
            let mut facts = self.facts();
            facts.on_link_since = Some(now);
            facts.bytes_before = facts.bytes;
            let first = !std::mem::replace(&mut facts.started, true);
            (first, facts.yielded.take())
        };
        if first {
            let waited = now.duration_since(self.admitted);
            self.tell(OperationChange::Started { waited });
        } else if let Some(yielded) = yielded {
            let waited = now.duration_since(yielded);
            self.tell(OperationChange::Resumed { waited });
        }
    }

    /// It gave up the link, to go on later.
    fn yielded(&self, now: Instant, why: Why) {
        let bytes = {
            let mut facts = self.facts();
            facts.yielded = Some(now);
            facts.bytes
        };
        tracing::debug!(bytes, ?why, "gave way");
        self.tell(OperationChange::Yielded { bytes, why });
    }

    fn end(&self, outcome: Outcome) {
        let on_link = {
            let mut facts = self.facts();
            if std::mem::replace(&mut facts.ended, true) {
                return;
            }
            facts.on_link
        };
        self.tell(OperationChange::Ended { on_link, outcome });
    }

    fn tell(&self, change: OperationChange) {
        let about = self.about();
        self.events.tell(What::Operation { about, change });
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        // One that was refused before its work began, or whose task was lost, has not told it.
        self.end(Outcome::Failed(None));
        self.operations.live().remove(&self.id);
    }
}

/// Time between two reports of how far an operation is: a watcher is a person or a log.
const TELL: Duration = Duration::from_secs(1);

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

/// Keeps a session from expiring while an operation in it is under way.
#[derive(Debug)]
pub(super) struct SessionUse {
    pub(super) sessions: Arc<Mutex<Sessions>>,
    pub(super) id: SessionId,
}

impl Drop for SessionUse {
    fn drop(&mut self) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.end_use(&self.id, clock::now());
    }
}
