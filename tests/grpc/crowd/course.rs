//! Whether the event log obeys the stated rules of the queue: `Scheduler::rank`.

use std::collections::{HashMap, HashSet};

use cellftp::client::operation_event::Change;
use cellftp::client::watch_events_response::Event;
use cellftp::client::{OperationInfo, WatchEventsResponse};

/// Between admission and the queue there is a switch of tasks, which may wait for a processor, and
/// with a Put for the first bytes. Operations that came within this many seconds of each other may
/// have come in either order. It is more where a busy machine took longer until all had come.
const SWITCH: f64 = 2.0;

/// The queue as the event log tells it.
pub(super) struct Course<'a> {
    operations: &'a HashMap<String, OperationInfo>,
    patience: f64,
    switch: f64,
    waiting: HashMap<&'a str, Waiting>,
    began: HashSet<&'a str>,
    /// The server of the last that began.
    at: &'a str,
    /// Number of the last turn of a principal, and when it was.
    turns: HashMap<&'a str, (usize, f64)>,
    all: usize,
    found: Found,
}

/// The result. Times are seconds.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Events within this time of each other may have happened in either order.
    pub(super) uncertain: f64,
    /// Pairs of an operation that began and one that waited, for which the rules set an order.
    pub(super) compared: usize,
    /// Changes of server.
    pub(super) logins: usize,
    pub(super) turns: usize,
    /// How often an operation went first because its patience had ended.
    pub(super) patience_ended: usize,
    /// The longest time that an operation had the link.
    pub(super) stay: f64,
    pub(super) longest_wait: f64,
    /// The largest part of its own bound that an operation waited.
    pub(super) part_of_bound: f64,
    /// The longest that a principal waited for a turn, and the bound for that.
    pub(super) longest_gap: f64,
    pub(super) gap_bound: f64,
    /// How long the first operation of each principal waited.
    pub(super) first: Vec<(String, f64)>,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    admitted: f64,
    /// Turns that older operations of its principal take while it waits, plus its own.
    place: usize,
    /// When its patience begins to count, at the earliest and at the latest.
    since: (f64, f64),
}

impl<'a> Course<'a> {
    /// Of operations by their ids, with `patience` in seconds.
    pub(super) fn of(operations: &'a HashMap<String, OperationInfo>, patience: u32) -> Self {
        Self {
            operations,
            patience: f64::from(patience),
            switch: SWITCH,
            waiting: HashMap::new(),
            began: HashSet::new(),
            at: "",
            turns: HashMap::new(),
            all: 0,
            found: Found::default(),
        }
    }

    /// Panics where a rule was broken.
    pub(super) fn check(mut self, log: &[WatchEventsResponse]) -> Found {
        let came = log.iter().filter(|event| came(event)).map(seconds);
        let first = came.clone().fold(f64::INFINITY, f64::min);
        self.switch = SWITCH.max(came.fold(0.0, f64::max) - first);
        self.found.uncertain = self.switch;
        let mut waits: Vec<(&str, usize, f64, f64)> = Vec::new();
        for event in log {
            let Some(Event::Operation(told)) = &event.event else {
                continue;
            };
            let now = seconds(event);
            let id = &told.operation.as_ref().unwrap().operation_id;
            let (id, about) = self.operations.get_key_value(id).unwrap();
            match told.change.as_ref().unwrap() {
                Change::Admitted(_) | Change::Yielded(_) => self.comes(id, now),
                Change::Started(_) | Change::Resumed(_) => {
                    let chosen = self.waiting.remove(id.as_str()).unwrap();
                    let gap = self.begins(id, about, chosen, now);
                    waits.push((id, chosen.place, now - chosen.admitted, gap));
                }
                Change::Ended(how) => {
                    assert!(!self.waiting.contains_key(id.as_str()), "it never began");
                    assert!(self.began.remove(id.as_str()), "it ends once");
                    let on_link = how.link_duration.as_ref().unwrap();
                    let stay = on_link.seconds as f64 + f64::from(on_link.nanos) / 1e9;
                    self.found.stay = self.found.stay.max(stay);
                }
                Change::Moved(_) => {}
            }
        }
        assert!(self.waiting.is_empty() && self.began.is_empty());
        let principals = self.turns.len() as f64;
        let round = self.patience + principals * self.found.stay;
        self.found.gap_bound = round;
        for (id, place, waited, gap) in waits {
            let bound = place as f64 * round;
            assert!(
                waited <= bound + self.switch,
                "{id} waited {waited:.1} s, {bound:.1} at most"
            );
            self.found.longest_wait = self.found.longest_wait.max(waited);
            self.found.part_of_bound = self.found.part_of_bound.max(waited / bound);
            assert!(
                gap <= round + self.switch,
                "{gap:.1} s without a turn, {round:.1} at most"
            );
            self.found.longest_gap = self.found.longest_gap.max(gap);
        }
        self.found
    }

