//! Recently ended operations.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::broker::terms::Principal;
use crate::broker::terms::share::Share;
use crate::broker::watch::{About, Outcome};
use crate::modem::JobId;

/// How long an ended operation is kept: a caller whose connection broke has time to come back and
/// ask.
const KEPT: Duration = Duration::from_secs(600);

/// How many are kept, each of about a kilobyte.
const ENDED: Share = Share {
    in_all: 256,
    of_one: 64,
};

/// An operation that has ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// The operation.
    pub about: About,
    /// Its result.
    pub outcome: Outcome,
    /// Time on the link.
    pub on_link: Duration,
    /// Bytes of it that had moved.
    pub bytes: u64,
    /// When it ended.
    pub at: Instant,
}

/// The most recently ended operations, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Endings(VecDeque<Ended>);

impl Endings {
    /// Adds an operation; if a bound is exceeded, it drops the oldest that counts against it.
    pub(super) fn add(&mut self, ended: Ended) {
        self.forget(ended.at);
        let principal = ended.about.principal.clone();
        let of_same = |other: &Ended| other.about.principal == principal;
        let own = self.0.iter().filter(|other| of_same(other)).count() as u64;
        let crowded = if own >= ENDED.of_one {
            self.0.iter().position(of_same)
        } else {
            (self.0.len() as u64 >= ENDED.in_all).then_some(0)
        };
        if let Some(oldest) = crowded {
            self.0.remove(oldest);
        }
        self.0.push_back(ended);
    }

    /// Finds an operation of one principal.
    pub(super) fn find(
        &mut self,
        principal: &Principal,
        id: &JobId,
        now: Instant,
    ) -> Option<Ended> {
        self.forget(now);
        let mut all = self.0.iter();
        all.find(|ended| {
            ended.about.operation == *id && ended.about.principal.as_ref() == Some(principal)
        })
        .cloned()
    }

    fn forget(&mut self, now: Instant) {
        while let Some(oldest) = self.0.front()
            && now.duration_since(oldest.at) >= KEPT
        {
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::terms::Labels;
    use crate::broker::terms::Priority;
    use crate::modem::clock;

    fn ended(id: u64, who: &str, at: Instant) -> Ended {
        Ended {
            about: About {
                operation: JobId::new(id.to_string()),
                method: "Put",
                principal: Some(Principal::new(who)),
                path: None,
                profile: None,
                priority: Priority::Normal,
                labels: Labels::default(),
            },
            outcome: Outcome::Done,
            on_link: Duration::ZERO,
            bytes: 0,
            at,
        }
    }

    #[test]
    fn the_last_of_each_are_known_for_ten_minutes() {
        let mut endings = Endings::default();
        let now = clock::now();
        endings.add(ended(0, "quiet", now));
        for id in 1..=100 {
            endings.add(ended(id, "busy", now));
        }
        let mut find =
            |who, id: u64, at| endings.find(&Principal::new(who), &JobId::new(id.to_string()), at);
        // A principal with many does not push out another's.
        assert!(find("quiet", 0, now).is_some());
        assert!(find("busy", 36, now).is_none() && find("busy", 37, now).is_some());
        assert!(find("quiet", 100, now).is_none(), "another's");
        assert!(find("busy", 100, now + KEPT).is_none());
    }

    #[test]
    fn there_is_a_bound_for_all_together() {
        let mut endings = Endings::default();
        let now = clock::now();
        for id in 0..1000 {
            endings.add(ended(id, &id.to_string(), now));
        }
        assert_eq!(endings.0.len() as u64, ENDED.in_all);
        let row = "| operations that have ended, for `GetOperation` | 64, for ten minutes | 256 |";
        assert!(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).contains(row));
        assert_eq!(
            (ENDED.of_one, KEPT, ENDED.in_all),
            (64, Duration::from_secs(600), 256)
        );
    }
}
