//! Somebody who came in: who they are, and whether they do something.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::auth::Peer;
use crate::broker::terms::Principal;
use crate::broker::terms::share::Full;
use crate::modem::clock;

/// A connection as its calls see it. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Visit(Arc<Known>);

#[derive(Debug)]
struct Known {
    peer: Peer,
    /// What it is counted as.
    principal: Principal,
    /// There was no room for it: its calls are told so.
    turned_away: Option<Full>,
    calls: Mutex<Calls>,
}

#[derive(Debug)]
struct Calls {
    running: usize,
    /// When the last one ended.
    since: Instant,
}

impl Visit {
    pub(super) fn new(peer: Peer, turned_away: Option<Full>) -> Self {
        let calls = Calls {
            running: 0,
            since: clock::now(),
        };
        Self(Arc::new(Known {
            principal: counted_as(&peer),
            peer,
            turned_away,
            calls: Mutex::new(calls),
        }))
    }

    pub(super) fn peer(&self) -> &Peer {
        &self.0.peer
    }

    /// Whose its connection and calls are counted as.
    pub(super) fn principal(&self) -> &Principal {
        &self.0.principal
    }

    pub(super) fn turned_away(&self) -> Option<Full> {
        self.0.turned_away
    }

    /// A call begins, and ends when the answer is dropped.
    pub(super) fn call(&self) -> Running {
        self.calls().running += 1;
        Running(self.clone())
    }

    /// Since when there was no call; `None` while there is one.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let calls = self.calls();
        (calls.running == 0).then_some(calls.since)
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        // No code panics while it holds the lock; were it so, the counts are still counts.
        self.0.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call of a visit.
#[derive(Debug)]
pub(super) struct Running(Visit);

impl Drop for Running {
    fn drop(&mut self) {
        let mut calls = self.0.calls();
        calls.running -= 1;
        calls.since = clock::now();
    }
}

/// All who have no name share what one may have.
pub(super) fn counted_as(peer: &Peer) -> Principal {
    peer.principal()
        .unwrap_or_else(|_| Principal::new("nobody"))
}
