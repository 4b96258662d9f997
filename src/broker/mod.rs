//! Floor 4, sharing: many clients, one link.

pub mod access;
pub mod caller;
pub mod disk;
pub mod error;
pub mod estimate;
pub mod events;
pub mod get;
pub mod labels;
pub mod limits;
pub mod many;
pub mod metrics;
pub mod put;
pub mod queue;
pub mod requests;
pub mod scheduler;
pub mod servers;
pub mod session;
pub mod share;
pub mod spool;
pub mod status;
pub mod transfers;
pub mod tree;
pub mod upkeep;
pub mod usage;

mod files;
mod link;
mod location;
mod logins;
mod names;
mod operation;
mod service;
pub mod storage;
mod tally;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use crate::modem::JobId;
pub use caller::{Caller, Options, Principal, ServerChoice, Target, Whose};
pub use error::{Cause, Error};
pub use limits::Limits;
pub use servers::Servers;
pub use session::{SessionId, SessionInfo, SessionRequest};
pub use status::{Repairs, Status};

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::modem::health::LoggedIn;
use crate::modem::{Health, Modem, clock};
use events::Events;
use get::{Deliver, Reading};
use link::Link;
use location::{Location, Profile};
use names::Names;
use operation::{Admission, Feed, Operation, Operations};
use put::Patience;
use scheduler::Priority;
use session::{SessionUse, Sessions};
use simcom_talk::dialogue::facts::{Capabilities, Identity};
use simcom_talk::dialogue::failure::Ending;
use simcom_talk::dialogue::operation::{Output, Standing, Task};
use simcom_talk::ftps::value::NameCode;
use spool::Spools;
use transfers::Transfers;
use usage::Usage;

/// Shares one module among many callers. Cheap to clone. Its calls need a tokio runtime.
///
/// Every operation is admitted or refused at once, waits for its turn, has the link to itself,
/// and gets exactly one answer. Dropping the future of a call, or the [`Reading`] or
/// [`Writing`](put::Writing) it gave, cancels the operation.
#[derive(Debug, Clone)]
pub struct Broker {
    shared: Arc<Shared>,
    transfers: Transfers,
}

#[derive(Debug)]
struct Shared {
    link: Arc<Link>,
    operations: Arc<Operations>,
    events: Arc<Events>,
    sessions: Arc<Mutex<Sessions>>,
    servers: Arc<Servers>,
    spools: Arc<Spools>,
    stall: Duration,
    trickle: Duration,
    upkeep: upkeep::Limits,
    usage: Arc<Usage>,
    limits: Limits,
    started: Instant,
}

/// An operation that was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancelled {
    /// How it ended.
    pub ending: Ending,
    /// Time from the wish to the free link.
    pub cost: Duration,
}

impl Broker {
    /// Shares a module, without transfers that outlive their caller.
    #[must_use]
    pub fn new(modem: Modem, servers: Servers, limits: Limits) -> Self {
        let events = Arc::<Events>::default();
        let sessions = Sessions::new(limits.sessions, Arc::clone(&events));
        let servers = Arc::new(servers);
        let names = Arc::new(Names::new(Arc::clone(&servers)));
        Self {
            shared: Arc::new(Shared {
                link: Link::new(modem, limits.queue),
                operations: Arc::new(Operations::new(names)),
                events,
                sessions: Arc::new(Mutex::new(sessions)),
                servers,
                spools: Arc::new(Spools::new(limits.spool.clone())),
                stall: limits.stall.0,
                trickle: limits.trickle.0,
                upkeep: limits.upkeep,
                usage: Usage::new(limits.usage),
                limits,
                started: clock::now(),
            }),
            transfers: Transfers::off(),
        }
    }

    /// Ends an operation of the same principal, waits until the link is free of it, and tells how
    /// it ended. Dropping this future does not take the wish back.
    ///
    /// # Errors
    /// [`Cause::OperationNotFound`], also where it ended by itself meanwhile.
    pub async fn cancel(&self, caller: &Caller, operation: &JobId) -> Result<Cancelled, Error> {
        let wished = clock::now();
        match self
            .shared
            .operations
            .call_off(&caller.principal, operation)
            .await
        {
            Some(ending) => Ok(Cancelled {
                ending,
                cost: clock::now().duration_since(wished),
            }),
            None => Err(Cause::OperationNotFound.into()),
        }
    }

    /// The daemon is stopping: no operation is admitted any more, and those that have not begun end
    /// with [`Cause::Stopping`]. Those that have begun go on, where they made way as well.
    pub fn stop(&self) {
        self.shared.operations.stop();
    }

    /// Ends all operations with [`Cause::Stopping`], each as soon as the module is in order again.
    pub fn break_off(&self) {
        self.shared.operations.break_off();
    }

    /// What is known now; never waits and never asks the module.
    #[must_use]
    pub fn status(&self) -> Status {
        let now = clock::now();
        let health = self.shared.link.modem.health().borrow().clone();
        let profile = health
            .logged_in
            .as_ref()
            .and_then(|at| self.shared.servers.name_of(at));
        let since_start = now.duration_since(self.shared.started);
        Status {
            lasted: since_start.saturating_sub(health.since),
            waited: health
                .waiting
                .map(|waiting| since_start.saturating_sub(waiting.since)),
            repairs: Repairs::of(&health.repairs, since_start),
            profile: profile.map(str::to_owned),
            running: self.shared.operations.running(now),
            queued: self.shared.link.waiting(),
            sessions: self.sessions().count(now),
            data: self.shared.usage.total(),
            keeping: self.keeping().borrow().clone(),
            set_aside: self.transfers.set_aside(),
            health,
        }
    }

