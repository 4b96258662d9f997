//! One transfer as the disk knows it, and what may become of it: a value.

mod state;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::files::FileId;
use super::settle::Before;
use super::wish::Wish;
use crate::broker::terms::PutState;
use crate::broker::terms::{Key, TransferId};
use crate::broker::terms::{Lived, Now};
pub use state::{Remnant, State};

/// A transfer. Every change of it is on the disk before anybody is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Whose, and which.
    pub key: Key,
    /// What was asked for.
    pub wish: Wish,
    /// Where it is.
    pub state: State,
    /// Its bytes; `None` where none are needed any more.
    pub(crate) file: Option<FileId>,
    /// Bytes of the file that are safe: a power cut leaves at least these.
    pub committed: u64,
    /// Size of the whole, where it is known.
    pub size: Option<u64>,
    /// SHA-256 of the whole, once all of it is there.
    pub sha256: Option<[u8; 32]>,
    /// The size that a downloaded file had when more was there than was asked for: `size` bytes, its
    /// first, are here.
    #[serde(default)]
    pub grown: Option<u64>,
    /// All bytes of a download are here, as its last reading has told at its end.
    #[serde(default)]
    pub(crate) is_fetched: bool,
    /// How often the bytes began anew.
    pub(crate) generation: u32,
    /// Attempts so far.
    pub attempts: u32,
    /// Bytes that all attempts have moved over the link.
    pub moved: u64,
    /// What has been used of the budget.
    pub(crate) spent: Spent,
    /// An upload was begun, or was about to be, when the server had this.
    pub(crate) begun: Option<Before>,
    /// A later upload has written the name since: what is there is not to be gone on with.
    #[serde(default)]
    pub(crate) taken_over: bool,
    /// Why the last attempt failed.
    pub last_error: Option<Told>,
    /// What a finished upload rests on.
    pub evidence: Option<Evidence>,
    /// What may be left on the server.
    pub remnant: Remnant,
    /// When it was created, as the clock of the day had it.
    pub created: SystemTime,
    /// When its state last changed, as the clock of the day had it.
    pub changed: SystemTime,
    /// When it was created.
    #[serde(default)]
    pub(crate) born: Lived,
    /// When all its bytes were safe, or its client last had it tried anew: by this, uploads of one
    /// name have their order.
    #[serde(default)]
    pub(crate) accepted: Lived,
    /// When its state last changed.
    #[serde(default)]
    pub(crate) since: Lived,
    /// The first attempt does not begin before.
    #[serde(default)]
    pub(crate) not_before: Lived,
    /// It fails then, unless it has ended.
    #[serde(default)]
    pub(crate) expires: Option<Lived>,
    /// A download was read to its end.
    pub(crate) read: bool,
}

/// What has been used of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Spent {
    pub(crate) attempts: u32,
    /// Bytes over the link.
    pub(crate) moved: u64,
    /// Of attempts that had the link, and of the pauses after them.
    #[serde(default)]
    pub(crate) time: Duration,
}

/// An error as a client would have been told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Number of the status code.
    pub code: i32,
    /// For programs.
    pub reason: String,
    /// For people.
    pub message: String,
    /// Particulars.
    pub metadata: BTreeMap<String, String>,
}

/// What a finished upload rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// How sure it is.
    pub state: PutState,
    /// In words.
    pub words: String,
}

/// Whether a wish is the same transfer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Same {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// It is, where the bytes are the same.
    IfBytesAre,
}

impl Record {
    /// A transfer that begins: an upload whose bytes come to `file`, or a download.
    pub(crate) fn new(key: Key, wish: Wish, file: FileId, now: Now) -> Self {
        let upload = wish.upload();
        let mut record = Self {
            state: match upload {
                Some(_) => State::Receiving,
                None => State::Queued,
            },
            size: upload.and_then(|upload| upload.size),
            key,
            wish,
            file: Some(file),
            committed: 0,
            sha256: None,
            grown: None,
            is_fetched: false,
            generation: 0,
            attempts: 0,
            moved: 0,
            spent: Spent::default(),
            begun: None,
            taken_over: false,
            last_error: None,
            evidence: None,
            remnant: Remnant::Nothing,
            created: now.wall,
            changed: now.wall,
            born: now.lived,
            accepted: now.lived,
            since: now.lived,
            not_before: Lived::ZERO,
            expires: None,
            read: false,
        };
        if record.state == State::Queued {
            record.come_into_force(now, record.wish.terms.start_delay);
        }
        record
    }

