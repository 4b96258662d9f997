//! What the calls of a connection know of it: who is at its other end, and whether calls are running.

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;
use tonic::{Extensions, Status};

use super::peer::Peer;
use super::status;
use crate::broker::terms::Principal;
use crate::broker::terms::share::Full;
use crate::modem::clock;

/// A connection as its calls see it. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct ConnectionInfo(Arc<Known>);

#[derive(Debug)]
struct Known {
    peer: Peer,
    /// The principal that it is counted for.
    principal: Principal,
    /// There was no place for it: its calls get a status which says so.
    turned_away: Option<Full>,
    calls: Mutex<Calls>,
}

#[derive(Debug)]
struct Calls {
    running: usize,
    /// When the last one ended.
    since: Instant,
}

impl ConnectionInfo {
    pub(super) fn new(peer: Peer, turned_away: Option<Full>) -> Self {
        let calls = Calls {
            running: 0,
            since: clock::now(),
        };
        Self(Arc::new(Known {
            principal: peer.counted_as(),
            peer,
            turned_away,
            calls: Mutex::new(calls),
        }))
    }

    pub(super) fn peer(&self) -> &Peer {
        &self.0.peer
    }

    /// The principal that its connection and calls are counted for.
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
        // No code panics while it holds the lock, and the counts would be right after a panic.
        self.0.calls.lock()
    }
}

/// A call that runs.
#[derive(Debug)]
pub(super) struct Running(ConnectionInfo);

impl Drop for Running {
    fn drop(&mut self) {
        let mut calls = self.0.calls();
        calls.running -= 1;
        calls.since = clock::now();
    }
}

/// The principal of a request with these extensions.
pub(super) fn principal(extensions: &Extensions) -> Result<Principal, Status> {
    let info = extensions.get::<ConnectionInfo>();
    info.ok_or_else(|| status::no_identity("the system does not tell who is calling"))?
        .peer()
        .principal()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::certificate::Nameless;

    #[test]
    fn the_door_names_the_principal() {
        let mut extensions = Extensions::new();
        assert_eq!(
            principal(&extensions).unwrap_err().code(),
            tonic::Code::Unauthenticated
        );
        let cases = [
            (Peer::User(1000), "uid:1000"),
            (Peer::Tcp, "tcp"),
            (Peer::Certificate("backup".into()), "cert:backup"),
        ];
        for (peer, want) in cases {
            extensions.insert(ConnectionInfo::new(peer, None));
            assert_eq!(principal(&extensions).unwrap().as_str(), want);
        }
        extensions.insert(ConnectionInfo::new(Peer::Nameless(Nameless::NoName), None));
        let status = principal(&extensions).unwrap_err();
        assert_eq!(status.code(), tonic::Code::Unauthenticated);
        assert!(status.message().contains("names nobody"), "{status:?}");
    }
}
