//! The progress of an operation, as every stream tells it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::convert::response::{duration, number, signed};
use crate::broker::flow::get::{GetProgress, GetStage};
use crate::broker::flow::many::ManyProgress;
use crate::broker::flow::put::{PutProgress, PutStage};
use crate::broker::flow::storage::ModuleProgress;
use crate::broker::link::QueuePlace;
use crate::modem::{JobId, clock};
use crate::proto::{OperationProgress, Stage};
use simcom_talk::dialogue::operation::ProgressStage;

/// Time between two looks at an operation: often enough for a person's eye, and seldom enough to cost nothing
/// on a slow machine.
pub(super) const LOOK: Duration = Duration::from_millis(500);

/// Unchanged progress is sent again after this time: the caller sees that the daemon is there.
const AGAIN: Duration = Duration::from_secs(5);

/// The time over which the rate is averaged, as common.proto says.
const WINDOW: Duration = Duration::from_secs(10);

/// How far an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Snapshot {
    stage: Stage,
    place: QueuePlace,
    moved: u64,
}

/// The progress messages of an operation.
#[derive(Debug)]
pub(super) struct ProgressMessages {
    operation: JobId,
    /// Bytes of the file, where that is known.
    total: Option<u64>,
    begun: Instant,
    told: Option<(Instant, Snapshot)>,
    rate: Rate,
}

impl ProgressMessages {
    pub(super) fn new(operation: &JobId, total: Option<u64>) -> Self {
        Self {
            operation: operation.clone(),
            total,
            begun: clock::now(),
            told: None,
            rate: Rate::default(),
        }
    }

    /// The next message, where there is something to send: at first, at a change, and after some time without
    /// one.
    pub(super) fn next(&mut self, snapshot: Snapshot) -> Option<OperationProgress> {
        let now = clock::now();
        if snapshot.stage == Stage::Transferring {
            self.rate.add(now, snapshot.moved);
        }
        let is_news = self
            .told
            .is_none_or(|(at, told)| told != snapshot || now.duration_since(at) >= AGAIN);
        if !is_news {
            return None;
        }
        self.told = Some((now, snapshot));
        let queued = snapshot.stage == Stage::Queued;
        let wait = snapshot.place.start.filter(|_| queued);
        Some(OperationProgress {
            operation_id: self.operation.as_str().into(),
            stage: snapshot.stage.into(),
            queue_position: if queued {
                number(snapshot.place.ahead)
            } else {
                0
            },
            estimated_wait: wait.map(|start| duration(start.saturating_duration_since(now))),
            moved_bytes: signed(snapshot.moved),
            total_bytes: self.total.map(signed),
            bytes_per_second: match snapshot.stage {
                Stage::Transferring => signed(self.rate.a_second()),
                _ => 0,
            },
            elapsed: Some(duration(now.duration_since(self.begun))),
        })
    }
}

/// Bytes a second in the last [`WINDOW`].
#[derive(Debug, Default)]
struct Rate {
    /// At most one entry for each [`LOOK`] of the window, and one before it.
    seen: VecDeque<(Instant, u64)>,
}

impl Rate {
    fn add(&mut self, now: Instant, moved: u64) {
        // A transfer that resumes at another offset, or starts over, has no rate yet.
        if self.seen.back().is_some_and(|(_, last)| *last > moved) {
            self.seen.clear();
        }
        while let Some((_, (second, _))) = self.seen.front().zip(self.seen.get(1))
            && now.duration_since(*second) >= WINDOW
        {
            self.seen.pop_front();
        }
        self.seen.push_back((now, moved));
    }

    fn a_second(&self) -> u64 {
        let Some((first, last)) = self.seen.front().zip(self.seen.back()) else {
            return 0;
        };
        let millis = last.0.duration_since(first.0).as_millis();
        let bytes = u128::from(last.1.saturating_sub(first.1));
        let rate = (bytes * 1000).checked_div(millis).unwrap_or_default();
        u64::try_from(rate).unwrap_or(u64::MAX)
    }
}

impl From<GetProgress> for Snapshot {
    fn from(progress: GetProgress) -> Self {
        Self {
            stage: match progress.stage {
                GetStage::Queued => Stage::Queued,
                GetStage::Receiving => Stage::Transferring,
            },
            place: progress.place,
            moved: 0,
        }
    }
}

impl From<PutProgress> for Snapshot {
    fn from(progress: PutProgress) -> Self {
        Self {
            stage: match progress.stage {
                PutStage::Queued => Stage::Queued,
                PutStage::Sending => Stage::Transferring,
                PutStage::Verifying => Stage::Verifying,
            },
            place: progress.place,
            moved: progress.sent,
        }
    }
}

impl From<ManyProgress> for Snapshot {
    fn from(progress: ManyProgress) -> Self {
        Self {
            stage: match progress.is_on_link {
                true => Stage::Transferring,
                false => Stage::Queued,
            },
            place: progress.place,
            moved: progress.moved,
        }
    }
}

impl From<ModuleProgress> for Snapshot {
    fn from(progress: ModuleProgress) -> Self {
        Self {
            stage: match progress.stage {
                ProgressStage::Waiting => Stage::Queued,
                ProgressStage::Preparing => Stage::Preparing,
                ProgressStage::Transferring => Stage::Transferring,
                ProgressStage::Verifying => Stage::Verifying,
            },
            place: progress.place,
            moved: progress.bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn snapshot(stage: Stage, moved: u64) -> Snapshot {
        Snapshot {
            stage,
            place: QueuePlace::default(),
            moved,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_not_changed_is_told_seldom() {
        let mut messages = ProgressMessages::new(&JobId::new("x"), Some(9));
        let queued = snapshot(Stage::Queued, 0);
        assert!(messages.next(queued).is_some());
        assert_eq!(messages.next(queued), None);
        advance(AGAIN).await;
        let again = messages.next(queued).unwrap();
        assert_eq!(again.elapsed, Some(duration(AGAIN)));
        assert_eq!(again.total_bytes, Some(9));
        assert!(messages.next(snapshot(Stage::Verifying, 9)).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_that_of_the_last_ten_seconds() {
        let mut messages = ProgressMessages::new(&JobId::new("x"), None);
        let mut moved = 0;
        let mut rates = Vec::new();
        for second in 0..40 {
            moved += if second < 20 { 1000 } else { 100 };
            let told = messages.next(snapshot(Stage::Transferring, moved)).unwrap();
            rates.push(told.bytes_per_second);
            advance(Duration::from_secs(1)).await;
        }
        assert_eq!(
            (rates[0], rates[1], rates[15], rates[39]),
            (0, 1000, 1000, 100)
        );
        assert!(messages.rate.seen.len() <= 12);
        // It starts over.
        let told = messages.next(snapshot(Stage::Transferring, 5)).unwrap();
        assert_eq!(told.bytes_per_second, 0);
    }
}
