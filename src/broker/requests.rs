//! Requests that have a name, so that each is carried out once (AIP-155).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Broker;
use super::caller::{Caller, Principal};
use super::error::{Cause, Error};
use super::operation::Ended;
use super::queue::Found;
use super::share::Share;
use crate::modem::{JobId, clock};

/// How long a request is known after its answer: long enough for a caller whose connection broke to come back.
const KEPT: Duration = Duration::from_secs(600);

/// How many are known, each of about a kilobyte.
const REQUESTS: Share = Share {
    in_all: 512,
    of_one: 128,
};

/// Bytes of the answers that are known: most have a hundred, and none has more than an error (4 KiB) but for the
/// answers of raw AT lines.
const ANSWERS: Share = Share {
    in_all: 1 << 20,
    of_one: 256 << 10,
};

/// When a place may be free where all of a principal's named requests still run.
const RETRY: Duration = Duration::from_secs(5);

/// What a caller calls a request: 1 to [`RequestId::MAX`] of `A-Z a-z 0-9 . _ -`, as the id of a transfer, so that a
/// script can use one name for both.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// Most bytes.
    pub const MAX: usize = 128;

    /// Takes a name. `None` where it breaks the rule.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let usable = (1..=Self::MAX).contains(&name.len()) && name.bytes().all(good);
        usable.then(|| Self(name.into()))
    }
}

/// A request that has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its name.
    pub id: RequestId,
    /// What it asks for: the same for the same request, and for no other.
    pub fingerprint: [u8; 32],
}

/// What is to be done with a named request.
#[derive(Debug)]
pub enum Begin {
    /// It is carried out. The answer goes to the ticket.
    Anew(Ticket),
    /// It was carried out before, and this was the answer.
    Answered(Bytes),
    /// It is being carried out.
    Running(Running),
}

/// A request that is being carried out for another call.
#[derive(Debug)]
pub struct Running {
    /// What it does on the link, where it has begun that.
    pub operation: Option<JobId>,
    changed: watch::Receiver<()>,
}

impl Running {
    /// Completes when that may be over.
    pub async fn over(&mut self) {
        // Closed: it was forgotten, and so is over.
        let _ = self.changed.changed().await;
    }
}

/// The duty to carry out a request. Dropped without an answer, the request may be carried out again once what it
/// began has ended.
#[derive(Debug)]
pub struct Ticket {
    requests: Arc<Requests>,
    key: Key,
    turn: u64,
}

impl Ticket {
    /// The answer that every other call of the request has from now on. Where nothing was begun, it is not kept.
    pub fn answer(self, answer: Bytes) {
        let requests = Arc::clone(&self.requests);
        let mut table = requests.table();
        let entry = table.of(&self.key, self.turn);
        if let Some(entry) = entry.filter(|entry| entry.operation.is_some()) {
            entry.answer = Some(answer);
        }
        drop(table);
        // The ticket tells those who wait.
        drop(self);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut table = self.requests.table();
        let Some(entry) = table.of(&self.key, self.turn) else {
            return;
        };
        entry.is_held = false;
        entry.since = clock::now();
        entry.changed.send_replace(());
        // It was refused before it began.
        if entry.operation.is_none() && entry.answer.is_none() {
            table.entries.remove(&self.key);
        }
        table.forget_answers(&self.key.0);
    }
}

impl Broker {
    /// Begins what a caller has named, or finds what it came to before.
    ///
    /// # Errors
    /// [`Cause::RequestIdUsed`], or too many of the caller's still run.
    pub fn begin_once(&self, caller: &Caller, named: &Named) -> Result<Begin, Error> {
        let requests = &self.shared.operations.requests;
        Ok(requests.begin(&caller.principal, named, clock::now())?)
    }

    /// The operation that a request of the caller's has made last.
    ///
    /// # Errors
    /// [`Cause::OperationNotFound`].
    pub fn operation_of_request(&self, caller: &Caller, id: &RequestId) -> Result<Found, Error> {
        let requests = &self.shared.operations.requests;
        match requests.operation(&caller.principal, id, clock::now()) {
            Some(Known::Ended(ended)) => Ok(Found::Ended(*ended)),
            Some(Known::Live(operation)) => self.operation(caller, &operation),
            None => Err(Cause::OperationNotFound.into()),
        }
    }
}

/// All requests that are known.
#[derive(Debug, Default)]
pub(super) struct Requests(Mutex<Table>);

/// Whose, and which.
type Key = (Principal, RequestId);

#[derive(Debug, Default)]
struct Table {
    entries: HashMap<Key, Entry>,
    turn: u64,
}

#[derive(Debug)]
struct Entry {
    fingerprint: [u8; 32],
    /// Tells one that was carried out again from the one before.
    turn: u64,
    /// Somebody has the ticket.
    is_held: bool,
    answer: Option<Bytes>,
    operation: Option<JobId>,
    ended: Option<Box<Ended>>,
    /// Since when nobody has changed it.
    since: Instant,
    changed: watch::Sender<()>,
}

/// What is known of the operation of a request.
enum Known {
    Live(JobId),
    Ended(Box<Ended>),
}

