//! The record of one transfer and its state changes: a value.
//!
//! Above 400 lines because the record is one state machine, and its tests run it through random
//! histories.

mod state;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::files::FileId;
use super::settle::ServerFile;
use super::wish::Wish;
use crate::broker::terms::{Key, Lived, Now, PutState, TransferId};
pub use state::{Remnant, State};

/// A transfer. Every change of it is on the disk before the daemon reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The principal and the name.
    pub key: Key,
    /// What its client asked for.
    pub wish: Wish,
    /// Its state.
    pub state: State,
    /// Its spool file; `None` where it needs none any more.
    pub(crate) file: Option<FileId>,
    /// Synchronised bytes of the file: a power cut leaves at least these.
    pub committed: u64,
    /// Size of the whole file, once known.
    pub size: Option<u64>,
    /// SHA-256 of the whole file, once all of it is there.
    pub sha256: Option<[u8; 32]>,
    /// The size of a downloaded file, if it was larger than the wanted part: its first `size` bytes
    /// are here.
    #[serde(default)]
    pub grown: Option<u64>,
    /// All bytes of a download are here, as the end of its last reading showed.
    #[serde(default)]
    pub(crate) is_fetched: bool,
    /// How often the bytes began anew.
    pub(crate) generation: u32,
    /// Attempts so far.
    pub attempts: u32,
    /// Bytes that all attempts have moved over the link.
    pub moved: u64,
    /// The used part of the budget.
    pub(crate) spent: Spent,
    /// What the server had when an upload began, or was about to.
    pub(crate) begun: Option<ServerFile>,
    /// The account that the transfer was last at work with, as `user@host:port`. What `begun` and the bytes of a
    /// download say is true of it alone: a profile may lead elsewhere by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<String>,
    /// A later upload has written the name since: the file there must not be resumed.
    #[serde(default)]
    pub(crate) taken_over: bool,
    /// Why the last attempt failed.
    pub last_error: Option<ToldError>,
    /// The evidence of a finished upload.
    pub evidence: Option<Evidence>,
    /// The partial file that may be left on the server.
    pub remnant: Remnant,
    /// When it was created, by the wall clock.
    pub created: SystemTime,
    /// When its state last changed, by the wall clock.
    pub changed: SystemTime,
    /// When it was created, in running time.
    #[serde(default)]
    pub(crate) born: Lived,
    /// When all its bytes were synchronised, or its client last retried it: this orders the uploads
    /// of one name.
    #[serde(default)]
    pub(crate) accepted: Lived,
    /// When its state last changed, in running time.
    #[serde(default)]
    pub(crate) since: Lived,
    /// The first attempt does not begin before this moment.
    #[serde(default)]
    pub(crate) not_before: Lived,
    /// It fails at this moment, unless it has ended.
    #[serde(default)]
    pub(crate) expires: Option<Lived>,
    /// A download was read to its end.
    pub(crate) read: bool,
}

/// The used part of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Spent {
    pub(crate) attempts: u32,
    /// Bytes over the link.
    pub(crate) moved: u64,
    /// Time of attempts that had the link, and of the pauses after them.
    #[serde(default)]
    pub(crate) time: Duration,
}

/// An error in the form that clients receive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldError {
    /// The reason, for programs.
    pub reason: String,
    /// The message, for people.
    pub message: String,
    /// The details.
    pub metadata: BTreeMap<String, String>,
}

/// The evidence of a finished upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Its strength.
    pub state: PutState,
    /// The evidence, in words.
    pub words: String,
}

/// Whether a wish belongs to the same transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Same {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It does, if the bytes are the same.
    IfBytesAre,
}

impl Record {
    /// A new transfer: an upload whose bytes go to `file`, or a download.
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
            account: None,
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

    /// Starts its lifetime and its delay.
    fn come_into_force(&mut self, now: Now, delay: Duration) {
        self.not_before = now.lived + delay;
        self.expires = self
            .wish
            .terms
            .lifetime
            .map(|lifetime| now.lived + lifetime);
    }

    /// Whether its lifetime has passed and it has not ended.
    pub(crate) fn has_expired(&self, now: Lived) -> bool {
        self.is_to_be_written() && self.expires.is_some_and(|expires| expires <= now)
    }

    /// Whether a wish under the same name belongs to the same transfer. Size and SHA-256 may be
    /// missing; values given both times must agree.
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

    /// Size and SHA-256 of the whole file, as far as known; before the file is complete, the values
    /// that its client declared.
    pub(crate) fn content(&self) -> (Option<u64>, Option<[u8; 32]>) {
        let named = self.wish.upload();
        (
            self.size.or(named.and_then(|named| named.size)),
            self.sha256.or(named.and_then(|named| named.sha256)),
        )
    }

    /// The client sends the bytes of an upload again, from the first on.
    pub(crate) fn begin_receiving(&mut self, wish: &Wish) {
        self.committed = 0;
        self.wish.name_content(wish);
        if let Some(upload) = self.wish.upload() {
            self.size = upload.size;
        }
    }

    /// All bytes of an upload are synchronised.
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

