//! The state that all calls of the broker share, and how each call begins.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::catalogue::{Location, ProfileInfo, ServerProfile, Servers, SessionUse, Sessions};
use super::limits::Limits;
use super::link::Link;
use super::names::Names;
use super::operation::{Admission, Feed, Operation, Operations};
use super::spool::Spools;
use super::terms::{
    Caller, Cause, Error, Patience, Principal, Priority, ServerChoice, SessionId, Target,
};
use super::usage::{Allowance, Usage};
use super::watch::Events;
use crate::modem::health::LoggedIn;
use crate::modem::{Health, JobId, Modem, clock};
use simcom_talk::dialogue::facts::{Capabilities, Identity};
use simcom_talk::dialogue::failure::Ending;
use simcom_talk::dialogue::operation::{Output, Standing, Task};
use simcom_talk::ftps::value::NameCode;

/// Shares one module among many callers. Cheap to clone. Its calls need a tokio runtime.
///
/// The broker admits or refuses every operation at once. An admitted operation waits for its turn,
/// has the link to itself, and gets exactly one answer. Dropping the future of a call, or the
/// [`Reading`](super::flow::get::Reading) or [`Writing`](super::flow::put::Writing) that it
/// returned, cancels the operation.
///
/// # Errors of its calls
///
/// The `# Errors` sections of the calls name three groups of causes:
///
/// - *Target*: [`Cause::ProfileNotFound`], [`Cause::InlineNotAllowed`], [`Cause::SessionNotFound`].
/// - *Admission*, before the module is touched: [`Cause::ProfileNotAllowed`],
///   [`Cause::DataBudget`], [`Cause::Stopping`], [`Cause::Expired`], [`Cause::OnlyValidated`],
///   [`Cause::QueueFull`], and [`Cause::RequestIdUsed`] for a named request.
/// - *Link*, while the operation waits or runs: [`Cause::Cancelled`], [`Cause::Expired`],
///   [`Cause::Stopping`], [`Cause::DataBudget`], [`Cause::Modem`] with the module's failure, and
///   [`Cause::WrongAnswer`] for a defect.
#[derive(Debug, Clone)]
pub struct Broker {
    pub(super) shared: Arc<Shared>,
    /// The servers of this handle; `None`: those in force.
    kept: Option<Arc<Servers>>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) link: Arc<Link>,
    pub(super) operations: Arc<Operations>,
    pub(super) events: Arc<Events>,
    pub(super) sessions: Arc<Mutex<Sessions>>,
    pub(super) servers: Arc<ArcSwap<Servers>>,
    pub(super) spools: Arc<Spools>,
    pub(super) usage: Arc<Usage>,
    pub(super) limits: ArcSwap<Limits>,
    pub(super) started: Instant,
}

/// A cancelled operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancelled {
    /// How it ended.
    pub ending: Ending,
    /// Time from the call to the free link.
    pub cost: Duration,
}

impl Broker {
    /// Shares a module. The transfers that outlive their caller are a floor of their own above.
    #[must_use]
    pub fn new(modem: Modem, servers: Servers, limits: Limits) -> Self {
        let events = Arc::<Events>::default();
        let sessions = Sessions::new(limits.sessions, Arc::clone(&events));
        let servers = Arc::new(ArcSwap::from_pointee(servers));
        let names = Arc::new(Names::new(Arc::clone(&servers)));
        Self {
            shared: Arc::new(Shared {
                link: Link::new(modem, limits.queue),
                operations: Arc::new(Operations::new(names)),
                events,
                sessions: Arc::new(Mutex::new(sessions)),
                servers,
                spools: Arc::new(Spools::new(limits.spool.clone())),
                usage: Usage::new(limits.usage),
                limits: ArcSwap::from_pointee(limits),
                started: clock::now(),
            }),
            kept: None,
        }
    }

