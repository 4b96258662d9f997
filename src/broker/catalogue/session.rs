//! Virtual sessions: each has a server, a directory and a transfer type of its caller.

mod in_use;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::location::Location;
use super::servers::Servers;
use crate::broker::terms::share::{Full, Share};
use crate::broker::terms::{Cause, Principal, ServerChoice, SessionId};
use crate::broker::watch::{Events, SessionChange, What};
pub(crate) use in_use::SessionUse;
use simcom_talk::ftps::value::{NameCode, RemotePath, TransferType};

/// Bounds of the sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Sessions in all.
    pub max: usize,
    /// Sessions of one principal.
    pub max_per_principal: usize,
    /// Lease of a session that asks for none.
    pub lease: Duration,
    /// Longest lease granted.
    pub max_lease: Duration,
}

impl Default for Limits {
    /// 1024 sessions, a quarter of them for one principal: a session is a few hundred bytes. A
    /// lease of ten minutes outlives a person's pause; a forgotten session lasts a day at most.
    fn default() -> Self {
        Self {
            max: 1024,
            max_per_principal: 256,
            lease: Duration::from_secs(600),
            max_lease: Duration::from_secs(86_400),
        }
    }
}

/// The properties of a new session.
#[derive(Debug, Clone)]
pub struct SessionRequest {
    /// Its server.
    pub server: ServerChoice,
    /// Directory to begin in; `None`: the login directory.
    pub directory: Option<RemotePath>,
    /// Its transfer type.
    pub transfer_type: TransferType,
    /// How long it lives unused; `None`: the default. The maximum caps it.
    pub lease: Option<Duration>,
}

/// A session that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionInfo {
    /// Identifies the session in later calls.
    pub id: SessionId,
    /// Its directory, as the server named it.
    pub directory: String,
    /// The character code of the server's names.
    pub code: NameCode,
    /// The granted lease.
    pub lease: Duration,
}

/// An open session, for its client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSession {
    /// Its name.
    pub id: SessionId,
    /// Its principal.
    pub principal: Principal,
    /// The profile of its server; `None` for one that the client named.
    pub profile: Option<Arc<str>>,
    /// Its directory, as the server named it.
    pub directory: String,
    /// The character code of the server's names.
    pub code: NameCode,
    /// Its transfer type.
    pub transfer_type: TransferType,
    /// How long it lives unused.
    pub lease: Duration,
    /// The rest of the lease; `None` while an operation uses the session.
    pub left: Option<Duration>,
}

/// All open sessions. Every method that depends on a lease takes `now`.
#[derive(Debug)]
pub(crate) struct Sessions {
    limits: Limits,
    open: HashMap<SessionId, VirtualSession>,
    events: Arc<Events>,
}

/// One client's own view of the link.
#[derive(Debug)]
struct VirtualSession {
    principal: Principal,
    location: Location,
    lease: Duration,
    expires: Instant,
    /// Running operations in it; the session does not expire while there are any.
    uses: usize,
}

impl VirtualSession {
    fn is_over(&self, now: Instant) -> bool {
        self.uses == 0 && now >= self.expires
    }
}

impl Sessions {
    pub(crate) fn new(limits: Limits, events: Arc<Events>) -> Self {
        Self {
            limits,
            open: HashMap::new(),
            events,
        }
    }

    /// Takes over other bounds, and closes sessions whose profiles lead to another account by now. Whoever is open
    /// beyond a bound stays.
    pub(crate) fn reload(&mut self, limits: Limits, servers: &Servers) {
        self.limits = limits;
        let lost = self
            .open
            .extract_if(|_, session| matches!(servers.renew(&mut session.location), Ok(None)));
        for (id, session) in lost {
            tell(&self.events, session.principal, id, SessionChange::Closed);
        }
    }

    /// Ends the sessions whose leases ran out.
    pub(crate) fn sweep(&mut self, now: Instant) {
        let over = self.open.extract_if(|_, session| session.is_over(now));
        for (id, session) in over {
            tell(&self.events, session.principal, id, SessionChange::Expired);
        }
    }