    /// The attempt has moved `bytes` bytes.
    pub(crate) fn spend(&mut self, bytes: u64) {
        self.moved = self.moved.saturating_add(bytes);
        self.spent.moved = self.spent.moved.saturating_add(bytes);
    }

    /// Does not charge the attempt: the daemon broke it off, or it had no link.
    fn forgive(&mut self) {
        self.spent.attempts = self.spent.attempts.saturating_sub(1);
    }

    /// The attempt was broken off; another follows as soon as possible.
    pub(crate) fn suspend(&mut self, now: Now) {
        self.forgive();
        self.enter(State::Queued, now);
    }

    /// The attempt failed; another follows. The attempt is charged if it had the link.
    pub(crate) fn wait(&mut self, until: Now, why: ToldError, counts: bool, now: Now) {
        self.last_error = Some(why);
        if counts {
            // Charge attempt and backoff; waiting for the link is free.
            let tried = now.lived.since(self.since);
            let pause = until.lived.since(now.lived);
            self.spent.time = self.spent.time.saturating_add(tried + pause);
        } else {
            self.forgive();
        }
        let until = until.lived;
        self.enter(State::Waiting { until }, now);
    }

    /// No attempt begins before `until`.
    pub(crate) fn postpone(&mut self, until: Lived, why: ToldError, now: Now) {
        self.last_error = Some(why);
        self.enter(State::Waiting { until }, now);
    }

    /// An upload is complete on the server.
    pub(crate) fn delivered(&mut self, evidence: Evidence, now: Now) {
        self.evidence = Some(evidence);
        self.begun = None;
        self.enter(State::Done, now);
    }

    /// A download is complete in the spool.
    pub(crate) fn fetched(&mut self, size: u64, sha256: [u8; 32], now: Now) {
        self.committed = size;
        self.size = Some(size);
        self.sha256 = Some(sha256);
        self.enter(State::Done, now);
    }

    /// No other attempt follows.
    pub(crate) fn fail(&mut self, why: ToldError, now: Now) {
        self.last_error = Some(why);
        self.enter(State::Failed, now);
        self.leave_remnant(now);
    }

    /// Its client has cancelled it.
    pub(crate) fn cancel(&mut self, now: Now) {
        self.enter(State::Cancelled, now);
        self.leave_remnant(now);
    }

    /// It gets a new budget and a new lifetime, and is tried again; also while it waits.
    pub(crate) fn retry(&mut self, now: Now) {
        self.spent = Spent::default();
        self.come_into_force(now, Duration::ZERO);
        self.taken_over = false;
        self.accepted = now.lived;
        self.remnant = Remnant::Nothing;
        self.enter(State::Queued, now);
    }

    /// An attempt runs already, as its client wishes; it gets a new budget from now on.
    pub(crate) fn renew(&mut self) {
        self.spent = Spent {
            attempts: u32::from(self.state == State::Running),
            ..Spent::default()
        };
    }

    /// Its client deletes it. The daemon still deletes its partial file on the server.
    pub(crate) fn hide(&mut self) {
        self.key.id = TransferId::hidden();
        // Nobody can retry it.
        self.state = State::Cancelled;
    }

    /// Its file, if it no longer needs it.
    pub(crate) const fn let_go_of_file(&mut self) -> Option<FileId> {
        if self.needs_file() {
            None
        } else {
            self.file.take()
        }
    }

    /// The bytes of a download begin anew: the server's file is another one.
    pub(crate) fn begin_anew(&mut self) {
        self.generation = self.generation.saturating_add(1);
        self.committed = 0;
        self.size = None;
        self.grown = None;
        self.is_fetched = false;
    }

    /// An attempt begins with this account. What is known of another one proves nothing there: nothing is resumed,
    /// and a part that is left stays.
    pub(crate) fn goes_to(&mut self, account: &str) {
        if self.is_elsewhere(account) {
            self.lose_its_proof();
            if self.wish.upload().is_none() && !self.is_fetched {
                self.begin_anew();
            }
        }
        self.account = Some(account.to_owned());
    }

    /// Whether the transfer was at work with another account.
    pub(crate) fn is_elsewhere(&self, account: &str) -> bool {
        self.account.as_ref().is_some_and(|known| known != account)
    }

    /// This is a former state, and nobody knows the last one. An unfinished transfer is not tried
    /// again by itself, and nothing is deleted on the server: the file may have arrived.
    pub(crate) fn becomes_uncertain(&mut self, why: ToldError, now: Now) {
        if !self.state.is_over() {
            self.begun = None;
            self.fail(why, now);
        }
        if matches!(self.remnant, Remnant::Pending { .. }) {
            self.remnant = Remnant::Left;
        }
    }