    fn comes(&mut self, id: &'a str, now: f64) {
        let waiting = Waiting {
            admitted: now,
            place: 1,
            since: (now, now),
        };
        self.began.remove(id);
        self.waiting.insert(id, waiting);
    }

    /// An operation has a turn. Returns how long its principal had waited for it.
    fn begins(&mut self, id: &'a str, about: &'a OperationInfo, chosen: Waiting, now: f64) -> f64 {
        for (other, waiting) in &self.waiting {
            if waiting.admitted + self.switch < now {
                let that = &self.operations[*other];
                let first = self.goes_first(about, chosen, that, *waiting, now);
                self.found.compared += usize::from(first.is_some());
                assert!(
                    first != Some(false),
                    "{about:?} {chosen:?} before {that:?} {waiting:?}"
                );
            }
        }
        self.found.patience_ended += usize::from(self.starves(chosen, now) == Some(true));
        self.found.logins += usize::from(self.at != about.profile);
        self.found.turns += 1;
        self.at = &about.profile;
        self.all += 1;
        let switch = self.switch;
        for (other, waiting) in &mut self.waiting {
            let that = &self.operations[*other];
            if that.principal != about.principal {
                continue;
            }
            waiting.place += usize::from(waiting.admitted + switch > chosen.admitted);
            if that.priority != about.priority {
                continue;
            }
            if waiting.admitted > chosen.admitted + switch {
                waiting.since.0 = now;
            }
            if waiting.admitted + switch > chosen.admitted {
                waiting.since.1 = now;
            }
        }
        let last = self.turns.insert(&about.principal, (self.all, now));
        if last.is_none() {
            let first = (about.principal.clone(), now - chosen.admitted);
            self.found.first.push(first);
        }
        self.began.insert(id);
        // It did not wait before the oldest waiting operation of its principal came, nor before it
        // came itself.
        let own = self.waiting.iter();
        let own = own.filter(|(id, _)| self.operations[**id].principal == about.principal);
        let oldest = own.map(|(_, waiting)| waiting.admitted);
        let oldest = oldest.fold(chosen.admitted, f64::min);
        now - last.map_or(oldest, |(_, last)| last.max(oldest))
    }

    /// Whether its patience has ended, if that is certain.
    fn starves(&self, waiting: Waiting, now: f64) -> Option<bool> {
        let (early, late) = waiting.since;
        if now - late >= self.patience + self.switch {
            Some(true)
        } else if now - early < self.patience - self.switch {
            Some(false)
        } else {
            None
        }
    }

    /// Whether the rules put the first before the second. `None` where either order is possible.
    fn goes_first(
        &self,
        one: &OperationInfo,
        first: Waiting,
        other: &OperationInfo,
        second: Waiting,
        now: f64,
    ) -> Option<bool> {
        let turn =
            |about: &OperationInfo| self.turns.get(about.principal.as_str()).map_or(0, |t| t.0);
        let fair = (one.principal != other.principal).then(|| turn(one) <= turn(other));
        match (self.starves(first, now)?, self.starves(second, now)?) {
            (true, true) => fair,
            (true, false) => Some(true),
            (false, true) => Some(false),
            (false, false) => {
                let kind = |about: &OperationInfo| (about.priority, about.profile != self.at);
                if kind(one) == kind(other) {
                    fair
                } else {
                    Some(kind(one) < kind(other))
                }
            }
        }
    }
}

fn seconds(event: &WatchEventsResponse) -> f64 {
    let time = event.event_time.as_ref().unwrap();
    time.seconds as f64 + f64::from(time.nanos) / 1e9
}

/// Whether one was admitted.
fn came(event: &WatchEventsResponse) -> bool {
    let Some(Event::Operation(told)) = &event.event else {
        return false;
    };
    matches!(told.change, Some(Change::Admitted(_)))
}
