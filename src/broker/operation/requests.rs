//! Named requests, each carried out once (AIP-155).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::broker::operation::Ended;
use crate::broker::terms::share::Share;
use crate::broker::terms::{Cause, Named, Principal, RequestId};
use crate::modem::{JobId, clock};

/// How long a request is kept after its answer: a caller whose connection broke has time to come
/// back.
const KEPT: Duration = Duration::from_secs(600);

/// How many requests are kept, each of about a kilobyte.
const REQUESTS: Share = Share {
    in_all: 512,
    of_one: 128,
};

/// Bytes of the kept answers. Most answers have a hundred; none but that of a raw AT line is longer
/// than an error (4 KiB).
const ANSWERS: Share = Share {
    in_all: 1 << 20,
    of_one: 256 << 10,
};

/// When the caller may retry if all named requests of its principal still run.
const RETRY: Duration = Duration::from_secs(5);

/// What to do with a named request.
#[derive(Debug)]
pub enum Begin {
    /// Carry it out, and give the answer to the ticket.
    Anew(Ticket),
    /// It was carried out before; this was the answer.
    Answered(Bytes),
    /// Another call is carrying it out.
    Running(Running),
}

/// A request that another call is carrying out.
#[derive(Debug)]
pub struct Running {
    /// Its operation, if it has begun one.
    pub operation: Option<JobId>,
    changed: watch::Receiver<()>,
}

impl Running {
    /// Completes when the request may be over.
    pub async fn over(&mut self) {
        // A closed channel means that the request was forgotten, and so is over.
        let _ = self.changed.changed().await;
    }
}

/// The duty to carry out a request. If it is dropped without an answer, the request may be carried
/// out again once its operation has ended.
#[derive(Debug)]
pub struct Ticket {
    requests: Arc<Requests>,
    key: Key,
    turn: u64,
}

impl Ticket {
    /// Sets the answer that every other call of the request gets. It is not kept if the request
    /// began no operation.
    pub fn answer(self, answer: Bytes) {
        let requests = Arc::clone(&self.requests);
        let mut table = requests.table();
        let entry = table.of(&self.key, self.turn);
        if let Some(entry) = entry.filter(|entry| entry.operation.is_some()) {
            entry.answer = Some(answer);
        }
        drop(table);
        // Dropping the ticket wakes the waiting calls.
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
        // The request was refused before it began.
        if entry.operation.is_none() && entry.answer.is_none() {
            table.entries.remove(&self.key);
        }
        table.forget_answers(&self.key.0);
    }
}

/// All kept requests.
#[derive(Debug, Default)]
pub(crate) struct Requests(Mutex<Table>);

/// The principal, and the request's name.
type Key = (Principal, RequestId);

#[derive(Debug, Default)]
struct Table {
    entries: HashMap<Key, Entry>,
    turn: u64,
}

#[derive(Debug)]
struct Entry {
    fingerprint: [u8; 32],
    /// Distinguishes a request that is carried out again from the one before.
    turn: u64,
    /// A call holds the ticket.
    is_held: bool,
    answer: Option<Bytes>,
    operation: Option<JobId>,
    ended: Option<Box<Ended>>,
    /// The last change.
    since: Instant,
    changed: watch::Sender<()>,
}

/// What is known of a request's operation.
pub(crate) enum Known {
    Live(JobId),
    Ended(Box<Ended>),
}

impl Requests {
    pub(crate) fn begin(
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

    /// An operation begins for a named request: the first since a call took its ticket, or since
    /// the request was repeated.
    pub(crate) fn bind(
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
            // A request that checks its own result makes a second operation.
            Some(entry) if entry.is_held && entry.operation.is_some() => return Ok(()),
            Some(entry) if entry.is_held => {
                entry.operation = Some(operation.clone());
                return Ok(());
            }
            _ => {}
        }
        // The request changes nothing, and nobody keeps its answer.
        table.enter(key.clone(), named, false, now)?;
        if let Some(entry) = table.entries.get_mut(&key) {
            entry.operation = Some(operation.clone());
        }
        Ok(())
    }

    /// An operation has ended.
    pub(crate) fn ended(&self, named: &Named, ended: &Ended) {
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

    pub(crate) fn operation(
        &self,
        principal: &Principal,
        id: &RequestId,
        now: Instant,
    ) -> Option<Known> {
        let mut table = self.table();
        table.forget_old(now);
        let entry = table.entries.get(&(principal.clone(), id.clone()))?;
        match &entry.ended {
            Some(ended) => Some(Known::Ended(ended.clone())),
            None => entry.operation.clone().map(Known::Live),
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // No code panics while it holds the lock; and if one did, the table would still be valid.
        self.0.lock()
    }
}

impl Table {
    /// Adds an entry, in place of one that may be there.
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

    /// Makes room for one more request of a principal: drops the oldest that does not run.
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

    /// Drops the oldest answers while they have too many bytes.
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
    /// A call carries it out, or its operation has not ended.
    fn is_running(&self) -> bool {
        self.is_held || (self.operation.is_some() && self.ended.is_none())
    }
}

#[cfg(test)]
mod tests;