    /// Whether one more session may be opened.
    pub(crate) fn room(&mut self, principal: &Principal, now: Instant) -> Result<(), Cause> {
        self.sweep(now);
        let own = self
            .open
            .values()
            .filter(|session| session.principal == *principal)
            .count();
        let share = Share {
            in_all: self.limits.max as u64,
            of_one: self.limits.max_per_principal as u64,
        };
        let admitted = share.admit(self.open.len() as u64, own as u64, 1);
        admitted.map_err(|Full { own }| Cause::TooManySessions { own })
    }

    /// Opens a session. Answers its name and the granted lease.
    pub(crate) fn open(
        &mut self,
        principal: Principal,
        location: Location,
        lease: Option<Duration>,
        now: Instant,
    ) -> Result<(SessionId, Duration), Cause> {
        self.room(&principal, now)?;
        let lease = lease
            .unwrap_or(self.limits.lease)
            .min(self.limits.max_lease);
        let id = SessionId::new(Uuid::new_v4().to_string());
        let session = VirtualSession {
            principal,
            location,
            lease,
            expires: now + lease,
            uses: 0,
        };
        let principal = session.principal.clone();
        self.open.insert(id.clone(), session);
        tell(&self.events, principal, id.clone(), SessionChange::Opened);
        Ok((id, lease))
    }

    /// Ends a session.
    pub(crate) fn close(
        &mut self,
        principal: &Principal,
        id: &SessionId,
        now: Instant,
    ) -> Result<(), Cause> {
        self.find(principal, id, now)?;
        self.open.remove(id);
        let (principal, id) = (principal.clone(), id.clone());
        tell(&self.events, principal, id, SessionChange::Closed);
        Ok(())
    }

    /// The location of a session. Its lease restarts.
    pub(crate) fn location(
        &mut self,
        principal: &Principal,
        id: &SessionId,
        now: Instant,
    ) -> Result<&mut Location, Cause> {
        self.find(principal, id, now)
            .map(|session| &mut session.location)
    }

    /// The location of a session by the profiles of now, for an operation that begins: the session does not expire
    /// until [`Sessions::end_use`].
    pub(crate) fn begin_use(
        &mut self,
        principal: &Principal,
        id: &SessionId,
        servers: &Servers,
        now: Instant,
    ) -> Result<Location, Cause> {
        let session = self.find(principal, id, now)?;
        let renewed = servers.renew(&mut session.location)?;
        renewed.ok_or(Cause::SessionNotFound)?;
        session.uses += 1;
        Ok(session.location.clone())
    }

    /// An operation has ended. Does nothing if the session was closed meanwhile.
    pub(crate) fn end_use(&mut self, id: &SessionId, now: Instant) {
        if let Some(session) = self.open.get_mut(id) {
            session.uses = session.uses.saturating_sub(1);
            session.expires = now + session.lease;
        }
    }

    /// The sessions of one principal, or of all, in the order of their ids.
    pub(crate) fn of(&self, principal: Option<&Principal>, now: Instant) -> Vec<OpenSession> {
        let own = self.open.iter().filter(|(_, session)| {
            principal.is_none_or(|one| session.principal == *one) && !session.is_over(now)
        });
        let mut own: Vec<_> = own
            .map(|(id, session)| OpenSession {
                id: id.clone(),
                principal: session.principal.clone(),
                profile: session.location.profile.name.clone(),
                directory: session.location.name.clone(),
                code: session.location.profile.code,
                transfer_type: session.location.transfer_type,
                lease: session.lease,
                left: (session.uses == 0).then(|| session.expires.duration_since(now)),
            })
            .collect();
        own.sort_by(|a, b| a.id.as_str().cmp(b.id.as_str()));
        own
    }

    /// Open sessions.
    pub(crate) fn count(&self, now: Instant) -> usize {
        self.open
            .values()
            .filter(|session| !session.is_over(now))
            .count()
    }

    fn find(
        &mut self,
        principal: &Principal,
        id: &SessionId,
        now: Instant,
    ) -> Result<&mut VirtualSession, Cause> {
        let session = self
            .open
            .get_mut(id)
            .filter(|session| session.principal == *principal && !session.is_over(now))
            .ok_or(Cause::SessionNotFound)?;
        session.expires = now + session.lease;
        Ok(session)
    }
}

