//! All running operations: admission, list, cancellation.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::ended::{Ended, Endings};
use super::{Operation, Pace};
use crate::broker::catalogue::{ServerProfile, SessionUse};
use crate::broker::link::Link;
use crate::broker::names::Names;
use crate::broker::operation::requests::Requests;
use crate::broker::operation::{Queued, Running, State};
use crate::broker::terms::{Caller, Cause, Principal, Priority, Whose, Yields};
use crate::broker::usage::Allowance;
use crate::broker::watch::{Events, OperationChange};
use crate::modem::{JobId, clock};
use simcom_talk::dialogue::failure::Ending;
use simcom_talk::ftps::value::Server;

/// All operations that have not ended, by their names.
#[derive(Debug)]
pub(crate) struct Operations {
    live: Mutex<HashMap<JobId, Weak<Operation>>>,
    ended: Mutex<Endings>,
    /// Cancelled when the daemon stops: it admits no more operations.
    stopping: CancellationToken,
    /// When that was.
    stopped: OnceLock<Instant>,
    /// Requests that have a name.
    pub(crate) requests: Arc<Requests>,
    /// The writers of names.
    pub(crate) names: Arc<Names>,
}

/// The facts that make an operation.
pub(crate) struct Admission<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) method: &'static str,
    pub(crate) priority: Priority,
    pub(crate) yields: Yields,
    pub(crate) server: Option<Arc<Server>>,
    /// The server's profile; the default where there is none.
    pub(crate) profile: ServerProfile,
    pub(crate) session: Option<SessionUse>,
    pub(crate) allowance: Option<Arc<Allowance>>,
    pub(crate) stall: Duration,
    /// The path that it is about.
    pub(crate) about: Option<Arc<str>>,
    /// Whether the log has its path.
    pub(crate) logs_paths: bool,
    pub(crate) events: Arc<Events>,
}

impl Operations {
    /// No operations yet.
    pub(crate) fn new(names: Arc<Names>) -> Self {
        Self {
            live: Mutex::default(),
            ended: Mutex::default(),
            stopping: CancellationToken::new(),
            stopped: OnceLock::new(),
            requests: Arc::default(),
            names,
        }
    }

    /// Creates an operation if the link admits it.
    pub(crate) fn admit(
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
            about,
            logs_paths,
            events,
        } = admission;
        if self.is_stopping() {
            return Err(Cause::Stopping);
        }
        if caller
            .deadline
            .is_some_and(|deadline| clock::now() >= deadline)
        {
            return Err(Cause::Expired);
        }
        if caller.options.validate_only {
            return Err(Cause::OnlyValidated);
        }
        let slot = link
            .admit(&caller.principal)
            .map_err(|full| Cause::QueueFull {
                own: full.own,
                retry_after: full.retry_after,
            })?;
        let id = JobId::new(Uuid::new_v4().to_string());
        let request = caller.options.request.clone();
        if let Some(named) = &request {
            let requests = &self.requests;
            requests.bind(&caller.principal, named, &id, clock::now())?;
        }
        let operation = Arc::new(Operation {
            id,
            labels: caller.options.labels.clone(),
            request,
            server,
            profile,
            cancel: CancellationToken::new(),
            place: watch::Sender::default(),
            yields,
            priority,
            method,
            path: about.map_or_else(OnceLock::new, OnceLock::from),
            logs_paths,
            principal: caller.principal.clone(),
            deadline: caller.deadline,
            stall,
            link: Arc::clone(link),
            operations: Arc::clone(self),
            events,
            admitted: clock::now(),
            facts: Mutex::default(),
            pace: Pace::default(),
            allowance,
            ending: watch::Sender::default(),
            slot,
            kept: Mutex::default(),
            _session: session,
        });
        self.live()
            .insert(operation.id.clone(), Arc::downgrade(&operation));
        if self.is_stopping() {
            // It may have come too late for the list of waiting operations.
            operation.stop();
        }
        operation.tell(OperationChange::Admitted {
            admitted: link.admitted(),
        });
        Ok(operation)
    }

    /// Cancels an operation and waits until it has ended. `None`: the principal has no such
    /// operation, or it ended in another way.
    pub(crate) async fn call_off(&self, principal: &Principal, id: &JobId) -> Option<Ending> {
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

    /// Admits no more operations, and ends those that have not begun.
    pub(crate) fn stop(&self) {
        self.stopped.get_or_init(clock::now);
        self.stopping.cancel();
        self.end_where(|operation| !operation.facts().started);
    }

    /// Ends all operations.
    pub(crate) fn break_off(&self) {
        self.end_where(|_| true);
    }

    /// Whether the daemon is stopping.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Cancelled when the daemon stops.
    pub(crate) const fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// How long the daemon has been stopping.
    pub(crate) fn stopping_for(&self, now: Instant) -> Option<Duration> {
        self.stopped.get().map(|at| now.duration_since(*at))
    }

    fn end_where(&self, which: impl Fn(&Operation) -> bool) {
        // Upgraded first: dropping the last reference to an operation takes the lock.
        let live: Vec<_> = self.live().values().filter_map(Weak::upgrade).collect();
        for operation in live.iter().filter(|operation| which(operation)) {
            operation.stop();
        }
    }

    /// The operation that has the link.
    pub(crate) fn running(&self, now: Instant) -> Option<Running> {
        // Upgraded first: dropping the last reference to an operation takes the lock.
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

    /// The operations as `principal` may see them: the one on the link, then the waiting ones in
    /// order, then the others by age. Those of other principals come without their names; see
    /// [`Broker::queue`](crate::broker::Broker::queue).
    pub(crate) fn list(
        &self,
        principal: &Principal,
        whose: &Whose,
        link: &Link,
        now: Instant,
    ) -> Vec<Queued> {
        let live: Vec<_> = self.live().values().filter_map(Weak::upgrade).collect();
        let places = link.places(now);
        let meant = live.iter().filter(|operation| match whose {
            Whose::Own | Whose::All => true,
            Whose::One(one) => operation.principal == *one,
        });
        let listed = meant.map(|operation| {
            let mut about = operation.about();
            if *whose == Whose::Own && about.principal.as_ref() != Some(principal) {
                about.hide();
            }
            let (on_link, bytes) = {
                let facts = operation.facts();
                (facts.on_link_since, operation.pace.bytes())
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

    /// A recently ended operation of a principal.
    pub(crate) fn ended(&self, principal: &Principal, id: &JobId, now: Instant) -> Option<Ended> {
        let mut ended = self.ended.lock();
        ended.find(principal, id, now)
    }

    /// Keeps an operation that has ended.
    pub(super) fn keep(&self, operation: Ended) {
        let mut ended = self.ended.lock();
        ended.add(operation);
    }

    pub(super) fn live(&self) -> MutexGuard<'_, HashMap<JobId, Weak<Operation>>> {
        self.live.lock()
    }
}
