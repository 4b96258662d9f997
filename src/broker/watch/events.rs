//! Events for watchers; no watcher can slow the broker.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::broadcast;

use super::metrics;
use super::what::{Event, What};
use crate::broker::terms::share::{Full, Place, Places, Share};
use crate::broker::terms::{Cause, Principal};
use crate::modem::clock;

/// Events kept for watchers that are behind. All watchers share them, so a slow one costs nothing:
/// 4096 events are a thousand operations, and about a megabyte.
const KEPT: usize = 4096;

/// Watchers in all, and of one principal. Each costs a stream; one client needs one.
const WATCHERS: Share = Share {
    in_all: 64,
    of_one: 16,
};

/// Sends events to all watchers.
#[derive(Debug)]
pub(crate) struct Events {
    log: Mutex<Log>,
    watchers: Arc<Places>,
}

#[derive(Debug)]
struct Log {
    sequence: u64,
    tell: broadcast::Sender<Arc<Event>>,
}

impl Default for Events {
    fn default() -> Self {
        let log = Log {
            sequence: 0,
            tell: broadcast::Sender::new(KEPT),
        };
        Self {
            log: Mutex::new(log),
            watchers: Arc::new(Places::new(WATCHERS)),
        }
    }
}

impl Events {
    /// Sends an event. Never waits for a watcher.
    pub(crate) fn tell(&self, what: What) {
        metrics::event(&what);
        let mut log = self.log.lock();
        log.sequence += 1;
        let event = Event {
            sequence: log.sequence,
            time: clock::wall(clock::now()),
            what,
        };
        // Without watchers there is no receiver.
        let _ = log.tell.send(Arc::new(event));
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Arc<Event>> {
        let log = self.log.lock();
        log.tell.subscribe()
    }

    pub(crate) fn seat(&self, principal: &Principal) -> Result<Place, Cause> {
        let seat = self.watchers.take(principal);
        seat.map_err(|Full { own }| Cause::TooManyWatchers { own })
    }
}
