//! How fast a client may send frames of HTTP/2: beyond that, its connections are read later.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::limits::{WORK_A_SECOND, WORK_AT_ONCE};
use crate::broker::Principal;

/// Bytes before the first frame (RFC 9113 §3.4).
const PREFACE: u32 = 24;

/// Bytes before the payload of a frame: length, type, flags, stream (RFC 9113 §4.1).
const HEAD: usize = 9;

/// The type of the frame that begins a call (RFC 9113 §6.2), and what one costs: a call is decoded,
/// looked up, counted and answered. Each other frame costs one.
const HEADERS: u8 = 1;
const CALL: u32 = 8;

/// The paces of all clients that are connected.
#[derive(Debug, Default)]
pub(super) struct Paces(Mutex<HashMap<Principal, Weak<Pace>>>);

impl Paces {
    /// The one of a client, which all its connections share.
    pub(super) fn of(&self, principal: &Principal) -> Arc<Pace> {
        let mut paces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = paces.get(principal).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            paces.retain(|_, pace| pace.strong_count() > 0);
            let pace = Arc::<Pace>::default();
            paces.insert(principal.clone(), Arc::downgrade(&pace));
            pace
        })
    }
}

/// What a client has sent, against what it may send.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When all that it sent would have come at the pace that is allowed; `None` before the first.
    paid: Mutex<Option<Instant>>,
}

impl Pace {
    /// How long nothing of this client is read; `None`: it is read now.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        let paid = *self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        let ahead = paid?.saturating_duration_since(now);
        let wait = ahead.saturating_sub(cost(WORK_AT_ONCE));
        (!wait.is_zero()).then_some(wait)
    }

    /// It has sent so much.
    pub(super) fn pay(&self, work: u32, now: Instant) {
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        *paid = Some(paid.map_or(now, |paid| paid.max(now)) + cost(work));
    }
}

/// How long so much work takes at the pace that is allowed.
fn cost(work: u32) -> Duration {
    Duration::from_secs(1) * work / WORK_A_SECOND
}

/// Follows the frames of a connection, to know what they cost.
#[derive(Debug)]
pub(super) struct Frames {
    /// Bytes of the preface or of a payload that are to come.
    rest: u32,
    begun: bool,
    head: [u8; HEAD],
    /// Bytes of the head that came.
    headed: usize,
}

impl Frames {
    /// Nothing has come.
    pub(super) const fn new() -> Self {
        Self {
            rest: PREFACE,
            begun: false,
            head: [0; HEAD],
            headed: 0,
        }
    }

    /// Whether the preface is there.
    pub(super) const fn begun(&self) -> bool {
        self.begun
    }

    /// Takes the next bytes, and answers what the frames that begin in them cost.
    pub(super) fn take(&mut self, mut bytes: &[u8]) -> u32 {
        let mut work: u32 = 0;
        while !bytes.is_empty() {
            if self.rest > 0 {
                let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                let part = self.rest.min(len);
                self.rest -= part;
                bytes = bytes.get(part as usize..).unwrap_or_default();
                self.begun |= self.rest == 0;
                continue;
            }
            if let (Some(next), Some((first, behind))) =
                (self.head.get_mut(self.headed), bytes.split_first())
            {
                *next = *first;
                self.headed += 1;
                bytes = behind;
            }
            if self.headed == HEAD {
                let [a, b, c, kind, ..] = self.head;
                self.headed = 0;
                self.rest = u32::from_be_bytes([0, a, b, c]);
                work = work.saturating_add(if kind == HEADERS { CALL } else { 1 });
            }
        }
        work
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::modem::clock;

    fn frame(kind: u8, payload: usize) -> Vec<u8> {
        let len = u32::try_from(payload).unwrap().to_be_bytes();
        let head = [len[1], len[2], len[3], kind, 0, 0, 0, 0, 1];
        [head.as_slice(), &vec![kind; payload]].concat()
    }

    #[test]
    fn frames_are_counted_however_they_are_cut() {
        let all = [
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            frame(4, 0),
            frame(HEADERS, 70_000),
            frame(0, 300),
            frame(6, 8),
        ];
        let all = all.concat();
        for cut in [1, 7, 9, 4096, all.len()] {
            let mut frames = Frames::new();
            let mut work = 0;
            for (at, part) in all.chunks(cut).enumerate() {
                work += frames.take(part);
                assert_eq!(frames.begun(), (at + 1) * cut >= PREFACE as usize);
            }
            assert_eq!(work, 3 + CALL, "cut at every {cut}");
        }
    }

    #[test]
    fn who_sends_too_much_waits_and_who_pauses_may_send_at_once_again() {
        let (paces, now) = (Paces::default(), clock::now());
        let (me, other) = (Principal::new("me"), Principal::new("other"));
        let (pace, same) = (paces.of(&me), paces.of(&me));
        pace.pay(WORK_AT_ONCE, now);
        assert_eq!(same.wait(now), None);
        pace.pay(WORK_A_SECOND, now);
        assert_eq!(same.wait(now), Some(Duration::from_secs(1)));
        assert_eq!(paces.of(&other).wait(now), None, "another does not wait");
        let later = now + Duration::from_secs(3600);
        assert_eq!(same.wait(later), None);
        pace.pay(WORK_AT_ONCE + 1, later);
        assert!(
            same.wait(later).is_some(),
            "a pause saves no more than a burst"
        );
    }
}