impl Requests {
    fn begin(
        self: &Arc<Self>,
        principal: &Principal,
        named: &Named,
        now: Instant,
    ) -> Result<Begin, Cause> {
        let key = (principal.clone(), named.id.clone());
        let mut table = self.table();
        table.forget_old(now);
        if let Some(entry) = table.entries.get(&key) {
            if entry.fingerprint != named.fingerprint {
                return Err(Cause::RequestIdUsed);
            }
            if let Some(answer) = &entry.answer {
                return Ok(Begin::Answered(answer.clone()));
            }
            if entry.is_running() {
                return Ok(Begin::Running(Running {
                    operation: entry.operation.clone(),
                    changed: entry.changed.subscribe(),
                }));
            }
        }
        let turn = table.enter(key.clone(), named, true, now)?;
        Ok(Begin::Anew(Ticket {
            requests: Arc::clone(self),
            key,
            turn,
        }))
    }

    /// An operation begins for a named request: the first since somebody took its ticket, or since it was made again.
    pub(super) fn bind(
        &self,
        principal: &Principal,
        named: &Named,
        operation: &JobId,
        now: Instant,
    ) -> Result<(), Cause> {
        let key = (principal.clone(), named.id.clone());
        let mut table = self.table();
        table.forget_old(now);
        match table.entries.get_mut(&key) {
            Some(entry) if entry.fingerprint != named.fingerprint => {
                return Err(Cause::RequestIdUsed);
            }
            // A request that looks at what it came to makes a second one.
            Some(entry) if entry.is_held && entry.operation.is_some() => return Ok(()),
            Some(entry) if entry.is_held => {
                entry.operation = Some(operation.clone());
                return Ok(());
            }
            _ => {}
        }
        // It changes nothing, and nobody keeps its answer.
        table.enter(key.clone(), named, false, now)?;
        if let Some(entry) = table.entries.get_mut(&key) {
            entry.operation = Some(operation.clone());
        }
        Ok(())
    }

    /// An operation has ended.
    pub(super) fn ended(&self, named: &Named, ended: &Ended) {
        let Some(principal) = ended.about.principal.clone() else {
            return;
        };
        let mut table = self.table();
        let entry = table.entries.get_mut(&(principal, named.id.clone()));
        if let Some(entry) = entry
            && entry.operation.as_ref() == Some(&ended.about.operation)
        {
            entry.ended = Some(Box::new(ended.clone()));
            entry.since = ended.at;
            entry.changed.send_replace(());
        }
    }

    fn operation(&self, principal: &Principal, id: &RequestId, now: Instant) -> Option<Known> {
        let mut table = self.table();
        table.forget_old(now);
        let entry = table.entries.get(&(principal.clone(), id.clone()))?;
        match &entry.ended {
            Some(ended) => Some(Known::Ended(ended.clone())),
            None => entry.operation.clone().map(Known::Live),
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // No code panics while it holds the lock; were it so, the requests are still requests.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Makes an entry in place of one that may be there.
    fn enter(
        &mut self,
        key: Key,
        named: &Named,
        is_held: bool,
        now: Instant,
    ) -> Result<u64, Cause> {
        self.entries.remove(&key);
        self.make_place(&key.0)?;
        self.turn += 1;
        let turn = self.turn;
        let entry = Entry {
            fingerprint: named.fingerprint,
            turn,
            is_held,
            answer: None,
            operation: None,
            ended: None,
            since: now,
            changed: watch::Sender::new(()),
        };
        self.entries.insert(key, entry);
        Ok(turn)
    }

    fn of(&mut self, key: &Key, turn: u64) -> Option<&mut Entry> {
        self.entries.get_mut(key).filter(|entry| entry.turn == turn)
    }

    fn forget_old(&mut self, now: Instant) {
        self.entries.retain(|_, entry| {
            entry.is_running() || now.saturating_duration_since(entry.since) < KEPT
        });
    }

    /// Has a place for one more of a principal's: the oldest that does not run makes it.
    fn make_place(&mut self, principal: &Principal) -> Result<(), Cause> {
        loop {
            let own = self.entries.keys().filter(|key| key.0 == *principal);
            let own = own.count() as u64 >= REQUESTS.of_one;
            if !own && (self.entries.len() as u64) < REQUESTS.in_all {
                return Ok(());
            }
            let oldest =
                self.oldest(|key, entry| !entry.is_running() && (!own || key.0 == *principal));
            let oldest = oldest.ok_or(Cause::QueueFull {
                own,
                retry_after: RETRY,
            })?;
            self.entries.remove(&oldest);
        }
    }

    /// Forgets the oldest answers where they are too many bytes.
    fn forget_answers(&mut self, principal: &Principal) {
        loop {
            let bytes = |entry: &Entry| entry.answer.as_ref().map_or(0, Bytes::len) as u64;
            let of_own = self.entries.iter().filter(|(key, _)| key.0 == *principal);
            let own = of_own.map(|(_, entry)| bytes(entry)).sum::<u64>() > ANSWERS.of_one;
            let all = self.entries.values().map(bytes).sum::<u64>() > ANSWERS.in_all;
            if !own && !all {
                return;
            }
            let oldest = self.oldest(|key, entry| {
                entry.answer.is_some() && !entry.is_running() && (!own || key.0 == *principal)
            });
            match oldest {
                Some(oldest) => self.entries.remove(&oldest),
                None => return,
            };
        }
    }

    fn oldest(&self, is_meant: impl Fn(&Key, &Entry) -> bool) -> Option<Key> {
        let meant = self
            .entries
            .iter()
            .filter(|(key, entry)| is_meant(key, entry));
        let (key, _) = meant.min_by_key(|(_, entry)| (entry.since, entry.turn))?;
        Some(key.clone())
    }
}

impl Entry {
    /// Somebody carries it out, or what it began has not ended.
    fn is_running(&self) -> bool {
        self.is_held || (self.operation.is_some() && self.ended.is_none())
    }
}

#[cfg(test)]
mod tests;