    /// The time that it has begins, and so does its delay.
    fn come_into_force(&mut self, now: Now, delay: Duration) {
        self.not_before = now.lived + delay;
        self.expires = self
            .wish
            .terms
            .lifetime
            .map(|lifetime| now.lived + lifetime);
    }

    /// Whether its time is over, and it is not.
    pub(crate) fn has_expired(&self, now: Lived) -> bool {
        self.is_to_be_written() && self.expires.is_some_and(|expires| expires <= now)
    }

    /// Whether a wish under the same name is the same transfer's. Size and SHA-256 need not be named
    /// both times: what is named has to fit.
    pub(crate) fn same(&self, wish: &Wish) -> Same {
        let (Some(_), Some(theirs)) = (self.wish.upload(), wish.upload()) else {
            return if self.wish == *wish {
                Same::Yes
            } else {
                Same::No
            };
        };
        let receiving = self.state == State::Receiving;
        let (size, sha256) = self.content();
        if !self.wish.is_but_for_content(wish)
            || differ(size, theirs.size)
            || differ(sha256, theirs.sha256)
        {
            Same::No
        } else if receiving || sha256.is_none() || theirs.sha256.is_some() {
            Same::Yes
        } else {
            Same::IfBytesAre
        }
    }

    /// Size and SHA-256 of the whole, as far as they are known; of what never was whole, as its client has
    /// named them.
    pub(crate) fn content(&self) -> (Option<u64>, Option<[u8; 32]>) {
        let named = self.wish.upload();
        (
            self.size.or(named.and_then(|named| named.size)),
            self.sha256.or(named.and_then(|named| named.sha256)),
        )
    }

    /// The bytes of an upload come from the first on, once more.
    pub(crate) fn begin_receiving(&mut self, wish: &Wish) {
        self.committed = 0;
        self.wish.name_content(wish);
        if let Some(upload) = self.wish.upload() {
            self.size = upload.size;
        }
    }

    /// All bytes of an upload are safe.
    pub(crate) fn accept(&mut self, size: u64, sha256: [u8; 32], now: Now) {
        self.committed = size;
        self.size = Some(size);
        self.sha256 = Some(sha256);
        self.spent = Spent::default();
        self.accepted = now.lived;
        self.come_into_force(now, self.wish.terms.start_delay);
        self.enter(State::Queued, now);
    }

    /// An attempt begins.
    pub(crate) fn start(&mut self, now: Now) {
        self.attempts = self.attempts.saturating_add(1);
        self.spent.attempts = self.spent.attempts.saturating_add(1);
        self.enter(State::Running, now);
    }

    /// The attempt has moved so many bytes.
    pub(crate) fn spend(&mut self, bytes: u64) {
        self.moved = self.moved.saturating_add(bytes);
        self.spent.moved = self.spent.moved.saturating_add(bytes);
    }

    /// The attempt is not held against the transfer: it was broken off by the daemon, or had no
    /// link.
    fn forgive(&mut self) {
        self.spent.attempts = self.spent.attempts.saturating_sub(1);
    }

    /// The attempt was broken off; there will be another as soon as may be.
    pub(crate) fn suspend(&mut self, now: Now) {
        self.forgive();
        self.enter(State::Queued, now);
    }

    /// The attempt failed; there will be another. It counts where it had the link.
    pub(crate) fn wait(&mut self, until: Now, why: Told, counts: bool, now: Now) {
        self.last_error = Some(why);
        if counts {
            // Both as they were meant: what passed without a link to try on is nobody's fault.
            let tried = now.lived.since(self.since);
            let pause = until.lived.since(now.lived);
            self.spent.time = self.spent.time.saturating_add(tried + pause);
        } else {
            self.forgive();
        }
        let until = until.lived;
        self.enter(State::Waiting { until }, now);
    }

    /// There is to be no attempt before then.
    pub(crate) fn postpone(&mut self, until: Lived, why: Told, now: Now) {
        self.last_error = Some(why);
        self.enter(State::Waiting { until }, now);
    }