    /// The record at the daemon's start: a running attempt counts as broken off, and nothing waits
    /// longer than until `latest`. The reason of a wait may be gone, and the time waited so far may
    /// not have been stored.
    pub(crate) fn recover(&mut self, why: ToldError, latest: Lived) {
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

    /// `committed` bytes of an upload are synchronised.
    pub(crate) fn keep(&mut self, committed: u64, now: Now) {
        self.committed = committed;
        self.enter(self.state, now);
    }

    /// Whether it has begun to write its name and has not ended, or must still delete its partial
    /// file.
    pub(crate) const fn may_touch_its_name(&self) -> bool {
        let pending = matches!(self.remnant, Remnant::Pending { .. });
        pending || (self.begun.is_some() && !self.state.is_over())
    }

    /// Whether it was accepted and has not ended.
    pub(crate) const fn is_to_be_written(&self) -> bool {
        matches!(
            self.state,
            State::Queued | State::Running | State::Waiting { .. }
        )
    }

    /// Another writer has written its name, or may have: it resumes and deletes nothing there.
    pub(crate) fn lose_its_proof(&mut self) {
        self.begun = None;
        if matches!(self.remnant, Remnant::Pending { .. }) {
            self.remnant = Remnant::Left;
        }
    }

    /// A later upload has written its name: no other attempt follows. Its bytes are kept.
    pub(crate) fn lose_its_name(&mut self, why: ToldError, now: Now) {
        self.lose_its_proof();
        match self.state {
            // The running attempt finds this.
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

    /// It needs its bytes: to send them, to let clients read them, or for another attempt.
    pub(crate) const fn needs_file(&self) -> bool {
        match self.state {
            State::Receiving
            | State::Queued
            | State::Running
            | State::Waiting { .. }
            | State::Failed => true,
            State::Done => self.wish.upload().is_none(),
            // They identify its partial file.
            State::Cancelled => matches!(self.remnant, Remnant::Pending { .. }),
        }
    }

    /// When work is due for it: an attempt, or a deletion on the server.
    pub(crate) const fn due(&self) -> Option<Lived> {
        match (self.state, self.remnant) {
            (State::Queued, _) => Some(self.not_before),
            (State::Waiting { until }, _) => Some(until),
            (State::Failed | State::Cancelled, Remnant::Pending { due, .. }) => Some(due),
            _ => None,
        }
    }

    /// Nobody needs it any more: a finished upload, a cancelled transfer, or a download that was
    /// read to its end.
    pub(crate) fn is_spent(&self) -> bool {
        match self.state {
            State::Done => self.wish.upload().is_some() || self.read,
            State::Cancelled => !matches!(self.remnant, Remnant::Pending { .. }),
            _ => false,
        }
    }

    /// It ended, or received its last byte, so long ago that it is deleted.
    pub(crate) fn is_old(&self, ended: Duration, unfinished: Duration, now: Now) -> bool {
        let limit = match self.state {
            State::Receiving => unfinished,
            // Its partial file on the server must not be forgotten.
            _ if matches!(self.remnant, Remnant::Pending { .. }) => return false,
            state if state.is_over() => ended,
            _ => return false,
        };
        now.lived.since(self.since) >= limit
    }
}

/// Both are known and differ.
fn differ<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one != other)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::transfers::testing::{NOW, download, key, upload};
    use crate::transfers::wish::Terms;

    fn told(reason: &str) -> ToldError {
        ToldError {
            reason: reason.into(),
            message: "why".into(),
            metadata: BTreeMap::new(),
        }
    }

    /// Applies an event, if the state allows it.
    fn happen(record: &mut Record, what: u8, now: Now) {
        let evidence = Evidence {
            state: PutState::VerifiedSize,
            words: String::new(),
        };
        let uploads = record.wish.upload().is_some();
        match (what, record.state) {
            (0, State::Receiving) => record.accept(7, [1; 32], now),
            (1, State::Queued | State::Waiting { .. }) => record.start(now),
            (2, State::Running) if uploads => record.begun = Some(ServerFile::Absent),
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
                // A transfer that has not ended has its bytes, and something that will continue it.
                if !record.state.is_over() {
                    prop_assert!(record.needs_file());
                    let moves = matches!(record.state, State::Receiving | State::Running);
                    prop_assert!(moves || record.due().is_some());
                }
                // A finished transfer stays finished, and nobody deletes its file.
                if before.state == State::Done {
                    prop_assert_eq!(record.state, State::Done);
                    prop_assert_eq!(record.due(), None);
                }
                // Only a begun upload has a partial file to delete.
                if matches!(record.remnant, Remnant::Pending { .. }) {
                    prop_assert!(record.begun.is_some() && record.state.is_over());
                }
                // Nothing that somebody may still want is deleted for want of room.
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
        // Neither waits for a wall-clock time, and none is old.
        assert_eq!(waiting.state, State::Waiting { until: Lived::ZERO });
        assert_eq!(waiting.due(), Some(Lived::ZERO));
        assert_eq!(failed.due(), Some(Lived::ZERO));
        assert!(matches!(failed.remnant, Remnant::Pending { tries: 0, .. }));
        assert_eq!((done.state, done.since), (State::Done, Lived::ZERO));
        let (limit, soon) = (Duration::from_secs(60), NOW + Duration::from_secs(59));
        assert!(!done.is_old(limit, limit, soon));
        assert!(done.is_old(limit, limit, soon + Duration::from_secs(1)));
        // Clients still see the same times.
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
        // A record of version 1 has no terms: it is due at once and never expires.
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
