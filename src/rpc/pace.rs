//! How fast a client may send HTTP/2 frames. A client that is faster has its connections read later.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, Sleep, sleep};

use super::limits::{WORK_A_SECOND, WORK_AT_ONCE};
use crate::broker::terms::Principal;
use crate::modem::clock;

/// Bytes before the first frame (RFC 9113 §3.4).
const PREFACE: u32 = 24;

/// Bytes before the payload of a frame: length, type, flags, stream (RFC 9113 §4.1).
const HEAD: usize = 9;

/// The type of the frame that begins a call (RFC 9113 §6.2), and what that frame costs: a call is decoded,
/// looked up, counted and answered. Any other frame costs one.
const HEADERS: u8 = 1;
const CALL: u32 = 8;

/// How long a connection waits at most because other connections of its client wait too. Some of them may end
/// meanwhile, and a connection learns only when it wakes that its client has left.
const LONGEST: Duration = Duration::from_millis(250);

/// The paces of all connected clients, and of those that owe for frames: a client that closes all connections
/// and reconnects has not paused. A debt is over within seconds, since nothing is read from a client that owes
/// more, so that few paces are remembered.
#[derive(Debug, Default)]
pub(super) struct Paces(Mutex<HashMap<Principal, Arc<Pace>>>);

impl Paces {
    /// The pace of a client, which all its connections share.
    pub(super) fn of(&self, principal: &Principal) -> Arc<Pace> {
        let mut paces = self.0.lock();
        if let Some(known) = paces.get(principal) {
            return Arc::clone(known);
        }
        let now = clock::now();
        paces.retain(|_, pace| Arc::strong_count(pace) > 1 || pace.owes(now));
        let pace = Arc::<Pace>::default();
        paces.insert(principal.clone(), Arc::clone(&pace));
        pace
    }
}

/// What a client has sent, against what it may send.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When all that it sent would have arrived at the allowed pace; `None` before the first frame.
    paid: Mutex<Option<Instant>>,
    /// Each waiting connection has a copy.
    waiting: Arc<()>,
}

/// A wait until more is read from this client.
#[derive(Debug)]
pub(super) struct Wait {
    over: Pin<Box<Sleep>>,
    _waiting: Arc<()>,
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.over.as_mut().poll(cx)
    }
}

impl Pace {
    /// The wait of a connection from which nothing is read now; `None`: it is read. When the wait is over,
    /// other connections of the client may have sent more, so that another wait may follow.
    ///
    /// One connection waits until it may be read. Where many wait, each waits longer by their number, up to a
    /// quarter of a second. Otherwise all of them would wake for each one that is read.
    pub(super) fn hold(&self, now: Instant) -> Option<Wait> {
        let wait = self.wait(now)?;
        let waiting = Arc::clone(&self.waiting);
        let many = u32::try_from(Arc::strong_count(&waiting) - 1).unwrap_or(u32::MAX);
        let shared = wait.saturating_mul(many).min(LONGEST);
        Some(Wait {
            over: Box::pin(sleep(wait.max(shared))),
            _waiting: waiting,
        })
    }

    /// How long nothing is read from this client; `None`: it is read now.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        let paid = *self.paid.lock();
        let ahead = paid?.saturating_duration_since(now);
        let wait = ahead.saturating_sub(cost(WORK_AT_ONCE));
        (!wait.is_zero()).then_some(wait)
    }

    /// Whether it owes for frames.
    fn owes(&self, now: Instant) -> bool {
        let paid = *self.paid.lock();
        paid.is_some_and(|paid| paid > now)
    }

    /// Adds what it has sent.
    pub(super) fn pay(&self, work: u32, now: Instant) {
        let mut paid = self.paid.lock();
        *paid = Some(paid.map_or(now, |paid| paid.max(now)) + cost(work));
    }
}

/// How long this work takes at the allowed pace.
fn cost(work: u32) -> Duration {
    Duration::from_secs(1) * work / WORK_A_SECOND
}

/// Counts the frames of a connection.
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
    /// For a connection on which nothing has arrived.
    pub(super) const fn new() -> Self {
        Self {
            rest: PREFACE,
            begun: false,
            head: [0; HEAD],
            headed: 0,
        }
    }

    /// Whether the preface has arrived.
    pub(super) const fn begun(&self) -> bool {
        self.begun
    }

    /// Takes the next bytes. Answers with the cost of the frames that begin in them.
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

    /// 850 waiting connections all woke for each one that was read, which used a whole processor.
    #[tokio::test(start_paused = true)]
    async fn those_who_wait_do_not_all_wake_for_each_that_is_read() {
        const LASTS: Duration = Duration::from_secs(10);
        let pace = Arc::<Pace>::default();
        let read = Arc::new(Mutex::new((0_u32, 0_u32)));
        pace.pay(WORK_AT_ONCE, clock::now());
        let mut connections = tokio::task::JoinSet::new();
        for _ in 0..850 {
            let (pace, read) = (Arc::clone(&pace), Arc::clone(&read));
            connections.spawn(async move {
                loop {
                    while let Some(held) = pace.hold(clock::now()) {
                        held.await;
                        read.lock().1 += 1;
                    }
                    pace.pay(5 * CALL, clock::now());
                    read.lock().0 += 1;
                    tokio::task::yield_now().await;
                }
            });
        }
        sleep(LASTS).await;
        let (reads, wakes) = *read.lock();
        let due = 10 * WORK_A_SECOND / (5 * CALL);
        assert!(
            reads > due * 9 / 10,
            "the pace is used: {reads} of {due} reads"
        );
        assert!(reads <= due + 1, "and kept: {reads}");
        // Each wakes four times a second, and not for each one that is read.
        assert!(wakes < 850 * 4 * 11, "{wakes} wakes for {reads} reads");
    }

    #[tokio::test(start_paused = true)]
    async fn who_closes_all_connections_and_comes_anew_has_the_same_pace() {
        let paces = Paces::default();
        let (me, other) = (Principal::new("me"), Principal::new("other"));
        let pay = WORK_AT_ONCE + WORK_A_SECOND;
        paces.of(&me).pay(pay, clock::now());
        // Others come and go meanwhile.
        drop(paces.of(&other));
        let wait = paces.of(&me).wait(clock::now());
        assert_eq!(wait, Some(Duration::from_secs(1)));
        sleep(cost(pay)).await;
        drop(paces.of(&other));
        drop(paces.of(&Principal::new("a third")));
        let known: Vec<_> = paces.0.lock().keys().cloned().collect();
        assert!(!known.contains(&me), "who has paid is forgotten: {known:?}");
        assert!(known.len() <= 2);
    }
}