    /// Takes over other servers and limits. What was admitted goes on with what it began with, but a data budget
    /// holds for all at once. Sessions whose profile leads to another account by now are closed; those whose profile
    /// is gone refuse work until there is one again.
    ///
    /// The passwords of changed profiles are perhaps others: a refused login is tried at once, and once.
    ///
    /// What the memory of all operations together may be stays as it was.
    pub fn reload(&self, servers: Servers, limits: Limits) {
        let changed = self.servers().changes(&servers).logins;
        self.shared.link.doubt_logins(&changed);
        let mut sessions = self.sessions();
        sessions.reload(limits.sessions, &servers);
        drop(sessions);
        self.shared.link.reload(limits.queue);
        self.shared.usage.reload(limits.usage);
        self.shared.spools.reload(&limits.spool);
        self.shared.servers.store(Arc::new(servers));
        self.shared.limits.store(Arc::new(limits));
    }

    /// The same broker, with the servers that are in force now for good: work of several steps goes on with what it
    /// began with.
    #[must_use]
    pub(crate) fn keeping_servers(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            kept: Some(self.servers()),
        }
    }

    /// Cancels an operation of the same principal, waits until the link is free of it, and says how
    /// it ended. Dropping this future does not undo the cancellation.
    ///
    /// # Errors
    /// [`Cause::OperationNotFound`], also if the operation ended by itself meanwhile.
    pub async fn cancel(&self, caller: &Caller, operation: &JobId) -> Result<Cancelled, Error> {
        let wished = clock::now();
        match self
            .shared
            .operations
            .call_off(&caller.principal, operation)
            .await
        {
            Some(ending) => {
                let principal = &caller.principal;
                tracing::info!(%principal, %operation, ?ending, "an operation was cancelled by a call");
                Ok(Cancelled {
                    ending,
                    cost: clock::now().duration_since(wished),
                })
            }
            None => Err(Cause::OperationNotFound.into()),
        }
    }

    /// The servers that callers may use.
    #[must_use]
    pub fn servers(&self) -> Arc<Servers> {
        match &self.kept {
            Some(kept) => Arc::clone(kept),
            None => self.shared.servers.load_full(),
        }
    }

    /// The writers of names.
    pub(crate) fn names(&self) -> &Names {
        &self.shared.operations.names
    }

    /// The daemon is stopping. The broker admits no more operations, and ends those that have not
    /// begun with [`Cause::Stopping`]. Operations that have begun go on, even those that have
    /// yielded.
    pub fn stop(&self) {
        self.shared.operations.stop();
    }

    /// Cancelled when the daemon stops, by [`Broker::stop`].
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.shared.operations.stopping().clone()
    }

    /// Ends all operations with [`Cause::Stopping`], each as soon as the module is in a known state
    /// again.
    pub fn break_off(&self) {
        self.shared.operations.break_off();
    }

    /// The server profiles that a caller may use, in the order of their names.
    #[must_use]
    pub fn profiles(&self, caller: &Caller) -> Vec<ProfileInfo> {
        self.servers().used_by(&caller.principal)
    }

    /// Whether a principal may know a server: a profile that the principal may use names it.
    #[must_use]
    pub fn may_know(&self, principal: &Principal, server: &LoggedIn) -> bool {
        self.servers().is_known_to(principal, server)
    }

    /// The name of a server's profile; empty if none names it.
    #[must_use]
    pub fn profile_of(&self, server: &LoggedIn) -> String {
        let servers = self.servers();
        servers.name_of(server).unwrap_or_default().to_owned()
    }

    /// The character code of names on a target's server; UTF-8 for an unknown target.
    #[must_use]
    pub fn names_of(&self, caller: &Caller, target: &Target) -> NameCode {
        let located = self.locate(caller, target);
        located.map_or_else(
            |_| NameCode::default(),
            |(location, _)| location.profile.code,
        )
    }

    /// The bounds that callers share.
    #[must_use]
    pub fn limits(&self) -> Arc<Limits> {
        self.shared.limits.load_full()
    }

    /// When the broker was created.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.shared.started
    }

    /// The module's identity and capabilities, as far as the daemon has asked; never waits.
    #[must_use]
    pub fn capabilities(&self) -> (Identity, Arc<Capabilities>) {
        let health = self.shared.link.modem.health();
        let health = health.borrow();
        (health.identity.clone(), Arc::clone(&health.capabilities))
    }

    /// The state of the module, now and at every change.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.shared.link.modem.health()
    }

    pub(crate) fn patience(&self) -> Patience {
        let limits = self.limits();
        Patience {
            stall: limits.stall.0,
            trickle: limits.trickle.0,
        }
    }

    /// Runs the only job of an operation; cancels it when dropped.
    pub(crate) async fn run(
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

    /// The data budget of a caller's operations at a location.
    pub(crate) fn allowance(
        &self,
        principal: Option<&Principal>,
        location: &Location,
    ) -> Allowance {
        let health = self.shared.link.modem.health();
        let health = health.borrow();
        let (server, profile) = (&location.server, &location.profile);
        self.shared.usage.allowance(
            principal.cloned(),
            server,
            (profile.name.clone(), profile.data),
            &health,
        )
    }

    pub(crate) fn admit(
        &self,
        caller: &Caller,
        method: &'static str,
        location: Location,
        session: Option<SessionUse>,
    ) -> Result<Arc<Operation>, Cause> {
        let priority = match method {
            "Get" | "Put" | "GetFiles" | "PutFiles" => {
                caller.priority.unwrap_or(location.profile.priority)
            }
            _ => Priority::Interactive,
        };
        self.admit_at(caller, method, priority, Some(location), session)
    }

    /// Like [`Broker::admit`], with a given priority; without a location, for an operation that
    /// concerns the module alone.
    pub(crate) fn admit_at(
        &self,
        caller: &Caller,
        method: &'static str,
        priority: Priority,
        location: Option<Location>,
        session: Option<SessionUse>,
    ) -> Result<Arc<Operation>, Cause> {
        if let Some(location) = &location {
            location.profile.allow(&caller.principal, method)?;
        }
        self.admit_allowed(caller, method, priority, location, session)
    }

    /// Like [`Broker::admit_at`], for a step of work that its caller was allowed when it was accepted.
    pub(crate) fn admit_allowed(
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
        let about = location
            .as_ref()
            .and_then(|location| location.about.as_ref())
            .map(|path| Arc::from(path.to_string()));
        let (server, profile) = location
            .map(|location| (location.server, location.profile))
            .unzip();
        let profile: ServerProfile = profile.unwrap_or_default();
        let admission = Admission {
            caller,
            method,
            priority,
            yields: caller.yields.unwrap_or(profile.yields),
            server,
            profile,
            session,
            allowance: allowance.map(Arc::new),
            stall: self.patience().stall,
            about,
            logs_paths: !self.limits().hides_paths,
            events: Arc::clone(&self.shared.events),
        };
        self.shared.operations.admit(&self.shared.link, admission)
    }

    /// The location that a target's relative paths start from.
    pub(crate) fn locate(
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
        Ok((self.servers().resolve(&choice)?, None))
    }

    /// The location of a session; the session does not expire while the second value lives.
    pub(crate) fn use_session(
        &self,
        caller: &Caller,
        id: &SessionId,
    ) -> Result<(Location, SessionUse), Cause> {
        let servers = self.servers();
        let location = self
            .sessions()
            .begin_use(&caller.principal, id, &servers, clock::now())?;
        let session = SessionUse {
            sessions: Arc::clone(&self.shared.sessions),
            id: id.clone(),
        };
        Ok((location, session))
    }

    pub(crate) fn sessions(&self) -> MutexGuard<'_, Sessions> {
        // No code panics while it holds the lock; and if one did, the table would still be valid.
        self.shared.sessions.lock()
    }
}