    /// An upload is on the server.
    pub(crate) fn delivered(&mut self, evidence: Evidence, now: Now) {
        self.evidence = Some(evidence);
        self.begun = None;
        self.enter(State::Done, now);
    }

    /// A download is in the spool.
    pub(crate) fn fetched(&mut self, size: u64, sha256: [u8; 32], now: Now) {
        self.committed = size;
        self.size = Some(size);
        self.sha256 = Some(sha256);
        self.enter(State::Done, now);
    }

    /// There will be no other attempt.
    pub(crate) fn fail(&mut self, why: Told, now: Now) {
        self.last_error = Some(why);
        self.enter(State::Failed, now);
        self.leave_remnant(now);
    }

    /// Its client has ended it.
    pub(crate) fn cancel(&mut self, now: Now) {
        self.enter(State::Cancelled, now);
        self.leave_remnant(now);
    }

    /// It is tried anew with a budget and a lifetime of its own, also while it waits.
    pub(crate) fn retry(&mut self, now: Now) {
        self.spent = Spent::default();
        self.come_into_force(now, Duration::ZERO);
        self.taken_over = false;
        self.accepted = now.lived;
        self.remnant = Remnant::Nothing;
        self.enter(State::Queued, now);
    }

    /// It is tried already, as its client wishes, and has a budget of its own from now on.
    pub(crate) fn renew(&mut self) {
        self.spent = Spent {
            attempts: u32::from(self.state == State::Running),
            ..Spent::default()
        };
    }

    /// Its client has it forgotten. What it left on its server is still deleted.
    pub(crate) fn hide(&mut self) {
        self.key.id = TransferId::hidden();
        // Nobody can have it tried again.
        self.state = State::Cancelled;
    }

    /// Its file, where it is not needed any more.
    pub(crate) const fn let_go_of_file(&mut self) -> Option<FileId> {
        if self.needs_file() {
            None
        } else {
            self.file.take()
        }
    }

    /// The bytes of a download begin anew: the file on the server is another one.
    pub(crate) fn begin_anew(&mut self) {
        self.generation = self.generation.saturating_add(1);
        self.committed = 0;
        self.size = None;
        self.grown = None;
        self.is_fetched = false;
    }

    /// This is a former state, and nobody knows the last. What was on its way is not tried again by
    /// itself, and nothing is deleted on the server: it may have arrived.
    pub(crate) fn becomes_uncertain(&mut self, why: Told, now: Now) {
        if !self.state.is_over() {
            self.begun = None;
            self.fail(why, now);
        }
        if matches!(self.remnant, Remnant::Pending { .. }) {
            self.remnant = Remnant::Left;
        }
    }

    /// As it is found at the daemon's start: an attempt that was under way was broken off, and
    /// nothing waits longer than until `latest`. Whatever it waited for may have changed, and how long
    /// it has waited already may not have been stored.
    pub(crate) fn recover(&mut self, why: Told, latest: Lived) {
        if self.state == State::Running {
            self.last_error = Some(why);
            self.suspend(self.last_change());
        }
        if let State::Waiting { until } = &mut self.state {
            *until = latest.min(*until);
        }
        if let Remnant::Pending { due, .. } = &mut self.remnant {
            *due = latest.min(*due);
        }
    }

    /// When its state last changed.
    pub(crate) const fn last_change(&self) -> Now {
        Now {
            lived: self.since,
            wall: self.changed,
        }
    }

    /// So many bytes of an upload are safe.
    pub(crate) fn keep(&mut self, committed: u64, now: Now) {
        self.committed = committed;
        self.enter(self.state, now);
    }

    /// Whether it has begun to write its name and has not ended, or has something to delete there.
    pub(crate) const fn may_touch_its_name(&self) -> bool {
        let pending = matches!(self.remnant, Remnant::Pending { .. });
        pending || (self.begun.is_some() && !self.state.is_over())
    }

    /// Whether it was accepted and is not over.
    pub(crate) const fn is_to_be_written(&self) -> bool {
        matches!(
            self.state,
            State::Queued | State::Running | State::Waiting { .. }
        )
    }

    /// Another has written its name, or may have: nothing is gone on with there, or deleted.
    pub(crate) fn lose_its_proof(&mut self) {
        self.begun = None;
        if matches!(self.remnant, Remnant::Pending { .. }) {
            self.remnant = Remnant::Left;
        }
    }