    /// The server profiles that a caller may use, in the order of their names.
    #[must_use]
    pub fn profiles(&self, caller: &Caller) -> Vec<servers::ProfileInfo> {
        self.shared.servers.used_by(&caller.principal)
    }

    /// Whether a principal may know of a server: one that a profile names which it may use.
    #[must_use]
    pub fn may_know(&self, principal: &Principal, server: &LoggedIn) -> bool {
        self.shared.servers.is_known_to(principal, server)
    }

    /// The name of a server's profile; empty where none names it.
    #[must_use]
    pub fn profile_of(&self, server: &LoggedIn) -> String {
        let name = self.shared.servers.name_of(server);
        name.unwrap_or_default().to_owned()
    }

    /// The code in which the server of a target has its names; UTF-8 where the target is not known.
    #[must_use]
    pub fn names_of(&self, caller: &Caller, target: &Target) -> NameCode {
        let located = self.locate(caller, target);
        located.map_or_else(
            |_| NameCode::default(),
            |(location, _)| location.profile.code,
        )
    }

    /// The bounds within which callers share the link.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// How many transfers of one principal are kept, and how many bytes; `None` where none are.
    #[must_use]
    pub fn transfer_limits(&self) -> Option<(usize, u64)> {
        let journal = self.transfers.journal().ok()?;
        Some(journal.of_one())
    }

    /// Since when the broker has been there.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.shared.started
    }

    /// What the module is and can do, as far as it was asked; never waits.
    #[must_use]
    pub fn capabilities(&self) -> (Identity, Arc<Capabilities>) {
        let health = self.shared.link.modem.health();
        let health = health.borrow();
        (health.identity.clone(), Arc::clone(&health.capabilities))
    }

    /// What is known of the module, now and at every change.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.shared.link.modem.health()
    }

    /// Begins a job that delivers; completes when it does begin.
    async fn read(&self, operation: Arc<Operation>, job: Deliver) -> Result<Reading, Error> {
        let spools = &self.shared.spools;
        let mut reading = Reading::begin(operation, job, spools, self.patience());
        reading.began().await?;
        Ok(reading)
    }

    fn patience(&self) -> Patience {
        Patience {
            stall: self.shared.stall,
            trickle: self.shared.trickle,
        }
    }

    /// Does the one job of an operation; cancels it when dropped.
    async fn run(
        &self,
        operation: Arc<Operation>,
        standing: Standing,
        task: Task,
    ) -> Result<Output, Error> {
        let id = operation.id.clone();
        let _cancel = operation.cancel.clone().drop_guard();
        let teller = operation.teller();
        let job = async move {
            let outcome = operation.run(standing, task, Feed::default()).await;
            operation.log(&outcome);
            outcome
        };
        let answer = tokio::spawn(teller.tells(job)).await;
        answer.unwrap_or_else(|how| Err(Error::lost(&id, &how)))
    }

    fn admit(
        &self,
        caller: &Caller,
        method: &'static str,
        location: Location,
        session: Option<SessionUse>,
    ) -> Result<Arc<Operation>, Cause> {
        location.profile.allow(&caller.principal, method)?;
        let priority = match method {
            "Get" | "Put" | "GetFiles" | "PutFiles" => {
                caller.priority.unwrap_or(location.profile.priority)
            }
            _ => Priority::Interactive,
        };
        self.admit_at(caller, method, priority, Some(location), session)
    }

    /// As [`Broker::admit`], as urgent as is said; without a location, an operation about the
    /// module alone.
    fn admit_at(
        &self,
        caller: &Caller,
        method: &'static str,
        priority: Priority,
        location: Option<Location>,
        session: Option<SessionUse>,
    ) -> Result<Arc<Operation>, Cause> {
        let allowance = location
            .as_ref()
            .map(|location| self.allowance(Some(&caller.principal), location));
        if let Some(allowance) = &allowance {
            allowance.open()?;
        }
        let (server, profile) = location
            .map(|location| (location.server, location.profile))
            .unzip();
        let profile: Profile = profile.unwrap_or_default();
        let admission = Admission {
            caller,
            method,
            priority,
            yields: caller.yields.unwrap_or(profile.yields),
            server,
            profile,
            session,
            allowance: allowance.map(Arc::new),
            stall: self.shared.stall,
            events: Arc::clone(&self.shared.events),
        };
        self.shared.operations.admit(&self.shared.link, admission)
    }

    /// Where a target's relative paths are read from.
    fn locate(
        &self,
        caller: &Caller,
        target: &Target,
    ) -> Result<(Location, Option<SessionUse>), Cause> {
        let choice = match target {
            Target::Profile(name) => ServerChoice::Profile(name.clone()),
            Target::Inline(server, code) => ServerChoice::Inline(Arc::clone(server), *code),
            Target::Session(id) => {
                let (location, session) = self.use_session(caller, id)?;
                return Ok((location, Some(session)));
            }
        };
        Ok((self.shared.servers.resolve(&choice)?, None))
    }

    /// Where a session is; it does not expire while the second answer lives.
    fn use_session(
        &self,
        caller: &Caller,
        id: &SessionId,
    ) -> Result<(Location, SessionUse), Cause> {
        let location = self
            .sessions()
            .begin_use(&caller.principal, id, clock::now())?;
        let session = SessionUse {
            sessions: Arc::clone(&self.shared.sessions),
            id: id.clone(),
        };
        Ok((location, session))
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        // No code panics while it holds the lock; were it so, the sessions are still sessions.
        self.shared
            .sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