fn tell(events: &Events, principal: Principal, id: SessionId, change: SessionChange) {
    let own = Some((principal, id));
    events.tell(What::Session { own, change });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::testing::server;
    use crate::modem::clock;

    const MINUTE: Duration = Duration::from_secs(60);

    fn sessions() -> Sessions {
        let limits = Limits {
            max: 3,
            max_per_principal: 2,
            lease: 10 * MINUTE,
            max_lease: 60 * MINUTE,
        };
        Sessions::new(limits, Arc::default())
    }

    fn open(sessions: &mut Sessions, name: &str, now: Instant) -> Result<SessionId, Cause> {
        let location = Location::login(server("h"));
        sessions
            .open(Principal::new(name), location, None, now)
            .map(|(id, _)| id)
    }

    #[test]
    fn a_session_lives_as_long_as_it_is_used() {
        let (mut sessions, start) = (sessions(), clock::now());
        let me = Principal::new("me");
        let id = open(&mut sessions, "me", start).unwrap();
        sessions.location(&me, &id, start + 9 * MINUTE).unwrap();
        sessions.location(&me, &id, start + 18 * MINUTE).unwrap();
        assert_eq!(sessions.count(start + 28 * MINUTE), 0);
        assert!(matches!(
            sessions.location(&me, &id, start + 28 * MINUTE),
            Err(Cause::SessionNotFound)
        ));
    }

    #[test]
    fn a_session_does_not_end_under_a_long_operation() {
        let (mut sessions, start) = (sessions(), clock::now());
        let me = Principal::new("me");
        let id = open(&mut sessions, "me", start).unwrap();
        let servers = Servers::new([], true);
        sessions.begin_use(&me, &id, &servers, start).unwrap();
        let late = start + 300 * MINUTE;
        assert_eq!(sessions.count(late), 1);
        sessions.end_use(&id, late);
        sessions.location(&me, &id, late + 9 * MINUTE).unwrap();
        sessions.close(&me, &id, late).unwrap();
        sessions.end_use(&id, late);
        assert_eq!(sessions.count(late), 0);
    }

    #[test]
    fn another_principals_session_cannot_be_told_from_none() {
        let (mut sessions, now) = (sessions(), clock::now());
        let id = open(&mut sessions, "me", now).unwrap();
        let other = Principal::new("other");
        assert!(matches!(
            sessions.location(&other, &id, now),
            Err(Cause::SessionNotFound)
        ));
        assert!(matches!(
            sessions.begin_use(&other, &id, &Servers::default(), now),
            Err(Cause::SessionNotFound)
        ));
        assert!(matches!(
            sessions.close(&other, &id, now),
            Err(Cause::SessionNotFound)
        ));
        assert_eq!(sessions.count(now), 1);
    }

    #[test]
    fn sessions_are_bounded_and_those_that_ended_do_not_count() {
        let (mut sessions, now) = (sessions(), clock::now());
        open(&mut sessions, "a", now).unwrap();
        open(&mut sessions, "a", now).unwrap();
        assert!(matches!(
            open(&mut sessions, "a", now),
            Err(Cause::TooManySessions { own: true })
        ));
        open(&mut sessions, "b", now).unwrap();
        assert!(matches!(
            open(&mut sessions, "c", now),
            Err(Cause::TooManySessions { own: false })
        ));
        open(&mut sessions, "a", now + 10 * MINUTE).unwrap();
    }

    #[test]
    fn a_lease_is_cut_to_the_longest() {
        let (mut sessions, now) = (sessions(), clock::now());
        for (asked, granted) in [(None, 10), (Some(5), 5), (Some(600), 60)] {
            let lease = asked.map(|minutes| minutes * MINUTE);
            let location = Location::login(server("h"));
            let name = Principal::new(granted.to_string());
            let (_, lease) = sessions.open(name, location, lease, now).unwrap();
            assert_eq!(lease, granted * MINUTE);
        }
    }
}