    /// A later upload has written its name: there is no other attempt. Its bytes are kept.
    pub(crate) fn lose_its_name(&mut self, why: Told, now: Now) {
        self.lose_its_proof();
        match self.state {
            // Who works on it finds it.
            State::Running => self.taken_over = true,
            State::Queued | State::Waiting { .. } => {
                self.taken_over = true;
                self.fail(why, now);
            }
            State::Receiving | State::Done | State::Failed | State::Cancelled => {}
        }
    }

    fn leave_remnant(&mut self, now: Now) {
        self.remnant = match (&self.begun, self.wish.upload()) {
            (Some(_), Some(upload)) if upload.delete_on_failure => {
                let tries = 0;
                let due = now.lived;
                Remnant::Pending { due, tries }
            }
            (Some(_), Some(_)) => Remnant::Kept,
            _ => Remnant::Nothing,
        };
    }

    fn enter(&mut self, state: State, now: Now) {
        self.state = state;
        self.changed = now.wall;
        self.since = now.lived;
    }

    /// Its bytes are needed: to be sent, to be read, or for another attempt.
    pub(crate) const fn needs_file(&self) -> bool {
        match self.state {
            State::Receiving
            | State::Queued
            | State::Running
            | State::Waiting { .. }
            | State::Failed => true,
            State::Done => self.wish.upload().is_none(),
            // What it left is known by them.
            State::Cancelled => matches!(self.remnant, Remnant::Pending { .. }),
        }
    }

    /// When something is to be done for it: an attempt, or a deletion on the server.
    pub(crate) const fn due(&self) -> Option<Lived> {
        match (self.state, self.remnant) {
            (State::Queued, _) => Some(self.not_before),
            (State::Waiting { until }, _) => Some(until),
            (State::Failed | State::Cancelled, Remnant::Pending { due, .. }) => Some(due),
            _ => None,
        }
    }

    /// Nobody needs it any more: an upload that is done, one that was cancelled, or a download
    /// that was read to its end.
    pub(crate) fn is_spent(&self) -> bool {
        match self.state {
            State::Done => self.wish.upload().is_some() || self.read,
            State::Cancelled => !matches!(self.remnant, Remnant::Pending { .. }),
            _ => false,
        }
    }

    /// Its time is over: it ended, or nobody went on sending it, so long ago.
    pub(crate) fn is_old(&self, ended: Duration, unfinished: Duration, now: Now) -> bool {
        let limit = match self.state {
            State::Receiving => unfinished,
            // What it left on its server is not forgotten.
            _ if matches!(self.remnant, Remnant::Pending { .. }) => return false,
            state if state.is_over() => ended,
            _ => return false,
        };
        now.lived.since(self.since) >= limit
    }
}

/// Both are known, and they are not the same.
fn differ<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one != other)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::transfers::testing::{NOW, download, key, upload};
    use crate::transfers::wish::Terms;

    fn told(reason: &str) -> Told {
        Told {
            code: 14,
            reason: reason.into(),
            message: "why".into(),
            metadata: BTreeMap::new(),
        }
    }

    /// What may happen to a transfer, where it may.
    fn happen(record: &mut Record, what: u8, now: Now) {
        let evidence = Evidence {
            state: PutState::VerifiedSize,
            words: String::new(),
        };
        let uploads = record.wish.upload().is_some();
        match (what, record.state) {
            (0, State::Receiving) => record.accept(7, [1; 32], now),
            (1, State::Queued | State::Waiting { .. }) => record.start(now),
            (2, State::Running) if uploads => record.begun = Some(Before::Absent),
            (3, State::Running) => record.wait(now + Duration::from_secs(1), told("X"), true, now),
            (4, State::Running) if uploads => record.delivered(evidence, now),
            (4, State::Running) => record.fetched(7, [1; 32], now),
            (5, State::Running | State::Queued) => record.fail(told("Y"), now),
            (6, state) if !state.is_over() => record.cancel(now),
            (7, State::Failed | State::Waiting { .. }) => record.retry(now),
            // The daemon ends and starts.
            (8, _) => {
                let text = serde_json::to_vec(record).unwrap();
                *record = serde_json::from_slice(&text).unwrap();
                record.recover(told("INTERRUPTED"), Lived::ZERO);
                assert_ne!(record.state, State::Running);
            }
            _ => {}
        }
    }

    proptest! {
        #[test]
        fn whatever_happens_it_goes_on_or_is_over(
            is_upload: bool,
            events in prop::collection::vec(0..9_u8, 0..40),
        ) {
            let mut record = if is_upload { upload(key("x")) } else { download(key("x")) };
            let mut now = NOW;
            for event in events {
                now += Duration::from_secs(1);
                let before = record.clone();
                happen(&mut record, event, now);
                // What is not over has its bytes, and something that brings it on.
                if !record.state.is_over() {
                    prop_assert!(record.needs_file());
                    let moves = matches!(record.state, State::Receiving | State::Running);
                    prop_assert!(moves || record.due().is_some());
                }
                // What was done stays so, and nobody deletes it.
                if before.state == State::Done {
                    prop_assert_eq!(record.state, State::Done);
                    prop_assert_eq!(record.due(), None);
                }
                // Only what was begun is cleared up.
                if matches!(record.remnant, Remnant::Pending { .. }) {
                    prop_assert!(record.begun.is_some() && record.state.is_over());
                }
                // Nothing that somebody may still want goes for want of room.
                prop_assert!(!record.is_spent() || record.state.is_over());
                prop_assert!(record.state != State::Failed || !record.is_spent());
            }
        }
    }

    #[test]
    fn records_of_the_version_that_counted_by_the_clock_are_read_and_are_due() {
        let text = include_str!("testing/records-1.jsonl");
        let records = text.lines().map(|line| serde_json::from_str(line).unwrap());
        let records: Vec<Record> = records.collect();
        let [waiting, failed, done] = records.as_slice() else {
            panic!("there are three");
        };
        // Neither waits for what the clock was to show, nor is any of them old.
        assert_eq!(waiting.state, State::Waiting { until: Lived::ZERO });
        assert_eq!(waiting.due(), Some(Lived::ZERO));
        assert_eq!(failed.due(), Some(Lived::ZERO));
        assert!(matches!(failed.remnant, Remnant::Pending { tries: 0, .. }));
        assert_eq!((done.state, done.since), (State::Done, Lived::ZERO));
        let (limit, soon) = (Duration::from_secs(60), NOW + Duration::from_secs(59));
        assert!(!done.is_old(limit, limit, soon));
        assert!(done.is_old(limit, limit, soon + Duration::from_secs(1)));
        // What is told of them is as it was.
        let changed = Duration::from_millis(1_790_000_000_250);
        assert_eq!(done.changed, SystemTime::UNIX_EPOCH + changed);
        for record in records {
            let text = serde_json::to_string(&record).unwrap();
            assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
        }
    }

    #[test]
    fn records_with_terms_are_read_and_those_without_are_written_as_before() {
        let text = include_str!("testing/records-2.jsonl");
        let later: Record = serde_json::from_str(text).unwrap();
        let (start, end) = (Lived::from_secs(7300), Lived::from_secs(86_500));
        assert_eq!((later.due(), later.expires), (Some(start), Some(end)));
        assert_eq!(later.wish.terms.labels.to_string(), r#"job="nightly""#);
        assert!(!later.has_expired(start) && later.has_expired(end));
        let again = serde_json::to_string(&later).unwrap();
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&again), value(text));
        let plain = serde_json::to_string(&upload(key("x"))).unwrap();
        assert!(!plain.contains("terms"), "{plain}");
        // One of before has no terms, and is due at once and for ever.
        for line in include_str!("testing/records-1.jsonl").lines() {
            let before: Record = serde_json::from_str(line).unwrap();
            assert_eq!((before.not_before, before.expires), (Lived::ZERO, None));
            assert_eq!(before.wish.terms, Terms::default());
        }
    }

    #[test]
    fn an_interruption_is_told_and_not_held_against_it() {
        let mut record = download(key("x"));
        for _ in 0..50 {
            record.start(NOW);
            record.recover(told("INTERRUPTED"), Lived::ZERO);
        }
        assert_eq!((record.attempts, record.spent.attempts), (50, 0));
        assert_eq!(record.last_error, Some(told("INTERRUPTED")));
    }
}
